"""Exports of a long history in parallel: complete, and in little memory."""

import asyncio
import csv
import io
import socket
import time
from pathlib import Path

import aiohttp
import pytest

from device.emotions import EMOTIONS
from device.hub.history.database import HistoryFile
from device.hub.history.export import to_csv
from device.hub.history.reader import read
from device.hub.history.rows import Entry, Heartbeat
from device.hub.web.limits import WebLimits
from device.settings.schema import Settings
from tests.hub.conftest import free_port
from tests.hub.history.builders import change
from tests.hub.hub_running import run, running, start_hub_process, until
from tests.hub.web.client import ask

PARALLEL = 24
LONG = [pytest.mark.soak, pytest.mark.timeout(600)]
MAX_MB = 300
"""MemoryMax of systemd/mien-hub.service."""


def fill(settings: Settings, rows: int) -> float:
    """Write a week of `rows` changes and some actions; returns when it began."""
    now_s = time.time()
    step_s = 7 * 86_400 / rows
    start_s = now_s - 7 * 86_400 + 60
    changes = [change(n, start_s + step_s * n, emotion=EMOTIONS[n % 7]) for n in range(1, rows)]
    actions = [Entry("action", start_s + 3600 * n, rule="r", action="{}", result="done") for n in range(100)]
    HistoryFile(settings.state_dir, 0, now_s).write([*changes, *actions, Heartbeat(now_s)])
    return start_s


def peak_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]) / 1024


@pytest.mark.parametrize(
    ("path", "rows"),
    [
        ("api/history.csv?since=8d", 12_000),
        pytest.param("api/history.csv?since=8d", 60_000, marks=LONG),
        ("api/history?since=8d", 12_000),
    ],
)
def test_parallel_exports_of_a_long_history_stay_within_the_units_memory(
    house: Settings, short: Path, path: str, rows: int
) -> None:
    fill(house, rows)
    port = free_port()

    async def get(client: aiohttp.ClientSession) -> int:
        async with client.get(f"http://127.0.0.1:{port}/{path}") as answer:
            assert answer.status == 200
            return sum([len(piece) async for piece in answer.content.iter_any()])

    async def is_up(client: aiohttp.ClientSession) -> bool:
        try:
            async with client.get(f"http://127.0.0.1:{port}/api/state") as answer:
                return answer.status == 200
        except OSError:
            return False

    async def story() -> None:
        hub = start_hub_process(house, short, level="ERROR", page=port)
        try:
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:
                await until(lambda: is_up(client), 20)
                sizes = await asyncio.gather(*(get(client) for _ in range(PARALLEL)))
            assert max(sizes) - min(sizes) < 500, "a gap may end meanwhile"
            assert peak_mb(hub.pid) < MAX_MB
        finally:
            hub.kill()
            hub.communicate(timeout=10)

    run(story(), 110 if rows < 20_000 else 550)


def test_a_streamed_export_is_what_the_command_writes(house: Settings) -> None:
    start_s = fill(house, 3000)

    async def story() -> str:
        async with running(house) as hub:
            status, table, headers = await ask("GET", f"{hub.page}api/history.csv?since={start_s + 3000:.0f}")
            assert status == 200
            assert headers["Content-Disposition"] == 'attachment; filename="mien.csv"'
            return table

    table = run(story())
    expected = to_csv(read(house.state_dir, round(start_s + 3000)))
    rows, wanted = (list(csv.reader(io.StringIO(text))) for text in (table, expected))
    assert rows[: len(wanted) - 1] == wanted[:-1], "the last line may be the hub's own gap"


def test_a_reader_that_stops_reading_is_disconnected(house: Settings) -> None:
    fill(house, 30_000)

    async def stop_reading(port: int) -> asyncio.StreamWriter:
        line = socket.socket()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # the kernel would take the whole table
        line.setblocking(False)
        await asyncio.get_running_loop().sock_connect(line, ("127.0.0.1", port))
        _, writer = await asyncio.open_connection(sock=line, limit=1024)
        writer.write(b"GET /api/history.csv?since=8d HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return writer

    async def story() -> None:
        # A reader that is stuck for long: four of them take all places.
        async with running(house, limits=WebLimits(stuck_timeout_s=20, export_wait_s=0.3)) as hub:
            port = int(hub.page.rsplit(":", 1)[1].rstrip("/"))
            stuck = [await stop_reading(port) for _ in range(6)]
            await asyncio.sleep(0.5)
            status, body, headers = await ask("GET", f"{hub.page}api/history.csv?since=8d")
            assert (status, headers["Retry-After"]) == (503, "60")
            assert "too many exports" in body
            for writer in stuck:
                writer.close()
        async with running(house, limits=WebLimits(stuck_timeout_s=0.5)) as hub:
            port = int(hub.page.rsplit(":", 1)[1].rstrip("/"))
            stuck = [await stop_reading(port) for _ in range(6)]
            await asyncio.sleep(0.3)
            status, table, _ = await ask("GET", f"{hub.page}api/history.csv?since=8d")
            assert status == 200
            assert table.count("\n") > 30_000
            for writer in stuck:
                writer.close()

    run(story(), 60)


def test_the_headers_alone_need_no_reading(house: Settings) -> None:
    async def story() -> None:
        async with running(house) as hub:
            status, body, headers = await ask("HEAD", f"{hub.page}api/history.csv?since=8d")
            assert (status, body) == (200, "")
            assert headers["Content-Type"].startswith("text/csv")

    run(story())
