"""Mien's voice network: 3 s of log-mel -> the seven emotions and `no_speech`."""

import torch
from torch import Tensor, nn

from convert.recipes.residual import Residual, convolution
from device.emotions import EMOTIONS


class MienVoice(nn.Module):
    """(n, 1, 298, 40) float32 -> logits (n, 8): seven emotions, then no_speech."""

    def __init__(self, widths: tuple[int, int, int, int] = (16, 32, 64, 96)) -> None:
        super().__init__()
        stem, second, third, fourth = widths
        self.body = nn.Sequential(
            convolution(1, stem, stride=2),
            nn.ReLU(),
            Residual(stem, second, stride=2),
            Residual(second, third, stride=2),
            Residual(third, fourth, stride=2),
            nn.Dropout2d(0.1),
        )
        self.classify = nn.Sequential(nn.Dropout(0.4), nn.Linear(2 * fourth, len(EMOTIONS) + 1))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, 8)."""
        heard = self.body(x)
        # The mean says how it was spoken all along, the maximum what stood out once.
        pooled = torch.cat([heard.mean(dim=(2, 3)), heard.amax(dim=(2, 3))], dim=1)
        logits: Tensor = self.classify(pooled)
        return logits
