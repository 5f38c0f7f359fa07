"""The outbox with a real broker: in order, nothing lost, nothing twice, and how fast."""

import asyncio
import os
import signal
import socket
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from device.emotions import EMOTIONS, Emotion
from device.settings import locations
from device.settings.schema import Settings
from tests.hub.conftest import Broker
from tests.hub.hub_running import (
    Sense,
    Subscriber,
    has_socket,
    mood,
    run,
    running,
    start_hub_process,
    until,
    with_broker,
)
from tests.hub.mqtt.outbox_setup import ids


async def subscribe(port: int, name: str = "") -> Subscriber:
    subscriber = Subscriber(port, name)
    await subscriber.ready.wait()
    return subscriber


async def send(sense: Sense, seqs: range) -> None:
    for seq in seqs:
        sense.change(mood(EMOTIONS[seq % 7]), seq)
        if seq % 100 == 0:
            await sense.writer.drain()


def test_a_thousand_changes_of_an_outage_arrive_in_order_although_the_hub_is_killed(
    house: Settings, broker: Broker, short: Path
) -> None:
    async def story() -> None:
        listener = await subscribe(broker.port, "listener")
        await listener.stop()
        broker.stop()
        hub = start_hub_process(house, short, broker.port, "WARNING")
        try:
            await until(lambda: has_socket(house), 15)
            async with Sense(house) as sense:
                await send(sense, range(1, 501))
                await until(lambda: sense.last_ack() == 500, 20)
            os.kill(hub.pid, signal.SIGKILL)
            hub.communicate(timeout=5)
            hub = start_hub_process(house, short, broker.port, "WARNING")
            await until(lambda: answers(house), 15)
            async with Sense(house) as sense:
                await send(sense, range(481, 1001))  # the last ones again, because their Ack may have been lost
                await until(lambda: sense.last_ack() == 1000, 20)
                broker.start()
                listener = await subscribe(broker.port, "listener")
                await until(lambda: len(listener.events()) >= 1000, 30)
                sense.change(mood(Emotion.HAPPY), 1001)
                await until(lambda: len(listener.events()) >= 1001, 10)
            hub.terminate()
            assert await asyncio.to_thread(hub.wait, 10) == 0
            hub.communicate(timeout=5)
            hub = start_hub_process(house, short, broker.port, "WARNING")
            await until(lambda: listener.payloads("mien/test/availability")[-1] == "online", 15)
            await asyncio.sleep(0.5)
            await listener.stop()
            events = listener.events()
            assert [event["id"] for event in events] == ids(*range(1, 1002))
            assert [event["event_type"] for event in events[:1000]] == [EMOTIONS[n % 7].value for n in range(1, 1001)]
            assert "late_s" not in events[-1]
            times = [event["time"] for event in events]
            assert times == sorted(times)
        finally:
            hub.kill()
            hub.communicate(timeout=5)

    run(story(), 100)


def answers(settings: Settings) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(locations.socket_path(settings.runtime_dir))) == 0


def test_a_change_reaches_a_subscriber_within_milliseconds(
    house: Settings, broker: Broker, capsys: pytest.CaptureFixture[str]
) -> None:
    async def story() -> None:
        async with running(with_broker(house, broker.port)) as hub, Sense(house) as sense:
            await until(lambda: hub.store.now.mqtt == "")
            listener = await subscribe(broker.port)
            starts_s: list[float] = []
            for seq in range(1, 61):
                starts_s.append(time.monotonic())
                sense.change(mood(EMOTIONS[seq % 7]), seq)
                await until(_has_events(listener, seq))
                await asyncio.sleep(0.05)
            times = [at for at, topic, _, _ in listener.got if topic == "mien/test/event"]
            delays = sorted(1000 * (at - first) for at, first in zip(times, starts_s, strict=True))
            await listener.stop()
            median = statistics.median(delays)
            with capsys.disabled():
                spread = f"95 % {delays[56]:.1f} ms, most {delays[-1]:.1f} ms"
                print(f"\n  frame to subscriber: median {median:.1f} ms, {spread}")
            assert median < 50

    run(story())


def _has_events(listener: Subscriber, seq: int) -> Callable[[], bool]:
    return lambda: len(listener.payloads("mien/test/event")) >= seq


def rss_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def test_five_thousand_changes_at_full_speed_take_bounded_memory(
    house: Settings, broker: Broker, short: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def story() -> None:
        hub = start_hub_process(house, short, broker.port, "WARNING")
        try:
            await until(lambda: has_socket(house), 15)
            listener = await subscribe(broker.port)
            async with Sense(house) as sense:
                await send(sense, range(1, 101))
                await until(lambda: len(listener.payloads("mien/test/event")) == 100)
                before, start_s = rss_mb(hub.pid), time.monotonic()
                await send(sense, range(101, 5_101))
                await until(lambda: len(listener.payloads("mien/test/event")) == 5_100, 80)
                took_s, grown = time.monotonic() - start_s, rss_mb(hub.pid) - before
            await listener.stop()
            with capsys.disabled():
                print(f"\n  5,000 changes: {took_s:.1f} s, at most {grown:.1f} MB more than before")
            assert [event["id"] for event in listener.events()] == ids(*range(1, 5_101))
            assert grown < 30
        finally:
            hub.kill()
            hub.communicate(timeout=5)

    run(story(), 110)
