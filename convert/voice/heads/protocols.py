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
from convert.voice.heads.linear import Basis, Head, balance_weights, fit_basis, fit_head, one_hot
from convert.voice.heads.tendencies import measure_tendencies
from convert.voice.protocols import OWN_CLASSES, SPEAKERS_PER_FOLD
from device.emotions import Floats, softmax
from device.perception.voice.household import HouseholdOffset, Tendencies

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
class ClipFeatures:
    """Clips, and their features in one or more views: (clips, k) each. The first is of the unchanged clips."""

    clips: Sequence[Clip]
    views: Sequence[Floats]


@dataclass(frozen=True)
class FittedHead:
    """A head in its basis, with how its logits lie in general."""

    basis: Basis
    head: Head
    tendencies: Tendencies

    def __call__(self, features: Floats) -> Floats:
        """(n, k) -> logits (n, classes)."""
        return self.head(self.basis(features))


@dataclass(frozen=True)
class HeadPredictions:
    """A protocol's logits, divided by the temperatures that its training clips gave."""

    strangers: Floats
    """(n, classes): the test clips, each speaker heard for the first time."""
    known: Floats
    """(n, classes): the same after listening to all of the speaker's test clips, without labels."""
    truth: Ints
    """(n,)."""
    orders: Floats
    """(orders, classes): ordinary speech."""
    logits: Floats
    """(n, classes): `strangers` before the temperature, which households listen to."""
    speakers: npt.NDArray[np.str_]
    """(n,)."""
    tendencies: Tendencies

    @property
    def uar(self) -> tuple[float, float]:
        """Unweighted average recall in per cent, for strangers and for known speakers."""
        return tuple(recall(np.asarray(rows.argmax(axis=1), np.int64), self.truth) for rows in self._both)  # type: ignore[return-value]

    @property
    def ece(self) -> tuple[float, float]:
        """Expected calibration error in per cent, likewise."""
        return tuple(calibration_error(softmax(rows), self.truth) for rows in self._both)  # type: ignore[return-value]

    @property
    def _both(self) -> tuple[Floats, Floats]:
        return self.strangers, self.known


def predict_tested(protocol: Protocol, features: ClipFeatures) -> HeadPredictions:
    """Fit the protocol's head and predict its test clips."""
    clips = features.clips
    trains = np.array([clip.emotion >= 0 and protocol.trains(clip) for clip in clips])
    tested = np.flatnonzero([protocol.tests(clip) for clip in clips])
    orders = np.flatnonzero([clip.corpus == "orders" for clip in clips])
    groups = np.array([protocol.held_out_group(clip) if t else "" for clip, t in zip(clips, trains, strict=True)])
    labels = np.array([protocol.label(clip) for clip in clips])
    logits, known_logits, truth = [], [], []
    for group in np.unique(groups[trains]):
        held_out = trains & (groups == group)
        other = fit_protocol_head(protocol, features, trains & ~held_out)
        logits.append(other(features.views[0][held_out]))
        known_logits.append(
            listen(logits[-1], speaker_names([clips[i] for i in np.flatnonzero(held_out).tolist()]), other.tendencies)
        )
        truth.append(labels[held_out])
    scale, known_scale = (
        np.float32(fit_temperature(np.concatenate(rows), np.concatenate(truth))) for rows in (logits, known_logits)
    )
    head = fit_protocol_head(protocol, features, trains)
    tested_logits = head(features.views[0][tested])
    speakers = speaker_names([clips[i] for i in tested.tolist()])
    tendencies = replace(head.tendencies, temperature=float(scale))
    return HeadPredictions(
        strangers=tested_logits / scale,
        known=listen(tested_logits, speakers, tendencies) / known_scale,
        truth=labels[tested],
        orders=head(features.views[0][orders]) / scale,
        logits=tested_logits,
        speakers=speakers,
        tendencies=tendencies,
    )


def listen(logits: Floats, speakers: npt.NDArray[np.str_], tendencies: Tendencies, seed: int = 0) -> Floats:
    """(n, classes) logits after a household has been learned from all rows of each speaker, in random order."""
    result = np.array(logits)
    for speaker in np.unique(speakers):
        own = np.flatnonzero(speakers == speaker)
        household = HouseholdOffset(tendencies)
        for row in np.random.default_rng(seed).permutation(own):
            household.learn(logits[row])
        result[own] -= household.offset
    return result


def fit_protocol_head(protocol: Protocol, features: ClipFeatures, trains: npt.NDArray[np.bool_]) -> FittedHead:
    """The head of the clips in `trains` (clips,), on all views."""
    clips = [clip for clip, t in zip(features.clips, trains, strict=True) if t]
    labels = np.array([protocol.label(clip) for clip in clips])
    corpora = np.array([clip.corpus.split("_", maxsplit=1)[0] for clip in clips])
    speakers = speaker_names(clips)
    first = features.views[0][trains]
    basis = fit_basis(first, speakers, labels)
    count = len(features.views)
    weights = np.tile(balance_weights(labels, np.unique(corpora, return_inverse=True)[1]), count)
    targets = np.tile(one_hot(labels, 8 if protocol.own_labels else 7), (count, 1))
    rows = np.concatenate([basis(view[trains]) for view in features.views])
    head = fit_head(rows, targets, weights)
    return FittedHead(basis, head, measure_tendencies(head(basis(first)), labels, speakers, corpora))


def speaker_names(clips: Sequence[Clip]) -> npt.NDArray[np.str_]:
    """(clips,): the speaker of each clip, unique over all corpora."""
    return np.array([f"{clip.speaker}/{clip.corpus}" for clip in clips])
