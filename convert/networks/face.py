"""Mien's face network: 48×48 gray -> FER2013's seven emotions and, by a second head, FER+'s eight."""

import copy
from itertools import pairwise

import torch
from torch import Tensor, nn

from convert.datasets.pictures.fer2013 import IN_FERPLUS
from convert.networks.residual import Residual, convolution
from device.emotions import EMOTIONS

FERPLUS = 8
STUDENT = (16, 48, 96, 144)
"""1.07 M parameters: 1.14 MB in int8. For a network that also learns web portraits."""
PUBLISHED = (16, 48, 80, 128)
"""0.83 M parameters: the shipped network, and the network as published."""
TEACHER = (64, 128, 256, 512)
"""11 M parameters, for the teachers."""


class MienFace(nn.Module):
    """(n, 1, 48, 48) float32 -> logits (n, 7); `both` also returns FER+'s (n, 8), a second task."""

    def __init__(self, widths: tuple[int, int, int, int] = PUBLISHED, dropout: float = 0.1) -> None:
        super().__init__()
        layers: list[nn.Module] = [convolution(1, widths[0]), nn.ReLU()]
        for previous, width in pairwise(widths):
            layers += [Residual(previous, width, stride=2), Residual(width, width)]
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout))
        self.emotions = nn.Linear(widths[-1], len(EMOTIONS))
        self.ferplus = nn.Linear(widths[-1], FERPLUS)

    def both(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(logits (n, 7), FER+ logits (n, 8))."""
        features = self.body(x)
        return self.emotions(features), self.ferplus(features)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, 7)."""
        return self.emotions(self.body(x))


def add_ferplus_logits(network: MienFace, weight: float) -> MienFace:
    """A copy that adds `weight` times FER+'s logits to the seven of the same emotions; its eight stay as they were.

    FER2013 has one label per picture, FER+'s majority is one of ten. Both heads are linear on one body, and so is their
    sum.
    """
    changed, rows = copy.deepcopy(network), torch.tensor(IN_FERPLUS)
    with torch.no_grad():
        changed.emotions.weight += weight * changed.ferplus.weight[rows]
        changed.emotions.bias += weight * changed.ferplus.bias[rows]
    return changed
