"""The seeds' own protocols on the available data: the training, validation and test rows of each.

Random splits of acted speech put the same speaker and sentence on both sides. They are here because the seeds used
them; their numbers mean nothing at home.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from convert.datasets.pictures.fer2013 import Faces, Fer2013
from convert.datasets.speech.clips import Clip, read_corpus
from convert.evaluation.predictions import Strings
from convert.reproduce.networks_d import CREMA_D
from convert.reproduce.networks_e import EIGHT
from convert.reproduce.training import Part, Parts
from convert.voice.protocols import split_share
from device.emotions import EMOTIONS, Floats
from device.errors import MediaError

SEED = 1
FERPLUS = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt")
"""In FER+'s own order."""
FIVE = ("neutral", "happy", "surprise", "sad", "angry")
"""The first classes of D, with 2,466 pictures each: FER+'s first five."""

Split = tuple[list[Clip], list[Clip], list[Clip]]


def split_randomly(clips: Iterable[Clip], validation_from: float = 0.6, test_from: float = 0.8) -> Split:
    """(training, validation, test) by each clip's `split_share`: the rows of Mien's own random protocol.

    The order within a part is random too, so its first rows cover all speakers.
    """
    ordered = sorted(clips, key=split_share)
    shares = [split_share(clip) for clip in ordered]
    first, second = bisect_left(shares, validation_from), bisect_left(shares, test_from)
    return ordered[:first], ordered[first:second], ordered[second:]


def to_eight(clip: Clip) -> int:
    """RAVDESS's own emotion, 0..7 in EIGHT's order: the split number of the file name, which keeps calm separate."""
    return int(clip.name.split("-")[2]) - 1


class Corpora:
    """The corpora in `data`, each read once; `rows` limits every part."""

    def __init__(self, data: Path, rows: int | None = None, cache: Path | None = None) -> None:
        self.data = data
        self.rows = rows
        self._cache = cache
        self._clips: dict[str, list[Clip]] = {}

    @cached_property
    def faces(self) -> Fer2013:
        """FER2013."""
        return Fer2013(self.data / "fer2013")

    def clips(self, corpus: str) -> list[Clip]:
        """One corpus of speech."""
        if corpus not in self._clips:
            self._clips[corpus] = read_corpus(self.data / "speech", corpus, self._cache)
        return self._clips[corpus]

    def tess(self) -> Split:
        """A: 60/20/20."""
        return self._first(split_randomly(self.clips("tess")))

    def savee(self) -> Split:
        """B: 75/25. B tested on the quarter only; here 15 % of all rows select the epoch instead of the test."""
        return self._first(split_randomly(self.clips("savee"), test_from=0.75))

    def six(self) -> Split:
        """D: RAVDESS speech in the six emotions of CREMA-D, which is not available, 60/20/20 (our interpretation)."""
        allowed = {EIGHT.index(name) for name in CREMA_D}
        return self._first(split_randomly(c for c in self.clips("ravdess_speech") if to_eight(c) in allowed))

    def ravdess(self, which: str) -> Split:
        """E: `speech`, `song` or `both`, 60/20/20. `both` joins the other two, so every row stays in its part."""
        names = ("speech", "song") if which == "both" else (which,)
        splits = [split_randomly(self.clips(f"ravdess_{name}")) for name in names]
        merged = [[clip for split in splits for clip in split[i]] for i in range(3)]
        return self._first((merged[0], merged[1], merged[2]))

    def _first(self, split: Split) -> Split:
        return split[0][: self.rows], split[1][: self.rows], split[2][: self.rows]

    def fer2013(self) -> Parts:
        """A, B and C: Training, PublicTest and PrivateTest as published, copies included."""
        corpus = self.faces
        splits = (corpus.training(as_published=True), corpus.validation(), corpus.test())
        parts = [make_face_part(faces, faces.labels) for faces in splits]
        return Parts(tuple(EMOTIONS), *parts).first(self.rows)

    def ferplus(self, classes: tuple[str, ...], *, at_most: int | None = None) -> Parts:
        """D: FER+'s labels. Trained on the most frequent vote, which gives its printed 191 of disgust and 652 of fear.

        Tested on the majority, as usual. `at_most` limits the training pictures of a class. Raises MediaError when a
        class has no training picture.
        """
        places = np.full(len(FERPLUS) + 2, -1)
        places[[FERPLUS.index(name) for name in classes]] = np.arange(len(classes))
        training = self.faces.training(as_published=True)
        validation, test = self.faces.validation(), self.faces.test()
        labels = (training.counts.argmax(axis=1), validation.majority(), test.majority())
        parts = []
        for faces, label in zip((training, validation, test), labels, strict=True):
            # -1, no majority, indexes the last place, which is not a class.
            own = places[label].astype(np.int64)
            parts.append(make_face_part(faces, own).rows(torch.from_numpy(own >= 0)))
        counts = torch.bincount(parts[0].labels, minlength=len(classes))
        if int(counts.min()) == 0:
            missing = classes[int(counts.argmin())]
            raise MediaError(f"FER2013: no training picture that FER+ reads as {missing}; give the whole set")
        if at_most is not None:
            parts[0] = _limit_per_label(parts[0], at_most)
        return Parts(classes, *parts).first(self.rows)


def _limit_per_label(part: Part, at_most: int) -> Part:
    """At most `at_most` rows of each label, drawn at random, in random order."""
    generator = torch.Generator().manual_seed(SEED)
    chosen = []
    for label in part.labels.unique():
        own = torch.nonzero(part.labels == label).flatten()
        chosen.append(own[torch.randperm(len(own), generator=generator)[:at_most]])
    rows = torch.cat(chosen)
    return part.rows(rows[torch.randperm(len(rows), generator=generator)])


def make_face_part(faces: Faces, labels: npt.NDArray[np.int64]) -> Part:
    """Pictures as (n, 1, 48, 48) uint8, named by their index in their part of FER2013."""
    names = np.array([str(i) for i in range(len(faces))])
    pictures = torch.from_numpy(faces.pictures[:, None])
    groups, corpora = np.full(len(names), ""), np.full(len(names), "fer2013")
    return Part((pictures,), torch.from_numpy(labels), names, groups, corpora)


def make_sound_part(
    clips: Sequence[Clip], features: Callable[[Floats], Floats], label: Callable[[Clip], int] | None = None
) -> Part:
    """The `features` of every clip, stacked (n, ...), with `label` of each (Mien's emotion by default)."""
    if not clips:
        raise MediaError("no clip in a part of this protocol; take more rows")
    inputs = torch.from_numpy(np.stack([features(clip.real) for clip in clips]))
    labels = torch.tensor([clip.emotion if label is None else label(clip) for clip in clips])
    return Part((inputs,), labels, *get_ids(clips))


def get_ids(clips: Sequence[Clip]) -> tuple[Strings, Strings, Strings]:
    """(names, speakers, corpora) of the clips, (n,) each."""
    names, speakers = np.array([clip.name for clip in clips]), np.array([clip.speaker for clip in clips])
    return names, speakers, np.array([clip.corpus for clip in clips])


def normalize(parts: Parts, over: tuple[int, ...] = (0,)) -> Parts:
    """Normalize every input to mean 0 and deviation 1, measured on training, over the axes `over`."""
    inputs = parts.training.inputs[0]
    mean, deviation = inputs.mean(dim=over, keepdim=True), inputs.std(dim=over, keepdim=True).clamp_min(1e-6)

    return parts.map(lambda part: replace(part, inputs=((part.inputs[0] - mean) / deviation, *part.inputs[1:])))
