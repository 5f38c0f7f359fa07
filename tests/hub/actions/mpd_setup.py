"""A house with a real MPD and a null output."""

import contextlib
import math
import shutil
import struct
import subprocess
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from mpd.asyncio import MPDClient  # type: ignore[import-untyped]

from device.hub.actions.base import Trigger
from device.hub.actions.dispatcher import ActionDispatcher
from device.hub.actions.mpd import MusicPlayer
from device.settings.actions.mpd import Mpd, Music
from tests.hub.actions.peers import Clock
from tests.hub.conftest import free_port, wait_until_listening
from tests.hub.hub_running import until

PASSWORD = 'a "pass" \\word'  # noqa: S105
SONGS = ("jazz one.wav", "jazz two.wav", "calm one.wav", "calm two.wav", "short.wav")


def tone(path: Path, seconds: float) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        wanted = round(8000 * seconds)
        file.writeframes(b"".join(struct.pack("<h", round(9000 * math.sin(n / 4))) for n in range(wanted)))


NOWHERE = """type "null"
                mixer_type "software\""""


class Daemon:
    """MPD on a loopback port; its default `output` discards the sound."""

    def __init__(self, folder: Path, output: str = NOWHERE) -> None:
        self.port = free_port()
        self.folder = folder
        self._output = output
        (folder / "music").mkdir()
        (folder / "lists").mkdir()
        tone(folder / "music" / "short.wav", 0.6)
        tone(folder / "music" / SONGS[0], 30)
        for name in SONGS[1:4]:
            shutil.copy(folder / "music" / SONGS[0], folder / "music" / name)
        (folder / "lists" / "calm.m3u").write_text("calm one.wav\ncalm two.wav\n")
        (folder / "lists" / "bell.m3u").write_text("short.wav\n")
        self._process: subprocess.Popen[bytes] | None = None
        self._port_is_known = False

    def start(self) -> None:
        """Start it, or start it again on the same port. Raises RuntimeError with its output if it ends instead."""
        again = self._port_is_known
        for _ in range(3):
            output = self._started()
            if output is None:
                self._port_is_known = True
                return
            if again or "Address already in use" not in output:
                break
            self.port = free_port()  # another program took the port first
        raise RuntimeError(f"MPD ended: {output}")

    def _started(self) -> str | None:
        """Its output if it ended before it accepted connections; None when it accepts them."""
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
                name "nothing"
                {self._output}
            }}
        """)
        log = self.folder / "mpd.log"
        with log.open("wb") as file:
            self._process = subprocess.Popen(["mpd", "--no-daemon", "--stderr", str(path)], stderr=file)
        if wait_until_listening(self.port, self._process):
            return None
        self._process = None
        return log.read_text(errors="replace")

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(5)
            self._process = None


class House:
    """The player, and `hand`: a client that stands for a person."""

    def __init__(self, daemon: Daemon, hand: Any, tmp_path: Path) -> None:
        self.hand, self.clock = hand, Clock()
        self.password_file = tmp_path / "password"
        self.password_file.write_text(PASSWORD + "\n")
        self.player = MusicPlayer(
            Mpd("127.0.0.1", daemon.port, str(self.password_file)), self.clock.make_deliveries(per_s=500.0)
        )
        self.all = ActionDispatcher({Music: self.player}, clock=self.clock)

    async def act(self, playlist: str, volume: int | None = None, rule: str = "a") -> str:
        self.clock.now_s += 10
        return await self.all.run(Music(playlist, volume), Trigger(rule, "", self.clock()), remember=True)

    async def end(self, rule: str = "a") -> list[str]:
        self.clock.now_s += 10
        return await self.all.restore(rule)

    async def queue(self) -> list[str]:
        return [song["file"] async for song in self.hand.playlistinfo()]

    async def status(self, *names: str) -> list[str | None]:
        status = await self.hand.status()
        return [status.get(name) for name in names]


@contextlib.asynccontextmanager
async def living(
    daemon: Daemon, tmp_path: Path, *, volume: int | None = 60, plays: bool = True
) -> AsyncIterator[House]:
    """A house where jazz is in the queue, and the second song has played for seven seconds."""
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
    if volume is not None:
        await hand.setvol(volume)
    if plays:
        await hand.seek(1, 7)
    try:
        yield House(daemon, hand, tmp_path)
    finally:
        await hand.stop()
        hand.disconnect()
