"""Features of the windows of some clips: rows of numbers, each with the index of its clip."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from device.emotions import Floats


@dataclass(frozen=True)
class WindowFeatures:
    """The features of some clips' windows."""

    values: Floats
    """(windows, 2 width)."""
    owner: npt.NDArray[np.int64]
    """(windows,): the index of each window's clip."""

    def average_by_clip(self, rows: Floats) -> Floats:
        """(windows, k) -> (clips, k): the mean of each clip's rows."""
        clips = int(self.owner[-1]) + 1
        total = np.zeros((clips, rows.shape[1]))
        np.add.at(total, self.owner, rows)
        return np.asarray(total / np.bincount(self.owner, minlength=clips)[:, None], np.float32)
