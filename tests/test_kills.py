"""Sense, hub and a real Mosquitto are killed in turn under 60 changes a second; a subscriber follows docs/MQTT.md.

Of the changes that hub has acknowledged none is lost, none is out of order, and none arrives twice at a subscriber that
drops every event whose number is not larger than the largest that it has seen. Every event that was told is stored.
"""

import asyncio
import contextlib
import itertools
import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from device.hub.history.reader import read
from device.settings import locations
from device.settings.schema import Settings
from tests.hub.conftest import Broker, broker, house, short
from tests.hub.hub_running import is_listening, run, start_hub_process, until

__all__ = ["broker", "house", "short"]

SHORT, LONG = 9, 500
CATCH_UP_S = 600.0
"""A broker that saves each message takes fewer than sense says while it is killed all the time."""
_AT_LENGTH = pytest.param(LONG, marks=[pytest.mark.soak, pytest.mark.timeout(5400)])


class Consumer:
    """A durable subscriber. `taken` follows the rule of docs/MQTT.md; `repeated` counts what it drops."""

    def __init__(self, port: int) -> None:
        self.taken: list[dict[str, Any]] = []
        self.repeated = 0
        self._last = 0

        # paho acknowledges a message after the callback: what is not taken yet, Mosquitto sends again.
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id="consumer",
            clean_session=False,
        )
        self._client.on_connect = lambda client, *_: client.subscribe("mien/test/event", qos=1)
        self._client.on_message = lambda _client, _data, message: self._take(json.loads(message.payload))
        self._client.reconnect_delay_set(1, 1)
        self._client.connect_async("127.0.0.1", port, keepalive=5)
        self._client.loop_start()

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def _take(self, event: dict[str, Any]) -> None:
        if event["number"] <= self._last:
            self.repeated += 1
            return
        self._last = event["number"]
        self.taken.append(event)


class House:
    """The three processes, and which of them is killed next."""

    def __init__(self, settings: Settings, folder: Path, broker: Broker) -> None:
        self.acks = folder / "acks.log"
        self.acks.touch()
        self._settings, self._folder, self._broker = settings, folder, broker
        self._sessions = itertools.count(1)
        self.hub = self._start_hub()
        self.sense = self._start_sense()

    def _start_hub(self) -> "subprocess.Popen[str]":
        return start_hub_process(self._settings, self._folder, self._broker.port, "CRITICAL")

    def _start_sense(self) -> "subprocess.Popen[bytes]":
        door = locations.socket_path(self._settings.runtime_dir)
        words = ["tests.kills_talker", str(door), f"s{next(self._sessions)}", str(self.acks)]
        return subprocess.Popen([sys.executable, "-m", *words])

    def kill(self, name: str) -> None:
        """Kill it and start it again at once."""
        if name == "broker":
            self._broker.kill()
            self._broker.start(*_SAVES)
        elif name == "hub":
            self.hub.kill()
            self.hub.communicate(timeout=10)
            self.hub = self._start_hub()
        else:
            self.sense.kill()
            self.sense.wait(10)
            self.sense = self._start_sense()

    def acknowledged(self) -> Counter[str]:
        """Session -> the last change that hub has acknowledged."""
        last: Counter[str] = Counter()
        for line in self.acks.read_text().splitlines():
            session, seq = line.split()
            last[session] = max(last[session], int(seq))
        return last

    def close(self) -> None:
        for process in (self.hub, self.sense):
            process.kill()
            process.communicate(timeout=10)


# Mosquitto itself must not lose what it has acknowledged.
_SAVES = ("autosave_on_changes true", "autosave_interval 1")


@pytest.mark.parametrize("kills", [SHORT, _AT_LENGTH])
def test_kills_lose_nothing_and_tell_nothing_twice(
    house: Settings, broker: Broker, short: Path, kills: int, capsys: pytest.CaptureFixture[str]
) -> None:
    pause = random.Random(27)

    async def story() -> tuple[Consumer, Counter[str]]:
        broker.kill()
        broker.start(*_SAVES)
        consumer = Consumer(broker.port)
        all_three = House(house, short, broker)
        try:
            await until(lambda: consumer.taken, 20)
            for name in itertools.islice(itertools.cycle(("sense", "hub", "broker")), kills):
                await asyncio.to_thread(all_three.kill, name)
                await until(lambda: is_listening(house), 30)
                seen = len(consumer.taken)
                await until(lambda seen=seen: len(consumer.taken) > seen, 30)  # type: ignore[misc]
                await asyncio.sleep(pause.uniform(0.0, 0.6))
            all_three.sense.kill()
            acknowledged = all_three.acknowledged()
            with contextlib.suppress(AssertionError):  # what is missing is counted below
                await until(lambda: told(consumer) >= acknowledged, CATCH_UP_S)
            return consumer, acknowledged
        finally:
            all_three.close()
            consumer.close()

    consumer, acknowledged = run(story(), 60 + 8 * kills + CATCH_UP_S)
    order = [(event["id"].split("-")[0], int(event["id"].split("-")[1])) for event in consumer.taken]
    lost = out_of_order = 0
    last: Counter[str] = Counter()
    for session, seq in order:
        out_of_order += seq <= last[session]
        lost += max(seq - last[session] - 1, 0)
        last[session] = max(seq, last[session])
    twice = len(order) - len(set(order))
    stored = sum(entry.kind == "mood" for entry in read(house.state_dir, max_rows=10_000_000))
    missing = acknowledged - last
    lost += sum(missing.values())
    with capsys.disabled():
        print(f"\n  {kills} kills, {len(order)} changes told: {lost} lost, {out_of_order} out of order, {twice} twice;")
        print(f"  {consumer.repeated} repeats dropped by their number; {stored} stored")
    assert (lost, out_of_order, twice) == (0, 0, 0)
    assert not missing, "acknowledged by hub and never told"
    assert stored >= len(order), "told, but not stored"


def told(consumer: Consumer) -> Counter[str]:
    """Session -> the last change that the consumer took."""
    last: Counter[str] = Counter()
    for event in consumer.taken:
        session, _, seq = event["id"].partition("-")
        last[session] = max(last[session], int(seq))
    return last
