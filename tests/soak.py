"""Months of operation in hours: frames and sound go through `sense` as fast as possible, and on to a real hub.

`make soak FRAMES=1000000 HOURS=24`. It measures what would kill a service in the long run: growing memory, descriptors,
threads and tracks. The first tenth is the warm-up; after it, resident memory may grow by three per cent. The buffers of
hub (recent changes for pages, pages of the history's file) are full after 1,000 changes, which are 25,000 frames here.
"""

import argparse
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import msgspec
import numpy as np

from device.emotions import EMOTIONS
from device.ipc.messages import Health, Hello, Stage, State
from device.perception.audio.stft import RATE_HZ
from device.perception.load import load_perception
from device.perception.mood.fusion import Fusion
from device.perception.mood.smoothing import MoodSmoother
from device.readings import Frame, SoundWindow
from device.sense.hub_client import HubClient
from device.sense.simulator.poses import POSES, PROSODIES
from device.sense.simulator.voice import speak
from device.settings.load import load
from device.settings.locations import socket_path
from device.settings.schema import Settings
from device.system.isolation import Isolation
from tests import builders as made

MAX_GROWTH = 0.03
FPS, INTERVAL_S = 10.0, 1.0
_WELL = Health({"camera": Stage(State.OK)}, camera_on=True, microphone_on=True, paused=False)


class Footprint(msgspec.Struct, frozen=True):
    """The resources of a process."""

    resident_mb: float
    descriptors: int
    threads: int

    @classmethod
    def read(cls, pid: int) -> "Footprint":
        status = Path(f"/proc/{pid}/status").read_text()
        resident, threads = (int(status.split(word)[1].split()[0]) for word in ("VmRSS:", "Threads:"))
        return cls(resident / 1024, len(list(Path(f"/proc/{pid}/fd").iterdir())), threads)


def _pictures() -> list[np.ndarray]:
    """One person, two people and nobody, with changing expressions."""
    poses = [POSES[emotion] for emotion in EMOTIONS if emotion in POSES]
    alone = [made.drawn(((320, 250), 230, pose)) for pose in poses]
    both = [made.drawn(((180, 240), 180, a), ((470, 240), 180, b)) for a, b in itertools.pairwise(poses)]
    return [made.noisy(one, number) for number, one in enumerate([*alone, *both, made.drawn()])]


def _sound() -> np.ndarray:
    """A minute of voices and silences."""
    parts = []
    for number, prosody in enumerate(PROSODIES.values()):
        parts += [speak(prosody, 6.0, number), np.zeros(4 * RATE_HZ, np.float32)]
    return np.concatenate(parts)


class Soak:
    """The readers of sense, called directly, and a connection to hub."""

    def __init__(self, settings: Settings) -> None:
        perception = load_perception(settings)
        self._voice = perception.voice
        self.face_stream = perception.open_face_stream(settings)
        self._fusion, self._smoother = Fusion(settings.mood.reading_max_age_s), MoodSmoother(settings.mood)
        isolation = Isolation(True, ("lo",), "refused", "a soak")
        hello = Hello("50a4", "0.1.0", os.getpid(), isolation, {})
        self.hub = HubClient(socket_path(settings.runtime_dir), hello, lambda _: None)
        self.hub.start()
        self._pictures, self._sound = _pictures(), _sound()
        self._shown: object = None
        self.changes = 0

    def add_frame(self, number: int) -> None:
        """One frame: each scene lasts three seconds."""
        now_s = number / FPS
        pixels = self._pictures[number // 30 % len(self._pictures)]
        for reading in self.face_stream.read(Frame(pixels, now_s)):
            self._fusion.add_face(reading)
        self._send(now_s)

    def add_window(self, number: int) -> None:
        """One window of three seconds."""
        now_s = number * INTERVAL_S
        at = int(now_s * RATE_HZ) % (len(self._sound) - 3 * RATE_HZ)
        reading = self._voice.read(SoundWindow(self._sound[at : at + 3 * RATE_HZ], now_s, at), learn=INTERVAL_S / 3)
        if reading is not None:
            self._fusion.add_voice(reading)

    def _send(self, now_s: float) -> None:
        mood = self._smoother.update(self._fusion.now(now_s), self.face_stream.people(now_s), now_s)
        key = (mood.emotion, mood.people)
        changed, self._shown = key != self._shown, key
        real_s = time.monotonic()
        self.changes += changed
        self.hub.send_mood(msgspec.structs.replace(mood, since_s=real_s, time_s=real_s), changed=changed)
        self.hub.send_health(_WELL)


def run_soak(frames: int, hours: float) -> int:
    """Run it. Returns 0 if nothing has growth."""
    with tempfile.TemporaryDirectory(prefix="mien-", dir="/tmp") as folder:
        path = Path(folder) / "mien.toml"
        path.write_text(f'[home]\nstate_dir = "{folder}/s"\nruntime_dir = "{folder}/r"\n[kiosk]\nport = 0\n')
        hub = subprocess.Popen(
            [sys.executable, "-m", "device.cli", "--settings", str(path), "--log", "error", "hub"],
            stderr=subprocess.DEVNULL,
        )
        try:
            return _run(Soak(load(path)), hub.pid, frames, int(hours * 3600 / INTERVAL_S))
        finally:
            hub.terminate()
            hub.wait(20)


def _run(soak: Soak, hub: int, frames: int, windows: int) -> int:
    steps = max(frames, windows)
    warm: dict[str, Footprint] = {}
    pids = {"sense": os.getpid(), "hub": hub}
    for step in range(steps):
        if step < frames:
            soak.add_frame(step)
        # Spread the sound evenly over the frames, or the other way round.
        for window in range(step * windows // steps, (step + 1) * windows // steps):
            soak.add_window(window)
        if step == steps // 10:
            warm = {name: Footprint.read(pid) for name, pid in pids.items()}
        if step % max(steps // 10, 1) == 0:
            print(
                step, {name: Footprint.read(pid) for name, pid in pids.items()}, f"{soak.changes} changes", flush=True
            )
    time.sleep(3)  # messages in transit arrive
    left = soak.face_stream.people(frames / FPS + 60)
    end = {name: Footprint.read(pid) for name, pid in pids.items()}
    growth = {name: end[name].resident_mb / warm[name].resident_mb - 1 for name in pids}
    more = {
        name: (end[name].descriptors - warm[name].descriptors, end[name].threads - warm[name].threads) for name in pids
    }
    print(f"{frames} frames, {windows} windows, {soak.changes} changes, {soak.hub.lost_changes} lost")
    print({name: f"{100 * share:+.1f} % memory" for name, share in growth.items()}, f"(descriptors, threads): {more}")
    print(f"tracks left: {left}; threads here: {[thread.name for thread in threading.enumerate()]}")
    passed = all(share <= MAX_GROWTH for share in growth.values()) and left == 0 and soak.hub.lost_changes == 0
    return int(not (passed and all(new == (0, 0) for new in more.values())))


def main() -> int:
    """Parse the options and run. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--hours", type=float, default=24.0, help="of sound")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # otherwise the hub would keep running
    return run_soak(arguments.frames, arguments.hours)


if __name__ == "__main__":
    sys.exit(main())
