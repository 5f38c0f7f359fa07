"""`mien analyze` on files of odd shapes: each is read, or is an object with its error; none ends the run."""

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from device.emotions import Emotion
from device.perception.load import Perception
from device.perception.offline import analyze as module
from device.perception.offline.analyze import Options, analyze
from device.sense.simulator.poses import POSES
from device.settings.schema import Settings
from tests.builders import Pixels, drawn, film, heads, picture


def _read(path: Path, readers: Perception, wanted: Options | None = None) -> Any:
    """The object as another program gets it."""
    return json.loads(json.dumps(analyze(path, wanted or Options(), readers, Settings())))


def test_a_panorama_longer_than_opencv_warps_is_searched(tmp_path: Path, readers: Perception) -> None:
    panorama = np.full((640, 36_000, 3), (90, 80, 70), np.uint8)
    panorama[20:620, 33_000:33_600] = heads([(0, 0, 600)], 600, 600)
    path = picture(tmp_path / "panorama.png", panorama)
    found = _read(path, readers)
    assert found["error"] is None
    (face,) = found["faces"]
    assert face["emotion"] == "happy"
    assert face["box"][0] + face["box"][2] / 2 == pytest.approx(33_300, abs=60)
    assert face["box"][2] == pytest.approx(270, rel=0.25)
    assert len(_read(path, readers, Options(crop=True))["faces"]) == 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (1, 2000), (2000, 1), (7, 9000), (5, 5), (40_000, 3)])
def test_a_picture_too_narrow_for_a_face_is_one_without(
    tmp_path: Path, readers: Perception, shape: tuple[int, int]
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (*shape, 3), np.uint8)
    found = _read(picture(tmp_path / "line.png", noise), readers)
    assert (found["kind"], found["faces"], found["mood"], found["error"]) == ("image", [], None, None)


def _raw(path: Path, pictures: list[Pixels]) -> Path:
    """A video of any size, not compressed."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "bgr0"
        for pixels in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("shape", [(2, 2), (64, 2), (256, 2), (2, 64), (1, 1), (9, 11)])
@pytest.mark.parametrize("crop", [False, True])
def test_a_film_of_two_pixels_width_shows_nobody(
    tmp_path: Path, readers: Perception, shape: tuple[int, int], crop: bool
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (20, *shape, 3), np.uint8)
    found = _read(_raw(tmp_path / "narrow.mkv", list(noise)), readers, Options(crop=crop))
    assert (found["kind"], found["error"], len(found["faces"])) == ("video", None, int(crop))


def test_a_face_of_a_film_with_wide_pixels_is_read_as_it_is_seen(tmp_path: Path, readers: Perception) -> None:
    happy = drawn(((320, 240), 240, POSES[Emotion.HAPPY]))
    squeezed = np.asarray(cv2.resize(happy, (160, 480), interpolation=cv2.INTER_AREA), np.uint8)
    path = film(tmp_path / "wide.mp4", [squeezed] * 8, aspect=Fraction(4))
    found = _read(path, readers)
    (face,) = found["faces"]
    assert face["emotion"] == "happy"
    assert face["box"][2] == pytest.approx(174, rel=0.2)
    assert face["box"][0] + face["box"][2] / 2 == pytest.approx(320, abs=20)


def _opencv_refuses() -> None:
    cv2.resize(np.zeros((0, 0), np.uint8), (1, 1))


def _no_memory() -> None:
    raise MemoryError


@pytest.mark.parametrize(("refusal", "said"), [(_opencv_refuses, "OpenCV cannot"), (_no_memory, "needs more memory")])
def test_what_a_library_refuses_is_that_files_error(
    tmp_path: Path, readers: Perception, monkeypatch: pytest.MonkeyPatch, refusal: Callable[[], None], said: str
) -> None:
    monkeypatch.setattr(module, "find_in_still", lambda *_: refusal())
    found = _read(picture(tmp_path / "odd.png", drawn(((320, 240), 200, POSES[Emotion.HAPPY]))), readers)
    assert f"odd.png: {said}" in found["error"]
    assert (found["faces"], found["mood"]) == ([], None)
