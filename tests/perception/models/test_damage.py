"""Installed pairs that are damaged: the shipped one is used, it is said, and there is a way back."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from device.errors import ModelError
from device.perception.models.card import MODELS
from device.perception.models.install import ModelStore
from device.perception.models.registry import REGISTRY, models_folder, select
from tests.perception.models.builders import handed, made
from tests.perception.models.stored import install, used


def _other_card(path: Path) -> None:
    card = path.with_suffix(".json")
    said = card.read_text()
    card.write_text(said.replace('"temperature": ', '"temperature": 1'))
    assert card.read_text() != said


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _other_shape(path: Path) -> None:
    made("face", "0.2.0", path.parent, (MODELS / "prosody.tflite").read_bytes())


_DAMAGES: list[Callable[[Path], object]] = [
    lambda path: path.unlink(),
    lambda path: path.with_suffix(".json").unlink(),
    lambda path: path.parent.rename(path.parents[1] / "lost"),
    lambda path: path.write_bytes(path.read_bytes()[:-1]),
    lambda path: path.write_bytes(path.read_bytes()[::-1]),
    lambda path: path.write_bytes(b""),
    lambda path: os.truncate(path, 10**10),
    lambda path: (path.parents[1] / REGISTRY).write_bytes(b"\xff{"),
    lambda path: (path.parents[1] / REGISTRY).write_bytes(b""),
    lambda path: (path.parents[1] / REGISTRY).write_bytes(b"[" * 100_000),
    lambda path: (path.parents[1] / REGISTRY).write_text(json.dumps({"format": 2})),
    _other_card,
    _other_shape,
    _pipe,
    _folder,
]


@pytest.mark.parametrize("damage", _DAMAGES)
def test_a_damaged_model_is_replaced_by_the_shipped_one_and_reported(
    tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    install(tmp_path / "state", "face", "0.2.0")
    damage(select("face", tmp_path / "state").path)
    choice = select("face", tmp_path / "state")
    assert choice.model.card.version == "0.1.0"
    assert choice.path == MODELS / "face.tflite"
    assert choice.installed is None
    for words in ("the shipped one is used", "mien models install FILE", "mien models rollback"):
        assert words in choice.damage
    with pytest.raises(ModelError, match=r"face\.json: cannot be read .*the shipped one is used"):
        select("face", tmp_path / "state", shipped=tmp_path)
    with ModelStore(tmp_path / "state") as store:
        assert store.rollback()
    assert used(tmp_path / "state", "face") == "0.1.0"


def test_installing_again_changes_nothing_or_repairs_a_damaged_model(tmp_path: Path) -> None:
    state = tmp_path / "state"
    install(state, "face", "0.2.0")
    install(state, "face", "0.3.0")
    again = handed("face", "0.3.0", tmp_path / "handed")
    before = (models_folder(state) / REGISTRY).read_bytes()
    with ModelStore(state) as store:
        (change,) = store.install([again])
    assert not change.changed
    assert (models_folder(state) / REGISTRY).read_bytes() == before
    select("face", state).path.write_bytes(b"")
    assert "is not what was installed" in select("face", state).damage
    with ModelStore(state) as store:
        (change,) = store.install([again])
        assert change.changed
        assert used(state, "face") == "0.3.0"
        store.rollback()
    assert used(state, "face") == "0.2.0"


def test_a_rollback_skips_a_damaged_model(tmp_path: Path) -> None:
    install(tmp_path, "face", "0.2.0")
    select("face", tmp_path).path.write_bytes(b"")
    with ModelStore(tmp_path) as store:
        store.install([handed("face", "0.3.0", tmp_path / "handed")])
        (change,) = store.rollback()
    assert change.shipped
    assert "is not what was installed" in change.passed_over
    assert used(tmp_path, "face") == "0.1.0"


def test_without_a_sound_shipped_model_there_is_no_rollback_to_it(tmp_path: Path) -> None:
    install(tmp_path, "face", "0.2.0")
    (tmp_path / "shipped").mkdir()
    with ModelStore(tmp_path, tmp_path / "shipped") as store:
        with pytest.raises(ModelError, match="install Mien again"):
            store.rollback()
        (change,) = store.install([handed("face", "0.3.0", tmp_path / "handed")])
    assert change.before == "0.2.0"
    assert used(tmp_path, "face") == "0.3.0"
