"""A household's neutral: how its neutral faces and voices are read, stored as a few numbers and subtracted.

A network's reading is what the face shows times what the network expects (Saerens et al. 2002, "Adjusting the outputs
of a classifier to new a priori probabilities"). Low brows, a lamp above or a camera on a low shelf make it expect
sadness. A minute of neutral faces measures that, and every later reading is divided by it.
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
"""The share of the difference that is corrected; `python -m convert evaluate` measures its benefit and its cost."""
MAX_CORRECTION = float(np.log(4))
"""No emotion becomes more than four times more or less likely: a minute of sulking must not hide all sadness."""
MIN_READINGS = 10
"""Minimum number of one sense's readings in a recording; fewer are not reliable."""
MIN_QUALITY = 0.3
_FLOOR = 1e-4
"""Smallest share, so that one reading does not outweigh all others."""


class BaselineRecorder:
    """Records a baseline and corrects readings by it. It has no lock: the caller serializes the calls."""

    def __init__(
        self,
        path: Path,
        face_prior: tuple[float, ...],
        voice_prior: tuple[float, ...],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`path`: where the baseline is stored. `*_prior` (7,): a card's `neutral_prior`; () turns it off."""
        self._file = StateFile(path, Baseline, "record the neutral again")
        self._priors = {"face": face_prior, "voice": voice_prior}
        self._clock = clock
        self._rows: dict[str, list[Floats]] | None = None
        self._end_s = 0.0
        self._message = ""
        self.neutral = self._file.load(None)
        """The baseline in use."""
        self._corrections = self._compute_corrections()

    @property
    def recording(self) -> Recording:
        """The recording in progress, or how the last one ended."""
        left_s = max(self._end_s - self._clock(), 0.1) if self._rows is not None else 0.0
        return Recording(round(left_s, 1), self._message)

    def record(self, seconds: float) -> None:
        """Start a recording, or start again. The baseline in use stays until it is complete."""
        self._rows = {"face": [], "voice": []}
        self._end_s = self._clock() + seconds
        self._message = "look and speak as you normally do"

    def correct_face(self, reading: FaceReading) -> FaceReading:
        """The reading, corrected by the baseline."""
        is_clear = reading.quality >= MIN_QUALITY
        return replace(reading, probabilities=self._correct("face", reading.probabilities, is_clear=is_clear))

    def correct_voice(self, reading: VoiceReading) -> VoiceReading:
        """The voice reading, corrected by the baseline."""
        return replace(reading, probabilities=self._correct("voice", reading.probabilities))

    def tick(self) -> None:
        """Complete a recording whose time is up. If it cannot be saved, that is reported, and it is used anyway."""
        if self._rows is None or self._clock() < self._end_s:
            return
        rows, self._rows = self._rows, None
        recorded = {
            sense: neutral_prior(readings)
            for sense, readings in rows.items()
            if len(readings) >= MIN_READINGS and self._priors[sense]
        }
        if not recorded:
            self._message = (
                f"nothing was recorded: {len(rows['face'])} looks at faces and {len(rows['voice'])} at voices, "
                f"{MIN_READINGS} of one are needed; sit in view and try again"
            )
            _log.warning("baseline: %s", self._message)
            return
        before = self.neutral or Baseline(0.0)
        self.neutral = Baseline(time.time(), recorded.get("face", before.face), recorded.get("voice", before.voice))
        self._corrections = self._compute_corrections()
        looks = " and ".join(f"{recorded[sense].readings} looks at {sense}s" for sense in recorded)
        self._message = f"recorded from {looks}"
        try:
            self._file.save(self.neutral)
        except OSError as error:
            self._message += f"; it cannot be stored and is lost at the next restart ({error})"
        _log.info("baseline: %s", self._message)

    def clear(self) -> None:
        """Forget the baseline. Raises OSError when the file cannot be removed; then a restart loads it again."""
        self._rows, self.neutral, self._message = None, None, ""
        self._corrections = self._compute_corrections()
        self._file.remove()

    def _compute_corrections(self) -> dict[str, Floats]:
        """Sense -> (7,) to add to the logarithms of its probabilities."""
        recorded = {"face": self.neutral.face, "voice": self.neutral.voice} if self.neutral else {}
        return {
            sense: correction(self._priors[sense], baseline.shares)
            for sense, baseline in recorded.items()
            if baseline is not None and self._priors[sense]
        }

    def _correct(self, sense: str, probabilities: Floats, *, is_clear: bool = True) -> Floats:
        if self._rows is not None and is_clear:
            self._rows[sense].append(probabilities)
        offset = self._corrections.get(sense)
        return probabilities if offset is None else apply_correction(probabilities, offset)


def neutral_prior(readings: list[Floats]) -> SenseBaseline:
    """The geometric mean of readings (7,): one outlier in a minute changes it little."""
    shares = softmax(np.log(np.maximum(np.array(readings), _FLOOR)).mean(axis=0).astype(np.float32))
    return SenseBaseline(len(readings), tuple(round(float(v), 5) for v in shares))


def correction(prior: tuple[float, ...], here: tuple[float, ...]) -> Floats:
    """(7,) to add to log-probabilities if neutral reads as `here` (7,) in this household and usually as `prior` (7,).

    A network is less sure of small faces, and of voices unlike its training data: their neutral reads flatter. That is
    not a bias towards an emotion; correcting it as one would turn every reading into neutral. So `prior` is first
    flattened to match `here`, by least squares on their logarithms.
    """
    expected, read = (np.log(np.maximum(shares, _FLOOR)) for shares in (prior, here))
    expected, read = expected - expected.mean(), read - read.mean()
    flatness = np.clip(expected @ read / max(expected @ expected, _FLOOR), 0, 1)
    return np.asarray(np.clip(POWER * (flatness * expected - read), -MAX_CORRECTION, MAX_CORRECTION), np.float32)


def apply_correction(probabilities: Floats, offset: Floats) -> Floats:
    """(..., 7) -> (..., 7), summing to one again."""
    return softmax(np.log(np.maximum(probabilities, _FLOOR)) + offset)
