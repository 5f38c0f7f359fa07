"""A model that hangs: sense ends itself, and after two times the shipped model is used, which health says."""

import subprocess
import sys
from pathlib import Path

import pytest

from device.perception.models.hangs import HangRecord
from device.perception.models.install import ModelStore
from device.perception.models.registry import read_registry
from device.sense.pipeline import EXIT_HUNG
from device.settings.schema import Settings
from tests.perception.models.builders import handed
from tests.sense.live_sense import living
from tests.sense.waits import until

_HANGING = """
import sys, threading, time
from pathlib import Path
from device.sense.build import build_pipeline
from device.sense.hub_client import HubClient
from device.settings.load import load
from tests.sense.live_sense import HELLO

settings = load(Path(sys.argv[1]))
sense, _ = build_pipeline(settings, settings.camera.source)
sense.health.give_up_s = 1.5
sense._face_stream.read = lambda frame: time.sleep(600)
sense.controls.release()
sense.run(HubClient(settings.runtime_dir / "door.sock", HELLO, sense.controls.execute), threading.Event())
"""


@pytest.fixture
def digest(house: Settings) -> str:
    """An installed face model."""
    with ModelStore(house.state_dir) as store:
        store.install([handed("face", "0.9.0", house.state_dir / "handed")])
    now = read_registry(house.state_dir).slot("face").now
    assert now
    return now.digest


def hang(settings: Settings, folder: Path) -> int:
    """Run a sense whose face network never ends. Returns its exit status."""
    path = folder / "mien.toml"
    path.write_text(
        f'[home]\nstate_dir = "{settings.state_dir}"\nruntime_dir = "{settings.runtime_dir}"\n'
        f'[camera]\nsource = "{settings.camera.source}"\n[microphone]\nsource = "off"\n'
    )
    root = str(Path(__file__).parents[2])
    done = subprocess.run([sys.executable, "-c", _HANGING, str(path)], cwd=root, timeout=60, check=False)
    return done.returncode


def test_two_hangs_bring_the_shipped_model_back(house: Settings, tmp_path: Path, digest: str) -> None:
    for times in (1, 2):
        assert hang(house, tmp_path) == EXIT_HUNG
        assert HangRecord(house.sense_dir).count(digest) == times
    with living(house) as (_, hub):
        until(lambda: hub.health and hub.health.stages["face"].detail, 15)
        assert hub.health
        assert "sense hung 2 times while it was in use" in hub.health.stages["face"].detail
        until(lambda: hub.mood and hub.mood.mood.face, 15)


def test_one_hang_is_forgiven(house: Settings, tmp_path: Path, digest: str) -> None:
    HangRecord(house.sense_dir).add([digest])
    with living(house) as (_, hub):
        until(lambda: hub.health, 15)
        assert hub.health
        assert hub.health.stages["face"].detail == ""
