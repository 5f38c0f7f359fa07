"""A real MPD with nothing to hear it, and peers that only pretend to be one."""

import asyncio
import contextlib
import logging
import math
import shutil
import socket
import struct
import subprocess
import time
import wave
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from mpd.asyncio import MPDClient  # type: ignore[import-untyped]

from device.destinations import Mpd, Music
from device.errors import ActionError
from device.hub.actions import DONE, Destinations, Occasion
from device.hub.actions.mpd import MusicPlayer
from tests.hub.actions.peers import WHY, Clock, dropping, raw, silent
from tests.hub.conftest import free_port
from tests.hub.helpers import run, until

PASSWORD = 'a "pass" \\word'  # noqa: S105
SONGS = ("jazz one.wav", "jazz two.wav", "calm one.wav", "calm two.wav", "short.wav")


def tone(path: Path, seconds: float) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        wanted = round(8000 * seconds)
        file.writeframes(b"".join(struct.pack("<h", round(9000 * math.sin(n / 4))) for n in range(wanted)))


class Daemon:
    """MPD on a loopback port, its sound going nowhere."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.folder = folder
        (folder / "music").mkdir()
        (folder / "lists").mkdir()
        tone(folder / "music" / "short.wav", 0.6)
        tone(folder / "music" / SONGS[0], 30)
        for name in SONGS[1:4]:
            shutil.copy(folder / "music" / SONGS[0], folder / "music" / name)
        (folder / "lists" / "calm.m3u").write_text("calm one.wav\ncalm two.wav\n")
        (folder / "lists" / "bell.m3u").write_text("short.wav\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        path = self.folder / "mpd.conf"
        escaped = PASSWORD.replace("\\", "\\\\").replace('"', '\\"')
        path.write_text(f"""
            music_directory "{self.folder}/music"
            playlist_directory "{self.folder}/lists"
            db_file "{self.folder}/db"
            bind_to_address "127.0.0.1"
            port "{self.port}"
            zeroconf_enabled "no"
            password "{escaped}@read,add,control,admin"
            default_permissions ""
            audio_output {{
                type "null"
                name "nothing"
                mixer_type "software"
            }}
        """)
        self._process = subprocess.Popen(["mpd", "--no-daemon", "--stderr", str(path)], stderr=subprocess.DEVNULL)
        end_s = time.monotonic() + 10
        while time.monotonic() < end_s:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise TimeoutError("mpd did not listen within 10 s")

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(5)
            self._process = None


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    if not shutil.which("mpd"):
        pytest.skip("mpd is not installed")
    one = Daemon(tmp_path_factory.mktemp("mpd"))
    one.start()
    yield one
    one.stop()


class House:
    """The player, and a hand at it: a client of its own."""

    def __init__(self, daemon: Daemon, hand: Any, tmp_path: Path) -> None:
        self.hand, self.clock = hand, Clock()
        self.password_file = tmp_path / "password"
        self.password_file.write_text(PASSWORD + "\n")
        self.player = MusicPlayer(Mpd("127.0.0.1", daemon.port, str(self.password_file)), self.clock.roads(per_s=500.0))
        self.all = Destinations({Music: self.player}, clock=self.clock)

    async def act(self, playlist: str, volume: int | None = None, rule: str = "a") -> str:
        self.clock.now_s += 10
        return await self.all.run(Music(playlist, volume), Occasion(rule, "", self.clock()), keep=True)

    async def end(self, rule: str = "a") -> list[str]:
        self.clock.now_s += 10
        return await self.all.restore(rule)

    async def queue(self) -> list[str]:
        return [song["file"] async for song in self.hand.playlistinfo()]

    async def status(self, *names: str) -> list[str | None]:
        status = await self.hand.status()
        return [status.get(name) for name in names]


@contextlib.asynccontextmanager
async def living(daemon: Daemon, tmp_path: Path) -> AsyncIterator[House]:
    """A house where jazz is in the queue, the second song playing since seven seconds."""
    hand = MPDClient()
    await hand.connect("127.0.0.1", daemon.port)
    await hand.password(PASSWORD)
    await hand.stop()
    await hand.clear()
    await hand.consume(0)
    await hand.rescan()

    async def scanned() -> bool:
        return "updating_db" not in await hand.status()

    await until(scanned)
    for song in SONGS[:2]:
        await hand.add(song)
    await hand.setvol(60)
    await hand.seek(1, 7)
    try:
        yield House(daemon, hand, tmp_path)
    finally:
        await hand.stop()
        hand.disconnect()


def test_a_list_is_played_and_stopped(daemon: Daemon, tmp_path: Path) -> None:
    async def story() -> None:
        async with living(daemon, tmp_path) as house:
            assert house.player.state() == {}
            await house.player.run(Music("calm", 40), WHY)
            assert await house.queue() == ["calm one.wav", "calm two.wav"]
            assert await house.status("state", "song", "volume") == ["play", "0", "40"]
            assert house.player.state() == {"playing": True, "playlist": "calm", "volume": 40}
            await house.player.run(Music(""), WHY)
            assert await house.status("state", "volume") == ["stop", "40"]
            assert house.player.state() == {"playing": False, "playlist": "", "volume": None}

    run(story())


def test_a_list_that_is_not_there_leaves_the_music(daemon: Daemon, tmp_path: Path) -> None:
    async def story() -> None:
        async with living(daemon, tmp_path) as house:
            where = f"MPD 127.0.0.1:{daemon.port}"
            result = await house.all.run(Music("none", 5), WHY)
            assert result == f"{where}: refused it ([50@0] {{listplaylist}} No such playlist)"
            assert await house.queue() == list(SONGS[:2])
            assert await house.status("state", "volume") == ["play", "60"]

    run(story())


def test_a_wrong_password_is_said_and_not_told(
    daemon: Daemon, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def story() -> str:
        async with living(daemon, tmp_path) as house:
            house.password_file.write_text("wrong-password")
            return await house.all.run(Music("calm"), WHY)

    result = run(story())
    assert "refused it ([3@0] {password} incorrect password)" in result
    assert "wrong-password" not in result + caplog.text
    assert PASSWORD not in caplog.text


# -- the way back


@pytest.mark.parametrize("how", ["play", "pause", "stop"])
def test_the_music_comes_back_where_it_was_left(daemon: Daemon, tmp_path: Path, how: str) -> None:
    async def story() -> None:
        async with living(daemon, tmp_path) as house:
            if how == "pause":
                await house.hand.pause(1)
            elif how == "stop":
                await house.hand.stop()
            assert await house.act("calm", 20) == DONE
            assert await house.end() == ["mpd: done"]
            assert await house.queue() == list(SONGS[:2])
            assert await house.status("state", "volume") == [how, "60"]
            if how != "stop":
                (song, elapsed) = await house.status("song", "elapsed")
                assert song == "1"
                assert 6.9 <= float(elapsed or 0) < 10

    run(story())


def test_stopped_music_goes_on(daemon: Daemon, tmp_path: Path) -> None:
    async def story() -> None:
        async with living(daemon, tmp_path) as house:
            ids = [song["id"] async for song in house.hand.playlistinfo()]
            await house.act("", 10)
            assert await house.status("state", "volume") == ["stop", "10"]
            assert await house.end() == ["mpd: done"]
            assert await house.status("state", "song", "volume") == ["play", "1", "60"]
            assert [song["id"] async for song in house.hand.playlistinfo()] == ids, "the same queue, not a new one"

    run(story())


def test_a_list_that_came_to_its_end_by_itself_was_not_stopped_by_a_hand(daemon: Daemon, tmp_path: Path) -> None:
    async def story() -> None:
        for consume in (0, 1):
            async with living(daemon, tmp_path) as house:
                await house.act("bell")
                await house.hand.consume(consume)

                async def ended(house: House = house) -> bool:
                    return await house.status("state") == ["stop"]

                await until(ended)
                assert await house.end() == ["mpd: done"]
                assert await house.status("state", "song") == ["play", "1"]
                assert await house.queue() == list(SONGS[:2])

    run(story())


@pytest.mark.parametrize("hand", ["stop", "pause", "clear", "setvol", "add"])
def test_a_hand_at_the_player_keeps_it(daemon: Daemon, tmp_path: Path, hand: str) -> None:
    async def story() -> None:
        async with living(daemon, tmp_path) as house:
            await house.act("calm", 20)
            arguments = {"pause": (1,), "setvol": (35,), "add": (SONGS[4],)}.get(hand, ())
            await getattr(house.hand, hand)(*arguments)
            before = await house.queue(), await house.status("state", "volume")
            assert await house.end() == ["mpd: left alone, it was changed since"]
            assert (await house.queue(), await house.status("state", "volume")) == before

    run(story())


def test_after_two_lists_the_music_is_what_it_was_before_both(daemon: Daemon, tmp_path: Path) -> None:
    async def story() -> None:
        async with living(daemon, tmp_path) as house:
            await house.act("calm", 20, "a")
            await house.act("bell", 30, "b")
            assert await house.end("a") == []
            assert await house.end("b") == ["mpd: done"]
            assert await house.queue() == list(SONGS[:2])
            assert await house.status("state", "song", "volume") == ["play", "1", "60"]

    run(story())


def test_songs_that_are_gone_are_said_and_the_others_come_back(daemon: Daemon, tmp_path: Path) -> None:
    async def story() -> None:
        async with living(daemon, tmp_path) as house:
            await house.hand.clear()
            gone = daemon.folder / "music" / "gone.wav"
            tone(gone, 1)
            await house.hand.update()

            async def known() -> bool:
                return "updating_db" not in await house.hand.status()

            await until(known)
            for song in ("gone.wav", *SONGS[:2]):
                await house.hand.add(song)
            await house.hand.seek(2, 5)
            await house.act("calm")
            gone.unlink()
            await house.hand.update()
            await until(known)
            assert await house.end() == [
                f"mpd: not brought back: MPD 127.0.0.1:{daemon.port}: 1 songs of the queue are not there any more"
            ]
            assert await house.queue() == list(SONGS[:2])
            assert await house.status("state", "song") == ["play", "1"]

    run(story())


def test_a_queue_without_end_is_not_kept_and_the_list_still_plays(daemon: Daemon, tmp_path: Path) -> None:
    async def story() -> None:
        async with living(daemon, tmp_path) as house:
            for _ in range(10):
                await asyncio.gather(*(house.hand.add(SONGS[0]) for _ in range(100)))
            result = await house.act("calm")
            assert "more than 1000 songs, too many to be brought back" in result
            assert result.startswith("done; ")
            assert await house.queue() == ["calm one.wav", "calm two.wav"]
            await house.hand.clear()
            for _ in range(9):
                await asyncio.gather(*(house.hand.add(SONGS[0]) for _ in range(100)))
            await house.act("calm")
            assert await house.end() == ["mpd: done"]
            assert len(await house.queue()) == 900

    run(story())


def test_a_player_that_is_away_at_the_end_is_asked_again_the_next_time(daemon: Daemon, tmp_path: Path) -> None:
    async def story() -> None:
        async with living(daemon, tmp_path) as house:
            await house.act("calm", 20)
        await asyncio.to_thread(daemon.stop)
        (line,) = await house.end()
        assert line.startswith(f"mpd: not brought back: MPD 127.0.0.1:{daemon.port}: cannot be reached (Connect call")
        await asyncio.to_thread(daemon.start)
        assert (await house.end())[0].startswith("mpd: ")

    run(story())


# -- peers that pretend


async def told(port: int) -> str:
    player = MusicPlayer(Mpd("127.0.0.1", port), Clock().roads(per_s=500.0, attempt_s=0.1))
    return await Destinations({Music: player}).run(Music("calm"), WHY)


def saying(*lines: bytes) -> Any:
    """A greeting, and then a line for each line."""

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"OK MPD 0.23.5\n")
        for line in lines:
            await reader.readline()
            writer.write(line)
            await writer.drain()
        await reader.read(1000)

    return conversation


def test_nobody_silence_and_dropping_are_said(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        port = free_port()
        assert (await told(port)).startswith(f"MPD 127.0.0.1:{port}: cannot be reached (Connect call failed")
        async with raw(silent) as (port, came_s):
            assert (await told(port)).startswith(f"MPD 127.0.0.1:{port}: no answer within 0.1 s; tried")
            assert len(came_s) > 2
        for conversation in (dropping, saying(b"")):
            async with raw(conversation) as (port, came_s):
                assert "; tried" in await told(port)

        async def greets_and_leaves(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"OK MPD 0.23.5\n")
            await reader.readline()

        async with raw(greets_and_leaves) as (port, _):
            assert "the connection broke off (Connection lost while reading line); tried" in await told(port)
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
def test_an_answer_of_the_wrong_kind_is_said(lines: tuple[bytes, ...], caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with raw(saying(*lines)) as (port, came_s):
            player = MusicPlayer(Mpd("127.0.0.1", port), Clock().roads(per_s=500.0))
            with pytest.raises(ActionError, match=r"the answer is not understood \(\w+\); is that an MPD\?"):
                await player.former(Music("calm"))
            assert len(came_s) == 1
            await asyncio.sleep(0.05)

    run(story())
    assert "Traceback" not in caplog.text
    assert "never retrieved" not in caplog.text


def test_something_else_on_the_port_is_said() -> None:
    async def greeting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com ESMTP\r\n")
        await reader.read(100)

    async def story() -> None:
        async with raw(greeting) as (port, _):
            assert "the answer is not understood (ProtocolError); is that an MPD?" in await told(port)

    run(story())
