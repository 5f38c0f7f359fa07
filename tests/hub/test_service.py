"""The whole hub: from a line at the door to a row, a lamp and a page."""

import asyncio
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from device import link
from device.destinations import Lamp, Player, Publish
from device.emotions import Emotion
from device.errors import ActionError, MienError
from device.hub.actions import Destinations
from device.hub.history_reading import read
from device.hub.service import Hub, run_hub
from device.link import Stage, State
from device.notify import notify
from device.settings import Kiosk, Settings
from tests.hub.conftest import free_port
from tests.hub.helpers import WELL, Sense, door_is, mood, run, running, state, until, write_settings


def test_a_mood_is_remembered_acknowledged_acted_on_and_said(house: Settings, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def story() -> None:
        async with running(house) as hub, Sense(house) as sense:
            seq = sense.change(mood(Emotion.SAD, 0.71))
            await until(lambda: sense.acked() == seq)
            await until(lambda: hub.board.now.player.get("playing"))
            await until(lambda: len(kinds(house, "action")) == 2)

    run(story())
    assert re.search(
        r"mood sad 71 % \(face sad 64 %, voice sad 80 %\), 1 person; 0\.\d\d s from the frame to the message",
        caplog.text,
    )
    assert "lamp   #ffb46b at 40 %" in caplog.text
    assert "player calm at 50 %" in caplog.text
    assert {e.result for e in read(house.state_dir) if e.kind == "action"} == {"done"}
    assert kinds(house, "mood") == ["sad"]


def kinds(settings: Settings, kind: str) -> list[str | None]:
    return [e.emotion or e.rule or e.why for e in read(settings.state_dir) if e.kind == kind]


def test_refreshes_are_shown_and_not_stored(house: Settings) -> None:
    async def story() -> None:
        async with running(house) as hub, Sense(house) as sense:
            sense.change(mood(Emotion.SAD, 0.7))
            sense.change(mood(Emotion.SAD, 0.9), seq=0)
            await until(lambda: hub.board.now.mood and hub.board.now.mood.confidence == 0.9)
            await until(lambda: sense.acked() == 1)

    run(story())
    assert kinds(house, "mood") == ["sad"]


def test_old_changes_are_remembered_at_their_time_but_move_no_lamp(house: Settings) -> None:
    async def story() -> None:
        async with running(house) as hub, Sense(house) as sense:
            sense.change(mood(Emotion.HAPPY, age_s=600))
            sense.change(mood(Emotion.SAD, age_s=300))
            await until(lambda: sense.acked() == 2)
            await asyncio.sleep(0.6)
            assert hub.board.now.mood is None
            assert hub.board.now.lamp["on"] is False

    run(story())
    times = [e.time_s for e in read(house.state_dir) if e.kind == "mood"]
    assert times == [pytest.approx(time.time() - 600, abs=10), pytest.approx(time.time() - 300, abs=10)]


def test_sense_gone_is_said_within_two_seconds_and_is_a_gap(house: Settings) -> None:
    async def story() -> None:
        async with running(house) as hub:
            async with Sense(house) as sense:
                sense.change(mood())
                await until(lambda: hub.board.now.mood)
                for task in sense._tasks:
                    task.cancel()  # it hangs: connected, and says nothing
                hung_s = time.monotonic()
                await until(lambda: not hub.board.now.available, 3)
                assert time.monotonic() - hung_s < 2.3
                said = await state(hub)
                assert said["mood"] is None
                assert said["last_mood"]["emotion"] == "sad"
                assert said["sense"]["problem"] == "sense is away: no word for 1.5 s"
            await asyncio.sleep(0.3)
            async with Sense(house):
                await until(lambda: hub.board.now.available)
                assert (await state(hub))["sense"]["problem"] == ""
                closed = await until(lambda: [g for g in gaps(house) if g[1] is not None])
                assert closed[0][2] == "sense was away"
                assert 1.5 < (closed[0][1] or 0) - closed[0][0] < 4

    run(story())


def gaps(settings: Settings) -> list[tuple[float, float | None, str | None]]:
    return [(e.time_s, e.until_s, e.why) for e in read(settings.state_dir) if e.kind == "gap"]


def test_resend_after_a_reconnect_is_one_row_and_a_jump_is_a_gap(house: Settings) -> None:
    async def story() -> None:
        async with running(house):
            async with Sense(house) as sense:
                sense.change(mood(Emotion.SAD), 1)
                await until(lambda: sense.acked() == 1)
            await asyncio.sleep(0.2)
            async with Sense(house) as sense:
                sense.change(mood(Emotion.SAD), 1)
                sense.change(mood(Emotion.HAPPY), 4)
                await until(lambda: sense.acked() == 4)

    run(story())
    assert kinds(house, "mood") == ["sad", "happy"]
    assert "2 changes lost while hub was away" in kinds(house, "gap")


def test_a_stage_that_is_ill_is_among_the_problems(house: Settings) -> None:
    async def story() -> None:
        async with running(house) as hub, Sense(house) as sense:
            ill = Stage(State.LOST, "no camera; plug one in")
            sense.health = msgspec.structs.replace(WELL, stages={"camera": ill}, lost_changes=3)
            await until(lambda: hub.board.now.health == sense.health)
            assert (await state(hub))["problems"] == [
                "camera: no camera; plug one in",
                "3 changes were lost while hub was away",
            ]

    run(story())


def test_a_port_in_use_is_a_clear_error_and_leaves_no_socket(house: Settings, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert run_hub(msgspec.structs.replace(house, kiosk=Kiosk(port=port))) == 1
    assert f"cannot use port {port}" in caplog.text
    assert not door_is(house)


def test_two_hubs_are_one_too_many(house: Settings) -> None:
    async def story() -> None:
        async with running(house):
            with pytest.raises(MienError, match="another hub is running"):
                await Hub(house).run(asyncio.Event())

    run(story())


# -- as a process


def start(house: Settings, short: Path, **environment: str) -> "subprocess.Popen[str]":
    path = short / "mien.toml"
    write_settings(house, path)
    code = f"""
import logging, pathlib, sys
from device import settings
from device.hub.service import run_hub
logging.basicConfig(level=logging.INFO)
sys.exit(run_hub(settings.load(pathlib.Path({str(path)!r}))))
"""
    env = os.environ | environment
    return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, env=env)


def test_a_gap_after_kill_9(house: Settings, short: Path) -> None:
    async def one(process: "subprocess.Popen[str]", seq: int) -> None:
        await until(lambda: process.poll() is not None or answers(house), 15)
        async with Sense(house) as sense:
            sense.change(mood(Emotion.SAD if seq == 1 else Emotion.HAPPY), seq)
            await until(lambda: sense.acked() == seq)

    first = start(house, short)
    try:
        run(one(first, 1))
    finally:
        first.kill()
        first.communicate(timeout=5)
    killed_s = time.time()
    time.sleep(0.5)
    second = start(house, short)
    try:
        run(one(second, 2))
    finally:
        second.terminate()
        assert second.wait(10) == 0
        said = second.communicate(timeout=5)[1]
    assert "Traceback" not in said
    assert kinds(house, "mood") == ["sad", "happy"]
    between = [gap for gap in gaps(house) if gap[0] < killed_s and gap[1] is not None and gap[1] > killed_s]
    assert between, gaps(house)
    assert "lost" not in str(gaps(house))


def answers(settings: Settings) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(link.socket_path(settings.runtime_dir))) == 0


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told(house: Settings, short: Path, abstract: bool) -> None:
    name = f"mien-test-{os.getpid()}-{free_port()}" if abstract else str(short / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"\0{name}" if abstract else name)
        systemd.settimeout(15)
        process = start(house, short, NOTIFY_SOCKET=f"@{name}" if abstract else name)
        try:
            got = [systemd.recv(100) for _ in range(3)]
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 0
            while b"STOPPING=1" not in got:
                got.append(systemd.recv(100))
        finally:
            process.kill()
            process.communicate(timeout=5)
    assert b"READY=1" in got
    assert b"WATCHDOG=1" in got


