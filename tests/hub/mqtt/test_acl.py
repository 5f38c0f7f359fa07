"""A real Mosquitto whose access list denies topics, or that restarts while a rule publishes."""

import asyncio
from pathlib import Path

import pytest

from device.emotions import Emotion
from device.errors import ActionError
from device.settings.schema import Settings
from tests.hub.conftest import Broker
from tests.hub.hub_running import Sense, Subscriber, mood, run, running, until, with_broker


def restart_with_acl(broker: Broker, folder: Path, *lines: str) -> None:
    """The same broker with an access list."""
    broker.kill()
    access = folder / "acl"
    access.write_text("\n".join(lines) + "\n")
    # Without a limit, Mosquitto 2.0.11 treats each denial as an overflow and disconnects.
    broker.start(f"acl_file {access}", "max_queued_messages 1000")


def test_publishes_denied_by_the_acl_are_reported(house: Settings, broker: Broker, tmp_path: Path) -> None:
    restart_with_acl(broker, tmp_path, "topic read #")

    async def story() -> None:
        async with running(with_broker(house, broker.port)) as hub, Sense(house) as sense:
            sense.change(mood(Emotion.SAD))
            await until(lambda: "mien/test/state (Not authorized)" in (hub.store.now.mqtt or ""))
            problem = hub.store.now.mqtt or ""
            assert "refuses mien-test these: " in problem
            assert "mien/test/availability (Not authorized)" in problem
            assert "access list" in problem
            with pytest.raises(ActionError, match=r"lamp/set was refused by the broker \(Not authorized\); allow it"):
                await hub.mqtt.publish("lamp/set", "ON")  # type: ignore[union-attr]
            await until(lambda: sense.last_ack() == 1)
            # With a corrected list and a restarted broker, everything works.
            await asyncio.to_thread(restart_with_acl, broker, tmp_path, "topic readwrite #")
            await until(lambda: hub.store.now.mqtt == "")
            assert await asyncio.to_thread(broker.retained, "mien/test/availability") == "online"

    run(story())


def test_a_single_denied_topic_is_named(house: Settings, broker: Broker, tmp_path: Path) -> None:
    restart_with_acl(broker, tmp_path, "topic readwrite mien/#", "topic read homeassistant/#", "topic read lamp/#")

    async def story() -> None:
        async with running(with_broker(house, broker.port)) as hub:
            await until(lambda: "refuses mien-test these" in (hub.store.now.mqtt or ""))
            assert "homeassistant/device/mien_test/config (Not authorized);" in (hub.store.now.mqtt or "")
            assert "mien/test" not in (hub.store.now.mqtt or "")
            assert await asyncio.to_thread(broker.retained, "mien/test/availability") == "online"

    run(story())


def test_a_rules_message_waits_for_a_restarting_broker(house: Settings, broker: Broker) -> None:
    async def story() -> None:
        async with running(with_broker(house, broker.port)) as hub:
            await until(lambda: hub.store.now.mqtt == "")
            await asyncio.to_thread(broker.kill)
            await until(lambda: hub.store.now.mqtt)
            sent = asyncio.create_task(hub.mqtt.publish("lamp/set", "ON", retain=True))  # type: ignore[union-attr]
            await asyncio.sleep(1)
            assert not sent.done()
            await asyncio.to_thread(broker.start)
            await asyncio.wait_for(sent, 8)
            assert await asyncio.to_thread(broker.retained, "lamp/set") == "ON"

    run(story())


def test_a_rules_message_is_sent_once_even_to_a_slow_broker(house: Settings, broker: Broker) -> None:
    """Two TOGGLEs would cancel each other."""

    async def story() -> None:
        async with running(with_broker(house, broker.port)) as hub:
            await until(lambda: hub.store.now.mqtt == "")
            subscriber = Subscriber(broker.port)
            await subscriber.ready.wait()
            assert hub.mqtt
            hub.mqtt.answer_s = 0.5
            broker.freeze()
            with pytest.raises(ActionError, match="lamp/set was not accepted"):
                await hub.mqtt.publish("lamp/set", "TOGGLE")
            broker.resume()
            await until(lambda: subscriber.payloads("lamp/set"))
            await asyncio.sleep(2)
            assert subscriber.payloads("lamp/set") == ["TOGGLE"]
            await subscriber.stop()

    run(story())


def test_a_rules_message_does_not_wait_forever(house: Settings, broker: Broker) -> None:
    async def story() -> None:
        async with running(with_broker(house, broker.port)) as hub:
            await until(lambda: hub.store.now.mqtt == "")
            await asyncio.to_thread(broker.kill)
            assert hub.mqtt
            hub.mqtt.away_s = 0.5
            with pytest.raises(ActionError, match="lamp/set was not"):
                await hub.mqtt.publish("lamp/set", "ON")

    run(story())
