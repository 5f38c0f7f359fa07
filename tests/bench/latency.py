"""Seconds from an expression to the lamp, and where they go: `python -m tests.bench.latency`.

A recording of a drawn face that changes at known times goes through the real `sense` and a real hub, whose rules test
only the mood. The lamp is a server on this machine. Each change is timed at every stage.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

import av
import numpy as np

from device.emotions import Emotion, top
from device.ipc.messages import Hello
from device.readings import FaceReading, Frame, Mood
from device.sense.build import build_pipeline
from device.sense.hub_client import HubClient
from device.sense.simulator.poses import POSES
from device.settings.load import load
from device.settings.locations import socket_path
from device.system.isolation import Isolation
from tests.builders import drawn, noisy

FPS = 15
SCENE_S = 7.0
"""Longer than smoothing and hold time together."""
STAGES = ("capture", "detection and networks", "smoothing", "socket, rule and action")
_EMOTIONS = (Emotion.HAPPY, Emotion.ANGRY, Emotion.SURPRISE, Emotion.SAD)
_MARK_PX = 16


@dataclass
class Change:
    """When a change of expression reached each stage, seconds of CLOCK_MONOTONIC."""

    emotion: Emotion
    taken_s: float
    """The first frame with it was taken."""
    begun_s: float = 0.0
    read_s: float = 0.0
    decided_s: float = 0.0
    lamp_s: float = 0.0


@dataclass
class Recorder:
    """Records the times: at the real FaceStream, at the real HubClient, and at the lamp."""

    changes: list[Change] = field(default_factory=list)

    def record_reading(self, frame: Frame, readings: list[FaceReading], begun_s: float) -> None:
        """A frame was read. Its corner encodes the scene."""
        scene = int(frame.pixels[:_MARK_PX, :_MARK_PX].mean() / 20 + 0.5)
        while len(self.changes) <= scene:
            self.changes.append(Change(_EMOTIONS[len(self.changes) % len(_EMOTIONS)], frame.time_s))
        change = self.changes[scene]
        if readings and not change.read_s and top(readings[0].probabilities) is change.emotion:
            change.begun_s, change.read_s = begun_s, time.monotonic()

    def record_mood(self, mood: Mood, *, changed: bool) -> None:
        """A mood was sent to hub."""
        if changed and self.changes and mood.emotion is self.changes[-1].emotion:
            self.changes[-1].decided_s = self.changes[-1].decided_s or time.monotonic()

    def record_lamp(self) -> None:
        """The lamp received a request."""
        if self.changes:
            self.changes[-1].lamp_s = self.changes[-1].lamp_s or time.monotonic()


def write_video(path: Path, scenes: int) -> Path:
    """A video of a drawn face with a new expression every SCENE_S; a corner's grey encodes its number."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=FPS, options={"qscale": "3"})
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        for scene in range(scenes):
            picture = drawn(((320, 250), 260, POSES[_EMOTIONS[scene % len(_EMOTIONS)]]))
            picture[:_MARK_PX, :_MARK_PX] = 20 * scene
            for number in range(round(SCENE_S * FPS)):
                pixels = noisy(picture, number % 4)
                pixels[:_MARK_PX, :_MARK_PX] = 20 * scene
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode(None))
    return path


@contextmanager
def lamp(recorder: Recorder) -> Iterator[int]:
    """A server on a free port of this machine that records its requests."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            recorder.record_lamp()
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def measure(scenes: int = 10) -> dict[str, object]:
    """Time this many changes. Returns the median and the 90th percentile of each stage in seconds."""
    recorder = Recorder()
    with tempfile.TemporaryDirectory(prefix="mien-", dir="/tmp") as folder, lamp(recorder) as port:
        path, video = Path(folder) / "mien.toml", write_video(Path(folder) / "scenes.mp4", scenes)
        rules = "".join(
            f'[[rules]]\nname = "{e.value}"\nmood = ["{e.value}"]\nfor_s = 0\ncooldown_s = 0\nmin_confidence = 0\n'
            f'do = [{{ action = "webhook", url = "http://127.0.0.1:{port}/" }}]\n'
            for e in _EMOTIONS
        )
        path.write_text(
            f'[home]\nstate_dir = "{folder}/s"\nruntime_dir = "{folder}/r"\n[kiosk]\nport = 0\n'
            f'[camera]\nsource = "file:{video}"\nfps = {FPS}\nidle_fps = {FPS}\n[microphone]\nsource = "off"\n{rules}'
        )
        settings = load(path)
        command = [sys.executable, "-m", "device.cli", "--settings", str(path), "--log", "error", "hub"]
        hub = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            sense, models = build_pipeline(settings, settings.camera.source)
            read = sense._face_stream.read

            def read_and_record(frame: Frame) -> list[FaceReading]:
                begun_s = time.monotonic()
                readings = read(frame)
                recorder.record_reading(frame, readings, begun_s)
                return readings

            sense._face_stream.read = read_and_record  # type: ignore[method-assign]
            isolation = Isolation(True, ("lo",), "refused", "a measurement")
            hello, stop = Hello("b0", "0", 1, isolation, models), threading.Event()
            client = HubClient(socket_path(settings.runtime_dir), hello, lambda _: None)
            send_mood = client.send_mood

            def send_and_record(mood: Mood, *, changed: bool) -> None:
                recorder.record_mood(mood, changed=changed)
                send_mood(mood, changed=changed)

            client.send_mood = send_and_record  # type: ignore[method-assign]
            running = threading.Thread(target=sense.run, args=(client, stop))
            running.start()
            time.sleep(scenes * SCENE_S + 1.5)
            stop.set()
            running.join(10)
        finally:
            hub.terminate()
            hub.wait(20)
    return _summary(recorder.changes[1:])


def _summary(changes: list[Change]) -> dict[str, object]:
    whole = [change for change in changes if change.lamp_s and change.decided_s and change.read_s]
    rows = np.array([_split(change) for change in whole])
    return {
        "changes": len(changes),
        "arrived": len(whole),
        "seconds": {
            name: {"p50": round(float(np.median(row)), 4), "p90": round(float(np.quantile(row, 0.9)), 4)}
            for name, row in zip((*STAGES, "whole"), [*rows.T, rows.sum(axis=1)], strict=True)
        },
    }


def _split(change: Change) -> list[float]:
    """Seconds in each of STAGES."""
    times = change.taken_s, change.begun_s, change.read_s, change.decided_s, change.lamp_s
    return [after - before for before, after in pairwise(times)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    result = measure(arguments.scenes)
    if arguments.json:
        print(json.dumps(result))
        return
    print(f"{result['arrived']} of {result['changes']} changes of expression reached the lamp")
    for name, figures in result["seconds"].items():  # type: ignore[attr-defined]
        print(f"{name:32} {figures['p50']:7.3f} s (median) {figures['p90']:7.3f} s (nine of ten)")


if __name__ == "__main__":
    main()
