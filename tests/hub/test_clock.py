"""libfaketime sets the wall clock of a running hub a year ahead and back, while the monotonic clock goes on."""

import asyncio
import functools
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from device.emotions import Emotion
from device.hub.history.reader import read
from device.hub.history.rows import Entry
from device.settings.schema import Settings
from device.system.clock import RELEASED_UTC_S
from tests.hub.conftest import free_port
from tests.hub.hub_running import Sense, is_listening, mood, run, until

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
pytestmark = pytest.mark.skipif(LIBRARY is None, reason="libfaketime is not installed")

DAY_S = 86_400.0
NOON_UTC_S = RELEASED_UTC_S + 30.5 * DAY_S
AHEAD_UTC_S = NOON_UTC_S + 400 * DAY_S
UNSET_UTC_S = RELEASED_UTC_S - 30.5 * DAY_S
"""The time on a Pi without a clock battery before a time server answers. It is noon, too."""
RULES = """
[[rules]]
name = "slow"
mood = ["sad"]
for_s = 2.5
cooldown_s = 0
do = [{action = "lamp", colour = "#ffb46b", brightness = 40}]
[[rules]]
name = "once"
mood = ["happy"]
for_s = 0
cooldown_s = 3600
do = [{action = "player", playlist = "calm"}]
[[rules]]
name = "noon"
mood = ["sad"]
for_s = 0
cooldown_s = 0
hours = "11:00-13:00"
restore = true
do = [{action = "lamp", colour = "#000011", brightness = 5}]
"""


class House:
    """A hub in a process of its own, with a wall clock of its own. Its monotonic clock is the system's."""

    def __init__(self, settings: Settings, folder: Path, utc_s: float) -> None:
        self._settings = settings
        self._offset = folder / "offset"
        self.put(utc_s)
        port = free_port()
        self.page = f"http://127.0.0.1:{port}/"
        path = folder / "mien.toml"
        home = f'[home]\nstate_dir = "{settings.state_dir}"\nruntime_dir = "{settings.runtime_dir}"\n'
        path.write_text(f"{home}[kiosk]\nport = {port}\n{RULES}")
        faked = {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._offset),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # Otherwise it changes the waits of Python's own lock, and every thread stops for seconds.
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
            "NO_FAKE_STAT": "1",
            "TZ": "UTC",
        }
        command = [sys.executable, "-m", "device.cli", "--settings", str(path), "hub"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | faked)

    def put(self, utc_s: float) -> None:
        """Set the wall clock in one step."""
        partial = self._offset.with_suffix(".partial")
        partial.write_text(f"{utc_s - time.time():+.0f}\n")
        partial.replace(self._offset)

    async def state(self) -> dict[str, Any]:
        async with aiohttp.ClientSession() as client, client.get(self.page + "api/state") as answer:
            document: dict[str, Any] = await answer.json()
            return document

    def fired(self) -> list[str | None]:
        return [entry.rule for entry in self.remembered() if entry.kind == "action" and entry.action != "restore"]

    def remembered(self) -> list[Entry]:
        return read(self._settings.state_dir)


@contextmanager
def running(settings: Settings, folder: Path, utc_s: float) -> Iterator[House]:
    """A hub that stops at the end, at once and without a traceback."""
    house = House(settings, folder, utc_s)
    try:
        yield house
    finally:
        house.process.terminate()
        log = house.process.communicate(timeout=10)[1]
    assert house.process.returncode == 0
    assert "Traceback" not in log
    assert "no message for" not in log, "a heartbeat was missed"


@asynccontextmanager
async def connect_sense(house: Settings) -> AsyncIterator[Sense]:
    """A sense connected to the hub."""
    await until(lambda: is_listening(house), 15)
    async with Sense(house) as sense:
        yield sense


async def send_mood(house: House, sense: Sense, emotion: Emotion) -> None:
    """Send a mood: it is shown and stored at once."""
    start_s = time.monotonic()
    sense.repeated = mood(emotion)
    seq = sense.change(sense.repeated)
    await until(lambda: sense.last_ack() == seq)
    document = await house.state()
    assert document["mood"]["emotion"] == emotion.value
    assert time.monotonic() - start_s < 2


def test_a_clock_a_year_ahead_and_back_moves_no_hold_and_loses_no_row(house: Settings, short: Path) -> None:
    async def story(hub: House) -> None:
        async with connect_sense(house) as sense:
            await send_mood(hub, sense, Emotion.HAPPY)
            await until(lambda: hub.fired() == ["once"])
            hub.put(AHEAD_UTC_S)
            await send_mood(hub, sense, Emotion.ANGRY)
            await send_mood(hub, sense, Emotion.HAPPY)
            start_s = time.monotonic()
            await send_mood(hub, sense, Emotion.SAD)
            hub.put(NOON_UTC_S + 60)
            await asyncio.sleep(1)
            hub.put(AHEAD_UTC_S)
            await asyncio.sleep(0.6)
            hub.put(NOON_UTC_S + 120)
            assert "slow" not in hub.fired()
            await until(lambda: "slow" in hub.fired())
            assert 2.4 < time.monotonic() - start_s < 6
            await send_mood(hub, sense, Emotion.SURPRISE)

    with running(house, short, NOON_UTC_S) as hub:
        run(story(hub))
        assert hub.fired().count("once") == 1, "a cooldown of an hour does not end because the clock jumps a year"
        assert hub.fired().count("slow") == 1
        check_entries(hub.remembered())


def check_entries(entries: list[Entry]) -> None:
    """Nothing is lost, and gaps show where the clock was set."""
    moods = {entry.emotion: entry for entry in entries if entry.kind == "mood"}
    assert [entry.emotion for entry in entries if entry.kind == "mood"] == [
        *("happy", "surprise"),
        *("angry", "happy", "sad"),
    ]
    assert moods["surprise"].time_s == pytest.approx(NOON_UTC_S + 120, abs=10)
    assert moods["sad"].time_s == pytest.approx(AHEAD_UTC_S, abs=10)
    gaps = [
        (entry.why, round(entry.time_s, -2), round(entry.until_s or 0, -2)) for entry in entries if entry.kind == "gap"
    ]
    ahead = "the clock went forward by 400 days: it was set, or this device slept"
    assert (ahead, NOON_UTC_S, AHEAD_UTC_S) in gaps
    assert ("the clock was put back by 400 days", NOON_UTC_S + 100, NOON_UTC_S + 100) in gaps


def test_hours_wait_for_a_set_clock_and_do_not_end_when_it_is_lost(house: Settings, short: Path) -> None:
    async def story(hub: House) -> None:
        async with connect_sense(house) as sense:
            await send_mood(hub, sense, Emotion.SAD)
            await until(lambda: hub.fired() == ["slow"])
            hub.put(NOON_UTC_S)
            start_s = time.monotonic()
            await until(lambda: hub.fired() == ["slow", "noon"])
            assert time.monotonic() - start_s < 2
            hub.put(UNSET_UTC_S)
            await asyncio.sleep(1)
            assert await has_brightness(hub, 5), "without a clock, the hours do not end"
            hub.put(NOON_UTC_S + 2 * 3600)
            await until(functools.partial(has_brightness, hub, 40))

    with running(house, short, UNSET_UTC_S) as hub:
        run(story(hub))
        assert hub.fired() == ["slow", "noon"]


async def has_brightness(hub: House, brightness: int) -> bool:
    return bool((await hub.state())["lamp"]["brightness"] == brightness)
