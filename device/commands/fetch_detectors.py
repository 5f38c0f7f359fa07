"""`mien models fetch`: take MediaPipe's two face detectors out of its wheel, and check their hashes.

pip can download the wheel (a zip) on any machine, whatever its Python version and architecture. Two small files are
taken out of it; nothing of it is installed or run. They belong to MediaPipe (Apache-2.0), so they are fetched and not
kept in the repository.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

from device.errors import ModelError
from device.perception.face.detector import FULL_RANGE, SHORT_RANGE
from device.perception.models.card import MODELS
from device.system.paths import expand
from device.system.python import python_command

WHEEL = "mediapipe==0.10.18"
FILES = {reach.file: reach.sha256 for reach in (FULL_RANGE, SHORT_RANGE)}


def is_intact(path: Path) -> bool:
    """Whether a file exists and has the right hash. Raises OSError when it cannot be read."""
    return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == FILES[path.name]


def fetch(models: Path = MODELS, cache: Path | None = None) -> list[str]:
    """Put missing files beside the models and return their names. `cache` keeps them between installations.

    Raises ModelError when that fails, SettingsError when this user has no home folder.
    """
    cache = cache or expand(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "mien"
    try:
        missing = [name for name in FILES if not is_intact(models / name)]
        if not all(is_intact(cache / name) for name in missing):
            _download(cache)
        for name in missing:
            shutil.copyfile(cache / name, models / name)
    except OSError as error:
        folders = f"the face detectors are stored in {models} and {cache} (or $XDG_CACHE_HOME/mien)"
        problem = f"{error.filename or models}: {error.strerror}"
        raise ModelError(f"{problem}; {folders}: fetch them as a user who may write there") from error
    return missing


def _download(cache: Path) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        options = ["--quiet", "--no-deps", "--only-binary=:all:", "--dest", folder]
        options += ["--python-version", "3.11", "--platform", "manylinux_2_17_x86_64"]
        command = python_command("-m", "pip", "download", *options, WHEEL)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            reason = done.stderr.strip().splitlines()[-1:] or ["no message"]
            problem = f"pip cannot download {WHEEL} ({reason[0]})"
            raise ModelError(f"{problem}; check the network and try again: mien models fetch")
        with zipfile.ZipFile(wheels[0]) as wheel:
            for name in FILES:
                (cache / name).write_bytes(wheel.read(f"mediapipe/modules/face_detection/{name}"))
    for name in FILES:
        if not is_intact(cache / name):
            raise ModelError(f"{cache / name}: not the expected file (sha256 differs); delete it and try again")
