"""The session with a real Mosquitto: what is retained, what is not, and a broker that dies."""

import asyncio
import contextlib
import json
import os
import signal
import time
from pathlib import Path

import msgspec
import pytest

from device.emotions import Emotion
from device.errors import ActionError
from device.hub.actions.base import Trigger
from device.hub.actions.mqtt_publish import MqttMessage
from device.hub.history.reader import read
from device.hub.mqtt.session import MqttSession
from device.settings.actions.mqtt_publish import Publish
from device.settings.rules import Rule
from device.settings.schema import Settings
from tests.hub.conftest import Broker, free_port
from tests.hub.hub_running import (
    Sense,
    Subscriber,
    has_socket,
    mood,
    run,
    running,
    start_hub_process,
    state,
    until,
    with_broker,
)


def test_state_and_availability_are_retained_and_events_are_not(house: Settings, broker: Broker) -> None:
    async def story() -> None:
        async with running(with_broker(house, broker.port)) as hub:
            await until(lambda: hub.store.now.mqtt == "")
            subscriber = Subscriber(broker.port)
            await subscriber.ready.wait()
            async with Sense(house) as sense:
                sense.change(mood(Emotion.SAD, people=2))
                await until(lambda: subscriber.last().get("mood") == "sad")
                await until(lambda: subscriber.payloads("mien/test/event"))
                await until(lambda: (hub.store.now.delay_s or 9) < 2)
                assert 0 < (await state(hub))["delay_s"] < 2
                retained = await asyncio.to_thread(broker.retained, "mien/test/state")
                assert await asyncio.to_thread(broker.retained, "mien/test/availability") == "online"
                assert await asyncio.to_thread(broker.retained, "mien/test/event", 1) is None
            document = json.loads(retained or "")
            assert (document["mood"], document["confidence"], document["people"]) == ("sad", 0.71, 2)
            assert (document["presence"], document["camera"], document["paused"]) == ("ON", "ON", "OFF")
            assert document["face"] == {"emotion": "sad", "confidence": 0.64}
            assert document["probabilities"]["sad"] == 0.71
            assert document["sense"] == "available"
            event = json.loads(subscriber.payloads("mien/test/event")[0])
            assert event["event_type"] == "sad"
            assert event["time"].endswith("+00:00")
            # Sense has left: published at once, without a mood.
            left_s = time.monotonic()
            await until(lambda: subscriber.last().get("sense") == "away")
            assert time.monotonic() - left_s < 2
            assert subscriber.last()["mood"] is None
            assert "sense is away" in str(subscriber.last()["problem"])
            await subscriber.stop()
        assert broker.retained("mien/test/availability") == "offline", "a clean stop publishes it"

    run(story())


def test_refreshes_are_published_at_most_twice_a_second_and_only_when_they_differ(
    house: Settings, broker: Broker
) -> None:
    async def story() -> None:
        async with running(with_broker(house, broker.port)) as hub, Sense(house) as sense:
            await until(lambda: hub.store.now.mqtt == "" and hub.store.now.health)
            sense.change(mood(Emotion.HAPPY, 0.8))
            await asyncio.sleep(1.2)
            subscriber = Subscriber(broker.port)
            await subscriber.ready.wait()
            await asyncio.sleep(0.3)
            subscriber.got.clear()
            for _ in range(20):
                sense.change(mood(Emotion.HAPPY, 0.8004), seq=0)
                await asyncio.sleep(0.05)
            assert subscriber.payloads("mien/test/state") == [], "the same after rounding"
            for step in range(40):
                sense.change(mood(Emotion.HAPPY, 0.5 + step / 100), seq=0)
                await asyncio.sleep(0.05)
            await until(lambda: subscriber.last().get("confidence") == 0.89)
            times = [t for t, topic, _, _ in subscriber.got if topic == "mien/test/state"]
            assert 2 <= len(times) <= 6
            assert all(later - first > 0.85 for first, later in zip(times, times[2:], strict=False))
            await subscriber.stop()

    run(story())


def test_a_killed_broker_is_reported_within_two_seconds_and_reconnected(house: Settings, broker: Broker) -> None:
    async def story() -> None:
        async with running(with_broker(house, broker.port)) as hub, Sense(house) as sense:
            await until(lambda: hub.store.now.mqtt == "")
            sense.change(mood(Emotion.SAD))
            await asyncio.to_thread(broker.kill)
            killed_s = time.monotonic()
            await until(lambda: hub.store.now.mqtt, 2)
            answer = await state(hub)
            assert time.monotonic() - killed_s < 2
            assert answer["mqtt"]["connected"] is False
            assert "is away" in answer["mqtt"]["health"]
            assert answer["mqtt"]["health"] in answer["problems"]
            sense.change(mood(Emotion.HAPPY))
            sense.change(mood(Emotion.ANGRY))
            await until(lambda: sense.last_ack() == 3)
            await asyncio.to_thread(broker.start)
            back_s = time.monotonic()
            await until(lambda: hub.store.now.mqtt == "", 4)
            assert time.monotonic() - back_s < 3
            assert (await state(hub))["mqtt"] == {"configured": True, "connected": True, "health": ""}

            def newest() -> bool:
                retained = broker.retained("mien/test/state", 1)
                return bool(retained) and json.loads(retained or "{}")["mood"] == "angry"

            await until(lambda: asyncio.to_thread(newest))
            assert await asyncio.to_thread(broker.retained, "mien/test/availability") == "online"

    run(story())


