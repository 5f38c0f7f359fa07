"""The whole hub: from a line on the socket to a row, a lamp and a page."""

import asyncio
import logging
import re
import subprocess
import sys
import time

import aiohttp
import msgspec
import pytest

from device.emotions import Emotion
from device.errors import LinkError, MienError
from device.hub.build import build_hub
from device.hub.history.heartbeat import HeartbeatRecorder
from device.hub.history.reader import read
from device.hub.mqtt.payloads import build_state_document
from device.ipc.messages import ClearBaseline, SetHold, Stage, State
from device.settings.actions.virtual import Lamp
from device.settings.schema import Settings
from tests.hub.hub_running import WELL, Sense, mood, run, running, state, until
from tests.hub.hub_setup import gaps, kinds, living_room, rule


def test_a_mood_is_stored_acknowledged_acted_on_and_logged(house: Settings, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def story() -> None:
        async with running(house) as hub, Sense(house) as sense:
            seq = sense.change(mood(Emotion.SAD, 0.71))
            await until(lambda: sense.last_ack() == seq)
            await until(lambda: hub.store.now.player.get("playing"))
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


def test_refreshes_are_shown_and_not_stored(house: Settings) -> None:
    async def story() -> None:
        async with running(house) as hub, Sense(house) as sense:
            sense.change(mood(Emotion.SAD, 0.7))
            sense.change(mood(Emotion.SAD, 0.9), seq=0)
            await until(lambda: hub.store.now.mood and hub.store.now.mood.confidence == 0.9)
            await until(lambda: sense.last_ack() == 1)

    run(story())
    assert kinds(house, "mood") == ["sad"]


def test_a_resent_change_is_published_and_counted_once(house: Settings) -> None:
    """Sense missed the Ack, and there is no outbox to recognize the change."""

    async def story() -> None:
        async with running(house) as hub:
            for _ in range(2):
                async with Sense(house) as sense:
                    for seq in (1, 2, 1, 2):
                        sense.change(mood(Emotion.SAD if seq == 1 else Emotion.HAPPY), seq)
                    await until(lambda sense=sense: sense.last_ack() == 2)  # type: ignore[misc]
            assert hub.store.changes.last == 2
            async with aiohttp.ClientSession() as client, client.get(hub.page + "metrics") as answer:
                text = await answer.text()
            assert 'mien_moods_total{emotion="sad"} 1.0' in text
            async with Sense(house, "s2") as another:
                another.change(mood(Emotion.SAD), 1)
                await until(lambda: hub.store.changes.last == 3)

    run(story())
    assert kinds(house, "mood") == ["sad", "happy", "sad"]


def test_old_changes_are_stored_with_their_time_but_fire_no_rule(house: Settings) -> None:
    async def story() -> None:
        async with running(house) as hub, Sense(house) as sense:
            sense.change(mood(Emotion.HAPPY, age_s=40))
            sense.change(mood(Emotion.SAD, age_s=20))
            await until(lambda: sense.last_ack() == 2)
            await asyncio.sleep(0.6)
            assert hub.store.now.mood is None
            assert hub.store.now.lamp["on"] is False

    run(story())
    times = [e.time_s for e in read(house.state_dir) if e.kind == "mood"]
    assert times == [pytest.approx(time.time() - 40, abs=8), pytest.approx(time.time() - 20, abs=8)]


def test_presence_is_unknown_while_the_camera_is_off(house: Settings) -> None:
    """For Home Assistant and in the history, which records a gap."""

    async def story() -> None:
        async with running(house) as hub, Sense(house) as sense:
            hub.heartbeat = HeartbeatRecorder(interval_s=0.4)
            sense.change(mood(Emotion.UNKNOWN, people=0))
            await until(lambda: hub.store.now.health and hub.store.now.mood)
            assert build_state_document(hub.store.now)["presence"] == "OFF"
            sense.health = msgspec.structs.replace(WELL, camera_on=False, stages={"camera": Stage(State.OFF)})
            await until(lambda: build_state_document(hub.store.now)["presence"] is None)
            await until(lambda: gaps(house))
            sense.health = WELL
            await until(lambda: build_state_document(hub.store.now)["presence"] == "OFF")
            now_s = time.time()
            async with aiohttp.ClientSession() as client:
                url = f"{hub.page}api/history/slots?since={now_s - 60:.3f}&step_s=60"
                async with client.get(url) as answer:
                    answered = await answer.json()
            ((begin_s, until_s, why),) = gaps(house)
            assert why == "the camera saw nothing"
            assert until_s is not None
            assert 0.4 <= until_s - begin_s < 3
            nobody_s = sum(slot["nobody"] for slot in answered["slots"])
            ((first_s, _),) = [(e.time_s, e.emotion) for e in read(house.state_dir) if e.kind == "mood"]
            assert nobody_s == pytest.approx(now_s - first_s - (until_s - begin_s), abs=0.35)

    run(story())


def test_a_silent_sense_is_reported_within_two_seconds_and_leaves_a_gap(house: Settings) -> None:
    async def story() -> None:
        async with running(house) as hub:
            async with Sense(house) as sense:
                sense.change(mood())
                await until(lambda: hub.store.now.mood)
                for task in sense._tasks:
                    task.cancel()  # it hangs: connected, but silent
                hung_s = time.monotonic()
                await until(lambda: not hub.store.now.available, 3)
                assert time.monotonic() - hung_s < 2.3
                document = await state(hub)
                assert document["mood"] is None
                assert document["last_mood"]["emotion"] == "sad"
                assert document["sense"]["problem"] == "sense is away: no message for 1.5 s"
            await asyncio.sleep(0.3)
            async with Sense(house):
                await until(lambda: hub.store.now.available)
                assert (await state(hub))["sense"]["problem"] == ""
                closed = await until(lambda: [g for g in gaps(house) if g[1] is not None])
                assert closed[0][2] == "sense was away"
                assert 1.5 < (closed[0][1] or 0) - closed[0][0] < 4

    run(story())


def test_a_resent_change_is_one_row_and_missing_numbers_are_a_gap(house: Settings) -> None:
    async def story() -> None:
        async with running(house):
            async with Sense(house) as sense:
                sense.change(mood(Emotion.SAD), 1)
                await until(lambda: sense.last_ack() == 1)
            await asyncio.sleep(0.2)
            async with Sense(house) as sense:
                sense.change(mood(Emotion.SAD), 1)
                sense.change(mood(Emotion.HAPPY), 4)
                await until(lambda: sense.last_ack() == 4)

    run(story())
    assert kinds(house, "mood") == ["sad", "happy"]
    assert "2 changes lost while hub was away" in kinds(house, "gap")


def test_a_failing_stage_is_among_the_problems(house: Settings) -> None:
    async def story() -> None:
        async with running(house) as hub, Sense(house) as sense:
            failing = Stage(State.LOST, "no camera; plug one in")
            sense.health = msgspec.structs.replace(WELL, stages={"camera": failing}, lost_changes=3)
            await until(lambda: hub.store.now.health == sense.health)
            assert (await state(hub))["problems"] == [
                "camera: no camera; plug one in",
                "3 changes were lost while hub was away",
            ]

    run(story())


def test_commands_reach_sense_or_fail_while_it_is_away(house: Settings) -> None:
    async def story() -> None:
        async with running(house) as hub:
            with pytest.raises(LinkError, match="away"):
                await hub.execute(SetHold(2.0))
            async with Sense(house) as sense:
                await until(lambda: hub.store.now.available)
                await hub.execute(SetHold(2.0))
                await hub.execute(ClearBaseline())
                await until(lambda: sense.received[-1:] == [ClearBaseline()])
                assert SetHold(2.0) in sense.received

    run(story())


def test_the_metrics_count_moods_actions_and_delays(house: Settings) -> None:
    mine = living_room(house, rule("comfort", Emotion.SAD, Lamp(), restore=True))

    async def story() -> None:
        async with running(mine) as hub, Sense(mine) as sense:
            sense.change(mood(Emotion.SAD))
            await until(lambda: hub.store.now.lamp["on"])
            sense.change(mood(Emotion.HAPPY))
            await until(lambda: not hub.store.now.lamp["on"])
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


def test_a_second_hub_refuses_to_start(house: Settings) -> None:
    async def story() -> None:
        async with running(house):
            with pytest.raises(MienError, match="another hub is running"):
                await build_hub(house).run(asyncio.Event())
            assert gaps(house) == [], "the second hub has written nothing"

    run(story())


def test_the_hub_imports_no_device_and_no_model() -> None:
    code = "import sys, device.hub.build; \
print([m for m in sys.modules if m.startswith(('device.sense', 'device.perception', 'cv2', 'ai_edge'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "[]"
