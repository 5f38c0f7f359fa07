"""From nervous distributions to a calm mood. The clock is the test's."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st

from device.emotions import EMOTIONS, Emotion, Floats, softmax, uniform
from device.perception.mood.fusion import Fused
from device.perception.mood.smoothing import MoodSmoother
from device.readings import Mood, SenseReading
from device.settings.schema import MoodSettings

_SETTINGS = MoodSettings(neutral_prior=1, min_confidence=0.4)
"""Without a preference for neutral, so that the numbers that come out are those that went in, smoothed."""
_TICK_S = 0.1
_NOTHING = Fused(uniform(), None, None, 0.0)


def _mix(**shares: float) -> Floats:
    """What is not named shares the rest evenly."""
    rest = (1 - sum(shares.values())) / (7 - len(shares))
    return np.array([shares.get(e.value, rest) for e in EMOTIONS], np.float32)


def _fused(probabilities: Floats, time_s: float = 0.0) -> Fused:
    return Fused(probabilities, SenseReading(Emotion.HAPPY, 0.5, 0.0), None, time_s)


_HAPPY, _SAD = _mix(happy=0.9), _mix(sad=0.9)


def _play(steady: MoodSmoother, inputs: Sequence[Floats | None], begin_s: float = 0.0) -> list[Mood]:
    """One mood a tick; None is nobody."""
    times = [begin_s + i * _TICK_S for i in range(len(inputs))]
    return [
        steady.update(_NOTHING if p is None else _fused(p, t), 0 if p is None else 1, t)
        for p, t in zip(inputs, times, strict=True)
    ]


def _changes(moods: list[Mood]) -> list[tuple[float, Emotion]]:
    pairs = itertools.pairwise(moods)
    return [(b.since_s, b.emotion) for a, b in pairs if a.emotion is not b.emotion]


def test_a_sure_emotion_is_shown_at_once() -> None:
    mood = MoodSmoother(_SETTINGS).update(_fused(_HAPPY, 9.9), 2, 10.0)
    assert (mood.emotion, mood.people, mood.since_s, mood.time_s) == (Emotion.HAPPY, 2, 10.0, 9.9)
    assert mood.confidence == pytest.approx(0.9)
    assert mood.valence > 0.5
    assert mood.face is not None


def test_nobody_is_unknown_with_no_confidence() -> None:
    mood = MoodSmoother(_SETTINGS).update(_NOTHING, 0, 10.0)
    assert (mood.emotion, mood.confidence, mood.time_s) == (Emotion.UNKNOWN, 0.0, 10.0)


def test_an_unsure_mood_is_unknown_with_the_confidence_of_the_likeliest() -> None:
    mood = MoodSmoother(_SETTINGS).update(_fused(_mix(happy=0.35)), 1, 0.0)
    assert mood.emotion is Emotion.UNKNOWN
    assert mood.confidence == pytest.approx(0.35)


def test_neutral_is_likelier_from_the_start() -> None:
    """A face that could as well be sad or neutral is neutral, in a home where most faces are."""
    unsure = _fused(_mix(sad=0.45, neutral=0.35))
    mood = MoodSmoother(MoodSettings()).update(unsure, 1, 0.0)
    assert mood.emotion is Emotion.NEUTRAL
    assert mood.confidence == pytest.approx(0.35 * 4.5 / (0.65 + 0.35 * 4.5), abs=1e-4)
    assert sum(mood.probabilities) == pytest.approx(1, abs=1e-3)
    as_read = MoodSmoother(_SETTINGS).update(unsure, 1, 0.0)
    assert as_read.emotion is Emotion.SAD
    assert as_read.confidence == pytest.approx(0.45)


def test_a_sure_face_outweighs_the_prior() -> None:
    mood = MoodSmoother(MoodSettings()).update(_fused(_mix(sad=0.85, neutral=0.05)), 1, 0.0)
    assert mood.emotion is Emotion.SAD


def test_input_that_alternates_slowly_changes_no_faster_than_the_hold() -> None:
    inputs: list[Floats | None] = [(_HAPPY, _SAD)[i // 10 % 2] for i in range(600)]
    times = [at_s for at_s, _ in _changes(_play(MoodSmoother(_SETTINGS), inputs))]
    assert all(later - earlier >= _SETTINGS.hold_s for earlier, later in itertools.pairwise(times))


@pytest.mark.parametrize("period", [1, 3])
def test_input_that_alternates_does_not_flicker(period: int) -> None:
    """Every 0.1 or 0.3 s the other; for a minute."""
    inputs: list[Floats | None] = [(_HAPPY, _SAD)[i // period % 2] for i in range(600)]
    assert _changes(_play(MoodSmoother(_SETTINGS), inputs)) == []


def test_single_outliers_change_nothing() -> None:
    inputs: list[Floats | None] = [_SAD if i % 8 == 5 else _HAPPY for i in range(300)]
    assert _changes(_play(MoodSmoother(_SETTINGS), inputs)) == []


def test_a_change_that_lasts_comes_once_and_within_a_few_seconds() -> None:
    moods = _play(MoodSmoother(_SETTINGS), [_HAPPY] * 100 + [_SAD] * 100)
    assert len(_changes(moods)) == 1
    at_s, emotion = _changes(moods)[0]
    assert emotion is Emotion.SAD
    assert 10.0 < at_s < 13.0


def test_a_mood_stays_for_its_hold_however_clear_the_next_one_is() -> None:
    steady = MoodSmoother(MoodSettings(neutral_prior=1, smoothing_s=0.0, hold_s=3.0))
    moods = _play(steady, [_HAPPY, *[_SAD] * 60])
    at_s, emotion = _changes(moods)[0]
    assert emotion is Emotion.SAD
    assert at_s == pytest.approx(3.0, abs=_TICK_S)


def test_the_hold_can_be_set_while_it_runs() -> None:
    steady = MoodSmoother(MoodSettings(neutral_prior=1, smoothing_s=0.0, hold_s=60.0))
    assert _changes(_play(steady, [_HAPPY, *[_SAD] * 30])) == []
    steady.hold_s = 0.5
    assert [emotion for _, emotion in _changes(_play(steady, [_HAPPY, *[_SAD] * 5], 4.0))] == [Emotion.SAD]
    steady.hold_s = 60.0
    assert _changes(_play(steady, [_SAD, *[_HAPPY] * 30], 5.0)) == []


def test_unknown_is_left_at_once_and_comes_only_after_the_hold() -> None:
    steady = MoodSmoother(MoodSettings(neutral_prior=1, smoothing_s=0.0, hold_s=3.0))
    moods = _play(steady, [None, _HAPPY, *[None] * 50])
    assert [round(at_s, 1) for at_s, _ in _changes(moods)] == [0.1, 3.1]
    assert [emotion for _, emotion in _changes(moods)] == [Emotion.HAPPY, Emotion.UNKNOWN]


def test_a_new_mood_must_be_likelier_by_the_hysteresis() -> None:
    settings = MoodSettings(neutral_prior=1, min_confidence=0.4, smoothing_s=0.0, hold_s=0.0, hysteresis=0.1)
    for share, wanted in ((0.45, Emotion.HAPPY), (0.53, Emotion.SAD)):
        moods = _play(MoodSmoother(settings), [_mix(happy=0.8), *[_mix(happy=0.42, sad=share)] * 20])
        assert moods[-1].emotion is wanted


def test_a_mood_at_the_very_edge_of_sure_does_not_come_and_go() -> None:
    settings = MoodSettings(neutral_prior=1, smoothing_s=0.0, hold_s=0.0, min_confidence=0.4, hysteresis=0.1)
    breath: list[Floats | None] = [_mix(happy=0.41 if i % 2 else 0.37) for i in range(100)]
    moods = _play(MoodSmoother(settings), [_HAPPY, *breath])
    assert _changes(moods) == []
    assert _play(MoodSmoother(settings), [_HAPPY, *[_mix(happy=0.3)] * 5])[-1].emotion is Emotion.UNKNOWN


def test_after_the_time_constant_63_percent_of_a_change_have_come() -> None:
    steady = MoodSmoother(MoodSettings(neutral_prior=1, smoothing_s=2.0))
    before, after = _mix(happy=0.9), _mix(happy=0.1)
    steady.update(_fused(before), 1, 0.0)
    share = 0.0
    for step in range(1, 21):
        share = steady.update(_fused(after), 1, step * 0.1).probabilities[3]
    assert share == pytest.approx(0.9 - 0.8 * (1 - np.exp(-1)), abs=1e-3)


def test_the_rate_of_the_ticks_does_not_change_the_smoothing() -> None:
    shares = []
    for tick_s in (0.05, 0.1, 0.5):
        steady = MoodSmoother(_SETTINGS)
        steady.update(_fused(_HAPPY), 1, 0.0)
        for step in range(1, round(2 / tick_s) + 1):
            share = steady.update(_fused(_SAD), 1, step * tick_s).probabilities[3]
        shares.append(share)
    assert max(shares) - min(shares) < 1e-3


def test_since_stays_while_the_mood_does() -> None:
    moods = _play(MoodSmoother(_SETTINGS), [_HAPPY] * 50, begin_s=7.0)
    assert {mood.since_s for mood in moods} == {7.0}


def test_after_an_empty_room_smoothing_starts_over() -> None:
    moods = _play(MoodSmoother(_SETTINGS), [_HAPPY] * 20 + [None] * 60 + [_SAD])
    assert moods[-2].emotion is Emotion.UNKNOWN
    assert moods[-1].emotion is Emotion.SAD
    assert moods[-1].confidence == pytest.approx(0.9)


def test_a_clock_that_stands_still_or_steps_back_breaks_nothing() -> None:
    steady = MoodSmoother(_SETTINGS)
    for now in (10.0, 10.0, 4.0, 4.0, 10.1):
        mood = steady.update(_fused(_HAPPY, now), 1, now)
        assert mood.emotion is Emotion.HAPPY
        assert sum(mood.probabilities) == pytest.approx(1, abs=1e-3)


_PROBABILITIES = st.lists(st.floats(-60, 60, width=32), min_size=7, max_size=7).map(
    lambda v: softmax(np.array(v, np.float32))
)
_MOODS = st.builds(
    MoodSettings,
    smoothing_s=st.floats(0, 20),
    hold_s=st.floats(0, 10),
    min_confidence=st.floats(0, 1),
    hysteresis=st.floats(0, 1),
)


@tries(max_examples=150, deadline=None)
@given(_MOODS, st.lists(st.tuples(st.one_of(st.none(), _PROBABILITIES), st.floats(0, 5)), min_size=1, max_size=15))
def test_for_any_input_the_mood_is_valid_and_holds_long_enough(
    settings: MoodSettings, inputs: list[tuple[Floats | None, float]]
) -> None:
    steady, now = MoodSmoother(settings), 0.0
    last: Mood | None = None
    for probabilities, pause in inputs:
        now += pause
        mood = steady.update(_NOTHING if probabilities is None else _fused(probabilities, now), 1, now)
        assert np.isfinite(mood.probabilities).all()
        assert sum(mood.probabilities) == pytest.approx(1, abs=1e-3)
        assert 0 <= mood.confidence <= 1
        assert -1 <= mood.valence <= 1
        assert -1 <= mood.arousal <= 1
        assert mood.since_s <= now
        if last and mood.emotion is not last.emotion:
            assert mood.since_s == now
            assert last.emotion is Emotion.UNKNOWN or now - last.since_s >= settings.hold_s
        elif last:
            assert mood.since_s == last.since_s
        last = mood
