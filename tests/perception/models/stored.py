"""Pairs in a state folder: installed, in use, and what is kept."""

from pathlib import Path

from device.perception.models.install import ModelStore
from device.perception.models.registry import models_folder, select
from tests.perception.models.builders import handed


def install(state_dir: Path, name: str, version: str) -> None:
    with ModelStore(state_dir) as store:
        store.install([handed(name, version, state_dir.parent / "handed")])


def used(state_dir: Path, name: str) -> str:
    choice = select(name, state_dir)
    assert choice.damage == ""
    return choice.model.card.version


def kept(state_dir: Path) -> list[str]:
    return sorted(path.name for path in models_folder(state_dir).iterdir())
