"""One network proposes, the other decides: small faces are found, patterns are none."""

import cv2
import numpy as np
import pytest

from device.perception.face.detector import corners, overlap
from device.perception.face.two_stage import MIN_SCORE, TwoStageDetector
from device.perception.load import open_detector
from device.readings import Face
from device.settings.schema import Camera, Settings
from tests.builders import Pixels, drawn, face_at, group, heads, noisy, portrait


@pytest.fixture(scope="module")
def detector() -> TwoStageDetector:
    return open_detector(Settings())


def _textured(seed: int) -> Pixels:
    """A room's worth of patterns: patches, stripes, blobs and blots, out of focus."""
    rng = np.random.default_rng(seed)
    room = np.full((480, 640, 3), rng.uniform(40, 190, 3), np.float32)
    for _ in range(20):
        x, y, width, height = (int(v) for v in rng.integers([-40, -40, 15, 15], [600, 440, 220, 220]))
        colour = tuple(float(v) for v in rng.uniform(10, 245, 3))
        if rng.random() < 0.5:
            cv2.rectangle(room, (x, y), (x + width, y + height), colour, -1)
        else:
            cv2.ellipse(room, (x, y), (width // 2, height // 2), float(rng.uniform(0, 180)), 0, 360, colour, -1)
    blots = rng.normal(0, 25, (*rng.integers(6, 60, 2), 3)).astype(np.float32)
    room += cv2.resize(blots, (640, 480), interpolation=cv2.INTER_CUBIC)
    blurred = cv2.GaussianBlur(room, (0, 0), float(rng.uniform(0.6, 2.5)))
    return np.clip(blurred + rng.normal(0, 3, room.shape), 0, 255).astype(np.uint8)


def test_the_surest_face_comes_first_and_all_are_sure_enough(detector: TwoStageDetector) -> None:
    scores = [face.score for face in detector.find(group())]
    assert len(scores) == 4
    assert scores == sorted(scores, reverse=True)
    assert min(scores) >= MIN_SCORE


def test_a_face_below_the_minimum_score_is_not_returned() -> None:
    scores = [face.score for face in open_detector(Settings()).find(group())]
    between = (scores[0] + scores[1]) / 2
    strict = open_detector(Settings(camera=Camera(min_score=between)))
    assert [face.score for face in strict.find(group())] == scores[:1]


def test_rooms_full_of_patterns_are_empty(detector: TwoStageDetector) -> None:
    """The far network alone suspects a face in many of them."""
    suspected = found = 0
    for seed in range(40):
        room = _textured(seed)
        suspected += bool(detector._far.find(room))
        found += bool(detector.find(room))
    assert suspected >= 8
    assert found == 0


@pytest.mark.parametrize("seed", range(6))
def test_a_face_of_fifty_pixels_is_found_among_patterns(detector: TwoStageDetector, seed: int) -> None:
    """The astronaut's face fills 0.45 of the square that is put in."""
    room, side = _textured(seed), 110
    left, top = [(80, 60), (420, 200), (500, 330), (20, 350), (300, 20), (250, 250)][seed]
    head = heads([(0, 0, side)], side, side)
    room[top : top + side, left : left + side] = head
    (found,) = detector.find(room)
    assert overlap(corners(found.box), corners((left + 25, top + 22, 50, 50))[None])[0] > 0.4


def test_proposals_that_the_close_looks_reject_are_no_faces() -> None:
    class Everywhere:
        def find(self, pixels: Pixels) -> list[Face]:  # noqa: ARG002 - the protocol's name
            return [face_at(60 * x, 100, 60, 0.9) for x in range(8)]

    real = open_detector(Settings())
    assert TwoStageDetector(Everywhere(), real._near).find(noisy(drawn(), 1)) == []


def test_key_points_that_differ_between_looks_are_no_face() -> None:
    class Wandering:
        """A near network whose sure face has its eyes elsewhere each time."""

        def __init__(self, apart: float) -> None:
            self._apart, self._number = apart, 0

        def find(self, pixels: Pixels) -> list[Face]:
            self._number += 1
            height, width = pixels.shape[:2]
            face = face_at(width / 2 - 50, height / 2 - 50, 100, 0.9)
            shift = np.array([self._apart * 100 * (self._number % 3 - 1), 0], np.float32)
            return [Face(face.box, face.score, face.key_points + shift)]

    class One:
        def find(self, pixels: Pixels) -> list[Face]:  # noqa: ARG002 - the protocol's name
            return [face_at(200, 200, 100, 0.5)]

    assert len(TwoStageDetector(One(), Wandering(0.02)).find(portrait())) == 1
    assert TwoStageDetector(One(), Wandering(0.5)).find(portrait()) == []


def test_two_proposals_of_one_face_are_one(detector: TwoStageDetector) -> None:
    class Twice:
        def find(self, pixels: Pixels) -> list[Face]:
            (face,) = detector._far.find(pixels)[:1]
            x, y, width, height = face.box
            return [face, Face((x + 4, y - 3, width, height), 0.4, face.key_points)]

    assert len(TwoStageDetector(Twice(), detector._near).find(portrait())) == 1


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (480, 640), (31, 33), (1000, 100)])
def test_a_picture_of_any_shape_is_taken(detector: TwoStageDetector, size: tuple[int, int]) -> None:
    assert detector.find(np.full((*size, 3), 100, np.uint8)) == []


@pytest.mark.parametrize("kind", ["far", "near"])
def test_either_range_finds_a_near_face_once(kind: str) -> None:
    assert len(open_detector(Settings(camera=Camera(range=kind))).find(portrait())) == 1  # type: ignore[arg-type]
