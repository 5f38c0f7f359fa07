"""A sound is cut into chunks for the speech encoder, and put together again."""

import numpy as np
import pytest

from device.perception.audio.speech_mel import BANDS, speech_mel
from device.perception.audio.stft import HOP
from device.perception.voice.chunks import CHUNK, NEW, cut_chunks, join_chunks, split_frames
from device.sense.simulator.voice import Prosody, speak


@pytest.mark.parametrize("known", [0, 10, 50, 100, 149])
@pytest.mark.parametrize("count", [25, 63, 64, 65, 113, 114, 115, 150, 300])
def test_every_frame_that_is_not_known_is_new_in_one_chunk(count: int, known: int) -> None:
    if known >= count:
        return
    spans = split_frames(count, known)
    new = [frame for first, start in spans for frame in range(max(start, 0), first + CHUNK)]
    assert new == list(range(known, count))
    later = spans if known else spans[1:]
    assert all(CHUNK - (start - first) <= NEW for first, start in later)
    numbered = [np.arange(first, first + CHUNK)[:, None].astype(np.float32) for first, _ in spans]
    assert join_chunks(numbered, count, known).ravel().tolist() == list(range(known, count))


def test_a_second_of_a_stream_takes_one_chunk() -> None:
    assert len(split_frames(150, 100)) == 1
    assert len(split_frames(150)) == 3


def test_chunks_hold_the_spectrogram_of_the_sound() -> None:
    samples = speak(Prosody(), 2.3)
    chunks, mel = cut_chunks(samples), speech_mel(samples)
    assert chunks.shape == (len(split_frames(len(samples) // HOP)), 2 * CHUNK, BANDS)
    np.testing.assert_array_equal(chunks[0], mel[: 2 * CHUNK])
    np.testing.assert_array_equal(chunks[-1], mel[-2 * CHUNK :])


def test_a_short_sound_has_quiet_before_it() -> None:
    samples = speak(Prosody(), 0.6)
    (chunk,), mel = cut_chunks(samples), speech_mel(samples)
    np.testing.assert_array_equal(chunk[-len(mel) :], mel)
    assert (chunk[: -len(mel)] == mel.min()).all()
