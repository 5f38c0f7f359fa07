"""Doctor's checks of the machine: with a real broker, and with files in place of a Pi's own."""

import os
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from device.commands.checks import host, services
from device.commands.checks.context import Context
from device.settings.schema import Camera, Mqtt, Settings
from device.system.check import Check
from tests.hub.conftest import Broker, broker, free_port

__all__ = ["broker"]


def by_name(checks: Iterable[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def check_broker(settings: Settings) -> Check:
    (check,) = services.broker(Context(settings))
    return check


def with_broker(port: int, **more: object) -> Settings:
    return Settings(mqtt=Mqtt(host="127.0.0.1", port=port, **more))  # type: ignore[arg-type]


def test_a_broker_that_accepts_the_login(broker: Broker) -> None:
    said = check_broker(with_broker(broker.port))
    assert said == Check("MQTT broker", True, f"127.0.0.1:{broker.port} accepts the login, without TLS")


def test_a_broker_that_is_missing_or_not_configured() -> None:
    said = check_broker(with_broker(port := free_port()))
    assert said.ok is False
    assert f"127.0.0.1:{port}" in said.message
    assert "mqtt.host" in said.fix
    assert check_broker(Settings()).ok is None


def test_a_missing_password_file_is_named(broker: Broker, tmp_path: Path) -> None:
    said = check_broker(with_broker(broker.port, username="anna", password_file=str(tmp_path / "none")))
    assert said.ok is False
    assert str(tmp_path / "none") in said.message


@pytest.mark.parametrize(("degrees", "ok"), [("51200", True), ("84700", False)])
def test_heat(tmp_path: Path, degrees: str, ok: bool) -> None:
    (tmp_path / "temp").write_text(degrees)
    (said,) = host.temperature(Context(Settings()), tmp_path / "temp")
    assert said.ok is ok
    assert said.message == f"{int(degrees) / 1000:.0f} °C"


@pytest.mark.parametrize(
    ("bits", "ok", "words"),
    [("0", True, "never"), ("50000", None, "was slowed down"), ("50005", False, "slowed down now")],
)
def test_throttling(tmp_path: Path, bits: str, ok: bool | None, words: str) -> None:
    (tmp_path / "throttled").write_text(f"{bits}\n")
    (said,) = host.throttling(Context(Settings()), tmp_path / "throttled")
    assert said.ok is ok
    assert words in said.message
    assert bool(said.fix) is (ok is not True)


def test_a_clock_before_mien_was_released(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 3600.0)
    (said,) = host.clock(Context(Settings()))
    assert said.ok is False
    assert "battery" in said.fix


def test_a_camera_that_is_off_needs_no_group(tmp_path: Path) -> None:
    (tmp_path / "video0").touch()
    for source, names in (("off", set()), ("/dev/video0", {"group video"})):
        settings = Settings(camera=Camera(source=source))
        assert by_name(host.device_permissions(Context(settings), tmp_path)).keys() == names


def test_the_versions_of_the_libraries_are_listed() -> None:
    (check,) = host.packages(Context(Settings()))
    assert "numpy " in check.message
    assert "aiohttp " in check.message


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Programs that answer like systemd's. tests/system asks the real ones."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for name, said in (
        ("systemctl", "LoadState=loaded\nActiveState=active\nNRestarts=2\nResult=success"),
        ("systemd-analyze", "→ Overall exposure level for mien-hub.service: 1.1 OK :-)"),
    ):
        (tmp_path / name).write_text(f"#!/bin/sh\nprintf '%s\\n' '{said}'\n")
        (tmp_path / name).chmod(0o755)
    return tmp_path


def check_units(booted: Path) -> dict[str, Check]:
    return by_name(services.units(Context(Settings()), booted))


def test_units_that_run_and_one_with_a_loosened_sandbox(systemd: Path) -> None:
    said = check_units(systemd)
    assert said["mien-hub.service"] == Check("mien-hub.service", True, "active, 2 restarts since the boot")
    assert said["mien-hub.service sandbox"].ok
    assert said["mien-sense.service sandbox"].ok is None, "1.1 is more than it is shipped with"
    assert "drop-in" in said["mien-sense.service sandbox"].fix


def test_units_that_do_not_run_or_are_not_installed(systemd: Path) -> None:
    (systemd / "systemctl").write_text(
        "#!/bin/sh\necho LoadState=loaded; echo ActiveState=failed; echo Result=watchdog\n"
    )
    said = check_units(systemd)["mien-sense.service"]
    assert said.ok is False
    assert "journalctl -u mien-sense.service" in said.fix
    assert "watchdog" in said.fix
    (systemd / "systemctl").write_text("#!/bin/sh\necho LoadState=not-found\n")
    assert check_units(systemd)["mien-hub.service"].fix == "sudo systemd/install.sh"
    (systemd / "systemd-analyze").unlink()
    (systemd / "systemctl").write_text("#!/bin/sh\nexit 1\n")
    assert check_units(systemd)["mien-hub.service"].ok is None


@pytest.mark.parametrize("allowed", [True, False])
def test_whether_this_user_may_open_the_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allowed: bool) -> None:
    (tmp_path / "snd").mkdir()
    for name in ("video0", "snd/pcmC0D0c"):
        (tmp_path / name).touch()
    monkeypatch.setattr(os, "access", lambda *_: allowed)  # root may open everything
    said = by_name(host.device_permissions(Context(Settings()), tmp_path))
    assert (said["group video"].ok, said["group audio"].ok) == (allowed, allowed)
    if not allowed:
        assert "usermod -aG video" in said["group video"].fix


def test_a_group_that_does_not_exist() -> None:
    assert not host.group_exists("no-such-group")


def test_without_systemd_there_are_no_units(tmp_path: Path) -> None:
    assert check_units(tmp_path / "none")["units"].ok is None
