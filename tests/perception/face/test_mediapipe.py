"""The optional detector: the real package where it is installed, and what it gives put into our terms everywhere."""

import importlib.util
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from device.errors import ModelError
from device.perception.face.mediapipe import MediaPipeDetector
from device.settings.load import parse
from tests.builders import astronaut


@pytest.mark.skipif(importlib.util.find_spec("mediapipe") is None, reason="mediapipe is not installed")
def test_the_real_package_finds_the_astronaut() -> None:
    found = MediaPipeDetector().find(astronaut())
    assert len(found) == 1
    x, y, width, height = found[0].box
    assert 150 < x + width / 2 < 300
    assert 50 < y + height / 2 < 200


@pytest.mark.skipif(importlib.util.find_spec("mediapipe") is not None, reason="mediapipe is installed")
def test_without_the_package_the_setting_is_a_clear_error() -> None:
    with pytest.raises(ModelError, match=r"mediapipe.*install it, or choose far or near"):
        MediaPipeDetector()
    assert parse('[camera]\nrange = "mediapipe"', "x").camera.range == "mediapipe"


class FakeDetector:
    """As MediaPipe's documentation describes FaceDetector: key points in 0..1, the box in px."""

    @classmethod
    def create_from_options(cls, options: SimpleNamespace) -> "FakeDetector":
        assert options.base_options.model_asset_path.endswith(".tflite")
        return cls()

    def detect(self, image: SimpleNamespace) -> SimpleNamespace:
        assert image.data.flags["C_CONTIGUOUS"]

        def one(x: int, score: float) -> SimpleNamespace:
            box = SimpleNamespace(origin_x=x, origin_y=20, width=40, height=50)
            points = [SimpleNamespace(x=0.25 + 0.1 * i, y=0.5) for i in range(6)]
            return SimpleNamespace(bounding_box=box, keypoints=points, categories=[SimpleNamespace(score=score)])

        return SimpleNamespace(detections=[one(10, 0.6), one(90, 0.9)])


def test_its_faces_are_converted_to_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    package, tasks, python = (
        ModuleType("mediapipe"),
        ModuleType("mediapipe.tasks"),
        ModuleType("mediapipe.tasks.python"),
    )
    package.Image = SimpleNamespace  # type: ignore[attr-defined]
    package.ImageFormat = SimpleNamespace(SRGB=1)  # type: ignore[attr-defined]
    python.BaseOptions = SimpleNamespace  # type: ignore[attr-defined]
    python.vision = SimpleNamespace(  # type: ignore[attr-defined]
        FaceDetectorOptions=SimpleNamespace, FaceDetector=FakeDetector
    )
    for module in (package, tasks, python):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    found = MediaPipeDetector(0.5).find(np.zeros((100, 200, 3), np.uint8)[:, ::-1])
    assert [round(face.score, 2) for face in found] == [0.9, 0.6]
    assert found[0].box == (90, 20, 40, 50)
    np.testing.assert_allclose(found[0].key_points[:2], [[50, 50], [70, 50]])
