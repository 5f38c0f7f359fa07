"""What is done to the two heads of a trained face network before it is quantized; it costs the device nothing."""

import copy

import torch
from torch import Tensor
from torch.nn import functional

from convert.corpora.fer2013 import IN_FERPLUS
from convert.recipes.mien_face import FERPLUS, MienFace

_STEADY = 1e-3
"""Holds what few rows say near to no change."""


def decided(network: MienFace, eight: Tensor, majority: Tensor) -> MienFace:
    """A copy whose FER+ head answers for the majority; `eight` (n, 8) are its logits, `majority` (n,) FER+'s labels.

    The head has learnt how ten votes are shared. What most people see is surer than that, and a rare emotion has the
    most votes more often than its share tells: one factor and one shift an emotion are fitted, and put into the head.
    """
    factor, shift = torch.zeros((), requires_grad=True), torch.zeros(FERPLUS, requires_grad=True)
    optimizer = torch.optim.LBFGS([factor, shift], max_iter=100)

    def closure() -> Tensor:
        optimizer.zero_grad()
        wrong = functional.cross_entropy(eight * factor.exp() + shift, majority)
        loss = wrong + _STEADY * (factor**2 + (shift**2).sum())
        loss.backward()
        return loss

    optimizer.step(closure)
    changed = copy.deepcopy(network)
    with torch.no_grad():
        changed.ferplus.weight *= factor.exp()
        changed.ferplus.bias.copy_(changed.ferplus.bias * factor.exp() + shift)
    return changed


def advised(network: MienFace, say: float) -> MienFace:
    """A copy whose seven logits have `say` times FER+'s of the same emotions added; its eight are as they were.

    FER2013's label is one person's, FER+'s majority is that of ten. Both heads are linear on one body, and so is
    their sum.
    """
    changed, rows = copy.deepcopy(network), torch.tensor(IN_FERPLUS)
    with torch.no_grad():
        changed.emotions.weight += say * changed.ferplus.weight[rows]
        changed.emotions.bias += say * changed.ferplus.bias[rows]
    return changed
