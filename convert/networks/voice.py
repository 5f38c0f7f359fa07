"""Mien's voice network: 3 s of log-mel and correlogram -> the seven emotions and an eighth class."""

import torch
from torch import Tensor, nn

from convert.networks.residual import Residual

CHANNELS = 2


class MienVoice(nn.Module):
    """(n, 2, 148, 40) float32 -> logits (n, 8): seven emotions, then no_speech (or calm in RAVDESS's own benchmark)."""

    def __init__(self, widths: tuple[int, int, int, int] = (32, 48, 96, 128), classes: int = 8) -> None:
        super().__init__()
        stem, second, third, fourth = widths
        self.body = nn.Sequential(
            # 40 ms per step: syllables are slower, and the first layers take most of the time.
            nn.Conv2d(CHANNELS, stem, 5, 2, padding=2, bias=False),
            nn.BatchNorm2d(stem),
            nn.ReLU(),
            Residual(stem, second, stride=2),
            Residual(second, third, stride=2),
            Residual(third, fourth, stride=2),
            nn.Dropout2d(0.1),
        )
        self.classify = nn.Sequential(nn.Dropout(0.4), nn.Linear(2 * fourth, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, 8)."""
        features = self.body(x)
        # The mean describes the whole window, the maximum what stood out.
        pooled = torch.cat([features.mean(dim=(2, 3)), features.amax(dim=(2, 3))], dim=1)
        return self.classify(pooled)
