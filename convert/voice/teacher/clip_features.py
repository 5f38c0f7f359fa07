"""Features of the windows of some clips: rows of numbers, each with the index of its clip."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from device.emotions import Floats


@dataclass(frozen=True)
class Numbers:
    """The windows of some clips."""

    values: Floats
    """(windows, 2 width)."""
    owner: npt.NDArray[np.int64]
    """(windows,): the index of each window's clip."""

    def averaged(self, of_windows: Floats) -> Floats:
        """(windows, k) -> (clips, k): the mean over each clip's windows."""
        clips = int(self.owner[-1]) + 1
        total = np.zeros((clips, of_windows.shape[1]))
        np.add.at(total, self.owner, of_windows)
        return np.asarray(total / np.bincount(self.owner, minlength=clips)[:, None], np.float32)
