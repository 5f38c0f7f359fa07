"""Discovery on a real Mosquitto: published before `online`, published again, and removed."""

import asyncio
import json
import time

import aiomqtt

from device.settings.schema import Settings
from tests.hub.conftest import Broker
from tests.hub.hub_running import Sense, Subscriber, run, running, until, with_broker


def test_discovery_is_published_before_online_and_removes_old_components(house: Settings, broker: Broker) -> None:
    topic = "homeassistant/device/mien_test/config"
    path = house.state_dir / "discovery.json"

    async def story() -> None:
        listener = Subscriber(broker.port)
        await listener.ready.wait()

        def is_offline() -> bool:
            return listener.payloads("mien/test/availability")[-1:] == ["offline"]

        mine = with_broker(house, broker.port)
        async with running(mine) as hub:
            await until(lambda: hub.store.now.mqtt == "")
        await until(is_offline)
        order = [t for _, t, _, _ in listener.got if t.endswith(("config", "availability"))]
        assert order == [topic, "mien/test/availability", "mien/test/availability"]
        document = json.loads(listener.payloads(topic)[0])
        assert document["cmps"]["mood"]["p"] == "sensor"
        retained = await asyncio.to_thread(broker.retained, topic)
        assert json.loads(retained or "") == document
        # An earlier version with one more component has run here.
        stored = json.loads(path.read_text())
        stored["document"]["cmps"]["smell"] = {"p": "sensor", "uniq_id": "mien_test_smell"}
        path.write_text(json.dumps(stored))
        listener.got.clear()
        async with running(mine) as hub:
            await until(lambda: hub.store.now.mqtt == "")
        await until(is_offline)
        first, second = (json.loads(payload) for payload in listener.payloads(topic))
        assert first["cmps"]["smell"] == {"p": "sensor"}
        assert second == document
        # Discovery is turned off.
        listener.got.clear()
        async with running(with_broker(house, broker.port, discovery=False)) as hub:
            await until(lambda: hub.store.now.mqtt == "")
        await until(is_offline)
        assert listener.payloads(topic) == [""]
        assert await asyncio.to_thread(broker.retained, topic, 1) is None
        await listener.stop()

    run(story())


def test_discovery_is_published_again_when_home_assistant_starts(house: Settings, broker: Broker) -> None:
    topic = "ha/device/mien_test/config"

    async def story() -> None:
        async with running(with_broker(house, broker.port, discovery_prefix="ha")) as hub, Sense(house):
            assert hub.mqtt
            hub.mqtt.birth_delay_s = (0.3, 0.4)
            await until(lambda: hub.store.now.mqtt == "" and hub.store.now.available)
            listener = Subscriber(broker.port)
            await listener.ready.wait()
            await asyncio.sleep(1.5)
            listener.got.clear()
            async with aiomqtt.Client("127.0.0.1", broker.port) as client:
                await client.publish("ha/status", "offline", qos=1)
                await client.publish("ha/status", "online", qos=1, retain=True)
                born_s = time.monotonic()
                await until(lambda: listener.payloads(topic) and listener.payloads("mien/test/state"))
                messages = [(at, t) for at, t, _, _ in listener.got if t in (topic, "mien/test/state")]
                assert [t for _, t in messages] == [topic, "mien/test/state"]
                assert messages[0][0] - born_s >= 0.3
                for _ in range(20):  # somebody claims it again and again
                    await client.publish("ha/status", "online", qos=1)
                await asyncio.sleep(1.0)
                assert len(listener.payloads(topic)) == 1
            await listener.stop()
        listener = Subscriber(broker.port)
        await listener.ready.wait()
        async with running(with_broker(house, broker.port, discovery_prefix="ha")) as hub:
            await until(lambda: hub.store.now.mqtt == "")
            await asyncio.sleep(0.8)
            fresh = [t for _, t, _, stored in listener.got if t == topic and not stored]
            assert len(fresh) == 1, "a retained status is not a start"
        await listener.stop()

    run(story())


def test_a_damaged_discovery_file_does_not_matter(house: Settings, broker: Broker) -> None:
    async def story() -> None:
        house.state_dir.mkdir()
        (house.state_dir / "discovery.json").write_bytes(b"\xff{")
        (house.state_dir / ".discovery.json.partial").mkdir()  # it cannot be written either
        async with running(with_broker(house, broker.port)) as hub:
            await until(lambda: hub.store.now.mqtt == "")

    run(story())
