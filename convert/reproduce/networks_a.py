"""Seed A: a voice network on a table of features, and a face network on FER2013.

The report describes four convolutions, one LSTM, a dense layer and a softmax for the voice, and the face's training but
not its layers. Widths, kernels, the 162 features and the whole face network are our interpretation, as plain as
possible.
"""

from collections import OrderedDict
from itertools import pairwise

import torch
from torch import Tensor, nn

from device.emotions import EMOTIONS

FEATURES = 162
"""Features of a clip: zero crossings, 12 pitch classes, 20 MFCC, the level and 128 mel bands, averaged over time."""


class VoiceNetwork(nn.Module):
    """(n, FEATURES) float32, normalized -> logits (n, 7); convolutions and an LSTM read the row as a sequence."""

    def __init__(self, widths: tuple[int, int, int, int] = (64, 64, 128, 128), memory: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for previous, width in pairwise((1, *widths)):
            layers += [nn.Conv1d(previous, width, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2)]
        self.convolutions = nn.Sequential(*layers)
        self.lstm = nn.LSTM(widths[-1], memory, batch_first=True)
        self.classify = nn.Sequential(nn.Dropout(0.2), nn.Linear(memory, 32), nn.ReLU(), nn.Linear(32, len(EMOTIONS)))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, 7)."""
        steps = self.convolutions(x[:, None]).transpose(1, 2)
        return self.classify(self.lstm(steps)[0][:, -1])


class FaceNetwork(nn.Sequential):
    """(n, 1, 48, 48) float32 in 0..1 -> logits (n, 7): convolutions in pairs, each pair pooled, and a dense layer."""

    def __init__(self, widths: tuple[int, int, int] = (32, 64, 128), hidden: int = 256) -> None:
        layers: list[nn.Module] = []
        for previous, width in pairwise((1, *widths)):
            for inputs in (previous, width):
                layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
            layers.append(nn.MaxPool2d(2))
        convolutions = nn.Sequential(*layers, nn.Dropout(0.25), nn.Flatten())
        classify = nn.Sequential(
            nn.Linear(widths[-1] * 6 * 6, hidden), nn.ReLU(), nn.Dropout(0.4), nn.Linear(hidden, len(EMOTIONS))
        )
        super().__init__(OrderedDict(convolutions=convolutions, classify=classify))


def draw_five(emotion: int, prediction: Tensor, generator: torch.Generator) -> Tensor:
    """Rows (at most 5) of the pictures recognized as `emotion`, drawn at random: what A shows for a voice.

    `prediction` (n,) holds the face network's predictions on the test pictures; A shows five, since a single one may be
    wrong.
    """
    alike = torch.nonzero(prediction == emotion).flatten()
    return alike[torch.randperm(len(alike), generator=generator)[:5]]