def test_without_systemd_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert notify("READY=1") is False
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere/at/all")
    assert notify("READY=1") is False


# -- destinations


class Bad:
    """A destination that fails, or never ends."""

    async def run(self, action: Any) -> None:
        if isinstance(action, Lamp):
            raise ActionError("the lamp is not there")
        await asyncio.sleep(60)

    def state(self) -> dict[str, Any]:
        return {}


def test_a_bad_destination_is_a_result_in_time() -> None:
    async def story() -> None:
        destinations = Destinations({Lamp: Bad(), Player: Bad()}, limit_s=0.1)
        assert await destinations.run(Lamp()) == "the lamp is not there"
        assert await destinations.run(Player("calm")) == "player: no answer within 0.1 s"
        assert await destinations.run(Publish("a", "b")) == "publish: nothing here takes it"

    run(story(), 2)


def test_a_slow_destination_does_not_hold_up_the_next_mood(house: Settings) -> None:
    async def story() -> None:
        async with running(house) as hub, Sense(house) as sense:
            hub._destinations = Destinations({Lamp: Bad(), Player: Bad()}, limit_s=5)
            sense.change(mood(Emotion.SAD))
            await until(lambda: hub.board.now.last_rule)
            began_s = time.monotonic()
            seq = sense.change(mood(Emotion.HAPPY))
            await until(lambda: sense.acked() == seq and hub.board.now.mood and hub.board.now.mood.emotion == "happy")
            assert time.monotonic() - began_s < 2

    run(story())


def test_the_hub_knows_no_device_and_no_model() -> None:
    code = "import sys, device.hub.service; \
print([m for m in sys.modules if m.startswith(('device.sense', 'cv2', 'ai_edge'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "[]"
