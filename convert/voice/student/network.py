"""The student: a small network with one output every 20 ms, trained to reproduce a large network's."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from convert.voice.student.views import COLUMNS


@dataclass(frozen=True)
class StudentShape:
    """The size of a student."""

    width: int = 192
    blocks: int = 5
    kernel: int = 9


class _Block(nn.Module):
    """A ConvNeXt block over time (Liu et al. 2022), with one batch norm, which int8 can fold, and ReLU."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        narrow = nn.Conv2d(2 * width, width, 1)
        # Starts close to zero, so that the block starts close to the identity.
        nn.init.normal_(narrow.weight, std=0.01)
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, (kernel, 1), padding=(kernel // 2, 0), groups=width, bias=False),
            nn.BatchNorm2d(width),
            nn.Conv2d(width, 2 * width, 1),
            nn.ReLU(),
            narrow,
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class Student(nn.Module):
    """(n, COLUMNS, t, 1) float32 of `student_input` -> (n, width, t, 1): the features of each frame."""

    def __init__(self, shape: StudentShape = StudentShape()) -> None:
        super().__init__()
        width = shape.width
        self.layers = nn.Sequential(
            nn.Conv2d(COLUMNS, width, (5, 1), padding=(2, 0), bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            *(_Block(width, shape.kernel) for _ in range(shape.blocks)),
        )

    def forward(self, x: Tensor) -> Tensor:
        """The features of each frame."""
        return self.layers(x)


class StudentModel(nn.Module):
    """A student in training, with output layers for the teacher's targets and the labels; they are dropped later."""

    def __init__(self, shape: StudentShape, components: int, pooled: int, classes: int) -> None:
        super().__init__()
        self.student = Student(shape)
        self.frames = nn.Conv2d(shape.width, components, 1)
        self.clip = nn.Linear(2 * shape.width, pooled)
        self.classify = nn.Sequential(nn.Dropout(0.3), nn.Linear(2 * shape.width, classes))

    def forward(self, x: Tensor, inside: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(n, COLUMNS, t, 1) and (n, t) 1 where there is sound -> frames (n, components, t), clip (n, pooled), logits.

        All three are float32.
        """
        features = self.student(x)
        frames = self.frames(features)[:, :, :, 0].float()
        numbers = pool(features[:, :, :, 0].float(), inside)
        return frames, self.clip(numbers), self.classify(numbers)


def pool(features: Tensor, inside: Tensor) -> Tensor:
    """(n, width, t) and (n, t) of 0 and 1 -> (n, 2 width): mean and deviation over the frames that are 1."""
    weight = inside[:, None, :]
    count = weight.sum(dim=2)
    mean = (features * weight).sum(dim=2) / count
    away = (features - mean[:, :, None]) * weight
    spread = torch.sqrt((away**2).sum(dim=2) / count + 1e-4)
    return torch.cat([mean, spread], dim=1)
