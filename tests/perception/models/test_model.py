"""A model pair: what is off in it is told before it reads anything."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from device.emotions import EMOTIONS
from device.errors import ModelError
from device.perception.models.card import MODELS
from device.perception.models.model import Model, ramp
from device.perception.tflite import runtime

_NAMES = ("face", "voice")


@pytest.fixture(params=_NAMES)
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """A folder with a copy of one good pair, and its name."""
    name: str = request.param
    for suffix in ("tflite", "json"):
        shutil.copy(MODELS / f"{name}.{suffix}", tmp_path)
    return tmp_path, name


def _change(folder: Path, name: str, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / f"{name}.json"
    card = json.loads(path.read_text())
    change(card)
    path.write_text(json.dumps(card))


def _change_network(folder: Path, name: str, content: bytes, *, rehash: bool) -> None:
    (folder / f"{name}.tflite").write_bytes(content)
    if rehash:
        _change(folder, name, lambda card: card.update(sha256=hashlib.sha256(content).hexdigest()))


def _told(folder: Path, name: str) -> str:
    with pytest.raises(ModelError) as error:
        Model(name, folder)
    assert str(folder / name) in str(error.value)
    return str(error.value)


def test_a_good_model_loads_and_runs(pair: tuple[Path, str]) -> None:
    folder, name = pair
    model = Model(name, folder)
    assert model.card.name == name
    assert model.card.labels[:7] == tuple(e.value for e in EMOTIONS)
    out = model.network.run(np.zeros(model.card.input_shape, np.float32))[0]
    assert out.shape == (1, len(model.card.labels))
    assert np.isfinite(out).all()


@pytest.mark.parametrize("name", _NAMES)
def test_the_shipped_models_load(name: str) -> None:
    card = Model(name).card
    assert card.limits
    assert card.corpora
    assert all(corpus.licence for corpus in card.corpora)


@pytest.mark.parametrize("where", [0.01, 0.5, 0.99])
def test_one_flipped_byte_is_noticed(pair: tuple[Path, str], where: float) -> None:
    folder, name = pair
    content = bytearray((folder / f"{name}.tflite").read_bytes())
    content[int(where * len(content))] ^= 0x10
    _change_network(folder, name, bytes(content), rehash=False)
    assert "is not the file that its card describes" in _told(folder, name)


def test_a_truncated_file_is_refused(pair: tuple[Path, str]) -> None:
    folder, name = pair
    _change_network(folder, name, (folder / f"{name}.tflite").read_bytes()[:-100], rehash=False)
    assert "sha256" in _told(folder, name)


@pytest.mark.parametrize("content", [b"", b"not a network at all" * 50])
def test_a_file_that_is_no_network_is_refused_even_with_the_right_hash(pair: tuple[Path, str], content: bytes) -> None:
    folder, name = pair
    _change_network(folder, name, content, rehash=True)
    assert "its layers cannot be read" in _told(folder, name)


@pytest.mark.skipif(runtime()[0] == "tflite-runtime", reason="tflite-runtime 2.14 reads past the end, and crashes")
def test_a_truncated_network_is_refused_even_with_the_right_hash(pair: tuple[Path, str]) -> None:
    folder, name = pair
    content = (folder / f"{name}.tflite").read_bytes()
    _change_network(folder, name, content[: len(content) // 2], rehash=True)
    assert "cannot run it" in _told(folder, name)


def test_the_network_of_another_sense_is_refused(pair: tuple[Path, str]) -> None:
    folder, name = pair
    other = "voice" if name == "face" else "face"
    _change_network(folder, name, (MODELS / f"{other}.tflite").read_bytes(), rehash=True)
    said = _told(folder, name)
    assert "takes" in said
    assert "its card says" in said


def test_a_float_network_is_refused(pair: tuple[Path, str]) -> None:
    folder, name = pair
    _change_network(folder, name, (MODELS / "face_detection_short_range.tflite").read_bytes(), rehash=True)
    _change(folder, name, lambda card: card.update(input_shape=[1, 128, 128, 3]))
    assert "float32" in _told(folder, name)


def _swapped(card: dict[str, Any]) -> None:
    card["labels"][0], card["labels"][1] = card["labels"][1], card["labels"][0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda card: card.update(input_shape=[1, 64, 64, 1]), "(1, 64, 64, 1)"),
        (_swapped, "labels must begin with angry, disgust"),
        (lambda card: card.update(labels=card["labels"][:3]), "names 3 labels"),
        (lambda card: card.update(f1=[0.5] * 6), "labels must begin"),
        (lambda card: card["golden"].update(output=[0] * len(card["labels"])), "golden input"),
        (lambda card: card["golden"].update(output=[1]), "labels"),
        (lambda card: card.update(sha256="0" * 64), "sha256"),
        (lambda card: card.update(sha256="0" * 63), "sha256"),
        (lambda card: card.update(sha_256="x"), "sha_256"),
        (lambda card: card.pop("temperature"), "temperature"),
        (lambda card: card.update(temperature=0), "temperature"),
        (lambda card: card.update(temperature="warm"), "temperature"),
        (lambda card: card.update(f1=None), "f1"),
    ],
)
def test_a_card_that_does_not_fit_is_refused_with_the_reason(
    pair: tuple[Path, str], change: Callable[[dict[str, Any]], object], said: str
) -> None:
    _change(*pair, change)
    assert said in _told(*pair)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe"])
def test_a_card_that_is_not_a_json_object_is_refused(pair: tuple[Path, str], content: bytes) -> None:
    folder, name = pair
    (folder / f"{name}.json").write_bytes(content)
    assert "no model card" in _told(folder, name)
    assert "install Mien again" in _told(folder, name)


@pytest.mark.parametrize("suffix", ["tflite", "json"])
def test_a_missing_file_is_reported_with_what_to_do(pair: tuple[Path, str], suffix: str) -> None:
    folder, name = pair
    (folder / f"{name}.{suffix}").unlink()
    said = _told(folder, name)
    assert f"{name}.{suffix}: cannot be read (No such file or directory); install Mien again" in said


def test_the_golden_input_covers_the_whole_range_and_is_always_the_same() -> None:
    tensor = Model("face").network.inputs[0]
    one = ramp(tensor)
    assert (one.min(), one.max()) == (-127, 127)
    np.testing.assert_array_equal(one, ramp(tensor))


def test_a_neutral_prior_has_seven_numbers_or_none(pair: tuple[Path, str]) -> None:
    folder, name = pair
    _change(folder, name, lambda card: card.update(resting=[0.5, 0.5]))
    assert "resting" in _told(folder, name)


def test_the_shipped_models_have_a_neutral_prior() -> None:
    for name in ("face", "prosody"):
        neutral_prior = Model(name).card.neutral_prior
        assert sum(neutral_prior) == pytest.approx(1, abs=1e-3)
        assert EMOTIONS[int(np.argmax(neutral_prior))] == "neutral"
