"""A face unlike the training data makes the face network less sure, and never changes what it says first."""

import msgspec
import numpy as np
import pytest

from device.emotions import Floats, softmax
from device.perception.face.familiarity import face_probabilities, likeness, response
from device.perception.models.card import Familiarity
from device.perception.models.model import Model

_FAMILIARITY = Familiarity(half_at=4.0, width=0.5, power=0.2)
_CARD = msgspec.structs.replace(Model("face").card, familiarity=_FAMILIARITY)


def _logits(strength: float) -> Floats:
    return np.array([strength, 0, 0, 0.5 * strength, -strength, 0, 0.1], np.float32)


def test_the_response_is_the_log_sum_exp_and_no_logit_is_too_large_for_it() -> None:
    logits = np.array([[0, 0, 0, 0, 0, 0, 0], [1, 2, 3, 4, 5, 6, 7]], np.float32)
    np.testing.assert_allclose(response(logits), np.log(np.exp(logits).sum(axis=1)), rtol=1e-6)
    assert response(np.full(7, 1e4, np.float32)) == pytest.approx(1e4 + np.log(7), rel=1e-6)


def test_likeness_rises_with_the_response_and_is_half_where_the_card_says() -> None:
    rows = np.stack([_logits(strength) for strength in (0.1, 2, 4, 8, 80)])
    found = likeness(rows, _FAMILIARITY)
    assert (np.diff(found) > 0).all() or found[-1] == 1
    assert found[0] < 0.05
    assert found[-1] > 0.99
    at_half = np.full(7, 4.0 - np.log(7), np.float32)
    assert likeness(at_half, _FAMILIARITY) == pytest.approx(0.5, abs=1e-3)


def test_an_unfamiliar_face_is_read_with_less_confidence_but_not_as_something_else() -> None:
    weak, strong = _logits(1.5), _logits(9.0)
    plain = msgspec.structs.replace(_CARD, familiarity=None)
    for logits in (weak, strong):
        before, after = face_probabilities(logits, plain), face_probabilities(logits, _CARD)
        np.testing.assert_allclose(before, softmax(logits, _CARD.temperature), rtol=1e-6)
        assert after.sum() == pytest.approx(1, abs=1e-5)
        assert (np.argsort(after) == np.argsort(before)).all()
    assert face_probabilities(weak, _CARD).max() < face_probabilities(weak, plain).max() - 0.1
    np.testing.assert_allclose(face_probabilities(strong, _CARD), face_probabilities(strong, plain), atol=1e-3)


def test_many_rows_give_what_each_gives_alone() -> None:
    rows = np.random.default_rng(0).normal(0, 3, (20, 7)).astype(np.float32)
    alone = np.stack([face_probabilities(row, _CARD) for row in rows])
    np.testing.assert_allclose(face_probabilities(rows, _CARD), alone, rtol=1e-5)
