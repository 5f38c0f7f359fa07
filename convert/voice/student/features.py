"""A clip's features from a student: the mean and deviation of each output over a window of 3 s."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from convert.voice.student.input import FRAMES, pad_to_length, student_input
from convert.voice.student.material import Material
from convert.voice.teacher.clip_features import WindowFeatures
from device.emotions import Floats

ClipReader = Callable[[Floats], Floats]
"""(n, FRAMES, COLUMNS) of `student_input` -> (n, FRAMES, width): a student, in whatever runtime."""
_AT_ONCE = 64


def split_windows(rows: Floats) -> list[Floats]:
    """(t, COLUMNS) of a clip -> windows of at most FRAMES frames that overlap by half; the last ends with the clip."""
    ends = [*range(FRAMES, len(rows), FRAMES // 2), len(rows)]
    return [rows[max(end - FRAMES, 0) : end] for end in ends]


def pool_frames(outputs: Floats) -> Floats:
    """(t, width) -> (2 width,): mean and deviation over time, as `student.pool` in training."""
    return np.asarray(np.concatenate([outputs.mean(axis=0), np.sqrt(outputs.var(axis=0) + 1e-4)]), np.float32)


def compute_features(reader: ClipReader, clips: Sequence[Floats]) -> WindowFeatures:
    """Compute the numbers of `clips`, each (t, COLUMNS) from `frame_rows`."""
    parts = [(owner, window) for owner, rows in enumerate(clips) for window in split_windows(rows)]
    values = []
    for start in range(0, len(parts), _AT_ONCE):
        placed = [pad_to_length(student_input(window)) for _, window in parts[start : start + _AT_ONCE]]
        outputs = reader(np.stack([window for window, _ in placed]))
        values += [pool_frames(row[place]) for row, (_, place) in zip(outputs, placed, strict=True)]
    return WindowFeatures(np.stack(values), np.array([owner for owner, _ in parts]))


def compute_view_features(
    reader: ClipReader, material: Material, clips: Sequence[int] | npt.NDArray[np.int64], copy: int = 0, number: int = 0
) -> WindowFeatures:
    """Compute the numbers of one view of the `clips` of a material."""
    return compute_features(reader, [material.view(int(clip), copy, number) for clip in clips])
