"""Simulates lossy codecs and telephones, which recordings in a living room may have passed through."""

import io
from collections.abc import Iterator

import av
import numpy as np
from av.audio.resampler import AudioResampler
from scipy.signal import butter, fftconvolve, resample_poly, sosfilt

from device.emotions import Floats
from device.perception.audio.stft import RATE_HZ

_MU = 255.0
"""The mu of G.711's companding."""
_MAX_DELAY = 4800
"""The longest delay of a codec, in samples."""


def opus(samples: Floats, bits_per_second: int) -> Floats:
    """(n,) float32 at 16 kHz through Opus, with the delay removed."""
    return _encode_and_decode(samples, "libopus", "ogg", bits_per_second)


def mp3(samples: Floats, bits_per_second: int) -> Floats:
    """(n,) float32 at 16 kHz through MP3, with the delay removed."""
    return _encode_and_decode(samples, "libmp3lame", "mp3", bits_per_second)


def telephone(samples: Floats) -> Floats:
    """(n,) float32 at 16 kHz as a telephone carries it: 300-3,400 Hz, 8 kHz, eight bits of mu-law (G.711)."""
    narrow = resample_poly(sosfilt(butter(4, (300, 3400), "bandpass", fs=RATE_HZ, output="sos"), samples), 1, 2)
    peak = float(np.abs(narrow).max()) + 1e-9
    small = np.sign(narrow) * np.log1p(_MU * np.abs(narrow) / peak) / np.log1p(_MU)
    steps = np.round(small * 127) / 127
    expanded = np.sign(steps) * np.expm1(np.abs(steps) * np.log1p(_MU)) / _MU * peak
    return np.asarray(resample_poly(expanded, 2, 1)[: len(samples)], np.float32)


def _encode_and_decode(samples: Floats, codec: str, container: str, bits_per_second: int) -> Floats:
    peak = max(float(np.abs(samples).max()), 1e-6)
    pcm = np.clip(samples * (0.7 / peak) * 32768, -32768, 32767).astype(np.int16)
    file = io.BytesIO()
    with av.open(file, "w", container) as out:
        stream = out.add_stream(codec, rate=RATE_HZ)
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = bits_per_second
        stream.layout = "mono"
        resampler = AudioResampler(stream.format, "mono", RATE_HZ, stream.frame_size or None)
        frame = av.AudioFrame.from_ndarray(pcm[None], "s16", "mono")
        frame.sample_rate = RATE_HZ
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))
    file.seek(0)
    decoded = np.concatenate([*_decode(file), np.zeros(_MAX_DELAY, np.float32)])
    return remove_delay(decoded, samples) * np.float32(peak / 0.7)


def _decode(file: io.BytesIO) -> Iterator[Floats]:
    resampler = AudioResampler("flt", "mono", RATE_HZ)
    with av.open(file, "r") as source:
        for frame in source.decode(audio=0):
            for part in resampler.resample(frame):
                yield np.asarray(part.to_ndarray().ravel(), np.float32)
        for part in resampler.resample(None):
            yield np.asarray(part.to_ndarray().ravel(), np.float32)


def remove_delay(late: Floats, original: Floats) -> Floats:
    """(n,) as long as `original`: `late`, shifted to where the two match best."""
    correlation = fftconvolve(late, original[::-1])
    zero = len(original) - 1
    span = slice(max(zero - _MAX_DELAY, 0), zero + _MAX_DELAY)
    delay = int(np.argmax(correlation[span])) + span.start - zero
    shifted = late[delay:] if delay >= 0 else np.concatenate([np.zeros(-delay, np.float32), late])
    return np.asarray(np.pad(shifted, (0, max(len(original) - len(shifted), 0)))[: len(original)], np.float32)