def test_a_frozen_broker_is_noticed(house: Settings, broker: Broker) -> None:
    async def story() -> None:
        async with running(with_broker(house, broker.port)) as hub, Sense(house) as sense:
            await until(lambda: hub.store.now.mqtt == "")
            broker.freeze()
            sense.change(mood(Emotion.SAD))
            await until(lambda: hub.store.now.lamp["on"], 3)
            await until(lambda: "timed out" in (hub.store.now.mqtt or ""), 7)
            await asyncio.to_thread(broker.kill)
            await asyncio.to_thread(broker.start)
            await until(lambda: hub.store.now.mqtt == "", 8)

    run(story())


def test_a_stop_at_the_moment_the_broker_dies_is_still_a_stop(house: Settings, broker: Broker) -> None:
    async def story() -> None:
        for delay_s in (0.0, 0.001, 0.004, 0.02):
            async with running(with_broker(house, broker.port)) as hub:
                await until(lambda: hub.store.now.mqtt == "")
                await asyncio.to_thread(broker.kill)
                await asyncio.sleep(delay_s)
            await asyncio.to_thread(broker.start)

    run(story())


def test_the_hub_starts_without_its_broker(house: Settings) -> None:
    async def story() -> None:
        async with running(with_broker(house, free_port())) as hub, Sense(house) as sense:
            seq = sense.change(mood(Emotion.SAD))
            await until(lambda: sense.last_ack() == seq)
            await until(lambda: hub.store.now.lamp.get("colour") == "#ffb46b")
            assert "is away" in (hub.store.now.mqtt or "")

    run(story())


def test_the_last_will_announces_a_killed_hub(house: Settings, broker: Broker, short: Path) -> None:
    hub = start_hub_process(house, short, broker.port)
    try:

        async def story() -> None:
            await until(lambda: has_socket(house), 15)
            async with Sense(house) as sense:
                seq = sense.change(mood())
                await until(lambda: sense.last_ack() == seq)

                def online() -> bool:
                    return broker.retained("mien/test/availability", 1) == "online"

                await until(lambda: asyncio.to_thread(online))
                os.kill(hub.pid, signal.SIGKILL)
                await until(lambda: asyncio.to_thread(lambda: not online()), 5)

        run(story())
        assert broker.retained("mien/test/availability") == "offline"
    finally:
        hub.kill()
        hub.communicate(timeout=5)


def test_a_rule_publishes_and_a_failure_is_stored(house: Settings, broker: Broker) -> None:
    rule = Rule(
        "plug", (Emotion.SAD,), (Publish("zigbee2mqtt/lamp/set", '{"state":"ON"}', retain=True),), 0, cooldown_s=0
    )
    mine = msgspec.structs.replace(with_broker(house, broker.port), rules=(rule,))

    def is_retained() -> bool:
        return broker.retained("zigbee2mqtt/lamp/set", 1) == '{"state":"ON"}'

    async def story() -> None:
        async with running(mine) as hub, Sense(mine) as sense:
            assert hub.mqtt
            hub.mqtt.away_s = 1.0
            await until(lambda: hub.store.now.mqtt == "")
            sense.change(mood(Emotion.SAD))
            await until(lambda: asyncio.to_thread(is_retained))
            await until(lambda: results(mine) == ["done"])
            await asyncio.to_thread(broker.kill)
            await until(lambda: hub.store.now.mqtt)
            sense.change(mood(Emotion.HAPPY))
            sense.change(mood(Emotion.SAD))
            await until(lambda: results(mine)[1:] == ["mqtt: zigbee2mqtt/lamp/set was not sent, the broker is away"])

    run(story())


def results(settings: Settings) -> list[str | None]:
    return [e.result for e in read(settings.state_dir) if e.kind == "action"]


def test_publishing_without_a_broker_says_what_to_do() -> None:
    async def story() -> None:
        with pytest.raises(ActionError, match=r"set mqtt\.host"):
            await MqttMessage(None).run(Publish("a", "b"), Trigger("r", "why", 0.0))
        assert MqttMessage(None).state() == {}

    run(story())


def test_a_missing_password_file_is_reported(house: Settings, short: Path) -> None:
    async def story() -> None:
        texts: list[str] = []
        lacking = with_broker(house, free_port(), username="me", password_file=str(short / "none"))
        mqtt = MqttSession(lacking.mqtt, "test", texts.append)
        task = asyncio.create_task(mqtt.run())
        await until(lambda: texts)
        assert "No such file" in texts[0]
        assert not mqtt.is_connected
        task.cancel()
        await asyncio.wait([task])

    run(story())


class Deaf:
    """A client that loses a cancellation together with the answer, as wait_for in Python 3.11 does."""

    async def publish(self, *_: object, **__: object) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(10)


def test_a_cancellation_together_with_an_answer_still_ends_the_loop(house: Settings) -> None:
    async def story() -> None:
        mqtt = MqttSession(house.mqtt, "test", lambda _: None)
        mqtt.show({"mood": "sad"})
        task = asyncio.create_task(mqtt._publish_state(Deaf()))  # type: ignore[arg-type]
        await asyncio.sleep(0.05)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=2)
        assert done
        assert task.cancelled()

    run(story())
