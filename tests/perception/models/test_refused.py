"""Pairs that do not fit are refused, and nothing is changed."""

import base64
import struct
from pathlib import Path

import numpy as np
import pytest

from device.errors import ModelError
from device.perception.models.bundle import find_bundles
from device.perception.models.card import MODEL_NAMES, MODELS
from device.perception.models.install import ModelStore
from device.perception.models.model import Model, ramp
from device.perception.tflite import Network
from tests.perception.models.builders import handed, made
from tests.perception.models.stored import kept


def _axes(value: float) -> str:
    """One axis, on a card."""
    return base64.b64encode(np.full(288, value, "<f2").tobytes()).decode()


LEARNT = {"axes": _axes(0.0), "mean": [0.0], "half_at": 1.2, "width": 0.1}


def test_one_bad_model_keeps_the_others_from_being_installed(tmp_path: Path) -> None:
    state = tmp_path / "state"
    pairs = [
        handed("voice", "0.5.0", tmp_path / "set"),
        handed("prosody", "0.5.0", tmp_path / "set", golden={"output": [0] * 8}),
    ]
    with ModelStore(state) as store, pytest.raises(ModelError, match=r"golden input .*; nothing was changed"):
        store.install(pairs)
    assert kept(state) == []


@pytest.mark.parametrize(
    ("name", "card", "said"),
    [
        ("face", {"name": "voice"}, "is of a model called voice, not face"),
        ("face", {"input_shape": [1, 64, 64, 1]}, "this Mien feeds face (1, 48, 48, 1)"),
        (
            "prosody",
            {"input": "frames of another length"},
            "was trained on 'frames of another length', and this Mien feeds",
        ),
        ("face", {"labels": ["angry", "happy"]}, "this Mien reads angry, disgust"),
        ("voice", {"labels": ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral", "dog"]}, "no_speech"),
        ("prosody", {"centre": [0.0] * 7}, "has 7 numbers of centre and 288 of spread, not 288 each"),
        ("prosody", {"spread": []}, "0 of spread"),
        ("prosody", {"spread": [-1.0] * 288}, "spread"),
        ("prosody", {"learnt": LEARNT | {"mean": [0.0, 0.0]}}, "576 bytes of axes, not two for each of 2 by 288"),
        (
            "prosody",
            {"learnt": LEARNT | {"axes": base64.b64encode(b"\x00\x7c" * 288).decode()}},
            "a number that is not finite",
        ),
        ("prosody", {"learnt": LEARNT | {"width": 0.0}}, "width"),
        ("face", {"learnt": LEARNT}, "576 bytes of axes"),
        ("prosody", {"resting": [0.5] * 6}, "resting has 6 numbers, not 7"),
        ("face", {"format": 5, "colour": "red"}, "format 5, and this Mien reads 4: it needs a newer Mien"),
        ("face", {"colour": "red"}, "unknown field `colour`"),
        ("face", {"sha256": "0" * 64}, "is not the file that its card describes"),
        ("face", {"limits": "\x1b[2J"}, "limits"),
        *(("face", {"temperature": low}, "temperature") for low in (0.0, 1e-300, 1e-40, 0.009)),
        ("face", {"version": "1\ud800"}, "no model card"),
    ],
)
def test_a_model_that_does_not_fit_changes_nothing(
    tmp_path: Path, name: str, card: dict[str, object], said: str
) -> None:
    with ModelStore(tmp_path / "state") as store, pytest.raises(ModelError) as error:
        store.install([handed(name, "0.2.0", tmp_path / "handed", **card)])
    assert said in str(error.value)
    assert str(error.value).endswith("; nothing was changed")
    assert kept(tmp_path / "state") == []


def test_a_network_whose_numbers_are_too_large_for_probabilities_is_refused(tmp_path: Path) -> None:
    network = (MODELS / "face.tflite").read_bytes()
    scale = struct.pack("<f", Model("face").network.outputs[0].scale)
    assert network.count(scale) == 1
    content = network.replace(scale, struct.pack("<f", 1e38))
    large = Network(content, "large")
    golden = large.run_raw(ramp(large.inputs[0]))[0].ravel().tolist()
    path = made("face", "0.2.0", tmp_path / "handed", content, golden={"output": golden})
    with ModelStore(tmp_path / "state") as store, pytest.raises(ModelError, match="too large to compute probabilities"):
        store.install(find_bundles(path, MODEL_NAMES))
    assert kept(tmp_path / "state") == []
