"""Seed C: a small face network. The 98 % of its report is the accuracy on its own training pictures."""

from itertools import pairwise

from torch import nn

from device.emotions import EMOTIONS


class FaceCnn(nn.Sequential):
    """(n, 1, 48, 48) float32 in 0..1 -> logits (n, 7); three convolutions, ELU, a dense layer of 512, dropout 0.2.

    The report says 16 filters and "growing"; 16, 32 and 64 are our interpretation.
    """

    def __init__(self, widths: tuple[int, int, int] = (16, 32, 64)) -> None:
        layers: list[nn.Module] = []
        for previous, width in pairwise((1, *widths)):
            layers += [nn.Conv2d(previous, width, 3, padding=1), nn.ELU(), nn.MaxPool2d(2)]
        layers += [nn.Flatten(), nn.Linear(widths[-1] * 6 * 6, 512), nn.ELU(), nn.Dropout(0.2)]
        super().__init__(*layers, nn.Linear(512, len(EMOTIONS)))
