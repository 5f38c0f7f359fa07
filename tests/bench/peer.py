"""The peers, and one of them as a process that looks at frames, or listens to sound, when it is told to."""

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

from tests.bench.environments import Environment, NotInstalled, size_of

HOUSE = Path(__file__).parents[2]
_SCRIPTS = Path(__file__).parent / "peers"
_WARM = 30
"""Frames before those that count: a JavaScript engine compiles what runs often."""

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
        # Their own requirements ask for a PyTorch with CUDA, 4 GB more.
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
    """What somebody would take instead."""

    name: str
    script: str
    environment: Environment | None = None
    """None: Mien's own."""
    size_mb: Callable[[], float] = lambda: 0.0


@dataclass(frozen=True)
class Given:
    """What all peers are given, a few at a time."""

    each: str
    """What one of them is: the word in `ms_cpu_a_frame`."""
    found: str
    """What is found in it: the word in `faces_a_frame`."""
    arguments: tuple[str, ...]
    """Of the peer's script: the file, and how to read it."""


PEERS = (
    Peer("mien", "ours.py", size_mb=lambda: size_of(_OURS) + _device_mb()),
    Peer("lean", "lean.py", size_mb=lambda: size_of(_LEAN)),
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
    Peer("mien", "ours_sound.py", size_mb=lambda: size_of(_OURS) + _device_mb()),
    Peer("light-sernet", "light_sernet.py", FER, lambda: FER.size_mb("tensorflow")),
    Peer("opensmile", "opensmile_egemaps.py", OPENSMILE, OPENSMILE.size_mb),
)
"""… for voices: a window of three seconds each second."""
ABSENT = {
    "deepface": "its weights are no part of the package: it downloads them at the first use",
    "hsemotion-onnx": "its network is no part of the package: it downloads it at the first use",
    "rmn": "its weights are no part of the package: it downloads them at the first use",
}
"""Peers that cannot be measured without fetching from elsewhere, and why."""
ABSENT_SOUND = {"wav2vec2": "its weights are no part of a package: they are downloaded at the first use"}


class Running:
    """A peer that has been started, on one core."""

    def __init__(self, peer: Peer, given: Given, core: int = 0) -> None:
        """Install, start, and have it take one frame. Raises NotInstalled, also when it cannot do that."""
        if peer.environment:
            peer.environment.ready()
        self.peer, self._given, self._cpu_ms, self._wall_ms = peer, given, list[float](), list[float]()
        self._found, self._rss_mb = 0, 0.0
        begun_s = time.perf_counter()
        self._process = subprocess.Popen(
            [*_pinned(core), *_program(peer), *given.arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **_environ(peer)},
        )
        self._ask(1)
        self.start_s = time.perf_counter() - begun_s
        self._ask(_WARM)

    def take(self, count: int) -> None:
        """Have it take so many more, which count. Raises NotInstalled when it has ended."""
        told = self._ask(count)
        self._cpu_ms += told["cpu_ms"]
        self._wall_ms += told["wall_ms"]
        self._found += told["found"]
        self._rss_mb = told["rss_mb"]

    def told(self) -> dict[str, Any]:
        """What it took."""
        return {
            f"ms_cpu_a_{self._given.each}": round(float(np.mean(self._cpu_ms)), 3),
            "ms_cpu_p50": round(float(np.median(self._cpu_ms)), 3),
            "ms_p50": round(float(np.median(self._wall_ms)), 3),
            f"{self._given.each}s": len(self._cpu_ms),
            f"{self._given.found}_a_{self._given.each}": round(self._found / len(self._cpu_ms), 2),
            "rss_mb": round(self._rss_mb),
            "start_s": round(self.start_s, 2),
            "install_mb": round(self.peer.size_mb()),
        }

    def end(self) -> None:
        """Let it go."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def _ask(self, count: int) -> dict[str, Any]:
        given, made = self._process.stdin, self._process.stdout
        assert given
        assert made
        try:
            print(count, file=given, flush=True)
            answer: dict[str, Any] = json.loads(made.readline())
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
