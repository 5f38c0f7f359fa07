"""The JSON of `mien analyze`, `doctor` and `bench` as other programs meet it: its keys, in order, and their types."""

import json
import os
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np

from device.emotions import Emotion
from device.sense.simulator.poses import PROSODIES
from device.sense.simulator.voice import speak
from tests.builders import picture, portrait, video

Json = Any


def shape(document: Json) -> Json:
    """The document with each value replaced by the name of its type; of a list, its first element."""
    if isinstance(document, dict):
        return {key: shape(value) for key, value in document.items()}
    if isinstance(document, list):
        return [shape(value) for value in document[:1]]
    return "null" if document is None else type(document).__name__


def mien(root: Path, home: Path, *arguments: str) -> list[Json]:
    """The JSON lines that `mien ARGUMENTS` of the checkout at `root` prints."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MIEN_", "XDG_"))}
    environment |= {"PYTHONPATH": str(root), "HOME": str(home), "XDG_RUNTIME_DIR": str(home)}
    command = [sys.executable, "-m", "device.cli", *arguments]
    done = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, timeout=110, check=False)
    return [json.loads(line) for line in done.stdout.splitlines()]


def _voice(path: Path) -> Path:
    """Twelve seconds of the simulated voice as 16-bit sound."""
    samples = speak(PROSODIES[Emotion.SAD], 12.0, 1)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def record(root: Path, folder: Path) -> Json:
    """What `analyze`, `doctor` and `bench` of the checkout at `root` print, as shapes; files go into `folder`."""
    (folder / "missing.png").write_bytes(b"no picture")
    files = [
        picture(folder / "portrait.png", portrait()),
        _voice(folder / "voice.wav"),
        video(folder / "film.mp4", 20, sound=True),
        folder / "missing.png",
    ]
    analyzed = mien(root, folder, "analyze", "--json", *map(str, files))
    doctor = mien(root, folder, "doctor", "--json")[0]
    return {
        "analyze": {Path(row["path"]).name: shape(row) for row in analyzed},
        "doctor": {**shape(doctor), "checks": [finding["check"] for finding in doctor["findings"]]},
        "bench": shape(
            mien(root, folder, "bench", "--json", "--seconds", "0.05", "--parts", "stages,face,voice,networks")[0]
        ),
    }


def main() -> None:
    """Print the shapes of the checkout named on the command line."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        print(json.dumps(record(Path(sys.argv[1]).resolve(), Path(folder)), indent=1))


if __name__ == "__main__":
    main()
