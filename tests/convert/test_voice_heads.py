"""A light head separates classes, weighs groups equally, and subtracts a speaker's mean."""

import struct

import numpy as np
import pytest

from convert.datasets.speech.clips import Clip
from convert.voice.teacher.clip_features import WindowFeatures
from convert.voice.teacher.clip_prosody import join_prosody
from convert.voice.teacher.ctranslate2 import read_weights
from convert.voice.teacher.heads import balance_weights, fit_head, one_hot, subtract_speaker_means
from convert.voice.teacher.protocols import ACROSS_CORPORA, EncodedClips, predict_tested
from convert.voice.teacher.soft_labels import make_soft_labels
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


def test_a_speakers_mean_is_subtracted() -> None:
    rng = np.random.default_rng(1)
    speakers = np.repeat(["A", "B"], 100)
    numbers = (rng.normal(size=(200, 4)) + np.where(speakers == "A", 1.0, -1.0)[:, None]).astype(np.float32)
    known = subtract_speaker_means(numbers, speakers, numbers.mean(axis=0))
    apart = abs(known[:100].mean(axis=0) - known[100:].mean(axis=0))
    assert (apart < 0.15).all()
    (alone,) = subtract_speaker_means(numbers[:1], speakers[:1], np.zeros(4, np.float32))
    # One utterance has a sixth of the weight; voices in general have the rest.
    np.testing.assert_allclose(alone, numbers[0] * 5 / 6, rtol=1e-5)


def test_windows_of_a_clip_are_averaged() -> None:
    numbers = WindowFeatures(np.zeros((3, 1), np.float32), np.array([0, 0, 1]))
    np.testing.assert_allclose(numbers.average_by_clip(np.array([[1.0], [3.0], [5.0]], np.float32)), [[2], [5]])


def test_a_soft_label_never_comes_from_a_head_that_knows_the_speaker() -> None:
    rng = np.random.default_rng(2)
    nothing = np.zeros(0, np.int16)
    clips = [Clip(f"c{i}", "made", f"S{i % 20}", "F", 0, nothing) for i in range(200)]
    labels = np.array([i % 2 for i in range(200)])
    # Each speaker has a number that no one else has: only a head trained on the speaker can know the label.
    numbers = np.stack([np.eye(20)[i % 20] for i in range(200)]).astype(np.float32) * 10
    numbers += rng.normal(0, 0.01, numbers.shape)
    soft = make_soft_labels(numbers, clips, labels, 2, np.ones(200, np.bool_))
    assert soft.shape == (200, 2)
    np.testing.assert_allclose(soft.sum(axis=1), 1, atol=1e-5)
    assert soft.max() < 0.75


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
    encoded = EncodedClips(clips, [WindowFeatures(values, np.arange(480))])
    strange, known = (predict_tested(without, encoded, known=known) for known in (False, True))
    assert strange.logits.shape == (120, 7)
    assert strange.orders.shape == (120, 7)
    # Another microphone shifts all of its clips alike: subtracting their mean removes the shift.
    assert known.uar > 95
    assert 0 <= known.ece < 15


def test_prosody_and_student_features_have_equal_variance() -> None:
    rng = np.random.default_rng(4)
    features = WindowFeatures(rng.normal(0, 50, (40, 6)).astype(np.float32), np.arange(40) // 2)
    numbers = rng.normal(3, 0.01, (20, 9)).astype(np.float32)
    numbers[:, 0] = 7  # constant
    both = join_prosody(features, numbers)
    assert both.values.shape == (20, 15)
    assert both.values[:, :6].var(axis=0).sum() == pytest.approx(1, rel=1e-3)
    assert both.values[:, 6:].var(axis=0).sum() == pytest.approx(1, rel=1e-3)
    assert both.owner.tolist() == list(range(20))
