"""The fit of what is a familiar face, and the changes that make a face unfamiliar."""

import msgspec
import numpy as np
import pytest

from convert.face.student.familiarity import (
    MAX_COST,
    LabelledLogits,
    _loss,
    fit_familiarity,
    separation,
    shares_said,
    with_familiarity,
)
from convert.face.student.strange import FITTED, UNSEEN, change_all, pictures_without_faces
from device.emotions import Floats
from device.perception.models.model import Model

_CARD = msgspec.structs.replace(Model("face").card, temperature=1.0, familiarity=None)


def _answers(count: int, strength: float, right: float, seed: int) -> LabelledLogits:
    """Rows whose first logit has `strength`, correct in a share `right`."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 7, count)
    said = np.where(rng.random(count) < right, labels, (labels + 1) % 7)
    logits = rng.normal(0, 0.5, (count, 7)) + strength * np.eye(7)[said] + rng.normal(0, 0.7, (count, 1))
    return LabelledLogits(logits.astype(np.float32), labels)


def test_weak_and_wrong_answers_become_less_sure_at_hardly_any_cost_to_the_others() -> None:
    familiar, strange = [_answers(2000, 6.0, 0.97, 0)], [_answers(500, 3.5, 0.3, 1), _answers(500, 3.0, 0.2, 2)]
    found = fit_familiarity(_CARD, familiar, strange)
    assert found is not None
    fitted = msgspec.structs.replace(_CARD, familiarity=found)
    assert _loss(fitted, strange) < _loss(_CARD, strange) - 0.3
    assert _loss(fitted, familiar) <= _loss(_CARD, familiar) + MAX_COST


def test_nothing_is_fitted_where_strange_faces_are_read_as_well() -> None:
    familiar = [_answers(1000, 4.0, 0.95, 0)]
    assert fit_familiarity(_CARD, familiar, [_answers(1000, 4.0, 1.0, 1)]) is None


def test_the_card_gets_what_follows_from_the_new_probabilities() -> None:
    familiar, strange = [_answers(2000, 6.0, 0.9, 0)], [_answers(500, 3.0, 0.2, 2)]
    card = with_familiarity(_CARD, familiar, strange)
    assert card.familiarity is not None
    assert card.neutral_prior != _CARD.neutral_prior
    assert sum(card.neutral_prior) == pytest.approx(1, abs=1e-3)


def test_the_separation_is_the_chance_that_a_strange_score_is_the_higher_one() -> None:
    low, high = np.arange(10, dtype=np.float32), np.arange(10, 20, dtype=np.float32)
    assert separation(high, low) == 100
    assert separation(low, high) == 0
    mixed = np.array([0.5, 2.5], np.float32)
    assert separation(mixed, np.array([1.0, 2.0], np.float32)) == 50


def test_what_is_said_and_what_of_it_is_wrong() -> None:
    rows: Floats = np.full((4, 7), 0.05, np.float32)
    rows[0, 0] = rows[1, 1] = rows[2, 2] = 0.7
    labels = np.array([0, 1, 5, 3])
    assert shares_said(rows, labels, 0.4) == {"said": 75.0, "wrong": 25.0}
    assert shares_said(rows, None, 0.4) == {"said": 75.0, "wrong": 75.0}


@pytest.mark.parametrize("kind", [*FITTED, *UNSEEN])
def test_a_change_keeps_size_and_type_changes_much_and_is_the_same_each_time(kind: str) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (3, 48, 48), dtype=np.uint8)
    change = {**FITTED, **UNSEEN}[kind]
    changed = change_all(pictures, change)
    assert changed.shape == pictures.shape
    assert changed.dtype == np.uint8
    assert np.abs(changed.astype(int) - pictures).mean() > 10
    np.testing.assert_array_equal(changed, change_all(pictures, change))


def test_pictures_without_faces_are_of_four_kinds() -> None:
    pictures = pictures_without_faces(8, 48)
    assert pictures.shape == (8, 48, 48)
    assert pictures.dtype == np.uint8
    assert len({picture.tobytes() for picture in pictures}) == 8
    np.testing.assert_array_equal(pictures, pictures_without_faces(8, 48))
