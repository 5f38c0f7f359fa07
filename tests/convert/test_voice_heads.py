"""A linear head separates classes, weighs groups equally, and reads new speakers in a basis of its own."""

import struct

import numpy as np
import pytest

from convert.datasets.speech.clips import Clip
from convert.voice.heads.linear import balance_weights, fit_basis, fit_head, one_hot
from convert.voice.heads.protocols import ACROSS_CORPORA, ClipFeatures, predict_tested
from convert.voice.whisper.ctranslate2 import read_weights
from device.errors import ModelError


def test_a_head_separates_classes() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=300)
    numbers = (rng.normal(size=(300, 5)) + 4 * np.eye(3, 5)[labels]).astype(np.float32)
    head = fit_head(numbers, one_hot(labels, 3), np.ones(300, np.float32))
    assert (head(numbers).argmax(axis=1) == labels).mean() > 0.95
    assert head(numbers).shape == (300, 3)


def test_small_groups_and_rare_labels_count_as_much_as_others() -> None:
    labels, groups = np.array([0, 0, 0, 1, 0, 1]), np.array([0, 0, 0, 0, 1, 1])
    weight = balance_weights(labels, groups)
    assert weight.mean() == pytest.approx(1)
    assert weight[groups == 0].sum() == pytest.approx(weight[groups == 1].sum())
    assert weight[:3].sum() == pytest.approx(weight[3])


def test_a_basis_makes_the_directions_between_speakers_weak() -> None:
    rng = np.random.default_rng(1)
    labels, speaker = rng.integers(2, size=600), rng.integers(6, size=600)
    numbers = rng.normal(0, 0.5, (600, 4))
    numbers[:, 0] += 2 * labels
    numbers[:, 1] += 3 * (speaker - 2.5)
    speakers = np.array([f"S{i}" for i in speaker])
    rows = numbers.astype(np.float32)

    def shares(damping: float) -> tuple[float, float]:
        """How far apart the two labels and the outermost speakers are in the basis, in its own deviation."""
        basis = fit_basis(rows, speakers, labels, damping=damping, components=4)
        placed = basis(rows)
        assert placed.shape == (600, 4)
        size = np.sqrt(placed.var(axis=0).sum())
        labels_apart = placed[labels == 1].mean(axis=0) - placed[labels == 0].mean(axis=0)
        speakers_apart = placed[speaker == 5].mean(axis=0) - placed[speaker == 0].mean(axis=0)
        return float(np.linalg.norm(labels_apart) / size), float(np.linalg.norm(speakers_apart) / size)

    (plain_labels, plain_speakers), (damped_labels, damped_speakers) = shares(0.0), shares(200.0)
    assert plain_speakers > 4 * plain_labels
    assert damped_labels > 1.5 * plain_labels
    assert damped_speakers < 0.8 * plain_speakers


def _model(values: bytes, *, version: int = 6, kind: int = 4) -> bytes:
    name, spec = b"a/weight\0", b"Spec\0"
    head = struct.pack("<IH", version, len(spec)) + spec + struct.pack("<II", 1, 1)
    return head + struct.pack("<H", len(name)) + name + struct.pack("<BIIBI", 2, 1, 2, kind, len(values)) + values


def test_ctranslate2_weights_are_read() -> None:
    values = np.array([[1.5, -2.0]], np.float16)
    weights = read_weights(_model(values.tobytes()))
    np.testing.assert_array_equal(weights["a/weight"], values)


def test_damaged_ctranslate2_weights_are_refused() -> None:
    values = np.zeros(2, np.float16).tobytes()
    with pytest.raises(ModelError, match="ends after"):
        read_weights(_model(values)[:-1])
    with pytest.raises(ModelError, match="version 7"):
        read_weights(_model(values, version=7))
    with pytest.raises(ModelError, match="type 9"):
        read_weights(_model(values, kind=9))


def test_a_protocol_predicts_no_clip_that_trained_its_head() -> None:
    rng = np.random.default_rng(3)
    nothing = np.zeros(0, np.int16)
    names = ("tess", "savee", "nemo", "orders")
    clips = [
        Clip(f"c{i}", names[i % 4], f"S{i % 8}", "F", -1 if i % 4 == 3 else (i // 4) % 3, nothing) for i in range(480)
    ]
    labels = np.array([max(clip.emotion, 0) for clip in clips])
    apart = np.array([6.0 if clip.corpus == "nemo" else 0.0 for clip in clips])
    values = (3 * np.eye(3, 4)[labels] + rng.normal(0, 0.5, (480, 4)) + apart[:, None]).astype(np.float32)
    without = next(protocol for protocol in ACROSS_CORPORA if protocol.name == "without-nemo")
    found = predict_tested(without, ClipFeatures(clips, [values]))
    assert found.strangers.shape == found.known.shape == (120, 7)
    assert found.orders.shape == (120, 7)
    # Another microphone shifts all of its clips alike; listening to them removes the shift.
    stranger, known = found.uar
    assert known > stranger + 15
    assert known > 85
    assert found.ece[1] < found.ece[0]
