"""Fixtures of several files: the shipped networks, settings in the test's folder, an album of pictures."""

from pathlib import Path

import pytest

from device.emotions import Emotion
from device.perception.load import Perception, load_perception
from device.settings.load import parse
from device.settings.schema import Settings
from tests.builders import drawn, jpeg, picture
from tests.perception.offline.builders import person


@pytest.fixture(scope="module")
def readers() -> Perception:
    """The shipped networks."""
    return load_perception(Settings())


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    """Settings that keep everything in the test's folder."""
    return parse(f'[home]\nstate_dir = "{tmp_path}/state"\nruntime_dir = "{tmp_path}/run"', "test")


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """A folder with two faces, a wall, a broken picture, and what is no picture."""
    folder = tmp_path / "album"
    (folder / "more").mkdir(parents=True)
    picture(folder / "happy.png", person(Emotion.HAPPY))
    picture(folder / "more" / "surprise.JPG", person(Emotion.SURPRISE))
    picture(folder / "wall.png", drawn())
    (folder / "broken.jpg").write_bytes(jpeg(person(Emotion.SAD))[:-4000])
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.png").write_bytes(b"no picture either")
    return folder
