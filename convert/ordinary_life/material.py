"""What ordinary life is made of: calm faces, everyday speech, sounds of a home, and acted moods, in two halves.

Nothing of it is the training material of a shipped network: faces are of test splits, acted voices of test speakers,
household sounds of recordings that were held out. No order names its speaker; the networks never see its emotion.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt

from convert.datasets.labels import NONE
from convert.datasets.noise.esc10 import read_named_noises, select_held_out
from convert.datasets.noise.rooms import read_rooms
from convert.datasets.pictures.fer2013 import Fer2013
from convert.datasets.pictures.people import read_people
from convert.datasets.pictures.webfaces import Webfaces
from convert.datasets.speech.clips import TEST, read_corpus
from convert.datasets.speech.orders import read_orders
from convert.face.student.key_points import TYPICAL_POINTS, find_key_points
from convert.ordinary_life.portraits import Portrait, make_portrait
from convert.voice.augment import trim_silence
from device.emotions import EMOTIONS, Emotion, Floats
from device.errors import MediaError
from device.perception.audio.dc_offset import remove_dc

Half = Literal["choose", "measure"]
"""Settings are chosen on one half of the people, and measured on the other."""
T = TypeVar("T")

_NEUTRAL = EMOTIONS.index(Emotion.NEUTRAL)
_ACTED = ("ravdess_speech", "savee")
_ADULT = 10
"""`people` has crying children, and does not say which."""
_PEOPLE = 1200
"""At most this many of `people` for each half; finding their eyes takes 1 ms each."""


@dataclass(frozen=True)
class Material:
    """One half of everything. Sounds are (n,) float32 in -1..1 at 16 kHz."""

    calm: list[Portrait]
    """Neutral faces as their datasets label them."""
    people: list[Portrait]
    """Faces without a label of emotion: some smile."""
    moods: dict[int, list[Portrait]]
    """By emotion, without neutral."""
    orders: list[Floats]
    acted: dict[tuple[str, int], list[Floats]]
    """By speaker and emotion, without neutral."""
    noises: list[Floats]
    rooms: list[Floats]
    """Impulse responses."""
    skipped: list[str] = field(default_factory=list)
    """Why a dataset is not part of it."""


def read_material(data: Path, half: Half, cache: Path | None = None) -> Material:
    """Read one half of the datasets in `data`. A missing dataset is skipped, and named in `skipped`.

    Raises MediaError when there are no calm faces or no orders: then there is no ordinary life to measure.
    """
    sources = _Sources()
    portraits = sources.read(lambda: _fer2013(data, half)) + sources.read(lambda: _webfaces(data, half))
    people = sources.read(lambda: _people(data, half))
    orders = sources.read(lambda: _orders(data, half, cache))
    acted: dict[tuple[str, int], list[Floats]] = {}
    for corpus in _ACTED:
        for key, samples in sources.read(partial(_acted, data, corpus, half, cache)):
            acted.setdefault(key, []).append(samples)
    noises = sources.read(lambda: _noises(data, half, cache))
    rooms = sources.read(lambda: [r for name, r in read_rooms(data / "noise").items() if "telephone" not in name])
    calm = [portrait for portrait in portraits if portrait.emotion == _NEUTRAL]
    if not calm or not orders:
        raise MediaError(f"ordinary life needs calm faces and orders; {'; '.join(sources.skipped)}")
    moods: dict[int, list[Portrait]] = {}
    for portrait in portraits:
        if portrait.emotion != _NEUTRAL:
            moods.setdefault(portrait.emotion, []).append(portrait)
    return Material(calm, people, moods, orders, acted, noises, rooms, sources.skipped)


class _Sources:
    """Reads datasets, and remembers why some could not be read."""

    def __init__(self) -> None:
        self.skipped: list[str] = []

    def read(self, read: Callable[[], list[T]]) -> list[T]:
        """What `read` returns; nothing if a file is missing or damaged."""
        try:
            return read()
        except MediaError as error:
            self.skipped.append(str(error))
            return []


def _fer2013(data: Path, half: Half) -> list[Portrait]:
    """PrivateTest, where FER2013's label is also the majority of FER+'s ten voters."""
    faces = Fer2013(data / "fer2013").test(without_copies=True)
    agreed = np.flatnonzero(faces.majority_of_seven() == faces.labels)
    rows = agreed[_in_half(len(agreed), half)]
    return _portraits(faces.pictures[rows], faces.labels[rows], "FER2013")


def _webfaces(data: Path, half: Half) -> list[Portrait]:
    """The test split; hair, shoulders and room come from calm pictures of FER2013's PublicTest."""
    faces = Webfaces(data / "webfaces").test()
    rows = _in_half(len(faces), half)
    others = Fer2013(data / "fer2013").validation()
    around = others.pictures[others.labels == _NEUTRAL]
    return _portraits(faces.pictures[rows], faces.labels[rows], "webfaces", around)


