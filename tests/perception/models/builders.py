"""Pairs to install: the shipped networks under other versions, and what a test changes in them."""

import hashlib
import json
from pathlib import Path
from typing import Any

from device.perception.models.bundle import ModelBundle, read_bundle
from device.perception.models.card import MODELS


def made(name: str, version: str, folder: Path, network: bytes | None = None, /, **card: Any) -> Path:
    """Write a pair; the path of its network. Its card fits but for what `card` changes."""
    folder.mkdir(parents=True, exist_ok=True)
    content = (MODELS / f"{name}.tflite").read_bytes() if network is None else network
    said = json.loads((MODELS / f"{name}.json").read_text())
    said |= {"version": version, "sha256": hashlib.sha256(content).hexdigest()} | card
    (folder / f"{name}.json").write_text(json.dumps(said))
    path = folder / f"{name}.tflite"
    path.write_bytes(content)
    return path


def handed(name: str, version: str, folder: Path, /, **card: Any) -> ModelBundle:
    """The same, read."""
    made(name, version, folder, **card)
    return read_bundle(name, folder, "nothing was changed")
