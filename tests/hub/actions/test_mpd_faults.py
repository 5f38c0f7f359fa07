"""Servers that are not a working MPD: each fault is reported, none as a traceback."""

import asyncio
from typing import Any

import pytest

from device.errors import ActionError
from device.hub.actions.dispatcher import ActionDispatcher
from device.hub.actions.mpd import MusicPlayer
from device.settings.actions.mpd import Mpd, Music
from tests.hub.actions.peers import WHY, Clock, dropping, raw, silent
from tests.hub.conftest import free_port
from tests.hub.hub_running import run

# -- fake servers


async def get_result(port: int) -> str:
    player = MusicPlayer(Mpd("127.0.0.1", port), Clock().make_deliveries(per_s=500.0, attempt_s=0.1))
    return await ActionDispatcher({Music: player}).run(Music("calm"), WHY)


def answering(*lines: bytes) -> Any:
    """Sends a greeting, and then one of `lines` for each line it gets."""

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"OK MPD 0.23.5\n")
        for line in lines:
            await reader.readline()
            writer.write(line)
            await writer.drain()
        await reader.read(1000)

    return conversation


def test_an_absent_or_silent_daemon_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        port = free_port()
        assert (await get_result(port)).startswith(f"MPD 127.0.0.1:{port}: cannot be reached (Connect call failed")
        async with raw(silent) as (port, came_s):
            assert (await get_result(port)).startswith(f"MPD 127.0.0.1:{port}: no answer within 0.1 s; tried")
            assert len(came_s) > 2
        for conversation in (dropping, answering(b"")):
            async with raw(conversation) as (port, came_s):
                assert "; tried" in await get_result(port)

        async def greets_and_leaves(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"OK MPD 0.23.5\n")
            await reader.readline()

        async with raw(greets_and_leaves) as (port, _):
            assert "the connection broke off (Connection lost while reading line); tried" in await get_result(port)
        await asyncio.sleep(0.05)

    run(story())
    assert "Traceback" not in caplog.text
    assert "never retrieved" not in caplog.text


@pytest.mark.parametrize(
    "lines",
    [
        (b"nonsense\nOK\n",),
        (b"x" * 100_000 + b"\n",),
        (b"\xff\xfe: x\nOK\n",),
        (b"state: play\nvolume: loud\nOK\n", b"OK\n", b"OK\n"),
        (b"OK\n", b"OK\n", b"OK\n"),
        (b"state: play\nplaylistlength: 1\nOK\n", b"OK\n", b"Title: no file\nOK\n"),
        (b"state: play\nelapsed: long\nOK\n", b"OK\n", b"OK\n"),
        ((b"file: " + b"x" * 1000 + b"\n") * 1100 + b"OK\n",),
        (b"state: stop\nOK\n", b"OK\n", b"OK\n", b"directory: x\nfile: y\nOK\n"),
    ],
)
def test_a_malformed_answer_is_reported(lines: tuple[bytes, ...], caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with raw(answering(*lines)) as (port, came_s):
            player = MusicPlayer(Mpd("127.0.0.1", port), Clock().make_deliveries(per_s=500.0))
            with pytest.raises(ActionError, match=r"the answer is not understood \(\w+\); is that an MPD\?"):
                await player.capture_state(Music("calm"))
            assert len(came_s) == 1
            await asyncio.sleep(0.05)

    run(story())
    assert "Traceback" not in caplog.text
    assert "never retrieved" not in caplog.text


def test_another_program_on_the_port_is_reported() -> None:
    async def greeting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com ESMTP\r\n")
        await reader.read(100)

    async def story() -> None:
        async with raw(greeting) as (port, _):
            assert "the answer is not understood (ProtocolError); is that an MPD?" in await get_result(port)

    run(story())
