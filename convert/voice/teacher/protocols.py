"""Light heads under the protocols: six folds of RAVDESS's actors, and each corpus left out whole.

A protocol's head is fitted on its training clips alone. The temperature of its answers comes from the training
clips too: each speaker, or each corpus, is answered by a head that was fitted without it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from convert.datasets.speech.clips import Clip
from convert.evaluation.metrics import calibration_error, fit_temperature, recall
from convert.evaluation.predictions import Ints
from convert.voice.protocols import OWN_CLASSES, SPEAKERS_PER_FOLD
from convert.voice.teacher.clip_features import Numbers
from convert.voice.teacher.heads import STRENGTH, Head, acquainted, balanced, fit_head, one_hot
from device.emotions import Floats, softmax

_CALM = OWN_CLASSES.index("calm")
LEFT_OUT = ("savee", "tess", "ravdess", "nemo", "ased")


@dataclass(frozen=True)
class Protocol:
    """Which clips train a head, and which test it."""

    name: str
    trains: Callable[[Clip], bool]
    """Whether a head trains on this clip and its label."""
    learns: Callable[[Clip], bool]
    """Whether a student finetuned for this protocol trains on this clip: never one of a tested speaker."""
    tested: Callable[[Clip], bool]
    own_labels: bool
    """Use RAVDESS's eight labels; otherwise the seven, with calm as neutral."""
    stranger_group: Callable[[Clip], str]
    """Clips of one group are left out together, to be as unfamiliar as the tested ones."""

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
        stranger_group=lambda clip: str((int(clip.speaker[3:]) - 1) // SPEAKERS_PER_FOLD),
    )


def _without(corpus: str) -> Protocol:
    tested = "ravdess_speech" if corpus == "ravdess" else corpus
    return Protocol(
        f"without-{corpus}",
        lambda clip: not clip.corpus.startswith(corpus),
        lambda clip: not clip.corpus.startswith(corpus),
        lambda clip: clip.corpus == tested,
        own_labels=False,
        stranger_group=lambda clip: clip.corpus.split("_", maxsplit=1)[0],
    )


FOLDS = tuple(_fold(number) for number in range(1, 7))
ACROSS = tuple(_without(corpus) for corpus in LEFT_OUT)


@dataclass(frozen=True)
class Answers:
    """A head's answers to the tested clips and to ordinary speech. Logits are divided by the head's temperature."""

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
class Adaptation:
    """Clips, and their numbers in one or more views. The first view is the unchanged clips; heads train on all."""

    clips: Sequence[Clip]
    views: Sequence[Numbers]


@dataclass(frozen=True)
class _Fitted:
    """A protocol's head, and the mean of all voices, which it needs for `known` speakers."""

    head: Head
    centre: Floats
    known: bool

    def __call__(self, sound_in: Adaptation, queried: npt.NDArray[np.bool_]) -> Floats:
        """(queried clips, classes): logits of the unchanged clips, averaged over the windows of each."""
        first = sound_in.views[0]
        windows = queried[first.owner]
        values = self.turned(sound_in, first.values[windows], first.owner[windows])
        owner = np.unique(first.owner[windows], return_inverse=True)[1]
        return Numbers(values, owner).averaged(self.head(values))

    def turned(self, sound_in: Adaptation, values: Floats, owner: Ints) -> Floats:
        """(n, k): the values as the head takes them."""
        return acquainted(values, _speakers(sound_in.clips, owner), self.centre) if self.known else values


def answer(protocol: Protocol, sound_in: Adaptation, *, known: bool, strength: float = STRENGTH) -> Answers:
    """The answers to the tested clips. A `known` speaker's mean comes from all their tested clips, without labels."""
    trains = np.array([clip.emotion >= 0 and protocol.trains(clip) for clip in sound_in.clips])
    tested = np.array([protocol.tested(clip) for clip in sound_in.clips])
    orders = np.array([clip.corpus == "orders" for clip in sound_in.clips])
    groups = np.array(
        [protocol.stranger_group(clip) if t else "" for clip, t in zip(sound_in.clips, trains, strict=True)]
    )
    logits, truth = [], []
    for group in np.unique(groups[trains]):
        aside = trains & (groups == group)
        logits.append(_fit(protocol, sound_in, trains & ~aside, known=known, strength=strength)(sound_in, aside))
        truth.append(_labels(protocol, sound_in, aside))
    temperature = np.float32(fit_temperature(np.concatenate(logits), np.concatenate(truth)))
    fitted = _fit(protocol, sound_in, trains, known=known, strength=strength)
    ordinary = fitted(sound_in, orders) if orders.any() else np.zeros((0, logits[0].shape[1]), np.float32)
    return Answers(fitted(sound_in, tested) / temperature, _labels(protocol, sound_in, tested), ordinary / temperature)


def _labels(protocol: Protocol, sound_in: Adaptation, which: npt.NDArray[np.bool_]) -> Ints:
    return np.array([protocol.label(clip) for clip, w in zip(sound_in.clips, which, strict=True) if w])


def _fit(
    protocol: Protocol, sound_in: Adaptation, trains: npt.NDArray[np.bool_], *, known: bool, strength: float
) -> _Fitted:
    labels = np.array([protocol.label(clip) for clip in sound_in.clips])
    corpora = np.array([clip.corpus.split("_")[0] for clip in sound_in.clips])
    first = sound_in.views[0]
    unfitted = _Fitted(
        Head(first.values[:0], first.values[0, :0]), first.values[trains[first.owner]].mean(axis=0), known
    )
    rows = [unfitted.turned(sound_in, v.values[trains[v.owner]], v.owner[trains[v.owner]]) for v in sound_in.views]
    owners = np.concatenate([view.owner[trains[view.owner]] for view in sound_in.views])
    weights = balanced(labels[owners], np.unique(corpora[owners], return_inverse=True)[1])
    wanted = one_hot(labels[owners], 8 if protocol.own_labels else 7)
    return replace(unfitted, head=fit_head(np.concatenate(rows), wanted, weights, strength))


def _speakers(clips: Sequence[Clip], owner: Ints) -> npt.NDArray[np.str_]:
    return np.array([f"{clips[i].speaker}/{clips[i].corpus}" for i in owner])
