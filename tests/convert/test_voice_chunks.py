"""A sound is cut into chunks for the speech encoder, and put together again."""

import numpy as np
import pytest

from convert.voice.encoder.chunks import cut_chunks, join_chunks, split_frames
from convert.voice.whisper.log_mel import BANDS, log_mel
from device.perception.audio.stft import HOP
from device.sense.simulator.voice import Prosody, speak

CHUNK, NEW = 64, 50


@pytest.mark.parametrize("count", [25, 63, 64, 65, 113, 114, 115, 150, 300])
def test_every_frame_is_new_in_one_chunk(count: int) -> None:
    spans = split_frames(count)
    new = [frame for first, start in spans for frame in range(max(start, 0), first + CHUNK)]
    assert new == list(range(count))
    assert all(CHUNK - (start - first) <= NEW for first, start in spans[1:])
    numbered = [np.arange(first, first + CHUNK)[:, None].astype(np.float32) for first, _ in spans]
    assert join_chunks(numbered, count).ravel().tolist() == list(range(count))


def test_chunks_hold_the_log_mel_of_the_sound() -> None:
    samples = speak(Prosody(), 2.3)
    chunks = cut_chunks(samples)
    mel = log_mel(samples).T
    assert chunks.shape == (len(split_frames(len(samples) // HOP)), 2 * CHUNK, BANDS)
    np.testing.assert_array_equal(chunks[0], mel[: 2 * CHUNK])
    np.testing.assert_array_equal(chunks[-1], mel[-2 * CHUNK :])


def test_a_short_sound_has_quiet_before_it() -> None:
    samples = speak(Prosody(), 0.6)
    (chunk,) = cut_chunks(samples)
    mel = log_mel(samples).T
    np.testing.assert_array_equal(chunk[-len(mel) :], mel)
    assert (chunk[: -len(mel)] == mel.min()).all()
