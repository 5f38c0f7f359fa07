"""What the bench measures alone: a time, its made room, its made voice, and recordings that cannot be read."""

import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from device.bench import face, recordings, voice
from device.bench.scene import FPS, Room
from device.bench.timing import Timing, spread, timed
from device.errors import MediaError
from device.perception.load import Perception, load_perception
from device.settings.schema import Settings
from tests import builders as made


@pytest.fixture(scope="module")
def readers() -> Perception:
    return load_perception(Settings())


# --- timing


def test_a_timing_tells_wall_and_cpu_apart() -> None:
    timing = Timing()
    timing.of(lambda: time.sleep(0.02))
    told = timing.told()
    assert told["p50_ms"] >= 20
    assert told["cpu_ms"] < 10
    assert told["runs"] == 1
    assert Timing().told() == {"p50_ms": 0, "p95_ms": 0, "cpu_ms": 0, "cpu_p50_ms": 0, "runs": 0}


def test_a_thing_is_timed_often_enough_and_once_for_nothing() -> None:
    done: list[int] = []
    timing = timed(lambda: done.append(1), 0.0, least=7)
    assert (len(timing.wall_ms), len(done)) == (7, 8)
    assert spread([1.0, 2.0, 3.0])[0] == 2.0


# --- the made room


def test_the_people_of_the_room_move_and_no_frame_is_the_one_before() -> None:
    room = Room(2, 320, 240)
    frames = [*room.frames(15), *room.frames(15)]
    assert [frame.time_s for frame in frames] == pytest.approx([n / FPS for n in range(30)])
    assert all(frame.pixels.shape == (240, 320, 3) for frame in frames)
    assert all((a.pixels != b.pixels).any() for a, b in pairwise(frames))
    # More than the noise of 2.5 steps: they move.
    assert np.abs(frames[0].pixels.astype(int) - frames[-1].pixels).max() > 40
    empty = Room(0, 320, 240).frames(15)
    assert np.abs(empty[0].pixels.astype(int) - empty[-1].pixels).max() < 40


def test_the_room_holds_eight() -> None:
    with pytest.raises(ValueError, match="0 to 8"):
        Room(9)


@pytest.mark.parametrize("people", [1, 8])
def test_all_who_are_drawn_are_found(readers: Perception, people: int) -> None:
    assert len(readers.detector.find(Room(people).frames(4)[3].pixels)) == people


def test_a_stream_counts_the_faces_and_not_the_warm_frames(readers: Perception) -> None:
    seen = face.watch(readers, Settings(), Room(1).stream(1.0)).told()
    assert seen["runs"] == FPS
    assert seen["faces_read"] == 1
    assert seen["fps"] > 1
    assert 0 <= seen["reading_age_p95_s"] < 2


# --- the voice


def test_windows_move_on_by_what_the_settings_say() -> None:
    heard = voice.windows(np.arange(5 * 16_000, dtype=np.float32), 0.5)
    assert [window.end_s for window in heard] == [3.0, 3.5, 4.0, 4.5, 5.0]
    assert all(len(window.samples) == 48_000 for window in heard)
    assert [window.at for window in heard[:2]] == [0, 8_000]
    assert heard[1].samples[0] == 8_000


def test_a_voice_that_speaks_is_read_in_each_window(readers: Perception) -> None:
    told = voice.listen(readers.voice, voice.windows(voice.talk(6.0), 0.5), 0.5)
    assert told["readings"] >= told["runs"] - 1
    assert told["cpu_ms_per_s"] == pytest.approx(2 * told["cpu_ms"], abs=0.01)


# --- recordings


def test_a_bad_path_is_told_before_anything_is_measured(
    tmp_path: Path, readers: Perception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings, "watch", lambda *_, **__: pytest.fail("measured"))
    picture = made.picture(tmp_path / "face.png", Room(1).frames(3)[2].pixels)
    text = tmp_path / "notes.txt"
    text.write_text("not a picture")
    for bad in (tmp_path / "gone.mp4", text, tmp_path):
        with pytest.raises(MediaError) as told:
            recordings.measure([picture, bad], readers, Settings(), 1.0)
        assert str(bad) in str(told.value)
