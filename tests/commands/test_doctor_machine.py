"""What doctor says of the machine: against a real broker, and files that stand where a Pi has its own."""

import os
import time
from pathlib import Path

import pytest

from device.commands import doctor_machine
from device.settings.schema import Camera, Mqtt, Settings
from device.system import machine
from device.system.check import Check
from tests.hub.conftest import Broker, broker, free_port

__all__ = ["broker"]


def found(settings: Settings) -> dict[str, Check]:
    return {finding.check: finding for finding in doctor_machine.machine(settings)}


def with_broker(port: int, **more: object) -> Settings:
    return Settings(mqtt=Mqtt(host="127.0.0.1", port=port, **more))  # type: ignore[arg-type]


def test_a_broker_that_takes_us_in(broker: Broker) -> None:
    said = found(with_broker(broker.port))["MQTT broker"]
    assert said == Check("MQTT broker", True, f"127.0.0.1:{broker.port} takes us in, without TLS")


def test_a_broker_that_is_not_there_or_none() -> None:
    said = found(with_broker(port := free_port()))["MQTT broker"]
    assert said.ok is False
    assert f"127.0.0.1:{port}" in said.said
    assert "mqtt.host" in said.fix
    assert found(Settings())["MQTT broker"].ok is None


def test_a_password_file_that_is_missing_is_named(broker: Broker, tmp_path: Path) -> None:
    said = found(with_broker(broker.port, username="anna", password_file=str(tmp_path / "none")))["MQTT broker"]
    assert said.ok is False
    assert str(tmp_path / "none") in said.said


@pytest.mark.parametrize(("degrees", "ok"), [("51200", True), ("84700", False)])
def test_heat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, degrees: str, ok: bool) -> None:
    (tmp_path / "temp").write_text(degrees)
    monkeypatch.setattr(machine, "THERMAL", tmp_path / "temp")
    said = found(Settings())["temperature"]
    assert said.ok is ok
    assert said.said == f"{int(degrees) / 1000:.0f} °C"


@pytest.mark.parametrize(
    ("bits", "ok", "words"),
    [("0", True, "never"), ("50000", None, "was slowed down"), ("50005", False, "slowed down now")],
)
def test_throttling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bits: str, ok: bool | None, words: str) -> None:
    (tmp_path / "throttled").write_text(f"{bits}\n")
    monkeypatch.setattr(doctor_machine, "_THROTTLED", tmp_path / "throttled")
    said = found(Settings())["throttling"]
    assert said.ok is ok
    assert words in said.said


def test_a_clock_before_mien_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 3600.0)
    said = found(Settings())["clock"]
    assert said.ok is False
    assert "battery" in said.fix


def test_a_sense_that_is_off_needs_no_group() -> None:
    assert "group video" not in found(Settings(camera=Camera(source="off")))


def test_what_mien_stands_on_is_told_by_version() -> None:
    said = doctor_machine.packages().said
    assert "numpy " in said
    assert "aiohttp " in said


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Programs that answer as systemd's do; the real ones are asked in tests/system."""
    monkeypatch.setattr(doctor_machine, "_BOOTED", tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for name, said in (
        ("systemctl", "LoadState=loaded\nActiveState=active\nNRestarts=2\nResult=success"),
        ("systemd-analyze", "→ Overall exposure level for mien-hub.service: 1.1 OK :-)"),
    ):
        (tmp_path / name).write_text(f"#!/bin/sh\nprintf '%s\\n' '{said}'\n")
        (tmp_path / name).chmod(0o755)
    return tmp_path


def test_units_that_run_and_one_that_somebody_has_opened(systemd: Path) -> None:
    said = found(Settings())
    assert said["mien-hub.service"] == Check("mien-hub.service", True, "active, started again 2 times since the boot")
    assert said["mien-hub.service sandbox"].ok
    assert said["mien-sense.service sandbox"].ok is None, "1.1 is more than it is shipped with"
    assert "drop-in" in said["mien-sense.service sandbox"].fix


def test_units_that_do_not_run_or_are_not_there(systemd: Path) -> None:
    (systemd / "systemctl").write_text(
        "#!/bin/sh\necho LoadState=loaded; echo ActiveState=failed; echo Result=watchdog\n"
    )
    said = found(Settings())["mien-sense.service"]
    assert said.ok is False
    assert "journalctl -u mien-sense.service" in said.fix
    assert "watchdog" in said.fix
    (systemd / "systemctl").write_text("#!/bin/sh\necho LoadState=not-found\n")
    assert found(Settings())["mien-hub.service"].fix == "sudo systemd/install.sh"
    (systemd / "systemd-analyze").unlink()
    (systemd / "systemctl").write_text("#!/bin/sh\nexit 1\n")
    assert found(Settings())["mien-hub.service"].ok is None


@pytest.mark.parametrize("allowed", [True, False])
def test_devices_that_are_there_and_whether_this_user_may_open_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allowed: bool
) -> None:
    (tmp_path / "snd").mkdir()
    for name in ("video0", "snd/pcmC0D0c"):
        (tmp_path / name).touch()
    monkeypatch.setattr(doctor_machine, "_DEV", tmp_path)
    monkeypatch.setattr(os, "access", lambda *_: allowed)  # root may open everything
    said = found(Settings())
    assert (said["group video"].ok, said["group audio"].ok) == (allowed, allowed)
    if not allowed:
        assert "usermod -aG video" in said["group video"].fix


def test_a_group_that_this_system_does_not_know() -> None:
    assert not doctor_machine._exists("no-such-group")


def test_without_systemd_there_are_no_units() -> None:
    if Path("/run/systemd/system").is_dir():
        pytest.skip("systemd runs here: tests/system asks the units")
    assert found(Settings())["units"].ok is None
