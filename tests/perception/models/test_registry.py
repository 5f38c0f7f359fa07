"""The record of installed pairs: where it lies, whose it is, and that it stays small."""

import os
from pathlib import Path

import msgspec
import pytest

from device.perception.models.registry import Registry, read_registry, state_folder
from device.settings.schema import Home, Settings
from tests.perception.models.stored import install


def test_the_registry_of_an_empty_state_is_empty_and_stays_small(tmp_path: Path) -> None:
    assert read_registry(tmp_path) == Registry()
    for version in range(4):
        install(tmp_path, "voice", f"0.{version}")
    assert len(msgspec.json.encode(read_registry(tmp_path))) < 1000


@pytest.mark.skipif(os.geteuid() != 0, reason="only root installs for another")
def test_what_root_installs_for_a_service_is_the_services(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    os.chown(state, 4711, 4712)
    install(state, "face", "0.2.0")
    for path in state.rglob("*"):
        assert (path.stat().st_uid, path.stat().st_gid) == (4711, 4712)
        assert path.stat().st_mode & 0o077 == 0


def test_root_means_the_services_state_unless_told_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = tmp_path / "mien-sense"
    monkeypatch.setattr("device.perception.models.registry.SERVICE", service)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "mine"))
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert state_folder(Settings()) == tmp_path / "mine" / "mien"
    service.mkdir()
    assert state_folder(Settings()) == service
    assert state_folder(Settings(home=Home(state_dir="/said"))) == Path("/said")
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "mien-hub"))  # as systemd/mien says it for the history
    assert state_folder(Settings()) == service
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "elsewhere"))
    assert state_folder(Settings()) == tmp_path / "elsewhere"
    monkeypatch.delenv("STATE_DIRECTORY")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert state_folder(Settings()) == tmp_path / "mine" / "mien"
