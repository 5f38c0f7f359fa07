"""A teacher of faces: a MobileNet of 3.2 M parameters that starts from face recognition.

Howard et al. 2017, "MobileNets: efficient convolutional neural networks for mobile vision applications".
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from convert.networks.face import FERPLUS
from device.emotions import EMOTIONS

WIDTHS = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
"""Output widths of the thirteen pairs of a depthwise and a pointwise convolution."""
HALVED = (1, 3, 5, 11)
"""The pairs with stride 2."""
STEM = 32


class MobileFace(nn.Module):
    """(n, 1, 48, 48) float32 -> logits (n, 7); `both` also returns FER+'s (n, 8), as MienFace does.

    It enlarges the picture to `side` pixels, repeats it for three colours, and scales it to the levels that the
    pretrained network was trained with: 0..255, centred on the mean.
    """

    def __init__(self, side: int = 96, dropout: float = 0.4, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        self.side = side
        layers: list[nn.Module] = [_Convolution(3, STEM, 3, stride=2)]
        for number, (previous, width) in enumerate(pairwise((STEM, *widths))):
            stride = 2 if number in HALVED else 1
            layers += [_Convolution(previous, previous, 3, stride, previous), _Convolution(previous, width, 1)]
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout))
        self.emotions = nn.Linear(widths[-1], len(EMOTIONS))
        self.ferplus = nn.Linear(widths[-1], FERPLUS)

    def both(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(logits (n, 7), FER+ logits (n, 8))."""
        features = self.body(self._enlarge(x))
        return self.emotions(features), self.ferplus(features)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, 7)."""
        return self.emotions(self.body(self._enlarge(x)))

    def _enlarge(self, x: Tensor) -> Tensor:
        large = functional.interpolate(x, size=(self.side, self.side), mode="bilinear", align_corners=False)
        return (_LEVELS * large).expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)


_LEVELS = 60.0
"""One standard deviation of a face's pixels, of 255."""


class _Convolution(nn.Sequential):
    """A convolution, its batch normalization, and a ReLU6."""

    def __init__(self, channels: int, width: int, size: int, stride: int = 1, groups: int = 1) -> None:
        is_halving = stride == 2
        convolution = nn.Conv2d(
            channels, width, size, stride, padding=0 if is_halving else size // 2, groups=groups, bias=False
        )
        # With stride 2 the padding is right and below, as in the pretrained network.
        super().__init__(
            *[nn.ZeroPad2d((0, 1, 0, 1))] * is_halving, convolution, nn.BatchNorm2d(width), nn.ReLU6(inplace=True)
        )
