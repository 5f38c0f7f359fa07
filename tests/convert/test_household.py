"""What is usual here is learned, and a mood that lasts is not."""

import numpy as np
import pytest

from convert.voice.heads.household_benchmark import LENGTHS, measure_households
from convert.voice.heads.tendencies import measure_tendencies
from device.emotions import EMOTIONS, Floats
from device.perception.voice.household import MAX_WEIGHT, PRIOR, HouseholdOffset, Tendencies

CLASSES = len(EMOTIONS)
SAD = EMOTIONS.index("sad")
APART = 4.0
TENDENCIES = Tendencies(
    np.zeros(CLASSES, np.float32),
    (APART * (np.eye(CLASSES) - 1 / CLASSES)).astype(np.float32),
)
SHIFT = np.linspace(-2, 2, CLASSES).astype(np.float32)


def _utterances(labels: np.ndarray, shift: Floats, seed: int = 0) -> Floats:
    noise = np.random.default_rng(seed).normal(0, 0.7, (len(labels), CLASSES))
    return np.asarray(TENDENCIES.by_emotion[labels] + shift + noise, np.float32)


def test_where_moods_change_the_shift_of_voices_is_learned() -> None:
    household = HouseholdOffset(TENDENCIES)
    labels = np.random.default_rng(1).integers(CLASSES, size=200)
    for logits in _utterances(labels, SHIFT):
        household.learn(logits)
    centred = household.offset - household.offset.mean()
    assert np.corrcoef(centred, SHIFT)[0, 1] > 0.95
    assert np.abs(centred - SHIFT).max() < 1.0


def test_a_mood_that_lasts_is_still_read() -> None:
    household = HouseholdOffset(TENDENCIES)
    sad = np.full(60, SAD)
    for logits in _utterances(sad, np.zeros(CLASSES, np.float32)):
        household.learn(logits)
    later = _utterances(sad, np.zeros(CLASSES, np.float32), seed=2) - household.offset
    assert (later.argmax(axis=1) == SAD).mean() > 0.95
    # What a plain mean would have done.
    mean = _utterances(sad, np.zeros(CLASSES, np.float32)).mean(axis=0)
    assert (((later + household.offset) - mean).argmax(axis=1) == SAD).mean() < 0.5


def test_few_utterances_move_little_and_old_ones_fade() -> None:
    household = HouseholdOffset(TENDENCIES)
    assert not household.offset.any()
    household.learn(SHIFT, 0.5)
    assert np.abs(household.offset).max() <= np.abs(household.mean).max() * 0.5 / (0.5 + PRIOR) + 1e-6
    for _ in range(int(MAX_WEIGHT) + 50):
        household.learn(SHIFT)
    assert household.weight == MAX_WEIGHT


def test_tendencies_are_measured_within_speakers_and_weigh_corpora_equally() -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(CLASSES, size=3000)
    groups = np.where(rng.random(3000) < 0.9, "large", "small")
    speakers = np.array([f"{g}-{i}" for g, i in zip(groups, rng.integers(4, size=3000), strict=True)])
    shifts = {name: rng.normal(0, 3, CLASSES) for name in np.unique(speakers)}
    logits = _utterances(labels, np.zeros(CLASSES, np.float32)) + np.array([shifts[name] for name in speakers])
    found = measure_tendencies(logits.astype(np.float32), labels, speakers, groups)
    np.testing.assert_allclose(found.by_emotion, TENDENCIES.by_emotion, atol=0.3)
    np.testing.assert_allclose(found.centre, np.mean([*shifts.values()], axis=0), atol=0.3)


def test_the_benchmark_shows_who_loses_and_who_gains() -> None:
    rng = np.random.default_rng(4)
    labels = np.tile(np.arange(CLASSES), 80)
    speakers = np.array([f"S{i}" for i in np.arange(len(labels)) // CLASSES % 4])
    shifts = {name: rng.normal(0, 2.5, CLASSES) for name in np.unique(speakers)}
    logits = _utterances(labels, np.zeros(CLASSES, np.float32)) + np.array([shifts[n] for n in speakers])
    score = measure_households(logits.astype(np.float32), labels, speakers, TENDENCIES, draws=5)
    assert score.households == 20
    assert len(score.one_mood) == len(LENGTHS)
    assert score.changing > 5
    assert score.one_mood[1] == pytest.approx(score.one_mood[2], abs=25)
    assert score.one_mood[1] > -3
