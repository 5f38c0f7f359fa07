"""The loss on mixed pairs of clips.

mixup: Zhang et al. 2018, "mixup: beyond empirical risk minimization".
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional


def mixup_loss(network: nn.Module, batch: tuple[Tensor, ...], *, beta: float, smoothing: float) -> Tensor:
    """Cross-entropy of `network` on pairs mixed from `batch`: inputs (n, ...) and labels (n,) int64.

    The mixing weight is drawn from Beta(`beta`, `beta`); label smoothing distributes `smoothing` over all classes.
    """
    inputs, labels = batch
    mix = _make_mixer(len(labels), beta)
    logits = network(mix(inputs)).float()
    classes = logits.shape[1]
    targets = (1 - smoothing) * functional.one_hot(labels, classes) + smoothing / classes
    return functional.cross_entropy(logits, mix(targets))


def distillation_loss(
    network: nn.Module, batch: tuple[Tensor, ...], teacher: nn.Module, share: float, *, beta: float, smoothing: float
) -> Tensor:
    """`mixup_loss` whose targets hold a `share` of the `teacher`'s probabilities (n, classes) of the mixed pairs.

    `batch` holds the network's inputs (n, ...), labels (n,) int64, the teacher's inputs (n, ...), and (n, 1) float32, 0
    or 1: whether the teacher knows the row. If it does not know both rows of a pair, the targets are only the labels.
    """
    inputs, labels, teacher_inputs, is_known = batch
    mix = _make_mixer(len(labels), beta)
    logits = network(mix(inputs)).float()
    classes = logits.shape[1]
    targets = mix((1 - smoothing) * functional.one_hot(labels, classes) + smoothing / classes)
    weight = share * (mix(is_known) > 1 - 1e-6)
    soft_targets = teacher.to(teacher_inputs.device)(mix(teacher_inputs))
    return functional.cross_entropy(logits, (1 - weight) * targets + weight * soft_targets)


def _make_mixer(rows: int, beta: float) -> Callable[[Tensor], Tensor]:
    """A function that mixes each of `rows` rows with another; every call uses the same pairs and weight."""
    share = float(torch.distributions.Beta(beta, beta).sample())
    other = torch.randperm(rows)
    return lambda values: share * values + (1 - share) * values[other.to(values.device)]
