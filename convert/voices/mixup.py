"""mixup (Zhang et al. 2018, "mixup: beyond empirical risk minimization"): between two examples lies the answer too."""

import torch
from torch import Tensor, nn
from torch.nn import functional


def mixed_loss(network: nn.Module, batch: tuple[Tensor, ...], *, beta: float, smoothing: float) -> Tensor:
    """Cross-entropy of `network` on pairs mixed out of `batch`: inputs (n, ...) and labels (n,) int64.

    The share of each is drawn from Beta(`beta`, `beta`); `smoothing` of each label goes to all classes alike.
    """
    inputs, wanted = batch
    share = float(torch.distributions.Beta(beta, beta).sample())
    other = torch.randperm(len(wanted))
    logits = network(share * inputs + (1 - share) * inputs[other]).float()
    own, others = (functional.cross_entropy(logits, y, label_smoothing=smoothing) for y in (wanted, wanted[other]))
    return share * own + (1 - share) * others
