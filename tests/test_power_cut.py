"""What was acknowledged is still there after a power cut 0.2 s later: the processes on a real ext4, cut as they run."""

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from device.emotions import Emotion
from device.hub.web.auth.password import Password, hash_password, write
from device.settings.load import load
from device.system.state_file import StateFile
from tests.ext4_disk import Disk, ext4_disk
from tests.hub.actions.test_wled import Strip
from tests.hub.hub_running import Sense, mood, run, until
from tests.running import Mien, mien, short
from tests.test_off_means_off import kill, shown, throw

__all__ = ["mien", "short"]

CUT_S = 0.2
SHORT, LONG = 1, 20
"""Power cuts for each thing that is kept: in `make test`, and in `make soak`."""
_RULE = """
[[rules]]
name = "light"
mood = ["sad"]
for_s = 0
restore = true
do = [{action = "wled", host = "HOST", colour = "#ff0000"}]
"""
TIMES = pytest.mark.parametrize(
    "times", [SHORT, pytest.param(LONG, marks=[pytest.mark.soak, pytest.mark.timeout(900)])]
)


@pytest.fixture
def disk(mien: Mien) -> Iterator[Disk]:
    with ext4_disk(mien.folder, mien.folder / "state") as disk:
        yield disk
        for process in mien.started:
            if process.poll() is None:
                kill(process)


async def cut(mien: Mien, disk: Disk) -> None:
    """A power cut CUT_S from now: the disk stops first, then the processes."""
    await asyncio.sleep(CUT_S)
    for process in mien.started:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGSTOP)
    left = disk.copy()
    for process in mien.started:
        if process.poll() is None:
            kill(process)
    disk.swap(left)


@TIMES
def test_a_switch_survives(mien: Mien, disk: Disk, times: int) -> None:
    async def story() -> None:
        path = mien.settings()
        for turn in range(times):
            value = "OFF" if turn % 2 == 0 else "ON"
            mien.start("hub", path)
            mien.start("sense", path)
            await until(lambda: shown(mien), 20)
            assert (await throw(mien, "camera", value))[0] == 200
            await cut(mien, disk)
            kept = json.loads((disk.folder / "sense" / "switches.json").read_text())
            assert kept["camera"] is (value == "ON"), turn

    run(story(), 800)


@TIMES
def test_a_profile_survives(mien: Mien, disk: Disk, times: int) -> None:
    async def story() -> None:
        path = mien.settings()
        path.write_text(path.read_text().replace("[home]", '[home]\nprofiles = ["day", "evening"]'))
        for turn in range(times):
            chosen = ("evening", "day")[turn % 2]
            mien.start("hub", path)
            await until(mien.state, 20)
            assert (await throw(mien, "profile", chosen))[0] == 200
            await cut(mien, disk)
            assert json.loads((disk.folder / "profile.json").read_text()) == {"profile": chosen}

    run(story(), 800)


@TIMES
def test_a_session_survives(mien: Mien, disk: Disk, times: int) -> None:
    async def story() -> None:
        hashed = mien.folder / "password.json"
        write(hashed, hash_password("correct horse"))
        path = mien.settings()
        path.write_text(path.read_text() + f'password_file = "{hashed}"\n')
        # As through a proxy on this device; otherwise no password would be asked.
        headers = {"Origin": mien.page.rstrip("/"), "X-Forwarded-For": "192.0.2.7"}
        token = ""
        for turn in range(times + 1):
            mien.start("hub", path)
            await until(mien.state, 20)
            async with aiohttp.ClientSession(headers=headers) as client:
                if turn:
                    cookie = {"Cookie": f"mien={token}"}
                    async with client.get(mien.page + "api/state", headers=cookie) as old:
                        assert old.status == 200, "the session was forgotten"
                if turn < times:
                    async with client.post(mien.page + "login", json={"password": "correct horse"}) as answer:
                        assert answer.status == 200
                        token = answer.cookies["mien"].value
            await cut(mien, disk)

    run(story(), 800)


@TIMES
def test_a_held_lamp_survives(mien: Mien, disk: Disk, times: int) -> None:
    async def story(strip: Strip) -> None:
        path = mien.settings()
        path.write_text(path.read_text() + _RULE.replace("HOST", strip.host))
        for turn in range(times):
            mien.start("hub", path)
            await until(mien.state, 20)
            async with Sense(load(path), f"s{turn}") as sense:
                sense.change(mood(Emotion.SAD))
                await until(strip.sent)
                await cut(mien, disk)
            kept = json.loads((disk.folder / "held.json").read_text())
            assert [entry["rule"] for entry in kept["held"]] == ["light"]
            (disk.folder / "held.json").unlink()
            strip.requests.clear()

    async def with_strip() -> None:
        async with Strip() as strip:
            await story(strip)

    run(with_strip(), 800)


def test_every_state_file_is_there_and_a_removed_one_is_gone_at_once(short: Path) -> None:
    """The neutral, the voices, the password and all others are kept by the same two functions."""
    with ext4_disk(short, short / "state") as disk:
        for turn in range(LONG):
            write(disk.folder / f"new-{turn}" / "deeper" / "password.json", Password("0" * 32, "1" * 64))
            neutral = StateFile(disk.folder / "neutral.json", int, "")
            neutral.save(turn) if turn % 2 else neutral.remove()
            disk.swap(disk.copy())
            assert neutral.load(None) == (turn if turn % 2 else None)
            assert (disk.folder / f"new-{turn}" / "deeper" / "password.json").exists()
