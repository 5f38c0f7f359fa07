"""Resamples a sound card's blocks to 16 kHz with FFmpeg, which takes 16 MB: imported only if the card needs it."""

import av
import numpy as np

from device.emotions import Floats
from device.perception.audio.stft import RATE_HZ


class Resampler:
    """Resamples a stream, block by block."""

    def __init__(self, rate_hz: int) -> None:
        """`rate_hz`: the card's rate."""
        self._rate_hz = rate_hz
        self._resampler = av.AudioResampler("fltp", "mono", RATE_HZ)

    def __call__(self, mono: Floats) -> Floats:
        """The next block, (n,) float32 at the card's rate -> (m,) float32 at 16 kHz; m may be 0."""
        frame = av.AudioFrame.from_ndarray(mono[None], "fltp", "mono")
        frame.sample_rate = self._rate_hz
        parts = [part.to_ndarray()[0] for part in self._resampler.resample(frame)]
        return np.concatenate(parts).astype(np.float32) if parts else np.zeros(0, np.float32)
