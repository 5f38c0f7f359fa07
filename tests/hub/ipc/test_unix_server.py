"""The server behind both sockets: its connections, its end, and a connection that fails."""

import asyncio
from pathlib import Path

import pytest

from device.hub.ipc.unix_server import UnixServer
from tests.hub.hub_running import run, until


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        writer.write(line)
    writer.close()


async def fail(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()
    raise ZeroDivisionError


def test_each_client_is_served_and_disconnected_at_the_end(short: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = short / "test.sock"

    async def story() -> None:
        server = UnixServer(path, echo)
        await server.open()
        assert path.stat().st_mode & 0o777 == 0o660
        clients = [await asyncio.open_unix_connection(str(path)) for _ in range(3)]
        for number, (reader, writer) in enumerate(clients):
            writer.write(b"%d\n" % number)
            assert await reader.readline() == b"%d\n" % number
        server.stop_listening()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_unix_connection(str(path))
        clients[0][1].write(b"still served\n")
        assert await clients[0][0].readline() == b"still served\n"
        await server.close()
        assert not server._tasks
        await server.close()

    run(story())
    assert not path.exists()
    assert caplog.records == []


def test_a_failing_connection_is_logged_and_the_next_one_served(short: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        server = UnixServer(short / "test.sock", fail)
        await server.open()
        for _ in range(2):
            reader, _ = await asyncio.open_unix_connection(str(short / "test.sock"))
            assert await reader.read() == b""
        await until(lambda: len(caplog.records) == 2)
        await server.close()

    run(story())
    assert {record.getMessage() for record in caplog.records} == {"a connection of sense failed; please report this"}


def test_a_path_in_use_is_an_error_and_leaves_the_server_closed(short: Path) -> None:
    (short / "test.sock").write_text("mine")

    async def story() -> None:
        server = UnixServer(short / "test.sock", echo)
        with pytest.raises(OSError, match="in use"):
            await server.open()
        await server.close()

    run(story())
    assert (short / "test.sock").read_text() == "mine"
