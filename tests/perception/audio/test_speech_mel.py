"""The speech encoder's spectrogram, held to a plain computation of Whisper's."""

import numpy as np
import pytest

from device.emotions import Floats
from device.perception.audio.speech_mel import BANDS, normalize_level, speech_mel
from device.perception.audio.stft import RATE_HZ
from device.sense.simulator.voice import Prosody, speak


def _plain(samples: Floats) -> Floats:
    """Frame by frame, in double precision, with the filters as triangles over Slaney's scale."""
    step = np.log(6.4) / 27
    mels = np.linspace(0, 15 + np.log(8) / step, BANDS + 2)
    edges = [mel * 200 / 3 if mel < 15 else 1000 * np.exp(step * (mel - 15)) for mel in mels]
    bins = np.arange(201) * 40.0
    filters = np.zeros((201, BANDS))
    for band, (left, centre, right) in enumerate(zip(edges, edges[1:], edges[2:], strict=False)):
        up, down = (bins - left) / (centre - left), (right - bins) / (right - centre)
        filters[:, band] = np.clip(np.minimum(up, down), 0, None) * 2 / (right - left)
    padded = np.pad(samples.astype(np.float64), 200, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    rows = []
    for start in range(0, len(samples) // 320 * 320, 160):
        spectrum = np.fft.rfft(padded[start : start + 400] * window)
        rows.append(np.log10(np.maximum(np.abs(spectrum) ** 2 @ filters, 1e-10)))
    logarithm = np.array(rows)
    return np.asarray((np.maximum(logarithm, logarithm.max() - 8) + 4) / 4)


@pytest.mark.parametrize("seconds", [0.5, 1.0, 2.33])
def test_it_equals_the_plain_computation(seconds: float) -> None:
    samples = speak(Prosody(pitch_hz=190), seconds)
    found = speech_mel(samples)
    assert found.dtype == np.float32
    assert found.shape == (len(samples) // 320 * 2, BANDS)
    np.testing.assert_allclose(found, _plain(samples), atol=2e-3)


def test_silence_is_one_finite_number() -> None:
    found = speech_mel(np.zeros(RATE_HZ, np.float32))
    assert np.isfinite(found).all()
    assert len(np.unique(found)) == 1


def test_a_tone_lies_in_its_band() -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(RATE_HZ) / RATE_HZ).astype(np.float32)
    low = speech_mel(tone)[20:80].mean(axis=0).argmax()
    high = speech_mel(np.sin(2 * np.pi * 3000 * np.arange(RATE_HZ) / RATE_HZ).astype(np.float32))[20:80].mean(axis=0)
    assert low < high.argmax()


def test_loud_and_soft_sounds_have_one_level() -> None:
    voice = speak(Prosody(), 1.0)
    np.testing.assert_allclose(normalize_level(voice), normalize_level(0.01 * voice), atol=1e-3)
    power = np.sort(np.square(normalize_level(voice)[: len(voice) // 160 * 160]).reshape(-1, 160).mean(axis=1))
    assert 10 * np.log10(power[len(power) // 2 :].mean()) == pytest.approx(-25, abs=0.1)
    assert np.isfinite(normalize_level(np.zeros(100, np.float32))).all()
