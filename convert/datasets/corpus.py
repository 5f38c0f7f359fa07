"""How a reader's file describes its corpora to the registry: name, content, licence, and the function that reads it."""

from collections.abc import Callable
from dataclasses import dataclass

from convert.datasets.audio_cache import Samples
from convert.datasets.records import Picture, Reader, Sound, Video


@dataclass(frozen=True)
class Corpus:
    """One corpus; its name is unique among the corpora of its kind."""

    name: str
    about: str
    licence: str


@dataclass(frozen=True)
class ShippedSplit:
    """The speakers on whom the shipped voice networks are validated and tested; they train on all others."""

    validation: frozenset[str] = frozenset()
    test: frozenset[str] = frozenset()


@dataclass(frozen=True)
class SpeechCorpus(Corpus):
    """Voices. `clips.read_corpus` decodes what `read` lists, and also knows the zips of shared/data."""

    read: Reader[Sound]
    split: ShippedSplit | None = None
    """None: the shipped networks do not train on it."""


@dataclass(frozen=True)
class PictureCorpus(Corpus):
    """Pictures of faces."""

    read: Reader[Picture]


@dataclass(frozen=True)
class VideoCorpus(Corpus):
    """Videos of faces, with or without sound."""

    read: Reader[Video]


@dataclass(frozen=True)
class NoiseCorpus(Corpus):
    """Sounds without a voice; `read` is `esc10.read_noises` for this corpus."""

    read: Callable[..., tuple[list[Samples], list[str]]]
