"""A household's neutral: how its faces and voices read while they rest, stored as a few numbers, and taken off.

What a network says of a face is what the face shows times what it has come to expect (Saerens et al. 2002, "Adjusting
the outputs of a classifier to new a priori probabilities"). Brows that hang, a lamp above, a camera on a low shelf
make it expect sadness; the minute at rest says how much, and each later reading is divided by it.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from device.emotions import Floats, softmax
from device.readings import Baseline, FaceReading, Recording, SenseBaseline, VoiceReading
from device.system.state_file import StateFile

_log = logging.getLogger(__name__)

POWER = 0.75
"""How much of the difference is taken off: `python -m convert evaluate` measures what it helps and what it costs."""
MAX_CORRECTION = float(np.log(4))
"""No emotion is made more than four times likelier or less likely: a minute of sulking must not hide all sadness."""
MIN_READINGS = 10
"""Readings of one sense; fewer are a glance and not a minute at rest."""
MIN_QUALITY = 0.3
_FLOOR = 1e-4
"""No share is so small that one reading outweighs all others."""

Rows = list[Floats]


class BaselineRecorder:
    """Records and applies. The caller keeps its calls apart: it has no lock."""

    def __init__(
        self,
        path: Path,
        face_usual: tuple[float, ...],
        voice_usual: tuple[float, ...],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`path`: what is kept. `*_usual` (7,): how neutral reads in general, from the cards; () corrects nothing."""
        self._file = baseline_file(path)
        self._usual = {"face": face_usual, "voice": voice_usual}
        self._clock = clock
        self._rows: dict[str, Rows] | None = None
        self._end_s = 0.0
        self._said = ""
        self._neutral = self._file.load(None)
        self._offsets = self._corrections()

    @property
    def neutral(self) -> Baseline | None:
        """What holds now."""
        return self._neutral

    @property
    def recording(self) -> Recording:
        """How far the recording under way is, or what became of the last one."""
        left_s = max(self._end_s - self._clock(), 0.1) if self._rows is not None else 0.0
        return Recording(round(left_s, 1), self._said)

    def record(self, seconds: float) -> None:
        """Begin; one that is under way begins anew. What holds goes on holding until it is done."""
        self._rows = {"face": [], "voice": []}
        self._end_s = self._clock() + seconds
        self._said = "look and speak as you do at rest"

    def saw(self, reading: FaceReading) -> FaceReading:
        """The reading with the household's neutral taken off."""
        if self._rows is not None and reading.quality >= MIN_QUALITY:
            self._rows["face"].append(reading.probabilities)
        return replace(reading, probabilities=self._off("face", reading.probabilities))

    def heard(self, reading: VoiceReading) -> VoiceReading:
        """The same for a voice."""
        if self._rows is not None:
            self._rows["voice"].append(reading.probabilities)
        return replace(reading, probabilities=self._off("voice", reading.probabilities))

    def tick(self) -> None:
        """End a recording whose time is over, and keep it. A disk that refuses is said, and the numbers hold."""
        if self._rows is None or self._clock() < self._end_s:
            return
        rows, self._rows = self._rows, None
        found = {
            sense: neutral_prior(said)
            for sense, said in rows.items()
            if len(said) >= MIN_READINGS and self._usual[sense]
        }
        if not found:
            self._said = (
                f"nothing was recorded: {len(rows['face'])} looks at faces and {len(rows['voice'])} at voices, "
                f"{MIN_READINGS} of one are needed; sit in view and try again"
            )
            _log.warning("baseline: %s", self._said)
            return
        before = self._neutral or Baseline(0.0)
        self._neutral = Baseline(time.time(), found.get("face", before.face), found.get("voice", before.voice))
        self._offsets = self._corrections()
        of = " and ".join(f"{found[sense].readings} looks at {sense}s" for sense in found)
        self._said = f"recorded from {of}"
        try:
            self._file.save(self._neutral)
        except OSError as error:
            self._said += f"; it cannot be kept over a restart ({error})"
        _log.info("baseline: %s", self._said)

    def forget(self) -> None:
        """Back to what is usual. Raises OSError when the file cannot be removed; it holds no more until a restart."""
        self._rows, self._neutral, self._said = None, None, ""
        self._offsets = self._corrections()
        self._file.path.unlink(missing_ok=True)

    def _corrections(self) -> dict[str, Floats]:
        """Sense -> (7,) added to the logarithms of its probabilities."""
        kept = {"face": self._neutral.face, "voice": self._neutral.voice} if self._neutral else {}
        return {
            sense: correction(self._usual[sense], rest.shares)
            for sense, rest in kept.items()
            if rest is not None and self._usual[sense]
        }

    def _off(self, sense: str, probabilities: Floats) -> Floats:
        offset = self._offsets.get(sense)
        return probabilities if offset is None else corrected(probabilities, offset)


def neutral_prior(said: Rows) -> SenseBaseline:
    """The geometric mean of readings (7,) each: one outlier in a minute moves it little."""
    shares = softmax(np.log(np.maximum(np.array(said), _FLOOR)).mean(axis=0).astype(np.float32))
    return SenseBaseline(len(said), tuple(round(float(v), 5) for v in shares))


def correction(usual: tuple[float, ...], here: tuple[float, ...]) -> Floats:
    """(7,): what is added to log-probabilities where `here` (7,) is read of a rest that is `usual` (7,) elsewhere.

    Of small faces, and of voices unlike those that it learnt from, a network says less: a rest is read flatter. That is
    no leaning to one emotion, and taken for one it would make all that is said there neutral. So `usual` is made as
    flat as `here`, by least squares of their logarithms, before the two are compared.
    """
    expected, read = (np.log(np.maximum(shares, _FLOOR)) for shares in (usual, here))
    expected, read = expected - expected.mean(), read - read.mean()
    flatness = np.clip(expected @ read / max(expected @ expected, _FLOOR), 0, 1)
    return np.asarray(np.clip(POWER * (flatness * expected - read), -MAX_CORRECTION, MAX_CORRECTION), np.float32)


def corrected(probabilities: Floats, offset: Floats) -> Floats:
    """(..., 7) -> (..., 7), summing to one again."""
    return softmax(np.log(np.maximum(probabilities, _FLOOR)) + offset)


def baseline_file(path: Path) -> StateFile[Baseline]:
    """The file that stores a household's neutral."""
    return StateFile(path, Baseline, "record the neutral again")
