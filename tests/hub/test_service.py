"""The whole hub: from a line at the door to a row, a lamp and a page."""

import asyncio
import contextlib
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

import aiohttp
import msgspec
import pytest

from device.destinations import Lamp, Player, Publish
from device.emotions import Emotion
from device.errors import ActionError, LinkError, MienError
from device.hub import acting
from device.hub.actions import Destinations, Occasion
from device.hub.features import ChooseProfile
from device.hub.history import CROWDED, ROOM_S, History
from device.hub.history_file import Entry
from device.hub.history_reading import read
from device.hub.process import run_hub
from device.hub.service import Hub
from device.kiosk import Kiosk
from device.link import SILENCE_S, ClearBaseline, SetHold, Stage, State, socket_path
from device.notify import notify
from device.rule import Rule
from device.settings import Settings
from tests.hub.conftest import free_port
from tests.hub.helpers import WELL, Sense, answers, door_is, hub_process, mood, run, running, state, until


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
            assert gaps(house) == [], "the second one has written nothing"

    run(story())


# -- as a process


@pytest.mark.parametrize("page", [False, True])
def test_an_end_with_somebody_at_the_door_is_a_quiet_one(house: Settings, short: Path, *, page: bool) -> None:
    """Whoever has come in and has not said who they are; the hub is told to stop, or cannot open its page."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = hub_process(house, short, page=taken.getsockname()[1] if page else 0)
        with contextlib.ExitStack() as visitors:
            while process.poll() is None:
                with contextlib.suppress(OSError):
                    visitor = visitors.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
                    visitor.connect(str(socket_path(house.runtime_dir)))
                    if not page:
                        process.terminate()
                time.sleep(0.001)
            said = process.communicate(timeout=10)[1]
    assert process.returncode == int(page)
    assert "Traceback" not in said, said


def test_a_gap_after_kill_9(house: Settings, short: Path) -> None:
    async def one(process: "subprocess.Popen[str]", seq: int) -> None:
        await until(lambda: process.poll() is not None or answers(house), 15)
        async with Sense(house) as sense:
            sense.change(mood(Emotion.SAD if seq == 1 else Emotion.HAPPY), seq)
            await until(lambda: sense.acked() == seq)

    first = hub_process(house, short)
    try:
        run(one(first, 1))
    finally:
        first.kill()
        first.communicate(timeout=5)
    killed_s = time.time()
    time.sleep(0.5)
    second = hub_process(house, short)
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


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told(house: Settings, short: Path, abstract: bool) -> None:
    name = f"mien-test-{os.getpid()}-{free_port()}" if abstract else str(short / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"\0{name}" if abstract else name)
        systemd.settimeout(15)
        process = hub_process(house, short, NOTIFY_SOCKET=f"@{name}" if abstract else name)
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


WHY = Occasion("r", "sad 71 % for 5 s", 0.0)


class Bad:
    """A destination that fails, or never ends."""

    async def run(self, action: Any, _occasion: Occasion) -> None:
        if isinstance(action, Lamp):
            raise ActionError("the lamp is not there")
        await asyncio.sleep(60)

    def state(self) -> dict[str, Any]:
        return {}


def test_a_bad_destination_is_a_result_in_time() -> None:
    async def story() -> None:
        destinations = Destinations({Lamp: Bad(), Player: Bad()}, limit_s=0.1)
        assert await destinations.run(Lamp(), WHY) == "the lamp is not there"
        assert await destinations.run(Player("calm"), WHY) == "player: no answer within 0.1 s"
        assert await destinations.run(Publish("a", "b"), WHY) == "publish: nothing here takes it"

    run(story(), 2)


def test_a_slow_destination_does_not_hold_up_the_next_mood(house: Settings) -> None:
    async def story() -> None:
        async with running(house) as hub, Sense(house) as sense:
            hub._acting._destinations = Destinations({Lamp: Bad(), Player: Bad()}, limit_s=5)
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


# -- rules in the house


def living_room(house: Settings, *rules: Rule, **more: Any) -> Settings:
    home = msgspec.structs.replace(house.home, profiles=("everyday", "evening"))
    return msgspec.structs.replace(house, rules=rules, home=home, **more)


def rule(name: str, emotion: Emotion, *do: Any, **more: Any) -> Rule:
    return Rule(name, (emotion,), do, 0, cooldown_s=0, **more)


def results(settings: Settings) -> list[tuple[str | None, str | None, str | None]]:
    return [(e.rule, e.action, e.result) for e in read(settings.state_dir) if e.kind == "action"]


def test_a_lamp_passes_from_rule_to_rule_without_a_flash_and_comes_back_in_the_end(house: Settings) -> None:
    mine = living_room(
        house,
        rule("comfort", Emotion.SAD, Lamp("#ffb46b", 40), restore=True),
        rule("bright", Emotion.HAPPY, Lamp("#fff1d6", 90), restore=True),
    )

    async def story() -> None:
        async with running(mine) as hub, Sense(mine) as sense:
            before = hub.board.now.lamp
            sense.change(mood(Emotion.SAD))
            await until(lambda: hub.board.now.lamp["brightness"] == 40)
            shown, change = [], hub.board.change

            def watched(**fields: Any) -> None:
                shown.append(fields.get("lamp"))
                change(**fields)

            hub.board.change = watched  # type: ignore[method-assign]
            sense.change(mood(Emotion.HAPPY))
            await until(lambda: hub.board.now.lamp["brightness"] == 90)
            assert before not in shown, "it flashed back to what it was between two rules"
            sense.change(mood(Emotion.NEUTRAL))
            await until(lambda: hub.board.now.lamp == before)
            await until(lambda: len(results(mine)) == 3)

    run(story())
    said = results(mine)
    assert [(name, action if action == "restore" else "act", result) for name, action, result in said] == [
        ("comfort", "act", "done"),
        ("bright", "act", "done"),
        ("bright", "restore", "lamp: done"),
    ]


def test_a_dry_run_tells_and_sends_nothing(house: Settings, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    mine = living_room(house, rule("comfort", Emotion.SAD, Lamp("#ffb46b", 40)))

    async def story() -> None:
        async with running(mine, dry=True) as hub, Sense(mine) as sense:
            sense.change(mood(Emotion.SAD))
            await until(lambda: hub.board.now.last_rule)
            await until(lambda: results(mine))
            assert hub.board.now.lamp["on"] is False

    run(story())
    assert [result for _, _, result in results(mine)] == ["dry run: lamp #ffb46b at 40 %"]
    assert "dry run: lamp #ffb46b at 40 %" in caplog.text


def test_an_empty_picture_of_a_closed_eye_is_no_empty_room(house: Settings) -> None:
    mine = living_room(house, Rule("away", (), (Lamp(),), 0, cooldown_s=0, presence="nobody"))
    blind = [
        msgspec.structs.replace(WELL, camera_on=False),
        msgspec.structs.replace(WELL, paused=True),
        msgspec.structs.replace(WELL, stages={"camera": Stage(State.LOST, "gone")}),
        msgspec.structs.replace(WELL, stages={}),
    ]

    async def story() -> None:
        async with running(mine) as hub, Sense(mine) as sense:
            for health in blind:
                sense.health = health
                await until(lambda: hub.board.now.health == sense.health)
                sense.change(mood(Emotion.UNKNOWN, 0.0, people=0))
                await asyncio.sleep(0.4)
                assert hub.board.now.last_rule is None
            sense.health = WELL
            await until(lambda: hub.board.now.last_rule)

    run(story())


def test_the_profile_decides_which_rules_act(house: Settings) -> None:
    mine = living_room(
        house,
        rule("late", Emotion.SAD, Lamp("#000011", 5), profiles=("evening",)),
        rule("any", Emotion.SAD, Player("calm")),
    )

    async def story() -> None:
        async with running(mine) as hub, Sense(mine) as sense:
            assert (hub.board.now.profile, hub.board.now.profiles) == ("everyday", ("everyday", "evening", "quiet"))
            await hub.obey(ChooseProfile("quiet"))
            sense.change(mood(Emotion.SAD))
            await asyncio.sleep(0.5)
            assert hub.board.now.last_rule is None
            await hub.obey(ChooseProfile("evening"))
            await until(lambda: hub.board.now.lamp["brightness"] == 5 and hub.board.now.player["playing"])
            assert (await state(hub))["profile"] == {"chosen": "evening", "all": ["everyday", "evening", "quiet"]}
            with pytest.raises(ActionError, match="no profile"):
                await hub.obey(ChooseProfile("gone"))
        async with running(mine) as hub:
            assert hub.board.now.profile == "evening"
            (mine.state_dir / "profile.partial").mkdir()
            with pytest.raises(ActionError, match="cannot be kept"):
                await hub.obey(ChooseProfile("quiet"))
            assert hub.board.now.profile == "quiet"

    run(story())


def test_wishes_reach_the_sense_or_say_that_it_is_away(house: Settings) -> None:
    async def story() -> None:
        async with running(house) as hub:
            with pytest.raises(LinkError, match="away"):
                await hub.obey(SetHold(2.0))
            async with Sense(house) as sense:
                await until(lambda: hub.board.now.available)
                await hub.obey(SetHold(2.0))
                await hub.obey(ClearBaseline())
                await until(lambda: sense.told[-1:] == [ClearBaseline()])
                assert SetHold(2.0) in sense.told

    run(story())


def test_too_many_actions_are_refused_and_the_history_says_so(house: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acting, "MOST_TASKS", 1)
    mine = living_room(house, rule("two", Emotion.SAD, Player("calm"), Player("loud")))

    async def story() -> None:
        async with running(mine) as hub, Sense(mine) as sense:
            hub._acting._destinations = Destinations({Player: Bad()}, limit_s=0.3)
            sense.change(mood(Emotion.SAD))
            await until(lambda: len(results(mine)) == 2)

    run(story())
    assert sorted(result or "" for _, _, result in results(mine)) == [
        "player: no answer within 0.3 s",
        "refused, too much is under way",
    ]


def test_the_metrics_count_what_happens(house: Settings) -> None:
    mine = living_room(house, rule("comfort", Emotion.SAD, Lamp(), restore=True))

    async def story() -> None:
        async with running(mine) as hub, Sense(mine) as sense:
            sense.change(mood(Emotion.SAD))
            await until(lambda: hub.board.now.lamp["on"])
            sense.change(mood(Emotion.HAPPY))
            await until(lambda: not hub.board.now.lamp["on"])
            async with aiohttp.ClientSession() as client:
                async with client.get(hub.page + "metrics") as answer:
                    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
                    text = await answer.text()
                async with client.get(hub.page + "metrics", headers={"Host": "evil.example"}) as answer:
                    assert answer.status == 403
            assert 'mien_moods_total{emotion="sad"} 1.0' in text
            assert 'mien_actions_total{result="done",rule="comfort"} 2.0' in text
            assert "mien_message_delay_seconds_count 2.0" in text

    run(story())


def test_a_flood_waits_for_the_disk_and_not_longer_than_the_door_allows(house: Settings) -> None:
    async def story() -> None:
        history = History(house.state_dir, 0, _nobody, lambda _: None)
        for n in range(CROWDED + 5):
            history.remember(Entry("action", float(n), rule="r", action="{}", result="done"))
        began_s = time.monotonic()
        await history.room()
        assert ROOM_S <= time.monotonic() - began_s < SILENCE_S
        task = asyncio.create_task(history.run())
        await history.room()
        assert history.waiting <= CROWDED
        task.cancel()
        await asyncio.wait([task])
        await history.close()

    run(story())


async def _nobody(session: str, seq: int) -> None:
    """Hears what was stored."""
