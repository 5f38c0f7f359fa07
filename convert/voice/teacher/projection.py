"""The teacher's output for every 20 ms of a clip, reduced to a few numbers that a small network can learn.

Concatenates the outputs of two lower blocks, subtracts what depends only on the position in the clip, and projects the
rest onto its principal components. The projection is fitted on orders only, so on no test speaker.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from convert.voice.teacher.whisper import Encoder, log_mel
from device.emotions import Floats
from device.perception.audio.stft import FRAME

LAYERS = 4
"""Blocks of the encoder that are computed; the mean and deviation of each are kept for the teacher's own score."""
TARGET_LAYERS = (1, 2)
"""The second and third, counted from 0: the student's targets for each frame."""
COMPONENTS = 256
_POSITIONS = 320


@dataclass(frozen=True)
class Projection:
    """Projects the teacher's values onto components."""

    position: Floats
    """(_POSITIONS, values): the teacher's average output at each position in a clip."""
    scale: Floats
    """(values,): the deviation of each value."""
    components: Floats
    """(values, COMPONENTS), the strongest first."""

    def __call__(self, values: Floats) -> Floats:
        """(t, values) -> (t, COMPONENTS) float32."""
        return np.asarray((values - self.position[: len(values)]) / self.scale @ self.components, np.float32)

    def save(self, path: Path) -> None:
        """Write `path` (.npz), whole or not at all."""
        partial = path.with_name(f"{path.stem}.partial.npz")
        np.savez(partial, position=self.position, scale=self.scale, components=self.components)
        partial.replace(path)


def load_projection(path: Path) -> Projection:
    """Load what `Projection.save` wrote."""
    stored = np.load(path)
    return Projection(stored["position"], stored["scale"], stored["components"])


def run_encoder(encoder: Encoder, samples: Floats) -> list[Floats]:
    """The output of each block, (t, width) float32, with frame i centred on the device's frame i of `samples`."""
    # The encoder's frame i is centred at sample 320 i, the device's at 320 i + 256.
    shifted = np.concatenate([samples[FRAME // 2 :], np.zeros(FRAME // 2, np.float32)])
    with torch.inference_mode():
        return [block[0].numpy() for block in encoder(torch.from_numpy(log_mel(shifted))[None])]


def select_targets(blocks: Sequence[Floats]) -> Floats:
    """(t, values): the outputs of the blocks that the student learns."""
    return np.concatenate([blocks[layer] for layer in TARGET_LAYERS], axis=1)


def fit_projection(clips: Sequence[Floats]) -> Projection:
    """Fit the projection on one array of `select_targets` (t, values) per clip."""
    values = clips[0].shape[1]
    total, count = np.zeros((_POSITIONS, values), np.float32), np.zeros(_POSITIONS, np.float32)
    for clip in clips:
        part = clip[:_POSITIONS]
        total[: len(part)] += part
        count[: len(part)] += 1
    position = _smooth(total, count)
    rows = np.concatenate([clip[:_POSITIONS] - position[: len(clip)] for clip in clips])
    scale = rows.std(axis=0) + 1e-6
    covariance = np.cov((rows / scale).T)
    _, vectors = np.linalg.eigh(covariance)
    components = vectors[:, ::-1][:, :COMPONENTS]
    return Projection(position.astype(np.float32), scale.astype(np.float32), components.astype(np.float32))


def _smooth(total: Floats, count: Floats) -> Floats:
    """The smoothed mean at each position. Later positions are smoothed more widely, since fewer clips are that long."""
    mean = np.zeros_like(total)
    for at in range(len(total)):
        reach = at // 8
        near = slice(max(at - reach, 0), at + reach + 1)
        mean[at] = total[near].sum(axis=0) / max(count[near].sum(), 1)
        if not count[near].sum():
            mean[at] = mean[at - 1]
    return mean
