"""Fixtures of several test files."""

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import coverage_files
from tests.command_line import HOUSE, Done, Mien

coverage_files.redirect()


@dataclass
class Pulse:
    """A private PulseAudio without a sound card: its source `mic` records what is played into its sink `mood`."""

    env: dict[str, str]
    """For a process that records: PortAudio reads its environment once, when it is loaded."""

    def play(self, path: Path) -> "subprocess.Popen[bytes]":
        """Play a sound file; returns at once."""
        return subprocess.Popen(["paplay", "--device=mood", str(path)], env=self.env)

    def pactl(self, *words: str) -> str:
        done = subprocess.run(["pactl", *words], env=self.env, capture_output=True, text=True, timeout=10, check=False)
        return done.stdout

    def python(self, code: str, *arguments: str) -> "subprocess.Popen[str]":
        """Run Python with this sound system; its stdin, stdout and stderr are pipes."""
        command = [sys.executable, "-c", code, *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=self.env, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


@pytest.fixture
def pulse(tmp_path: Path) -> Iterator[Pulse]:
    for program in ("pulseaudio", "pactl", "paplay", "pacat"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    if importlib.util.find_spec("pyaudio") is None:
        pytest.skip("pyaudio is not installed")
    home = tmp_path / "pulse"
    home.mkdir(mode=0o700)
    socket = home / "native"
    (home / ".asoundrc").write_text(
        "pcm.!default { type pulse }\nctl.!default { type pulse }\npcm.pulse { type pulse }\n"
    )
    variables = {"HOME": str(home), "XDG_RUNTIME_DIR": str(home), "PULSE_SERVER": f"unix:{socket}"}
    # By default a null sink takes two seconds at a time; with much less it drops out on a busy machine.
    variables["PULSE_LATENCY_MSEC"] = "200"
    env = {**os.environ, **variables, "PYTHONPATH": str(Path(__file__).parents[1])}
    modules = (
        f"module-native-protocol-unix auth-anonymous=1 socket={socket}",
        "module-null-sink sink_name=mood rate=16000 channels=1 format=s16le",
        "module-remap-source master=mood.monitor source_name=mic",
    )
    loads = [word for module in modules for word in ("-L", module)]
    options = ["-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--log-level=error"]
    daemon = subprocess.Popen(["pulseaudio", *options, *loads], env=env, stderr=subprocess.DEVNULL)
    started = [daemon]
    try:
        sound = Pulse(env)
        until = time.monotonic() + 10
        while "mic" not in sound.pactl("list", "short", "sources"):
            assert daemon.poll() is None, "pulseaudio ended"
            assert time.monotonic() < until, "pulseaudio did not start"
            time.sleep(0.05)
        sound.pactl("set-default-source", "mic")
        # Endless silence keeps the clock of the sink running.
        feed = ["pacat", "--playback", "--device=mood", "--rate=16000", "--channels=1", "--format=s16le", "/dev/zero"]
        started.append(subprocess.Popen(feed, env=env))
        yield sound
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(5)


@pytest.fixture
def mien(tmp_path: Path) -> Mien:
    """Runs `mien ARGUMENTS` with a home of its own."""
    home = tmp_path / "home"
    home.mkdir()
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MIEN_", "XDG_"))}
    env |= {"HOME": str(home), "PYTHONPATH": str(HOUSE), "XDG_RUNTIME_DIR": str(home)}

    def run(*arguments: str | Path, **more: str) -> Done:
        command = [sys.executable, "-m", "device.cli", *map(str, arguments)]
        return subprocess.run(
            command, env=env | more, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )

    return run
