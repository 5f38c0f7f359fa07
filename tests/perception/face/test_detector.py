"""Our own running and decoding of the detectors, held to MediaPipe's."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from device.errors import ModelError
from device.perception.face.detector import FULL_RANGE, SHORT_RANGE, BlazeFace, FaceDetector, corners, overlap
from device.perception.load import load_perception, open_detector
from device.perception.models.card import MODELS
from device.readings import Frame
from device.sense.simulator.poses import POSES
from device.settings.schema import Settings
from tests.builders import drawn, group, heads, noisy, portrait

_RECORDED: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parent / "recorded" / "mediapipe_0_10_21.json").read_text()
)
_PICTURES = {"astro": portrait, "four": group}
_RANGES = {"near": SHORT_RANGE, "far": FULL_RANGE}


@pytest.mark.parametrize("case", sorted(_RECORDED))
def test_the_same_faces_are_found_as_mediapipe_finds(case: str) -> None:
    reach, picture = case.split("/")
    found = BlazeFace(_RANGES[reach]).find(_PICTURES[picture]())
    theirs = _RECORDED[case]
    assert len(found) == len(theirs) > 0
    apart = []
    for ours, other in zip(found, theirs, strict=True):
        assert ours.score == pytest.approx(other["score"], abs=0.01)
        boxes = np.abs(np.array(ours.box) - other["box"])
        points = np.abs(ours.key_points - np.array(other["points"]))
        apart += [*boxes, *points.ravel()]
    assert max(apart) < 4
    if case != "far/four":
        assert np.quantile(apart, 0.9) < 0.5


def test_most_of_all_boxes_and_points_are_mediapipes_to_half_a_pixel() -> None:
    apart: list[float] = []
    for case, theirs in _RECORDED.items():
        reach, picture = case.split("/")
        for ours, other in zip(BlazeFace(_RANGES[reach]).find(_PICTURES[picture]()), theirs, strict=True):
            apart += [*np.abs(np.array(ours.box) - other["box"])]
            apart += [*np.abs(ours.key_points - np.array(other["points"])).ravel()]
    assert (np.array(apart) < 0.5).mean() > 0.7


def test_colours_are_read_in_the_order_red_green_blue() -> None:
    blue = BlazeFace(SHORT_RANGE).find(portrait()[:, :, ::-1].copy())
    assert not [face for face in blue if face.score > _RECORDED["near/astro"][0]["score"] - 0.01]


@pytest.mark.parametrize(
    "detector",
    [BlazeFace(SHORT_RANGE), BlazeFace(FULL_RANGE), open_detector(Settings())],
    ids=["near", "far", "refined"],
)
@pytest.mark.parametrize("kind", ["black", "white", "across", "down", "wall", "squares", "bulb"])
def test_an_empty_picture_has_no_face(detector: FaceDetector, kind: str) -> None:
    y, x = np.mgrid[:480, :640]
    levels = {
        "black": 0 * x,
        "white": 0 * x + 255,
        "across": x / 2.51,
        "down": y / 1.89,
        "wall": 0 * x + 110,
        "squares": 255 * ((x // 40 + y // 40) % 2),
        "bulb": 255 * np.exp(-((x - 300) ** 2 + (y - 200) ** 2) / 5000),
    }[kind]
    plain = np.repeat(levels[:, :, None], 3, axis=2).astype(np.uint8)
    for seed in range(2):
        assert detector.find(noisy(plain, seed)) == []


def test_full_scale_noise_never_becomes_a_person() -> None:
    """A detector sees a face in one noise picture of many, as MediaPipe does; gone at once, it is nobody."""
    sight = load_perception(Settings()).open_face_stream(Settings())
    rng = np.random.default_rng(0)
    for index in range(12):
        noise = rng.integers(0, 256, (480, 640, 3), dtype=np.uint8)
        assert sight.read(Frame(noise, index / 10)) == []
    assert sight.people(1.2) == 0


def test_faces_of_a_tall_picture_lie_where_they_are() -> None:
    wide = BlazeFace(FULL_RANGE).find(heads([(100, 100, 220)]))[0]
    tall = BlazeFace(FULL_RANGE).find(heads([(100, 260, 220)], 480, 640))[0]
    np.testing.assert_allclose(tall.key_points - wide.key_points, np.tile([[0, 160]], (6, 1)), atol=4)


def test_a_missing_file_is_reported_with_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"face_detection_short_range\.tflite: missing.*mien models fetch"):
        BlazeFace(SHORT_RANGE, folder=tmp_path)


def test_another_network_under_a_detectors_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / SHORT_RANGE.file).write_bytes((MODELS / FULL_RANGE.file).read_bytes())
    with pytest.raises(ModelError, match="another file than its name says"):
        BlazeFace(SHORT_RANGE, folder=tmp_path)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / FULL_RANGE.file).write_bytes((MODELS / FULL_RANGE.file).read_bytes()[:1000])
    with pytest.raises(ModelError, match=FULL_RANGE.file):
        BlazeFace(FULL_RANGE, folder=tmp_path)


def test_the_close_look_puts_the_eyes_of_one_face_to_one_place_at_every_size() -> None:
    sides = (90, 120, 160, 200, 300)
    spread = {}
    detectors: dict[str, FaceDetector] = {"far": BlazeFace(FULL_RANGE), "refined": open_detector(Settings())}
    for name, detector in detectors.items():
        found = [detector.find(heads([(133, 150, side)])) for side in sides]
        assert [len(faces) for faces in found] == [1] * len(sides)
        eyes = [(faces[0].key_points[:2] - [133, 150]) / side for faces, side in zip(found, sides, strict=True)]
        spread[name] = float(np.std(eyes, axis=0).max())
    assert spread["refined"] < 0.01
    assert spread["refined"] < spread["far"] / 2


def test_a_face_at_the_pictures_corner_is_found() -> None:
    pixels = drawn(((70, 75), 170, POSES[next(iter(POSES))]))
    assert len(open_detector(Settings()).find(pixels)) == 1


def test_overlap_is_intersection_over_union() -> None:
    boxes = np.stack([corners((0, 0, 10, 10)), corners((5, 0, 10, 10)), corners((20, 20, 5, 5)), corners((0, 0, 0, 0))])
    np.testing.assert_allclose(overlap(boxes[0], boxes), [1, 1 / 3, 0, 0])


def test_a_large_picture_is_found_as_well_as_a_small_one() -> None:
    large = np.asarray(cv2.resize(portrait(), (2560, 1920), interpolation=cv2.INTER_CUBIC), np.uint8)
    small, big = (open_detector(Settings()).find(pixels)[0] for pixels in (portrait(), large))
    np.testing.assert_allclose(np.array(big.box) / 4, small.box, atol=6)
