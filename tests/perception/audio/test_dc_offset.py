"""What a microphone's own level leaves of a stream once it is taken off."""

import numpy as np
import pytest

from device.emotions import Floats
from device.perception.audio.dc_offset import DcBlocker, remove_dc
from device.perception.audio.stft import RATE_HZ


def _through(samples: Floats, size: int) -> Floats:
    take = DcBlocker()
    return np.concatenate([take(samples[i : i + size]) for i in range(0, len(samples), size)])


def _tone(hz: float, seconds: float = 3.0) -> Floats:
    return (0.1 * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE_HZ)) / RATE_HZ)).astype(np.float32)


@pytest.mark.parametrize("size", [160, 800, 4096])
def test_an_offset_is_removed_from_the_first_block_and_its_drift_soon(size: int) -> None:
    still = np.full(4 * RATE_HZ, 0.08, np.float32)
    assert np.abs(_through(still, size)).max() < 1e-6
    started = still * (1 - np.exp(-np.arange(len(still)) / (0.3 * RATE_HZ))).astype(np.float32)
    assert np.abs(_through(started, size)[3 * RATE_HZ :]).max() < 0.002


@pytest.mark.parametrize("size", [160, 800, 4096])
def test_the_deepest_voice_passes_and_nothing_clicks(size: int) -> None:
    voice = _tone(70)
    heard = _through(voice + np.float32(0.1), size)[RATE_HZ:]
    assert np.sqrt(np.mean(heard**2)) == pytest.approx(0.1 / np.sqrt(2), rel=0.05)
    assert np.abs(np.diff(heard)).max() < 1.1 * np.abs(np.diff(voice)).max()


def test_empty_input_is_handled() -> None:
    assert len(DcBlocker()(np.zeros(0, np.float32))) == 0
    assert len(remove_dc(np.zeros(0, np.float32))) == 0
    assert remove_dc(_tone(200) + np.float32(0.3)).mean() == pytest.approx(0, abs=1e-6)
