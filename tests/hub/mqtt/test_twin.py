"""Two Miens with one name on a real Mosquitto: each reports it, and they stop fighting."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec
import pytest

from device.hub.mqtt.backoff import ReconnectBackoff
from device.hub.mqtt.session import MqttSession
from device.settings.schema import Settings
from tests.hub.conftest import Broker, free_port
from tests.hub.hub_running import Subscriber, run, until, with_broker

SESSION_TAKEN_OVER = bytes([0xE0, 2, 0x8E, 0])


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_two_miens_with_one_name_suspect_each_other(house: Settings, broker: Broker, version: str) -> None:
    async def story() -> None:
        ours = msgspec.structs.replace(with_broker(house, broker.port).mqtt, version=version)
        async with _running_miens(ours, ours) as miens:
            await until(lambda: any("second Mien has this home.name" in one.health[-1] for one in miens))
            await until(lambda: any(one.health[-1] == "" for one in miens))  # the other one is connected
            before = [len(one.health) for one in miens]
            await asyncio.sleep(4)
            assert [len(one.health) for one in miens] == before, "whoever suspects the other waits longer"
            subscriber = Subscriber(broker.port)
            await subscriber.ready.wait()
            await until(lambda: subscriber.payloads("mien/test/availability") == ["online"])
            await subscriber.stop()

    run(story())


def test_a_session_that_was_taken_over_gives_way_at_once(house: Settings, broker: Broker) -> None:
    async def story() -> None:
        async with _broker_with_reason(broker.port) as port:
            before = with_broker(house, port).mqtt
            async with _running_miens(before, with_broker(house, broker.port).mqtt) as (first, second):
                await until(lambda: second.mqtt.is_connected and len(first.health) == 2)
                assert "another client called mien-test" in first.health[1]
                assert "give one of them another" in first.health[1]
                await asyncio.sleep(3)
                assert (len(first.health), second.health) == (2, [""])

    run(story())


def test_two_clients_that_disconnect_each_other_slow_down_and_stay_slow() -> None:
    ours, theirs = ReconnectBackoff(), ReconnectBackoff()
    waits: list[float] = []
    for _ in range(40):
        # Each connection lasts as long as the other one waits.
        waits += [ours.next_wait_s(waits[-1] if waits else 0.1), theirs.next_wait_s(waits[-1] if waits else 0.1)]
    assert waits[:2] == [0.5, 0.5]
    assert sum(wait < 10 for wait in waits) <= 6
    assert waits[-20:] == [60.0] * 20, "a connection of 60 s does not reset the backoff"
    assert ours.is_flapping
    assert ours.next_wait_s(130) == 0.5, "it lasted twice the wait: the broker was restarted"
    assert not ours.is_flapping


def test_an_occasional_restart_of_the_broker_is_retried_at_once() -> None:
    backoff = ReconnectBackoff()
    assert [backoff.next_wait_s(None) for _ in range(20)][-1] == 60
    assert backoff.next_wait_s(11) == 0.5, "a stable connection resets the backoff"
    assert [backoff.next_wait_s(lasted_s) for lasted_s in (3_600, 86_400, 20)] == [0.5] * 3
    assert not backoff.is_flapping


class _Mien:
    def __init__(self, mqtt: MqttSession, health: list[str]) -> None:
        self.mqtt, self.health = mqtt, health


@contextlib.asynccontextmanager
async def _running_miens(*brokers: object) -> AsyncIterator[list[_Mien]]:
    """Sessions that connect one after the other."""
    sessions, tasks = [], []
    for broker in brokers:
        health: list[str] = []
        one = _Mien(MqttSession(broker, "test", health.append), health)  # type: ignore[arg-type]
        sessions.append(one)
        tasks.append(asyncio.create_task(one.mqtt.run()))
        await until(lambda one=one: one.mqtt.is_connected)  # type: ignore[misc]
    yield sessions
    for one, task in zip(sessions, tasks, strict=True):
        one.mqtt.stop()
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def _broker_with_reason(broker_port: int) -> AsyncIterator[int]:
    """The same broker, with the reason of a disconnect, as MQTT 5 defines it and Mosquitto in Debian 12 omits it."""

    async def joined(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", broker_port)
        up = asyncio.create_task(_pass_on(reader, back))
        await _pass_on(there, writer)
        with contextlib.suppress(OSError):
            writer.write(SESSION_TAKEN_OVER)
            await writer.drain()
        for one in (writer, back):
            one.close()
        await up

    port = free_port()
    async with await asyncio.start_server(joined, "127.0.0.1", port):
        yield port


async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