def _people(data: Path, half: Half) -> list[Portrait]:
    people = read_people(data / "webfaces")
    adults = np.flatnonzero(people.ages >= _ADULT)
    rows = adults[_in_half(len(adults), half)][:_PEOPLE]
    return _portraits(people.pictures[rows], np.full(len(rows), NONE), "people")


def _portraits(
    pictures: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.int64],
    source: str,
    around: npt.NDArray[np.uint8] | None = None,
) -> list[Portrait]:
    """Those in which the device's detector finds a face: it would not read the others."""
    points = find_key_points(pictures)
    found = ~(points == TYPICAL_POINTS).all(axis=(1, 2))
    rng = np.random.default_rng(0)
    return [
        make_portrait(
            pictures[i],
            points[i],
            int(labels[i]),
            source,
            None if around is None else around[int(rng.integers(len(around)))],
        )
        for i in np.flatnonzero(found)
    ]


def _orders(data: Path, half: Half, cache: Path | None) -> list[Floats]:
    """The first or the second half of the numbers: neighbours may be of one speaker."""
    clips = read_orders(data / "speech", cache)
    middle = len(clips) // 2
    return [_prepare(clip.real) for clip in (clips[:middle] if half == "choose" else clips[middle:])]


def _acted(data: Path, corpus: str, half: Half, cache: Path | None) -> list[tuple[tuple[str, int], Floats]]:
    """Half of the test speakers. Of a corpus with a single one, each half has every second clip."""
    clips = [clip for clip in read_corpus(data / "speech", corpus, cache) if clip.speaker in TEST]
    speakers = sorted({clip.speaker for clip in clips})
    if len(speakers) > 1:
        middle = len(speakers) // 2
        own = set(speakers[:middle] if half == "choose" else speakers[middle:])
        clips = [clip for clip in clips if clip.speaker in own]
    else:
        clips = clips[0 if half == "choose" else 1 :: 2]
    return [((clip.speaker, clip.emotion), _prepare(clip.real)) for clip in clips if clip.emotion != _NEUTRAL]


def _noises(data: Path, half: Half, cache: Path | None) -> list[Floats]:
    """ESC-10's sounds from recordings that no network trained on."""
    noises = read_named_noises(data / "noise", cache)
    held_out = select_held_out([noise.name for noise in noises])
    own = _take(held_out, half)
    return [remove_dc(np.asarray(noises[i].samples / np.float32(32768), np.float32)) for i in own]


def _prepare(samples: Floats) -> Floats:
    return trim_silence(remove_dc(samples))


def _take(values: Iterable[T], half: Half) -> list[T]:
    return list(values)[0 if half == "choose" else 1 :: 2]


def _in_half(count: int, half: Half) -> npt.NDArray[np.int64]:
    """Half of the rows 0..count, in random order."""
    return np.random.default_rng(0).permutation(count)[0 if half == "choose" else 1 :: 2]
