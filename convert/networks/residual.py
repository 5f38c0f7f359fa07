"""Plain residual networks of 3×3 convolutions, after He et al. 2016, "Deep residual learning for image recognition".

Plain rather than depthwise: the int8 runtime does about 1.6 times more multiply-adds per millisecond this way.
"""

import torch
from torch import Tensor, nn


def convolution(inputs: int, outputs: int, stride: int = 1, size: int = 3) -> nn.Sequential:
    """Convolution and batch normalization; the export folds them into one."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False), nn.BatchNorm2d(outputs)
    )


class Residual(nn.Module):
    """Two 3×3 convolutions beside a shortcut: (n, inputs, h, w) -> (n, outputs, h / stride, w / stride)."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.first = convolution(inputs, outputs, stride)
        self.second = convolution(outputs, outputs)
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else convolution(inputs, outputs, stride, size=1)

    def forward(self, x: Tensor) -> Tensor:
        """Convolutions plus shortcut."""
        inside = torch.relu(self.first(x))
        return torch.relu(self.second(inside) + self.shortcut(x))
