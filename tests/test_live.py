"""All of Mien with real inputs: a network camera, a PulseAudio microphone and Mosquitto; and each of them killed."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from device.emotions import Emotion
from device.sense.simulator.face import draw
from device.sense.simulator.poses import POSES, PROSODIES
from device.sense.simulator.voice import speak
from tests.conftest import Pulse
from tests.hub.conftest import Broker, broker, free_port, short
from tests.sense.mjpeg import MjpegServer, serving

__all__ = ["broker", "short"]  # fixtures

Json = dict[str, Any]
LIMIT_S = 40.0


class FaceCamera(MjpegServer):
    """A network camera that shows the drawn face with the expression that the test sets."""

    emotion: Emotion | None = Emotion.HAPPY

    def next_jpeg(self) -> bytes:
        number = next(self.numbers)
        pixels = np.full((480, 640, 3), (92, 100, 108), np.uint8)
        if self.emotion:
            draw(pixels, (320 + number % 7, 250), 230, POSES[self.emotion])
        pixels[:8, :8] = number % 200  # a sensor has noise
        encoded: bytes = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()
        time.sleep(0.06)
        return encoded


class Mien:
    """Its processes, started as a user or systemd starts them, observed from outside."""

    def __init__(self, folder: Path, camera: str, microphone: str, broker_port: int, env: dict[str, str]) -> None:
        self.folder, self.port, self._env = folder, free_port(), env
        self.settings = folder / "mien.toml"
        self.settings.write_text(
            f'[home]\nname = "live"\nstate_dir = "{folder}/state"\nruntime_dir = "{folder}/run"\n'
            f'[camera]\nsource = "{camera}"\n[microphone]\nsource = "{microphone}"\n'
            f'[mqtt]\nhost = "127.0.0.1"\nport = {broker_port}\n[kiosk]\nport = {self.port}\n'
            "[mood]\nsmoothing_s = 0.8\nhold_s = 1.5\n"
            '[[rules]]\nname = "bright"\nmood = ["happy"]\nfor_s = 0.5\nmin_confidence = 0.3\n'
            'do = [{ action = "lamp", colour = "#fff1d6", brightness = 90 }]\n'
            '[[rules]]\nname = "spark"\nmood = ["surprise"]\nfor_s = 0.5\nmin_confidence = 0.3\n'
            'do = [{ action = "lamp", colour = "#c9a0ff", brightness = 80 }]\n'
        )
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, command: str) -> "subprocess.Popen[bytes]":
        log = (self.folder / f"{command}.log").open("ab")
        arguments = [sys.executable, "-m", "device.cli", "--settings", str(self.settings), command]
        process = subprocess.Popen(arguments, env=self._env, stderr=log, stdout=log)
        self.started.append(process)
        return process

    def log(self, command: str) -> str:
        return (self.folder / f"{command}.log").read_text()

    def state(self) -> Json | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/state", timeout=2) as answer:
                state: Json = json.load(answer)
                return state
        except (OSError, urllib.error.URLError):
            return None

    def history(self) -> str:
        arguments = [sys.executable, "-m", "device.cli", "--settings", str(self.settings), "history", "--csv"]
        return subprocess.run(arguments, env=self._env, capture_output=True, text=True, check=True).stdout


def within(limit_s: float, condition: Callable[[], Any], hint: Callable[[], object] = lambda: "") -> Any:
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.05)
    pytest.fail(f"not within {limit_s} s; {hint()}")


@contextmanager
def run_mien(
    folder: Path, camera: FaceCamera, microphone: str, broker_port: int, env: dict[str, str]
) -> Iterator[Mien]:
    mien = Mien(folder, camera.url, microphone, broker_port, env)
    try:
        yield mien
    finally:
        for process in reversed(mien.started):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(15)


def retained_state(broker: Broker) -> Json:
    state: Json = json.loads(broker.retained("mien/live/state") or '{"mood": "none yet"}')
    return state


def has_mood(mien: Mien, emotion: str) -> Callable[[], Json | None]:
    def look() -> Json | None:
        state = mien.state()
        return state if state and state["mood"] and state["mood"]["emotion"] == emotion else None

    return look


def test_a_face_in_a_stream_and_a_voice_in_a_microphone_change_the_lamp_and_the_retained_state(
    short: Path, tmp_path: Path, pulse: Pulse, broker: Broker
) -> None:
    with serving(FaceCamera) as camera, run_mien(short, camera, "pulse", broker.port, pulse.env) as mien:
        process = mien.start("run")
        within(LIMIT_S, has_mood(mien, "happy"), mien.state)
        within(5, lambda: (mien.state() or {})["lamp"]["colour"] == "#fff1d6", mien.state)
        retained = within(3, lambda: (r := retained_state(broker)).get("mood") == "happy" and r, mien.state)
        assert retained["people"] == 1

        camera.emotion = Emotion.SURPRISE
        state = within(LIMIT_S, has_mood(mien, "surprise"), mien.state)
        within(5, lambda: (mien.state() or {})["lamp"]["colour"] == "#c9a0ff", mien.state)
        within(3, lambda: retained_state(broker).get("mood") == "surprise", mien.state)
        delay = re.findall(r"mood surprise.*; (\d+\.\d+) s from the frame to the message", mien.log("run"))
        assert delay, mien.log("run")
        assert 0 < float(delay[0]) < 10

        voice = tmp_path / "voice.wav"
        with wave.open(str(voice), "wb") as file:
            file.setparams((1, 2, 16_000, 0, "NONE", ""))
            file.writeframes((speak(PROSODIES[Emotion.ANGRY], 8.0) * 32767).astype("<i2").tobytes())
        playing = pulse.play(voice)
        heard = within(12, lambda: (s := mien.state()) and s["mood"] and s["mood"]["voice"] and s, mien.state)
        assert heard["mood"]["face"], "both senses contribute at once"
        playing.wait(15)

        isolation = state["sense"]["isolation"]
        if isolation["enforced"]:
            assert_isolated(state["sense"]["pid"], broker.port)
        else:
            assert "refused" in isolation["detail"], "a kernel that does not allow it is reported"

        process.send_signal(signal.SIGINT)
        assert process.wait(15) == 0
        assert broker.retained("mien/live/availability") == "offline"
        assert "Traceback" not in mien.log("run")


def assert_isolated(pid: int, port: int) -> None:
    """In the network of the running sense there is only loopback, and nothing to connect to."""
    devices = re.findall(r"^\s*(\w+):", Path(f"/proc/{pid}/net/dev").read_text(), re.MULTILINE)
    assert devices == ["lo"]
    assert Path(f"/proc/{pid}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()
    if os.geteuid():
        return  # only root may enter the namespace; what sense itself tested is in its isolation
    probe = (
        "import socket\n"
        f"for address in (('127.0.0.1', {port}), ('192.0.2.1', 9), ('10.0.0.1', 53)):\n"
        "    try:\n        socket.create_connection(address, 2)\n        print('connected', address)\n"
        "    except OSError as error:\n        print('refused', error.errno)\n"
    )
    command = ["nsenter", "-t", str(pid), "-n", sys.executable, "-c", probe]
    output = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    assert output.count("refused") == 3, output


def test_a_killed_process_is_reported_by_the_others_and_comes_back(short: Path, broker: Broker) -> None:
    with serving(FaceCamera) as camera, run_mien(short, camera, "off", broker.port, dict(os.environ)) as mien:
        hub, sense = mien.start("hub"), mien.start("sense")
        within(LIMIT_S, has_mood(mien, "happy"), mien.state)

        sense.kill()
        sense.wait()
        within(2, lambda: (s := mien.state()) and not s["sense"]["available"])
        within(2, lambda: retained_state(broker).get("mood") is None)
        sense = mien.start("sense")
        within(LIMIT_S, has_mood(mien, "happy"), mien.state)

        before = len(mien.log("sense"))
        hub.kill()
        hub.wait()
        within(2, lambda: "hub is away" in mien.log("sense")[before:])
        within(5, lambda: broker.retained("mien/live/availability") == "offline")
        camera.emotion = Emotion.SURPRISE  # it happens while nothing is stored
        time.sleep(4)
        hub = mien.start("hub")
        within(LIMIT_S, has_mood(mien, "surprise"), mien.state)
        within(5, lambda: broker.retained("mien/live/availability") == "online")

        broker.kill()
        within(2, lambda: (s := mien.state()) and not s["mqtt"]["connected"])
        broker.start()
        within(10, lambda: (s := mien.state()) and s["mqtt"]["connected"], mien.state)
        within(5, lambda: retained_state(broker).get("mood") == "surprise")

        history = mien.history()
        assert "sense was away" in history
        assert "hub was away" in history
        assert "lost" not in history, "sense has kept the changes while hub was away"
        assert history.index("hub was away") < history.index("mood,surprise"), history
        for command in ("hub", "sense"):
            assert "Traceback" not in mien.log(command)
