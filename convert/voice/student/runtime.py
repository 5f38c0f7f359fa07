"""Runs a trained student: in PyTorch, or as the int8 network that a device would run."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from convert.voice.student.features import ClipReader
from convert.voice.student.input import FRAMES, pad_to_length, student_input
from convert.voice.student.network import Student
from convert.voice.student.views import COLUMNS
from device.emotions import Floats
from device.perception.tflite import Network

INPUT_SHAPE = (1, FRAMES, 1, COLUMNS)


class _TimeFirst(nn.Module):
    """(n, COLUMNS, t, 1) -> (n, t, 1, width), as a device reads it."""

    def __init__(self, student: Student) -> None:
        super().__init__()
        self.student = student

    def forward(self, x: Tensor) -> Tensor:
        return self.student(x).permute(0, 2, 3, 1)


def by_torch(student: nn.Module) -> ClipReader:
    """Run `student` in PyTorch, in bfloat16 like in training if the CPU supports it."""

    def read(x: Floats) -> Floats:
        rows = torch.from_numpy(x).transpose(1, 2)[:, :, :, None].contiguous(memory_format=torch.channels_last)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            outputs = student(rows)
        return np.asarray(outputs[:, :, :, 0].transpose(1, 2).float().numpy(), np.float32)

    return read


def to_int8(student: Student, clips: Sequence[Floats]) -> tuple[bytes, bytes]:
    """(int8, float) .tflite of (1, FRAMES, 1, COLUMNS) -> (1, FRAMES, 1, width).

    Calibrated on `clips`, each (t, COLUMNS) from `frame_rows`; none of them may be a test clip.
    """
    from convert.export.tflite import export_int8  # half a minute of imports

    inputs = [pad_to_length(student_input(rows[:FRAMES]))[0][None, :, None, :] for rows in clips]
    return export_int8(_TimeFirst(student).eval(), INPUT_SHAPE, inputs)


def by_tflite(content: bytes, name: str) -> ClipReader:
    """Run a .tflite student on the device's own runtime."""
    network = Network(content, name)

    def read(x: Floats) -> Floats:
        return np.stack([network.run(row[None, :, None, :])[0][0, :, 0, :] for row in x]).astype(np.float32)

    return read
