"""The timing of the bench, its drawn scene and synthetic voice, and unreadable recordings."""

import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from device.bench import face, recordings, voice
from device.bench.scene import FPS, Room
from device.bench.timing import Timing, measure, percentiles
from device.errors import MediaError
from device.perception.load import Perception, load_perception
from device.settings.schema import Settings
from tests import builders as made


@pytest.fixture(scope="module")
def perception() -> Perception:
    return load_perception(Settings())


# --- timing


def test_a_timing_separates_wall_and_cpu_time() -> None:
    timing = Timing()
    timing.run(lambda: time.sleep(0.02))
    result = timing.as_json()
    assert result["p50_ms"] >= 20
    assert result["cpu_ms"] < 10
    assert result["runs"] == 1
    assert Timing().as_json() == {"p50_ms": 0, "p95_ms": 0, "cpu_ms": 0, "cpu_p50_ms": 0, "runs": 0}


def test_a_function_is_timed_a_minimum_number_of_times_after_a_warm_up() -> None:
    calls: list[int] = []
    timing = measure(lambda: calls.append(1), 0.0, min_runs=7)
    assert (len(timing.wall_ms), len(calls)) == (7, 8)
    assert percentiles([1.0, 2.0, 3.0])[0] == 2.0


# --- the drawn scene


def test_the_people_move_and_no_two_frames_are_the_same() -> None:
    room = Room(2, 320, 240)
    frames = [*room.frames(15), *room.frames(15)]
    assert [frame.time_s for frame in frames] == pytest.approx([n / FPS for n in range(30)])
    assert all(frame.pixels.shape == (240, 320, 3) for frame in frames)
    assert all((a.pixels != b.pixels).any() for a, b in pairwise(frames))
    # More than the noise of 2.5 steps, so the people move.
    assert np.abs(frames[0].pixels.astype(int) - frames[-1].pixels).max() > 40
    empty = Room(0, 320, 240).frames(15)
    assert np.abs(empty[0].pixels.astype(int) - empty[-1].pixels).max() < 40


def test_a_scene_has_at_most_eight_people() -> None:
    with pytest.raises(ValueError, match="0 to 8"):
        Room(9)


@pytest.mark.parametrize("people", [1, 8])
def test_every_drawn_face_is_detected(perception: Perception, people: int) -> None:
    assert len(perception.detector.find(Room(people).frames(4)[3].pixels)) == people


def test_a_stream_counts_faces_but_not_the_warm_up_frames(perception: Perception) -> None:
    stats = face.measure_stream(perception, Settings(), Room(1).stream(1.0)).as_json()
    assert stats["runs"] == FPS
    assert stats["faces_read"] == 1
    assert stats["fps"] > 1
    assert 0 <= stats["reading_age_p95_s"] < 2


# --- the voice


def test_windows_are_one_interval_apart() -> None:
    windows = voice.cut_windows(np.arange(5 * 16_000, dtype=np.float32), 0.5)
    assert [window.end_s for window in windows] == [3.0, 3.5, 4.0, 4.5, 5.0]
    assert all(len(window.samples) == 48_000 for window in windows)
    assert [window.at for window in windows[:2]] == [0, 8_000]
    assert windows[1].samples[0] == 8_000


def test_a_speaking_voice_is_read_in_every_window(perception: Perception) -> None:
    windows = voice.cut_windows(voice.synthesize_speech(6.0), 0.5)
    result = voice.measure_windows(perception.voice, windows, 0.5)
    assert result["readings"] >= result["runs"] - 1
    assert result["cpu_ms_per_s"] == pytest.approx(2 * result["cpu_ms"], abs=0.01)


# --- recordings


def test_an_unreadable_path_is_reported_before_anything_is_measured(
    tmp_path: Path, perception: Perception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings, "measure_stream", lambda *_, **__: pytest.fail("measured"))
    picture = made.picture(tmp_path / "face.png", Room(1).frames(3)[2].pixels)
    text = tmp_path / "notes.txt"
    text.write_text("not a picture")
    for bad in (tmp_path / "gone.mp4", text, tmp_path):
        with pytest.raises(MediaError) as caught:
            recordings.measure([picture, bad], perception, Settings(), 1.0)
        assert str(bad) in str(caught.value)
