"""What a network said of a test set, kept: every number of the report is computed from it, and can be again.

One file a protocol, `NAME.npz`, small enough to be committed: a sceptic need not train to count once more.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from device.emotions import Floats
from device.errors import MediaError

SAVED_PREDICTIONS = Path(__file__).parents[1] / "saved_predictions"
"""The folder of the committed files."""

Ints = npt.NDArray[np.int64]
Strings = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Predictions:
    """The answers of one protocol, folds put together; row i of every array is one test picture or clip."""

    classes: tuple[str, ...]
    logits: Floats
    """(n, k) float32."""
    truth: Ints
    """(n,) 0..k-1."""
    names: Strings
    """(n,) the picture's or clip's name in its corpus."""
    groups: Strings
    """(n,) who is seen or heard: resampling by speaker, numbers by sex. Empty where the corpus does not say."""
    corpora: Strings
    """(n,) the corpus of each row."""

    @property
    def read(self) -> Ints:
        """(n,): the class that was answered."""
        return np.asarray(self.logits.argmax(axis=1), np.int64)

    def where(self, mask: npt.NDArray[np.bool_]) -> "Predictions":
        """The rows of `mask` (n,)."""
        return Predictions(
            self.classes, self.logits[mask], self.truth[mask], self.names[mask], self.groups[mask], self.corpora[mask]
        )

    def save(self, path: Path) -> None:
        """Write `path` (.npz), half precision for the logits."""
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            path,
            classes=np.array(self.classes),
            logits=self.logits.astype(np.float16),
            truth=self.truth.astype(np.uint8),
            names=self.names,
            groups=self.groups,
            corpora=self.corpora,
        )


def load_predictions(path: Path) -> Predictions:
    """What was saved; raises MediaError when there is no such file."""
    if not path.exists():
        raise MediaError(f"{path}: no such answers; train and ask the network first (python -m convert --help)")
    kept = np.load(path)
    return Predictions(
        tuple(str(c) for c in kept["classes"]),
        kept["logits"].astype(np.float32),
        kept["truth"].astype(np.int64),
        kept["names"],
        kept["groups"],
        kept["corpora"],
    )


def concatenate(parts: list[Predictions]) -> Predictions:
    """The folds of a cross-validation as one: their classes must be the same."""
    assert len({part.classes for part in parts}) == 1
    return Predictions(
        parts[0].classes,
        np.concatenate([p.logits for p in parts]),
        np.concatenate([p.truth for p in parts]),
        np.concatenate([p.names for p in parts]),
        np.concatenate([p.groups for p in parts]),
        np.concatenate([p.corpora for p in parts]),
    )


def align_logits(answers: Predictions, like: Predictions) -> Floats:
    """The logits (n, k) of `answers` to the clips of `like`, in its order.

    Raises MediaError when they were not asked about the same clips.
    """
    rows = {key: i for i, key in enumerate(zip(answers.corpora.tolist(), answers.names.tolist(), strict=True))}
    try:
        order = [rows[key] for key in zip(like.corpora.tolist(), like.names.tolist(), strict=True)]
    except KeyError as error:
        raise MediaError(
            f"{error.args[0]}: one network was asked about it and the other not; ask both again"
        ) from error
    if like.classes != answers.classes:
        raise MediaError(f"one network tells {like.classes}, the other {answers.classes}; ask both again")
    return np.asarray(answers.logits[order], np.float32)


def log_softmax(logits: Floats) -> Floats:
    """(n, k) logits -> the logarithms of the probabilities."""
    return np.asarray(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True), np.float32)
