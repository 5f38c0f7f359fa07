"""How far clips lie from those that a pair of voice networks learnt from: measured on the datasets, kept as answers.

No network is asked. What is told here of a corpus that was left out is what the device will find in a living room.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from convert.datasets.clips import TRAINING_CORPORA, VALIDATION, Clip, read_corpus
from convert.evaluation.predictions import Predictions, Strings
from convert.export.card import write_pair
from convert.voice.adaptation_stages import compute_prosody
from convert.voice.protocols import NEW_CORPORA, PROSODY_RUNS
from device.emotions import Floats
from device.errors import MediaError
from device.perception.models.card import TrainingDistribution
from device.perception.models.model import Model
from device.perception.voice.novelty import NoveltyDetector
from device.perception.voice.speaker_baseline import MAX_WEIGHT, PRIOR, among, deviations

AXES = 120
"""Of 288. Chosen among 6 to 120 by what was likeliest of corpora left out of the fit; the more, the better."""
_HALF_AT = 1.2
"""Until `pair_up` has fitted it."""
WIDTH = 0.06
"""Chosen in the same way among 0.03 to 0.25; it matters little."""


@dataclass(frozen=True)
class Distances:
    """(n,) each: how far every clip is away, its name and its corpus."""

    strangers: Floats
    """By itself."""
    known: Floats
    """To one who has heard all of the speaker's clips."""
    names: Strings
    corpora: Strings

    def save(self, path: Path) -> None:
        """Write `path` (.npz)."""
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, **vars(self))

    def of(self, answers: Predictions, *, known: bool) -> Floats:
        """(m,): of the clips of `answers`, in its order. Raises MediaError where one was not measured."""
        values = self.known if known else self.strangers
        found = dict(zip(zip(self.corpora.tolist(), self.names.tolist(), strict=True), values, strict=True))
        try:
            return np.array(
                [found[key] for key in zip(answers.corpora.tolist(), answers.names.tolist(), strict=True)], np.float32
            )
        except KeyError as error:
            raise MediaError(f"{error.args[0]}: its distance was not measured: python -m convert distances") from error


def load_distances(path: Path) -> Distances:
    """What was saved; raises MediaError when there is no such file."""
    if not path.exists():
        raise MediaError(f"{path}: no such distances: python -m convert distances")
    kept = np.load(path)
    return Distances(kept["strangers"], kept["known"], kept["names"], kept["corpora"])


def fit_distribution(numbers: Floats, centre: Floats, spread: Floats) -> TrainingDistribution:
    """Where the `numbers` (n, PROSODY) of clips lie that were learnt from; `centre` and `spread` are theirs."""
    away = deviations(numbers, centre, spread).astype(np.float64)
    mean = away.mean(axis=0)
    variances, directions = np.linalg.eigh(np.cov(away.T))
    largest = np.argsort(variances)[::-1][:AXES]
    axes = (directions[:, largest] / np.sqrt(np.maximum(variances[largest], 1e-6))).T.astype("<f2")
    along = axes.astype(np.float64) @ mean
    return TrainingDistribution(axes.tobytes(), tuple(round(float(v), 5) for v in along), _HALF_AT, WIDTH)


def measure_distances(
    data: Path, models: Path, answers: Path, rows: int | None = None, cache: Path = Path("cache")
) -> list[str]:
    """Put on `prosody`'s card in `models` where its utterances lie, and keep in `answers` how far clips are from them.

    Kept are its own validation's distances, and for each corpus that others leave out, those of its clips from all
    other corpora: a line on each. `rows` reads SAVEE alone, for a quick check of the whole way.
    """
    corpora = TRAINING_CORPORA if rows is None else ("savee",)
    clips = [clip for name in corpora for clip in read_corpus(data / "speech", name, cache)]
    numbers = compute_prosody(clips)
    prosody = Model("prosody", models)
    trains = np.array([PROSODY_RUNS["prosody"].trains(clip) for clip in clips])
    centre, spread = (np.array(row, np.float32) for row in (prosody.card.centre, prosody.card.spread))
    learnt = fit_distribution(numbers[trains], centre, spread)
    write_pair(models, (models / "prosody.tflite").read_bytes(), msgspec.structs.replace(prosody.card, learnt=learnt))
    watched = np.array([clip.speaker in VALIDATION for clip in clips])
    told = [_save_distances("validation", clips, numbers, watched, NoveltyDetector(learnt, centre, spread), answers)]
    for left_out, corpus in NEW_CORPORA if rows is None else ():
        trains = np.array([PROSODY_RUNS[f"prosody-without-{left_out}"].trains(clip) for clip in clips])
        centre, spread = numbers[trains].mean(axis=0), numbers[trains].std(axis=0) + 1e-6
        others = NoveltyDetector(fit_distribution(numbers[trains], centre, spread), centre, spread)
        asked = np.array([clip.corpus == corpus for clip in clips])
        told.append(_save_distances(f"without-{left_out}-{corpus}", clips, numbers, asked, others, answers))
    return told


def _save_distances(
    name: str,
    clips: Sequence[Clip],
    numbers: Floats,
    asked: npt.NDArray[np.bool_],
    voices: NoveltyDetector,
    answers: Path,
) -> str:
    own = [clip for clip, taken in zip(clips, asked, strict=True) if taken]
    values = voices.distance(numbers[asked])
    speakers = np.array([f"{clip.speaker} {clip.corpus}" for clip in own])
    known = np.empty_like(values)
    for speaker in np.unique(speakers):
        theirs = speakers == speaker
        heard = min(int(theirs.sum()), MAX_WEIGHT)
        known[theirs] = among(values[theirs], np.sqrt(np.mean(np.square(values[theirs]))), heard / (heard + PRIOR))
    path = answers / f"distance-{name}.npz"
    Distances(values, known, np.array([clip.name for clip in own]), np.array([clip.corpus for clip in own])).save(path)
    return f"{path}: {len(own)} clips, half of them farther away than {np.median(values):.2f}"
