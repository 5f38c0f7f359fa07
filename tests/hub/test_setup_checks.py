"""The checks of the page's set-up view."""

from pathlib import Path

import msgspec
import pytest

from device.hub.setup_checks import check_setup
from device.hub.state.snapshot import Snapshot
from device.ipc.messages import Stage, State
from device.readings import Baseline, SenseBaseline
from device.system.check import Check
from device.system.isolation import Gap, Isolation
from tests.hub.hub_running import HELLO, WELL

HERE = Snapshot("livingroom", available=True, available_since_utc_s=1.7e9, problem="", hello=HELLO, health=WELL)


def run_checks(now: Snapshot, folder: Path) -> dict[str, Check]:
    return {finding.name: finding for finding in check_setup(now, folder)}


def test_a_healthy_setup(tmp_path: Path) -> None:
    checks = run_checks(HERE, tmp_path)
    assert checks["camera"] == Check("camera", True, "works, 10.0 pictures a second")
    assert checks["no network in sense"].ok
    assert checks["MQTT broker"] == Check("MQTT broker", None, "none in the settings")
    assert checks["page"].message == "served on this device only, without a login"
    assert not [finding for finding in checks.values() if finding.ok is False]


def test_a_sense_that_is_away_has_no_stages(tmp_path: Path) -> None:
    checks = run_checks(Snapshot("livingroom", problem="sense is away: it closed the connection"), tmp_path)
    assert checks["sense"] == Check("sense", False, "sense is away: it closed the connection")
    assert "camera" not in checks


@pytest.mark.parametrize(
    ("stage", "ok", "words"),
    [
        (Stage(State.LOST, "no camera; plug one in"), False, "is lost, 0.0 pictures a second; no camera; plug one in"),
        (Stage(State.FROZEN, "the same picture again"), False, "is frozen"),
        (Stage(State.OFF), None, "the device is closed"),
        (Stage(State.OK, "", 9.96, 12), True, "works, 10.0 pictures a second, 12 dropped"),
    ],
)
def test_each_state_of_a_stage(tmp_path: Path, stage: Stage, ok: bool | None, words: str) -> None:
    failing = msgspec.structs.replace(HERE, health=msgspec.structs.replace(WELL, stages={"camera": stage}))
    checks = run_checks(failing, tmp_path)["camera"]
    assert checks.ok is ok
    assert words in checks.message


def test_missing_isolation_is_a_problem_that_names_what_is_open(tmp_path: Path) -> None:
    gaps = (Gap.NETWORK, Gap.SOCKETS)
    open_walls = Isolation(False, ("lo", "eth0"), "connected", "this kernel refuses", gaps)
    now = msgspec.structs.replace(HERE, hello=msgspec.structs.replace(HELLO, isolation=open_walls))
    checks = run_checks(now, tmp_path)
    assert checks["no network in sense"].ok is False
    assert "not closed: network, sockets (this kernel refuses)" in checks["no network in sense"].message
    # Home Assistant, the page and /healthz show the problems of the snapshot.
    assert now.problems() == ["sense is not isolated: not closed: network, sockets (this kernel refuses)"]
    assert msgspec.structs.replace(HERE, hello=HELLO).problems() == []


def test_open_access_is_reported(tmp_path: Path) -> None:
    checks = run_checks(msgspec.structs.replace(HERE, house=True, live_view=True, watchers=2), tmp_path)
    assert checks["page"].message == "served to the house, with a password"
    assert checks["live view"].message == "allowed by the settings; 2 watching now"


@pytest.mark.parametrize("moment_s", [1.7e9, -1e300, 1e300])
def test_any_time_of_a_baseline_can_be_shown(tmp_path: Path, moment_s: float) -> None:
    neutral = Baseline(moment_s, SenseBaseline(300, (0.1, 0.1, 0.1, 0.1, 0.2, 0.1, 0.3)))
    health = msgspec.structs.replace(WELL, baseline=neutral)
    checks = run_checks(msgspec.structs.replace(HERE, health=health), tmp_path)["neutral"]
    assert checks.ok
    assert checks.message.endswith("from faces")


def test_broker_history_and_disk(tmp_path: Path) -> None:
    failing = msgspec.structs.replace(HERE, mqtt="MQTT broker: refused", history="the disk is full")
    checks = run_checks(failing, tmp_path / "not" / "yet")
    assert checks["MQTT broker"] == Check("MQTT broker", False, "MQTT broker: refused")
    assert checks["history"] == Check("history", False, "the disk is full")
    assert checks["disk"].ok
