"""Files as cameras: videos in real time, repeated pictures, and files without a picture."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from device.errors import DeviceError, EndOfMedia
from device.sense.camera import open_camera
from device.sense.camera.file import PictureCamera, VideoCamera
from device.settings.schema import Camera as Settings
from tests import builders as made
from tests.sense.waits import drain


def _file(path: Path, **more: Any) -> Settings:
    return Settings(source=f"file:{path}", **more)


def test_a_video_plays_in_real_time(tmp_path: Path) -> None:
    path = made.video(tmp_path / "a.mp4", 8, fps=20)
    start_s = time.monotonic() + 0.1
    camera = open_camera(_file(path), start_s=start_s)
    assert isinstance(camera, VideoCamera)
    assert not camera.still_is_frozen
    assert camera.name == "a.mp4"
    shades = []

    def look() -> None:
        while True:
            frame = camera.read()
            if frame is None:
                continue
            assert -0.001 <= time.monotonic() - frame.time_s < 0.2, "delivered when it is due"
            place = (frame.time_s - start_s) * 20
            assert place == pytest.approx(round(place), abs=0.01)
            assert abs(int(frame.pixels[20, 10, 0]) - made.shade(round(place))) < 6
            shades.append(round(place))

    with pytest.raises(EndOfMedia, match=r"a\.mp4"):
        look()
    assert time.monotonic() >= start_s + 7 / 20
    assert shades == sorted(set(shades))
    assert len(shades) >= 6
    camera.close()


def test_late_frames_are_skipped(tmp_path: Path) -> None:
    now_s = 100.0
    camera = VideoCamera(made.video(tmp_path / "a.mp4", 10), lambda: now_s)
    first = camera.read()
    assert first is not None
    assert first.time_s == 100.0
    now_s = 100.55
    frame = camera.read()
    assert frame is not None
    assert frame.time_s == pytest.approx(100.5)
    assert abs(int(frame.pixels[20, 10, 0]) - made.shade(5)) < 6
    began_s = time.monotonic()
    now_s = 99.0
    assert camera.read() is None
    assert 0.3 < time.monotonic() - began_s < 0.6
    now_s = 200.0
    last = camera.read()
    assert last is not None
    assert last.time_s == pytest.approx(100.9)
    with pytest.raises(EndOfMedia):
        camera.read()


def test_a_slow_machine_still_gets_frames(tmp_path: Path) -> None:
    path = made.video(tmp_path / "a.mp4", 60, fps=30)
    ticks = iter(np.arange(100.0, 500.0, 0.2))
    camera = VideoCamera(path, lambda: float(next(ticks)))  # every read of the clock takes 0.2 s
    seen = [camera.read() for _ in range(3)]
    assert all(frame is not None for frame in seen)


def test_a_picture_file_repeats(tmp_path: Path) -> None:
    pixels = np.full((48, 64, 3), (200, 100, 50), np.uint8)
    camera = open_camera(_file(made.picture(tmp_path / "a.png", pixels), fps=20))
    assert isinstance(camera, PictureCamera)
    frames = [camera.read() for _ in range(5)]
    assert all(f is not None and np.array_equal(f.pixels, pixels) for f in frames)
    steps = np.diff([f.time_s for f in frames if f])
    assert steps == pytest.approx([0.05] * 4, abs=0.02)
    assert frames[0] is not None
    assert frames[1] is not None
    frames[0].pixels[:] = 0
    assert frames[1].pixels.any(), "drawing on a frame changes no other"
    camera.close()
    slow = PictureCamera(tmp_path / "a.png", 0.5)
    assert slow.read() is not None
    assert slow.read() is None


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [("a.png", b"text", "neither picture"), ("a.mp4", b"", "empty"), ("gone.jpg", None, "No such file")],
)
def test_a_file_without_a_picture_is_refused(tmp_path: Path, name: str, content: bytes | None, says: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DeviceError, match=rf"{name}.*{says}"):
        open_camera(_file(tmp_path / name))


def test_sound_files_and_truncated_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"a\.wav: a sound without a picture"):
        open_camera(_file(made.wav(tmp_path / "a.wav", made.chirp(0.2))))
    cut = made.picture(tmp_path / "cut.jpg", np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    cut.write_bytes(cut.read_bytes()[:2000])
    with pytest.raises(DeviceError, match=r"cut\.jpg.*breaks off"):
        open_camera(_file(cut))


def test_a_truncated_video_is_an_error_and_not_an_end(tmp_path: Path) -> None:
    path = made.video(tmp_path / "a.mp4", 20, options={"movflags": "faststart"})
    data = path.read_bytes()
    at = data.index(b"mdat")
    path.write_bytes(data[: at + (len(data) - at) // 2])
    camera = VideoCamera(path, lambda: 0.0, start_s=-100.0)
    with pytest.raises(DeviceError, match=r"a\.mp4.*(breaks off|cannot be read)") as caught:
        drain(camera)
    assert not isinstance(caught.value, EndOfMedia)
