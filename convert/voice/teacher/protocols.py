"""Light heads under the protocols: six folds of RAVDESS's actors, and each corpus left out as a whole.

A protocol's head is fitted on its training clips only. Its temperature comes from the training clips, too: the clips
of each speaker, or of each corpus, are predicted by a head that was fitted without them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from convert.datasets.speech.clips import Clip
from convert.evaluation.metrics import calibration_error, fit_temperature, recall
from convert.evaluation.predictions import Ints
from convert.voice.protocols import OWN_CLASSES, SPEAKERS_PER_FOLD
from convert.voice.teacher.clip_features import WindowFeatures
from convert.voice.teacher.heads import STRENGTH, Head, balance_weights, fit_head, one_hot, subtract_speaker_means
from device.emotions import Floats, softmax

_CALM = OWN_CLASSES.index("calm")
LEFT_OUT = ("savee", "tess", "ravdess", "nemo", "ased")


@dataclass(frozen=True)
class Protocol:
    """The clips that train a head, and those that test it."""

    name: str
    trains: Callable[[Clip], bool]
    """Whether a head trains on this clip and its label."""
    finetunes: Callable[[Clip], bool]
    """Whether a student finetuned for this protocol trains on this clip: never one of a tested speaker."""
    tests: Callable[[Clip], bool]
    own_labels: bool
    """Use RAVDESS's eight labels; otherwise the seven, with calm as neutral."""
    held_out_group: Callable[[Clip], str]
    """Clips of one group are held out together, to be as unfamiliar as the test clips."""

    def label(self, clip: Clip) -> int:
        """Index of the clip's label."""
        return _CALM if self.own_labels and clip.own == "calm" else clip.emotion


def _fold(number: int) -> Protocol:
    out = {f"RAV{a:02d}" for a in range(SPEAKERS_PER_FOLD * number - 3, SPEAKERS_PER_FOLD * number + 1)}
    return Protocol(
        f"fold-{number}",
        # On the teacher's numbers, a head reads RAVDESS's speech one to three points better without its song.
        lambda clip: clip.corpus == "ravdess_speech" and clip.speaker not in out,
        lambda clip: clip.corpus.startswith("ravdess") and clip.speaker not in out,
        lambda clip: clip.corpus == "ravdess_speech" and clip.speaker in out,
        own_labels=True,
        held_out_group=lambda clip: str((int(clip.speaker[3:]) - 1) // SPEAKERS_PER_FOLD),
    )


def _without(corpus: str) -> Protocol:
    tested = "ravdess_speech" if corpus == "ravdess" else corpus
    return Protocol(
        f"without-{corpus}",
        lambda clip: not clip.corpus.startswith(corpus),
        lambda clip: not clip.corpus.startswith(corpus),
        lambda clip: clip.corpus == tested,
        own_labels=False,
        held_out_group=lambda clip: clip.corpus.split("_", maxsplit=1)[0],
    )


FOLDS = tuple(_fold(number) for number in range(1, 7))
ACROSS_CORPORA = tuple(_without(corpus) for corpus in LEFT_OUT)


@dataclass(frozen=True)
class HeadPredictions:
    """A head's logits for the test clips and for ordinary speech, divided by the head's temperature."""

    logits: Floats
    """(n, classes)."""
    truth: Ints
    """(n,)."""
    orders: Floats
    """(orders, classes)."""

    @property
    def uar(self) -> float:
        """Unweighted average recall in per cent."""
        return recall(np.asarray(self.logits.argmax(axis=1), np.int64), self.truth)

    @property
    def ece(self) -> float:
        """Expected calibration error in per cent."""
        return calibration_error(softmax(self.logits), self.truth)


@dataclass(frozen=True)
class EncodedClips:
    """Clips, and their features in one or more views. The first view is of the unchanged clips; heads train on all."""

    clips: Sequence[Clip]
    views: Sequence[WindowFeatures]


@dataclass(frozen=True)
class _Fitted:
    """A protocol's head, and the mean of all voices, which it needs for `known` speakers."""

    head: Head
    centre: Floats
    known: bool

    def __call__(self, encoded: EncodedClips, selected: npt.NDArray[np.bool_]) -> Floats:
        """(selected clips, classes): logits of the unchanged clips, averaged over the windows of each."""
        first = encoded.views[0]
        windows = selected[first.owner]
        values = self.to_head_input(encoded, first.values[windows], first.owner[windows])
        owner = np.unique(first.owner[windows], return_inverse=True)[1]
        return WindowFeatures(values, owner).average_by_clip(self.head(values))

    def to_head_input(self, encoded: EncodedClips, values: Floats, owner: Ints) -> Floats:
        """(n, k): the values as the head expects them."""
        return subtract_speaker_means(values, _speakers(encoded.clips, owner), self.centre) if self.known else values


def predict_tested(
    protocol: Protocol, encoded: EncodedClips, *, known: bool, strength: float = STRENGTH
) -> HeadPredictions:
    """Predict the test clips. A `known` speaker's mean comes from all of their test clips, without labels."""
    trains = np.array([clip.emotion >= 0 and protocol.trains(clip) for clip in encoded.clips])
    tested = np.array([protocol.tests(clip) for clip in encoded.clips])
    orders = np.array([clip.corpus == "orders" for clip in encoded.clips])
    groups = np.array(
        [protocol.held_out_group(clip) if t else "" for clip, t in zip(encoded.clips, trains, strict=True)]
    )
    logits, labels = [], []
    for group in np.unique(groups[trains]):
        held_out = trains & (groups == group)
        logits.append(_fit(protocol, encoded, trains & ~held_out, known=known, strength=strength)(encoded, held_out))
        labels.append(_labels(protocol, encoded, held_out))
    temperature = np.float32(fit_temperature(np.concatenate(logits), np.concatenate(labels)))
    fitted = _fit(protocol, encoded, trains, known=known, strength=strength)
    orders_logits = fitted(encoded, orders) if orders.any() else np.zeros((0, logits[0].shape[1]), np.float32)
    truth = _labels(protocol, encoded, tested)
    return HeadPredictions(fitted(encoded, tested) / temperature, truth, orders_logits / temperature)


def _labels(protocol: Protocol, encoded: EncodedClips, which: npt.NDArray[np.bool_]) -> Ints:
    return np.array([protocol.label(clip) for clip, w in zip(encoded.clips, which, strict=True) if w])


def _fit(
    protocol: Protocol, encoded: EncodedClips, trains: npt.NDArray[np.bool_], *, known: bool, strength: float
) -> _Fitted:
    labels = np.array([protocol.label(clip) for clip in encoded.clips])
    corpora = np.array([clip.corpus.split("_")[0] for clip in encoded.clips])
    first = encoded.views[0]
    unfitted = _Fitted(
        Head(first.values[:0], first.values[0, :0]), first.values[trains[first.owner]].mean(axis=0), known
    )
    rows = [unfitted.to_head_input(encoded, v.values[trains[v.owner]], v.owner[trains[v.owner]]) for v in encoded.views]
    owners = np.concatenate([view.owner[trains[view.owner]] for view in encoded.views])
    weights = balance_weights(labels[owners], np.unique(corpora[owners], return_inverse=True)[1])
    targets = one_hot(labels[owners], 8 if protocol.own_labels else 7)
    return replace(unfitted, head=fit_head(np.concatenate(rows), targets, weights, strength))


def _speakers(clips: Sequence[Clip], owner: Ints) -> npt.NDArray[np.str_]:
    return np.array([f"{clips[i].speaker}/{clips[i].corpus}" for i in owner])
