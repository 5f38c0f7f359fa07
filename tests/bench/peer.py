"""The peers, each run as a process that reads frames or sound on request."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.environments import Environment, NotInstalled, measure_size_mb

HOUSE = Path(__file__).parents[2]
_SCRIPTS = Path(__file__).parent / "peers"
_WARM_UP = 30
"""Frames before the measurement: a JavaScript engine compiles frequent code."""

MEDIAPIPE = Environment("mediapipe", (("mediapipe==0.10.21", "ai-edge-litert==2.3.0"),))
FER = Environment(
    "fer",
    (
        (
            "tensorflow-cpu==2.19.1",
            "opencv-contrib-python-headless==4.11.0.86",
            "torch==2.13.0",
            "pandas",
            "pillow",
            "requests",
            "setuptools==80.9.0",
            "tqdm",
        ),
        # Their own requirements pull in a PyTorch with CUDA, 4 GB more.
        ("--no-deps", "fer==25.10.3", "facenet-pytorch==2.6.0"),
    ),
)
OPENSMILE = Environment("opensmile", (("opensmile==2.6.0",),))
NODE = Environment(
    "node",
    (
        (
            "@vladmandic/human@3.3.6",
            "@vladmandic/face-api@1.7.15",
            *(f"@tensorflow/tfjs{part}@4.22.0" for part in ("", "-core", "-converter", "-backend-wasm")),
        ),
    ),
    npm=True,
)
_OURS = ("mien",)
_LEAN = ("ai-edge-litert", "opencv-python-headless", "numpy")
_TFJS = "@tensorflow/tfjs"


@dataclass(frozen=True)
class Peer:
    """A program that somebody could use instead of Mien."""

    name: str
    script: str
    environment: Environment | None = None
    """None: Mien's own."""
    size_mb: Callable[[], float] = lambda: 0.0


@dataclass(frozen=True)
class Stimulus:
    """The input of all peers."""

    each: str
    """The unit, as in `ms_cpu_a_frame`."""
    found: str
    """What is detected in it, as in `faces_a_frame`."""
    arguments: tuple[str, ...]
    """Arguments of the peer's script: the file, and how to read it."""


PEERS = (
    Peer("mien", "ours.py", size_mb=lambda: measure_size_mb(_OURS) + _device_mb()),
    Peer("lean", "lean.py", size_mb=lambda: measure_size_mb(_LEAN)),
    Peer("mediapipe", "mediapipe_and_cnn.py", MEDIAPIPE, MEDIAPIPE.size_mb),
    Peer("fer-haar", "fer_haar.py", FER, FER.size_mb),
    Peer("fer-mtcnn", "fer_mtcnn.py", FER, FER.size_mb),
    Peer(
        "human",
        "human.cjs",
        NODE,
        lambda: NODE.size_mb("@vladmandic/human", *(_TFJS + part for part in ("-core", "-converter", "-backend-wasm"))),
    ),
    Peer("face-api", "face_api.cjs", NODE, lambda: NODE.size_mb("@vladmandic/face-api", "@tensorflow")),
)
SOUND_PEERS = (
    Peer("mien", "ours_sound.py", size_mb=lambda: measure_size_mb(_OURS) + _device_mb()),
    Peer("light-sernet", "light_sernet.py", FER, lambda: FER.size_mb("tensorflow")),
    Peer("opensmile", "opensmile_egemaps.py", OPENSMILE, OPENSMILE.size_mb),
)
"""Peers for voices: a window of three seconds, every second."""
ABSENT = {
    "deepface": "its weights are not in the package: it downloads them on first use",
    "hsemotion-onnx": "its network is not in the package: it downloads it on first use",
    "rmn": "its weights are not in the package: it downloads them on first use",
}
"""Peers that cannot be measured without further downloads, and why."""
ABSENT_SOUND = {"wav2vec2": "its weights are not in a package: they are downloaded on first use"}


class Running:
    """A running peer, on one core."""

    def __init__(self, peer: Peer, stimulus: Stimulus, core: int = 0) -> None:
        """Install and start it, and let it read one frame. Raises NotInstalled if any of this fails."""
        if peer.environment:
            peer.environment.install()
        self.peer, self._stimulus, self._cpu_ms, self._wall_ms = peer, stimulus, list[float](), list[float]()
        self._found, self._rss_mb = 0, 0.0
        start_s = time.perf_counter()
        self._process = subprocess.Popen(
            [*_pinned(core), *_program(peer), *stimulus.arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **_environ(peer)},
        )
        self._request(1)
        self.start_s = time.perf_counter() - start_s
        self._request(_WARM_UP)

    def run(self, count: int) -> None:
        """Let it read `count` more, and record the measurements. Raises NotInstalled if it has ended."""
        result = self._request(count)
        self._cpu_ms += result["cpu_ms"]
        self._wall_ms += result["wall_ms"]
        self._found += result["found"]
        self._rss_mb = result["rss_mb"]

    def as_json(self) -> dict[str, Any]:
        """The measurements."""
        return {
            f"ms_cpu_a_{self._stimulus.each}": round(float(np.mean(self._cpu_ms)), 3),
            "ms_cpu_p50": round(float(np.median(self._cpu_ms)), 3),
            "ms_p50": round(float(np.median(self._wall_ms)), 3),
            f"{self._stimulus.each}s": len(self._cpu_ms),
            f"{self._stimulus.found}_a_{self._stimulus.each}": round(self._found / len(self._cpu_ms), 2),
            "rss_mb": round(self._rss_mb),
            "start_s": round(self.start_s, 2),
            "install_mb": round(self.peer.size_mb()),
        }

    def end(self) -> None:
        """End the process."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def _request(self, count: int) -> dict[str, Any]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin
        assert stdout
        try:
            print(count, file=stdin, flush=True)
            answer: dict[str, Any] = json.loads(stdout.readline())
        except (OSError, ValueError) as error:
            self.end()
            raise NotInstalled(f"it does not run here (exit status {self._process.returncode})") from error
        return answer


def _program(peer: Peer) -> list[str]:
    script = str(_SCRIPTS / peer.script)
    if peer.environment is None:
        return [sys.executable, script]
    return ["node", script] if peer.environment.npm else [str(peer.environment.folder / "bin" / "python"), script]


def _environ(peer: Peer) -> dict[str, str]:
    if peer.environment and peer.environment.npm:
        return {"PEER_MODULES": str(peer.environment.packages)}
    return {"PYTHONPATH": str(HOUSE)}


def _pinned(core: int) -> list[str]:
    """One core for all: what several threads would win is not compared here."""
    return ["taskset", "-c", str(core)] if shutil.which("taskset") else []


def _device_mb() -> float:
    return sum(file.stat().st_size for file in (HOUSE / "device").rglob("*") if file.suffix != ".pyc") / 2**20
