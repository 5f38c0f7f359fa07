"""The ledger's file outlives a hub that is killed; damaged and older files."""

import asyncio
import hashlib
import logging
import subprocess
import sys
from pathlib import Path
from types import NoneType
from typing import Any

import msgspec
import pytest

from device.emotions import Emotion
from device.hub.actions.mpd import Queue
from device.hub.actions.restore.ledger import FILE_NAME, LedgerFile, RestoreLedger
from device.hub.actions.restore.previous_state import PreviousState
from device.hub.actions.wled import Segment, State
from device.hub.rules.runner import RunnerLimits
from device.settings.actions.base import Action
from device.settings.actions.home_assistant import CallService
from device.settings.actions.hue import HueLight
from device.settings.actions.mpd import Music
from device.settings.actions.wled import Wled
from device.settings.load import load
from tests.hub.actions.fakes import RED
from tests.hub.actions.home_assistant_setup import COLOUR, LAMP, Instance
from tests.hub.actions.hue_bridge import LAMP as BULB
from tests.hub.actions.peers import Clock
from tests.hub.hub_running import Sense, is_listening, mood, run, running, until
from tests.hub.hub_setup import results

HOUSE = """
[home]
name = "test"
state_dir = "{folder}/state"
runtime_dir = "{folder}/run"
[kiosk]
port = 0
[home_assistant]
url = "http://{host}"
token_file = "{token}"
[[rules]]
name = "comfort"
mood = ["sad"]
for_s = 0
cooldown_s = 0
restore = true
[[rules.do]]
action = "home_assistant"
service = "light.turn_on"
entity = "light.lamp"
data = {{xy_color = [0.68, 0.31]}}
"""


def a_hub(path: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "device.cli", "hub", "--settings", str(path)]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("still_sad", [True, False])
def test_a_killed_hub_restores_the_state_from_before_its_rule(short: Path, token_file: Path, still_sad: bool) -> None:
    limits = RunnerLimits(retry_s=60.0 if still_sad else 1.0)

    async def story() -> None:
        async with Instance() as instance:
            light = instance.lights[LAMP]
            path = short / "mien.toml"
            path.write_text(HOUSE.format(folder=short, host=instance.host, token=token_file))
            mine = load(path)
            killed = a_hub(path)
            try:
                await until(lambda: is_listening(mine))
                async with Sense(mine) as sense:
                    sense.change(mood(Emotion.SAD))
                    await until(lambda: light["color_mode"] == "xy" and (mine.state_dir / FILE_NAME).exists())
            finally:
                killed.kill()
                killed.wait()
            async with running(mine, runner_limits=limits) as hub, Sense(mine, "s2") as sense:
                if still_sad:
                    seen = len(instance.calls())
                    sense.change(mood(Emotion.SAD))
                    await until(lambda: len(instance.calls()) > seen)
                sense.change(mood(Emotion.NEUTRAL))
                await until(lambda: light["color_mode"] == "color_temp")
                assert [light["color_temp_kelvin"], light["brightness"]] == [2700, COLOUR["brightness"]]
                await until(lambda: not hub.actions._dispatcher.rules_to_restore)
            assert LedgerFile(mine.state_dir, TYPES).load() == []
            assert ("comfort", "restore", f"home_assistant {LAMP}: done") in results(mine)

    run(story())


def test_a_rule_that_fires_late_has_the_time_to_fire_again(short: Path, token_file: Path) -> None:
    async def story() -> None:
        async with Instance() as instance:
            path = short / "mien.toml"
            house = HOUSE.format(folder=short, host=instance.host, token=token_file).replace("for_s = 0", "for_s = 1")
            path.write_text(house)
            mine = load(path)
            file = LedgerFile(mine.state_dir, TYPES)
            red: Action = CallService("light.turn_on", LAMP, {"xy_color": [0.68, 0.31]})
            previous = PreviousState(f"home_assistant {LAMP}", {"on": False}, {"on": True}, details={})
            RestoreLedger(on_change=file.save).record("comfort", red, [previous])
            await file.close()
            async with running(mine, runner_limits=RunnerLimits(retry_s=0.1)):
                await asyncio.sleep(0.8)
                assert instance.calls() == []
                await until(lambda: instance.lights[LAMP]["state"] == "off")

    run(story())


