"""A duration counts only while sense says the mood: a hub that was suspended does not know how the room felt."""

import asyncio
import contextlib
import os
import signal
import time
from pathlib import Path

import msgspec
import pytest

from device.emotions import Emotion
from device.hub.history.reader import read
from device.hub.rules.engine import SILENCE_S, RuleEngine
from device.ipc.messages import MoodUpdate
from device.settings.schema import Settings
from tests.hub.hub_running import Sense, has_socket, mood, run, start_hub_process, until
from tests.hub.rules.builders import NOON, SAD, rule

_RULE = """
[[rules]]
name = "calm down"
mood = ["angry"]
for_s = 3
do = [{action = "lamp", colour = "#ffb46b", brightness = 40}]
"""


def test_a_mood_that_is_not_repeated_counts_for_no_duration() -> None:
    rules = RuleEngine((rule(),))
    for tenth in range(8):
        assert rules.evaluate(SAD, tenth / 10, NOON, heard_s=tenth / 10) == ()
    assert rules.evaluate(SAD, 6.2, NOON, heard_s=0.7) == (), "the timer comes first after a suspension"
    assert rules.evaluate(SAD, 6.3, NOON, heard_s=6.3) == ()
    fired = [at for at in range(64, 120) if rules.evaluate(SAD, at / 10, NOON, heard_s=at / 10)]
    assert fired == [113], "five seconds from the first mood after the silence"


def test_a_mood_that_waited_in_the_socket_does_not_bridge_a_silence() -> None:
    rules = RuleEngine((rule(),))
    assert rules.evaluate(SAD, 0.0, NOON, heard_s=0.0) == ()
    assert rules.evaluate(SAD, 6.2, NOON, heard_s=6.2) == (), "the message comes first after a suspension"


def test_the_usual_interval_of_sense_is_no_silence() -> None:
    rules = RuleEngine((rule(),))
    moments = [at / 10 for at in range(70)]
    assert [at for at in moments if rules.evaluate(SAD, at, NOON, heard_s=at - at % (SILENCE_S * 0.9))] == [5.0]


@pytest.mark.parametrize("turn", range(2))
def test_a_suspended_hub_fires_no_rule_for_the_time_it_missed(house: Settings, short: Path, turn: int) -> None:
    async def speak(sense: Sense) -> None:
        feeling = mood(Emotion.ANGRY, 0.9)
        sense.change(feeling)
        with contextlib.suppress(ConnectionError):
            while not sense.ended.is_set():
                sense.say(MoodUpdate(sense.session, 0, msgspec.structs.replace(feeling, time_s=time.monotonic())))
                await asyncio.sleep(0.4)

    async def story() -> None:
        hub = start_hub_process(house, short, level="WARNING", rules=_RULE)
        try:
            await until(lambda: has_socket(house), 15)
            async with Sense(house) as sense:
                speaking = asyncio.create_task(speak(sense))
                await until(lambda: sense.last_ack() == 1)
                await asyncio.sleep(0.8)
                os.kill(hub.pid, signal.SIGSTOP)
                await asyncio.sleep(4.0)
                os.kill(hub.pid, signal.SIGCONT)
                await asyncio.sleep(1.0)
                speaking.cancel()
                await asyncio.wait([speaking])
        finally:
            hub.terminate()
            hub.communicate(timeout=10)

    run(story())
    assert [entry for entry in read(house.state_dir) if entry.kind == "action"] == []
