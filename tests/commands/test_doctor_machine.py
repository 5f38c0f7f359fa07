"""What doctor says of the machine: against a real broker, and files that stand where a Pi has its own."""

import time
from pathlib import Path

import pytest

from device.commands import doctor_machine
from device.commands.finding import Finding
from device.settings import Camera, Mqtt, Settings
from tests.hub.conftest import Broker, broker, free_port

__all__ = ["broker"]


def found(settings: Settings) -> dict[str, Finding]:
    return {finding.check: finding for finding in doctor_machine.machine(settings)}


def with_broker(port: int, **more: object) -> Settings:
    return Settings(mqtt=Mqtt(host="127.0.0.1", port=port, **more))  # type: ignore[arg-type]


def test_a_broker_that_takes_us_in(broker: Broker) -> None:
    said = found(with_broker(broker.port))["MQTT broker"]
    assert said == Finding("MQTT broker", True, f"127.0.0.1:{broker.port} takes us in, without TLS")


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
    monkeypatch.setattr(doctor_machine, "_THERMAL", tmp_path / "temp")
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


def test_without_systemd_there_are_no_units() -> None:
    if Path("/run/systemd/system").is_dir():
        pytest.skip("systemd runs here: tests/system asks the units")
    assert found(Settings())["units"].ok is None