STRIP = State(on=True, bri=77, seg=(Segment(id=0, col=((8, 16, 32, 0),)), Segment(id=1, on=False)))
QUEUE = Queue(("one.wav", "two.wav"), "play", 60, 1, 7.5)
TYPES: dict[type[Action], Any] = {Wled: State, Music: Queue, HueLight: NoneType, CallService: dict}
EACH: list[tuple[Action, PreviousState]] = [
    (
        Wled("sofa.local"),
        PreviousState("wled sofa.local", STRIP.as_target_state(), {"on": True, "colours": None}, details=STRIP),
    ),
    (
        Music("calm"),
        PreviousState(
            "mpd", QUEUE.as_target_state(), {"playing": frozenset({"play", "ended"})}, settle_s=1.0, details=QUEUE
        ),
    ),
    (
        HueLight(light=BULB, colour="#ff0000"),
        PreviousState(f"hue light {BULB}", {"on": True, "colour": ("xy", 0.4, 0.5)}, {"on": False}, is_complete=True),
    ),
    (
        CallService("light.turn_on", LAMP, {"effect": "party"}),
        PreviousState(
            f"home_assistant {LAMP}", {"on": True, "brightness": 60.0}, {"on": True}, details={"xy_color": [0.4, 0.5]}
        ),
    ),
]


async def write_ledger(folder: Path) -> list[Any]:
    """A ledger with an entry of each kind, written to its file."""
    file = LedgerFile(folder, TYPES)
    ledger = RestoreLedger(on_change=file.save)
    entries = [one for action, previous in EACH for one in ledger.record("comfort", action, [previous])]
    ledger.record("comfort", RED, [PreviousState("lamp", {"on": False}, {"on": True})])
    await file.close()
    return entries


def test_each_kind_of_entry_is_read_as_it_was_written(tmp_path: Path) -> None:
    entries = run(write_ledger(tmp_path))
    read = LedgerFile(tmp_path, TYPES).load()
    assert [msgspec.structs.asdict(one) for one in read] == [msgspec.structs.asdict(one) for one in entries]
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_a_strip_that_somebody_changed_while_hub_was_away_is_left_alone(tmp_path: Path) -> None:
    wall = Clock()

    async def story() -> None:
        file = LedgerFile(tmp_path, TYPES)
        ledger = RestoreLedger(on_change=file.save, wall_clock=wall)
        slow = PreviousState(
            "wled sofa.local", STRIP.as_target_state(), {"on": False}, is_complete=True, settle_s=601.0, details=STRIP
        )
        ledger.mark_finished(ledger.record("comfort", Wled("sofa.local", brightness=0), [slow]))
        await file.close()

    run(story())
    wall.now_s += 3600
    (entries,) = LedgerFile(tmp_path, TYPES).load()
    assert not RestoreLedger(entries=[entries], wall_clock=wall).is_untouched(entries, {"on": True})


def test_the_file_keeps_the_keys_of_0_1(tmp_path: Path) -> None:
    run(write_ledger(tmp_path))
    first = msgspec.json.decode((tmp_path / FILE_NAME).read_bytes())["held"][0]
    assert " ".join(first) == "rule action target was asked alone settle_s more expected at_utc_s"


def test_entries_of_an_older_version_are_settled(tmp_path: Path) -> None:
    run(write_ledger(tmp_path))
    path = tmp_path / FILE_NAME
    old = [
        {name: value for name, value in entry.items() if name != "at_utc_s"}
        for entry in msgspec.json.decode(path.read_bytes())["held"]
    ]
    entries = msgspec.json.encode(old)
    path.write_bytes(msgspec.json.encode({"held": msgspec.Raw(entries), "sha256": hashlib.sha256(entries).hexdigest()}))
    read = LedgerFile(tmp_path, TYPES).load()
    assert len(read) == len(EACH)
    ledger = RestoreLedger(entries=read)
    assert all(ledger.is_settled(one) for one in read)


def test_a_damaged_ledger_is_reported_and_replaced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run(write_ledger(tmp_path))
    path = tmp_path / FILE_NAME
    whole = path.read_bytes()
    assert LedgerFile(tmp_path / "nowhere", TYPES).load() == []
    assert caplog.text == ""
    damaged = [whole[:cut] for cut in range(0, len(whole), 97)]
    damaged += [
        whole.replace(b"60.0", b"61.0", 1),
        whole.replace(b"comfort", b"\xffomfort", 1),
        b"[" * 100_000,
        b"\0" * 500,
    ]
    for content in damaged:
        path.write_bytes(content)
        caplog.clear()
        assert LedgerFile(tmp_path, TYPES).load() == []
        assert f"{path}: cannot be read (" in caplog.text
    run(write_ledger(tmp_path))
    assert len(LedgerFile(tmp_path, TYPES).load()) == len(EACH)


def test_a_full_disk_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    (tmp_path / ".held.json.partial").mkdir()
    run(write_ledger(tmp_path))
    assert "cannot be written, a power cut would lose it" in caplog.text
