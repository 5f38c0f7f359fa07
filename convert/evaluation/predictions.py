"""A network's predictions on a test set, saved: every number of the report is computed from such files.

One file per protocol, `NAME.npz`, small enough to be committed: anyone can check the numbers without training.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from convert.datasets.speech.clips import Clip
from device.emotions import EMOTIONS, Floats
from device.errors import MediaError

SAVED_PREDICTIONS = Path(__file__).parents[1] / "saved_predictions"
"""The folder of the committed files."""

Ints = npt.NDArray[np.int64]
Strings = npt.NDArray[np.str_]
_ARRAYS = ("logits", "truth", "names", "groups", "corpora")
"""The arrays of Predictions, in order."""


@dataclass(frozen=True)
class Predictions:
    """The predictions of one protocol, all folds together; row i of every array is one test picture or clip."""

    classes: tuple[str, ...]
    logits: Floats
    """(n, k) float32."""
    truth: Ints
    """(n,) 0..k-1."""
    names: Strings
    """(n,) name of the picture or clip in its corpus."""
    groups: Strings
    """(n,) person, for resampling by speaker and numbers by sex. Empty when the corpus does not say."""
    corpora: Strings
    """(n,) the corpus of each row."""

    @property
    def prediction(self) -> Ints:
        """(n,): the class with the highest logit."""
        return np.asarray(self.logits.argmax(axis=1), np.int64)

    def select(self, mask: npt.NDArray[np.bool_]) -> "Predictions":
        """The rows of `mask` (n,)."""
        return Predictions(self.classes, *(getattr(self, name)[mask] for name in _ARRAYS))

    def save(self, path: Path) -> None:
        """Write `path` (.npz), with logits in half precision."""
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        arrays |= {"logits": self.logits.astype(np.float16), "truth": self.truth.astype(np.uint8)}
        np.savez_compressed(path, classes=np.array(self.classes), **arrays)


CLASSES = tuple(emotion.value for emotion in EMOTIONS)


def predict_clips(
    logits: Floats,
    clips: Sequence[Clip],
    classes: tuple[str, ...] = CLASSES,
    truth: Ints | None = None,
    *,
    with_sex: bool = True,
) -> Predictions:
    """The predictions for `clips`; their truth is the emotion unless given, their group the speaker and the sex."""
    return Predictions(
        classes,
        logits,
        np.array([clip.emotion for clip in clips]) if truth is None else truth,
        np.array([clip.name for clip in clips]),
        np.array([f"{clip.speaker} {clip.sex}" if with_sex else clip.speaker for clip in clips]),
        np.array([clip.corpus for clip in clips]),
    )


def load_predictions(path: Path) -> Predictions:
    """Load what `save` wrote; raises MediaError when there is no such file."""
    if not path.exists():
        raise MediaError(
            f"{path}: no such predictions; train and benchmark the network first (python -m convert --help)"
        )
    stored = np.load(path)
    logits, truth = stored["logits"].astype(np.float32), stored["truth"].astype(np.int64)
    return Predictions(tuple(str(c) for c in stored["classes"]), logits, truth, *(stored[name] for name in _ARRAYS[2:]))


def concatenate(parts: list[Predictions]) -> Predictions:
    """Join the folds of a cross-validation; their classes must be the same."""
    assert len({part.classes for part in parts}) == 1
    return Predictions(parts[0].classes, *(np.concatenate([getattr(p, name) for p in parts]) for name in _ARRAYS))


def align_logits(predictions: Predictions, like: Predictions) -> Floats:
    """The logits (n, k) of `predictions` for the clips of `like`, in its order.

    Raises MediaError when the clips differ.
    """
    rows = {key: i for i, key in enumerate(zip(predictions.corpora.tolist(), predictions.names.tolist(), strict=True))}
    try:
        order = [rows[key] for key in zip(like.corpora.tolist(), like.names.tolist(), strict=True)]
    except KeyError as error:
        raise MediaError(
            f"{error.args[0]}: only one of the two networks has a prediction for it; benchmark both again"
        ) from error
    if like.classes != predictions.classes:
        raise MediaError(
            f"the networks have different classes, {like.classes} and {predictions.classes}; benchmark both"
        )
    return np.asarray(predictions.logits[order], np.float32)


def log_softmax(logits: Floats) -> Floats:
    """Logits (n, k) -> log-probabilities."""
    return np.asarray(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True), np.float32)
