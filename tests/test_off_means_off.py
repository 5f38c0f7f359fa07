"""Off means off: both processes with a simulated camera, killed at the worst moment, with a disk that takes nothing."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import pytest

from tests.ext4_disk import Disk, ext4_disk
from tests.hub.hub_running import run, until
from tests.running import Mien, mien, short

__all__ = ["mien", "short"]


async def throw(mien: Mien, feature: str, value: str) -> tuple[int, dict[str, Any]]:
    headers = {"Origin": mien.page.rstrip("/")}
    async with (
        aiohttp.ClientSession(headers=headers) as client,
        client.post(mien.page + "api/command", json={"feature": feature, "value": value}) as answer,
    ):
        return answer.status, await answer.json()


async def shown(mien: Mien) -> dict[str, Any]:
    state = await mien.state()
    found: dict[str, Any] = state["sense"] if state and state["sense"]["available"] else {}
    return found


async def camera_states(mien: Mien, seconds: float) -> set[str]:
    """Every state that the camera had, from the moment at which sense is there."""
    await until(lambda: shown(mien), 20)
    states = set()
    for _ in range(round(seconds / 0.03)):
        if (sense := await shown(mien)) and "camera" in sense["stages"]:
            states.add(sense["stages"]["camera"]["state"])
        await asyncio.sleep(0.03)
    return states


async def is_watching(mien: Mien) -> bool:
    sense = await shown(mien)
    return bool(sense) and sense["stages"].get("camera", {}).get("state") == "ok"


def kill(process: "subprocess.Popen[bytes]") -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.wait(5)


def test_a_switch_thrown_while_sense_is_away_is_kept_and_comes_first(mien: Mien) -> None:
    async def story() -> None:
        path = mien.settings()
        mien.start("hub", path)
        sense = mien.start("sense", path)
        await until(lambda: is_watching(mien), 20)
        kill(sense)
        assert await throw(mien, "camera", "OFF") == (202, {"sent": False, "kept": True})
        assert (await throw(mien, "camera", "ON"))[0] == 409, "nobody expects a camera to open hours later"
        mien.start("sense", path)
        assert await camera_states(mien, 2.0) == {"off"}
        assert (await throw(mien, "camera", "ON"))[0] == 200
        await until(lambda: is_watching(mien), 10)

    run(story(), 60)
    assert not list(mien.folder.glob("*/pending_switches.json"))


def test_a_switch_that_a_hung_sense_took_and_did_not_store_is_repeated(mien: Mien) -> None:
    async def story() -> None:
        path = mien.settings()
        mien.start("hub", path)
        sense = mien.start("sense", path)
        await until(lambda: is_watching(mien), 20)
        os.kill(sense.pid, signal.SIGSTOP)
        assert (await throw(mien, "camera", "OFF"))[0] == 200, "it was sent"
        kill(sense)
        mien.start("sense", path)
        assert await camera_states(mien, 2.0) == {"off"}

    run(story(), 60)


def test_a_kept_switch_survives_the_death_of_both(mien: Mien) -> None:
    async def story() -> None:
        path = mien.settings()
        hub = mien.start("hub", path)
        sense = mien.start("sense", path)
        await until(lambda: is_watching(mien), 20)
        kill(sense)
        assert (await throw(mien, "pause", "ON"))[0] == 202
        kill(hub)
        mien.start("sense", path)
        await asyncio.sleep(3)  # sense waits for what hub may know
        mien.start("hub", path)
        assert await camera_states(mien, 2.0) == {"off"}

    run(story(), 60)


@pytest.fixture
def disk(mien: Mien) -> Iterator[Disk]:
    """The state folder on a disk of its own."""
    with ext4_disk(mien.folder, mien.folder / "state") as disk:
        yield disk
        for process in mien.started:
            if process.poll() is None:
                kill(process)


@pytest.mark.parametrize("is_full", [True, False])
def test_a_disk_that_takes_nothing_is_said_and_the_camera_stays_off(mien: Mien, disk: Disk, *, is_full: bool) -> None:
    async def story() -> None:
        path = mien.settings()
        hub = mien.start("hub", path)
        sense = mien.start("sense", path)
        await until(lambda: is_watching(mien), 20)
        disk.fill() if is_full else disk.fail()
        await throw(mien, "camera", "OFF")

        async def problem() -> str:
            state = await mien.state() or {"problems": []}
            return next((one for one in state["problems"] if one.startswith("switches: cannot be kept")), "")

        assert "space" in await until(problem, 5)
        kill(sense)
        sense = mien.start("sense", path)
        assert await camera_states(mien, 2.0) == {"off"}
        kill(sense)
        kill(hub)
        mien.start("hub", path)
        mien.start("sense", path)
        assert await camera_states(mien, 2.0) == {"off"}
        if is_full:
            (disk.folder / "filling").unlink()
            await until(lambda: not_said(problem), 10)

    async def not_said(problem: Callable[[], Any]) -> bool:
        return not await problem()

    run(story(), 90)
