"""mixup (Zhang et al. 2018, "mixup: beyond empirical risk minimization"): between two examples lies the answer too."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from convert.datasets.clips import Clip
from device.emotions import Floats


def mixup_loss(network: nn.Module, batch: tuple[Tensor, ...], *, beta: float, smoothing: float) -> Tensor:
    """Cross-entropy of `network` on pairs mixed out of `batch`: inputs (n, ...) and labels (n,) int64.

    The share of each is drawn from Beta(`beta`, `beta`); `smoothing` of each label goes to all classes alike.
    """
    inputs, wanted = batch
    mixed = _pairs(len(wanted), beta)
    logits = network(mixed(inputs)).float()
    classes = logits.shape[1]
    labels = (1 - smoothing) * functional.one_hot(wanted, classes) + smoothing / classes
    return functional.cross_entropy(logits, mixed(labels))


def distillation_loss(
    network: nn.Module, batch: tuple[Tensor, ...], teacher: nn.Module, share: float, *, beta: float, smoothing: float
) -> Tensor:
    """`mixup_loss`, where `share` of what is wanted is what `teacher` says of the pairs: shares (n, classes).

    `batch` holds the network's inputs (n, ...), labels (n,) int64, the teacher's own inputs (n, ...), and which rows it
    may be asked about (n, 1) float32, 0 or 1: of a pair with any other the labels alone tell.
    """
    inputs, wanted, seen, asked = batch
    mixed = _pairs(len(wanted), beta)
    logits = network(mixed(inputs)).float()
    classes = logits.shape[1]
    labels = mixed((1 - smoothing) * functional.one_hot(wanted, classes) + smoothing / classes)
    told = share * (mixed(asked) > 1 - 1e-6)
    return functional.cross_entropy(logits, (1 - told) * labels + told * teacher.to(seen.device)(mixed(seen)))


def _pairs(rows: int, beta: float) -> Callable[[Tensor], Tensor]:
    """What mixes each of so many rows with another one, always the same, by the same share."""
    share = float(torch.distributions.Beta(beta, beta).sample())
    other = torch.randperm(rows)
    return lambda values: share * values + (1 - share) * values[other.to(values.device)]


_TESS_SHARE = 0.4
"""Half of all clips are two women saying one phrase: more of them teaches the phrase."""


def sampling_weights(clips: list[Clip], labels: npt.NDArray[np.int64], *, even: bool = False) -> Floats:
    """Chances (n,) that sum to 1: emotions evened out by the square root, so that a big corpus stays the bigger.

    `even`: it does not, and the emotions of a corpus are all as likely.
    """
    corpora = [clip.corpus.split("_")[0] if even else clip.corpus for clip in clips]
    kinds = list(zip(corpora, labels.tolist(), strict=True))
    count, emotions = Counter(kinds), Counter(corpus for corpus, _ in set(kinds))
    if even:
        weights = np.array([1 / (count[kind] * emotions[kind[0]]) for kind in kinds])
    else:
        weights = np.array([count[kind] ** -0.5 * (_TESS_SHARE if kind[0] == "tess" else 1.0) for kind in kinds])
    return (weights / weights.sum()).astype(np.float64)
