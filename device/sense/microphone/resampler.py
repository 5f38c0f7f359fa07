"""16 kHz out of what a sound card gives: FFmpeg's resampler. Imported only for a card of another rate: 16 MB."""

import av
import numpy as np

from device.emotions import Floats
from device.perception.audio.stft import RATE_HZ


class Resampler:
    """Keeps its state from block to block."""

    def __init__(self, rate_hz: int) -> None:
        """`rate_hz`: the card's own."""
        self._rate_hz = rate_hz
        self._resampler = av.AudioResampler("fltp", "mono", RATE_HZ)

    def __call__(self, mono: Floats) -> Floats:
        """The next block, (n,) float32 at the card's rate -> (m,) float32 at 16 kHz; m may be 0."""
        frame = av.AudioFrame.from_ndarray(mono[None], "fltp", "mono")
        frame.sample_rate = self._rate_hz
        pieces = [piece.to_ndarray()[0] for piece in self._resampler.resample(frame)]
        return np.concatenate(pieces).astype(np.float32) if pieces else np.zeros(0, np.float32)
