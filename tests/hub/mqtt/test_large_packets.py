"""What a broker sends takes no memory: a real Mosquitto with a huge retained message, and hostile brokers."""

import asyncio
import contextlib
import itertools
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from device.settings.schema import Mqtt, Settings
from tests.hub.conftest import Broker
from tests.hub.hub_running import run, start_hub_process, until

MEGABYTES = 40
MAX_GROWTH_MB = 16.0


def peak_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]) / 1024


@contextlib.asynccontextmanager
async def hub_at(
    house: Settings, folder: Path, port: int, version: str
) -> AsyncIterator[tuple["subprocess.Popen[str]", Callable[[], str]]]:
    """A hub process, and what it has logged so far."""
    settings = msgspec.structs.replace(house, mqtt=msgspec.convert({"version": version}, Mqtt))
    log = folder / "hub.log"
    hub = start_hub_process(settings, folder, port, "WARNING", log=log)
    try:
        yield hub, log.read_text
    finally:
        hub.terminate()
        await asyncio.to_thread(hub.wait, 10)


def test_a_huge_retained_message_is_cut_off_before_it_is_read(house: Settings, broker: Broker, short: Path) -> None:
    huge = short / "huge"
    with huge.open("wb") as file:
        file.truncate(MEGABYTES * 1_000_000)
    words = ["mosquitto_pub", "-p", str(broker.port), "-t", "mien/test/camera/set", "-r", "-f", str(huge), "-q", "1"]

    async def story() -> None:
        async with hub_at(house, short, broker.port, "3.1.1") as (hub, log):
            await until(lambda: broker.retained("mien/test/availability") == "online", 20)
            before = peak_mb(hub.pid)
            await asyncio.to_thread(subprocess.run, words, check=True, timeout=60)
            await until(lambda: f"a packet of {MEGABYTES},0" in log(), 30)
            assert "mosquitto_sub" in log(), "it says how to find the message"
            await asyncio.sleep(3)  # it is sent again at each connect
            assert peak_mb(hub.pid) - before < MAX_GROWTH_MB
            clear = [*words[:5], "-r", "-n"]
            await asyncio.to_thread(subprocess.run, clear, check=True, timeout=60)
            await until(lambda: broker.retained("mien/test/availability", 1) == "online", 20)

    run(story(), 90)


def publish(qos: int, number: int, payload: bytes) -> bytes:
    """A PUBLISH of MQTT 3.1.1 on one of our topics."""
    topic = b"mien/test/camera/set"
    body = len(topic).to_bytes(2, "big") + topic + (number.to_bytes(2, "big") if qos else b"") + payload
    length, rest = b"", len(body)
    while True:
        rest, digit = divmod(rest, 128)
        length += bytes([digit | 128 * bool(rest)])
        if not rest:
            return bytes([0x30 | qos << 1]) + length + body


def endless_packet() -> Iterator[bytes]:
    yield b"\x30\xff\xff\xff\x7f"
    yield from itertools.repeat(bytes(1_000_000))


def never_released() -> Iterator[bytes]:
    """Messages of QoS 2 that a client has to keep until they are released."""
    yield from (publish(2, number, bytes(8000)) for number in range(1, 65_536))
    yield from endless_packet()


@pytest.mark.parametrize("version", ["3.1.1", "5"])
@pytest.mark.parametrize("attack", [endless_packet, never_released])
def test_a_hostile_broker_takes_no_memory(
    house: Settings, short: Path, attack: Callable[[], Iterator[bytes]], version: str
) -> None:
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.read(4096)
        writer.write(b"\x20\x03\x00\x00\x00" if version == "5" else b"\x20\x02\x00\x00")
        reading = asyncio.create_task(reader.read(-1))
        with contextlib.suppress(ConnectionError):
            for piece in attack():
                writer.write(piece)
                await writer.drain()
        reading.cancel()
        writer.close()

    async def story() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with hub_at(house, short, server.sockets[0].getsockname()[1], version) as (hub, _):
            await until(lambda: connections, 20)
            before = peak_mb(hub.pid)
            await asyncio.sleep(4)
            assert peak_mb(hub.pid) - before < MAX_GROWTH_MB
        server.close()

    run(story(), 60)
