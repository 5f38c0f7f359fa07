"""The speech encoder on a stream: each moment is encoded once, and nearly as if it had been alone."""

from pathlib import Path

import numpy as np
import pytest

from device.emotions import Floats
from device.perception.audio.stft import HOP, RATE_HZ
from device.perception.voice.chunks import NEW
from device.perception.voice.speech_encoder import SpeechEncoder, pool_frames
from device.sense.simulator.voice import Prosody, speak

_FILE = Path(__file__).parents[3] / "convert" / "published" / "speech-encoder.tflite"
_WIDTH = 768
_WINDOW = 3 * RATE_HZ


@pytest.fixture(scope="module")
def encoder() -> SpeechEncoder:
    return SpeechEncoder(_FILE.read_bytes(), _FILE.name)


def _chunks(encoder: SpeechEncoder, samples: Floats, at: int = 0) -> int:
    """How many times the network runs for a window."""
    run, count = encoder._run, 0

    def counted(chunk: Floats) -> Floats:
        nonlocal count
        count += 1
        return run(chunk)

    encoder._run = counted  # type: ignore[method-assign]
    try:
        encoder.encode(samples, at)
    finally:
        encoder._run = run  # type: ignore[method-assign]
    return count


@pytest.mark.parametrize("seconds", [0.02, 0.5, 1.28, 3.0, 6.0])
def test_there_is_a_row_every_20_ms(encoder: SpeechEncoder, seconds: float) -> None:
    encoder.reset()
    frames = encoder.encode(speak(Prosody(), 6.0)[: int(seconds * RATE_HZ)])
    assert frames.shape == (int(seconds * RATE_HZ) // HOP, _WIDTH)
    assert frames.dtype == np.float32
    assert np.isfinite(frames).all()
    assert pool_frames(frames).shape == (2 * _WIDTH,)


def test_a_stream_that_goes_on_takes_one_run_a_second(encoder: SpeechEncoder) -> None:
    voice = speak(Prosody(), 8.0)
    encoder.reset()
    runs = [_chunks(encoder, voice[begin : begin + _WINDOW], begin) for begin in range(0, 5 * RATE_HZ, RATE_HZ)]
    assert runs == [3, 1, 1, 1, 1]
    assert _chunks(encoder, voice[4 * RATE_HZ : 4 * RATE_HZ + _WINDOW], 4 * RATE_HZ) == 0
    assert NEW >= RATE_HZ // HOP


def test_what_a_stream_says_is_close_to_what_a_window_alone_says(encoder: SpeechEncoder) -> None:
    voices = [speak(Prosody(pitch_hz=pitch, tilt_db=tilt), 8.0) for pitch, tilt in ((120.0, -12.0), (260.0, -4.0))]
    streamed, alone = [], []
    for voice in voices:
        encoder.reset()
        begins = range(0, 5 * RATE_HZ, RATE_HZ)
        streamed += [pool_frames(encoder.encode(voice[begin : begin + _WINDOW], begin)) for begin in begins]
        for begin in begins:
            encoder.reset()
            alone.append(pool_frames(encoder.encode(voice[begin : begin + _WINDOW])))
    away = np.square(np.array(streamed) - np.array(alone)).mean()
    between = np.square(np.mean(alone[:5], axis=0) - np.mean(alone[5:], axis=0)).mean()
    assert away < 0.25 * between


def test_after_a_gap_nothing_of_the_old_sound_is_used(encoder: SpeechEncoder) -> None:
    voice, other = speak(Prosody(), 3.0), speak(Prosody(pitch_hz=240), 3.0, seed=1)
    encoder.reset()
    fresh = encoder.encode(other)
    encoder.reset()
    encoder.encode(voice)
    np.testing.assert_array_equal(encoder.encode(other, RATE_HZ), fresh)


def test_how_loud_a_voice_is_changes_little(encoder: SpeechEncoder) -> None:
    voice = speak(Prosody(), 3.0)
    encoder.reset()
    near = pool_frames(encoder.encode(voice))
    encoder.reset()
    far = pool_frames(encoder.encode((0.05 * voice).astype(np.float32)))
    assert np.square(far - near).mean() < 0.02 * near.var()
