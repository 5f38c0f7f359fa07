"""Measures how far clips are from the training clips of the voice networks, and saves the distances.

No network runs. The distances of a left-out corpus are what the device will find in a living room.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from convert.datasets.speech.clips import TRAINING_CORPORA, VALIDATION, Clip, read_corpus
from convert.evaluation.predictions import Predictions, Strings
from convert.export.card import write_pair
from convert.voice.adaptation_stages import compute_prosody
from convert.voice.protocols import NEW_CORPORA, PROSODY_RUNS
from device.emotions import Floats
from device.errors import MediaError
from device.perception.models.card import TrainingDistribution
from device.perception.models.model import Model
from device.perception.voice.novelty import NoveltyDetector
from device.perception.voice.speaker_baseline import MAX_WEIGHT, PRIOR, blend_distances, deviations

AXES = 120
"""Out of 288. Chosen from 6 to 120 by the likelihood of corpora left out of the fit; higher is better."""
_HALF_AT = 1.2
"""A placeholder until `pair_up` fits it."""
WIDTH = 0.06
"""Chosen in the same way from 0.03 to 0.25; it matters little."""


@dataclass(frozen=True)
class Distances:
    """Distance, name and corpus of every clip, (n,) each."""

    new: Floats
    """(n,): the distance of the clip alone."""
    known: Floats
    """(n,): the distance once all of the speaker's clips have been heard."""
    names: Strings
    corpora: Strings

    def save(self, path: Path) -> None:
        """Write `path` (.npz)."""
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, strangers=self.new, known=self.known, names=self.names, corpora=self.corpora)

    def select(self, predictions: Predictions, *, known: bool) -> Floats:
        """(m,): the distances of the clips of `predictions`, in order. Raises MediaError when one was not measured."""
        values = self.known if known else self.new
        found = dict(zip(zip(self.corpora.tolist(), self.names.tolist(), strict=True), values, strict=True))
        keys = zip(predictions.corpora.tolist(), predictions.names.tolist(), strict=True)
        try:
            return np.array([found[key] for key in keys], np.float32)
        except KeyError as error:
            raise MediaError(f"{error.args[0]}: its distance was not measured: python -m convert distances") from error


def load_distances(path: Path) -> Distances:
    """Load what `save` wrote; raises MediaError when there is no such file."""
    if not path.exists():
        raise MediaError(f"{path}: no such distances: python -m convert distances")
    stored = np.load(path)
    return Distances(stored["strangers"], stored["known"], stored["names"], stored["corpora"])


def fit_distribution(numbers: Floats, centre: Floats, spread: Floats) -> TrainingDistribution:
    """Fit the distribution of the training clips' `numbers` (n, PROSODY) with mean `centre` and deviation `spread`."""
    away = deviations(numbers, centre, spread).astype(np.float64)
    mean = away.mean(axis=0)
    variances, directions = np.linalg.eigh(np.cov(away.T))
    largest = np.argsort(variances)[::-1][:AXES]
    axes = (directions[:, largest] / np.sqrt(np.maximum(variances[largest], 1e-6))).T.astype("<f2")
    along = axes.astype(np.float64) @ mean
    return TrainingDistribution(axes.tobytes(), tuple(round(float(v), 5) for v in along), _HALF_AT, WIDTH)


def measure_distances(
    data: Path, models: Path, predictions: Path, rows: int | None = None, cache: Path = Path("cache")
) -> list[str]:
    """Write the training distribution on `prosody`'s card in `models`, and save distances in `predictions`.

    This saves the distances of the network's own validation and, for each left-out corpus, the distances of its clips
    from all other corpora. Returns a line about each. `rows` reads only SAVEE, for a quick check.
    """
    corpora = TRAINING_CORPORA if rows is None else ("savee",)
    clips = [clip for name in corpora for clip in read_corpus(data / "speech", name, cache)]
    numbers = compute_prosody(clips)
    prosody = Model("prosody", models)
    trains = np.array([PROSODY_RUNS["prosody"].trains(clip) for clip in clips])
    centre, spread = (np.array(row, np.float32) for row in (prosody.card.centre, prosody.card.spread))
    distribution = fit_distribution(numbers[trains], centre, spread)
    card = msgspec.structs.replace(prosody.card, training=distribution)
    write_pair(models, (models / "prosody.tflite").read_bytes(), card)
    detector = NoveltyDetector(distribution, centre, spread)
    is_tested = np.array([clip.speaker in VALIDATION for clip in clips])
    lines = [_save_distances("validation", clips, numbers, is_tested, detector, predictions)]
    for left_out, corpus in NEW_CORPORA if rows is None else ():
        trains = np.array([PROSODY_RUNS[f"prosody-without-{left_out}"].trains(clip) for clip in clips])
        centre, spread = numbers[trains].mean(axis=0), numbers[trains].std(axis=0) + 1e-6
        detector = NoveltyDetector(fit_distribution(numbers[trains], centre, spread), centre, spread)
        is_tested = np.array([clip.corpus == corpus for clip in clips])
        lines.append(_save_distances(f"without-{left_out}-{corpus}", clips, numbers, is_tested, detector, predictions))
    return lines


def _save_distances(
    name: str,
    clips: Sequence[Clip],
    numbers: Floats,
    is_tested: npt.NDArray[np.bool_],
    voices: NoveltyDetector,
    predictions: Path,
) -> str:
    own = [clip for clip, taken in zip(clips, is_tested, strict=True) if taken]
    values = voices.distance(numbers[is_tested])
    speakers = np.array([f"{clip.speaker} {clip.corpus}" for clip in own])
    known = np.empty_like(values)
    for speaker in np.unique(speakers):
        rows = speakers == speaker
        weight = min(int(rows.sum()), MAX_WEIGHT)
        own_distance = np.sqrt(np.mean(np.square(values[rows])))
        known[rows] = blend_distances(values[rows], own_distance, weight / (weight + PRIOR))
    path = predictions / f"distance-{name}.npz"
    Distances(values, known, np.array([clip.name for clip in own]), np.array([clip.corpus for clip in own])).save(path)
    return f"{path}: {len(own)} clips, median distance {np.median(values):.2f}"
