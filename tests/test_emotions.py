"""The vocabulary and its vectors."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.emotions import EMOTIONS, Emotion, Floats, as_dict, softmax, top, uniform, valence_arousal

_LOGITS = st.lists(st.floats(-80, 80, width=32), min_size=7, max_size=7).map(lambda row: np.array(row, np.float32))


def _all(emotion: Emotion) -> Floats:
    return np.array([float(e is emotion) for e in EMOTIONS], np.float32)


def test_the_order_is_fer2013s_and_unknown_is_no_part_of_a_vector() -> None:
    assert [e.value for e in EMOTIONS] == ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]


@given(_LOGITS, st.floats(0.05, 100))
def test_softmax_gives_probabilities_for_any_logits_and_temperature(logits: Floats, temperature: float) -> None:
    probabilities = softmax(logits, temperature)
    assert probabilities.dtype == np.float32
    assert np.isfinite(probabilities).all()
    assert (probabilities >= 0).all()
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)


@given(_LOGITS)
def test_a_temperature_makes_less_sure_and_never_changes_the_order(logits: Floats) -> None:
    plain, calm = softmax(logits), softmax(logits, 3.0)
    assert calm.max() <= plain.max() + 1e-6
    assert calm[logits.argmax()] == pytest.approx(calm.max())


def test_softmax_takes_several_rows_at_once() -> None:
    rows = np.array([[0, 0, 0], [5, 0, 0]], np.float32)
    np.testing.assert_allclose(softmax(rows)[1], softmax(rows[1]))
    np.testing.assert_allclose(softmax(rows).sum(axis=1), 1, atol=1e-6)


def test_the_uniform_vector_is_near_the_middle_and_sums_to_one() -> None:
    assert uniform().sum() == pytest.approx(1)
    assert max(map(abs, valence_arousal(uniform()))) < 0.5


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_each_emotion_lies_in_its_quarter_of_the_circumplex(emotion: Emotion) -> None:
    valence, arousal = valence_arousal(_all(emotion))
    assert top(_all(emotion)) is emotion
    assert -1 <= valence <= 1
    assert -1 <= arousal <= 1
    if emotion is Emotion.NEUTRAL:
        assert (valence, arousal) == (0, 0)
    elif emotion is not Emotion.SURPRISE:
        assert (valence > 0) == (emotion is Emotion.HAPPY)
    assert (arousal < 0) == (emotion is Emotion.SAD)


def test_as_dict_is_json_in_the_vocabularys_order() -> None:
    said = json.loads(json.dumps(as_dict(uniform())))
    assert list(said) == [e.value for e in EMOTIONS]
    assert said["angry"] == 0.1429


def test_as_dict_refuses_a_vector_of_another_length() -> None:
    with pytest.raises(ValueError, match="zip"):
        as_dict(np.zeros(6, np.float32))
