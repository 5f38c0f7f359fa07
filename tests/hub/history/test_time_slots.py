"""The history in time slots: every second counts once, in its own slot."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.emotions import Emotion
from device.hub.history.rows import BLIND, Entry
from device.hub.history.time_slots import MAX_SLOTS, split_into_slots


def mood(time_s: float, emotion: Emotion, people: int = 1) -> Entry:
    return Entry("mood", time_s, emotion=emotion.value, people=people)


def gap(time_s: float, until_s: float | None) -> Entry:
    return Entry("gap", time_s, until_s=until_s, why="hub was away")


def test_a_mood_is_split_between_slots() -> None:
    found = split_into_slots([mood(90, Emotion.HAPPY), mood(250, Emotion.SAD)], 100, 400, 100)
    assert [slot.start_s for slot in found] == [100, 200, 300]
    assert [slot.mood for slot in found] == [{"happy": 100}, {"happy": 50, "sad": 50}, {"sad": 100}]
    assert {slot.unseen for slot in found} == {0.0}


def test_time_before_the_first_mood_is_unseen() -> None:
    first, second = split_into_slots([mood(150, Emotion.ANGRY)], 0, 200, 100)
    assert (first.mood, first.unseen) == ({}, 100)
    assert (second.mood, second.unseen) == ({"angry": 50}, 50)


def test_an_empty_room_is_nobody_and_an_unsure_mood_is_unknown() -> None:
    empty, unsure = split_into_slots([mood(0, Emotion.UNKNOWN, 0), mood(100, Emotion.UNKNOWN, 2)], 0, 200, 100)
    assert (empty.nobody, empty.mood) == (100, {})
    assert (unsure.nobody, unsure.mood) == (0, {"unknown": 100})


def test_a_gap_is_unseen_and_the_mood_goes_on_after_it() -> None:
    (slot,) = split_into_slots([mood(0, Emotion.HAPPY), gap(20, 50)], 0, 100, 100)
    assert (slot.mood, slot.unseen) == ({"happy": 70}, 30)
    (lasting,) = split_into_slots([mood(0, Emotion.HAPPY), gap(20, None)], 0, 100, 100)
    assert (lasting.mood, lasting.unseen) == ({"happy": 20}, 80)


def test_changes_delivered_after_a_gap_still_count() -> None:
    (slot,) = split_into_slots([mood(0, Emotion.HAPPY), gap(20, 60), mood(30, Emotion.SAD)], 0, 100, 100)
    assert slot.mood == {"happy": 20, "sad": 70}
    assert slot.unseen == 10


def test_actions_are_ignored() -> None:
    (slot,) = split_into_slots(
        [mood(0, Emotion.HAPPY), Entry("action", 50, rule="r", action="{}", result="done")], 0, 100, 100
    )
    assert slot.mood == {"happy": 100}


@pytest.mark.parametrize(
    ("since_s", "until_s", "step_s"), [(0, 10, 0), (0, 10, -1), (10, 10, 1), (0, MAX_SLOTS + 1, 1)]
)
def test_impossible_slots_are_refused(since_s: float, until_s: float, step_s: float) -> None:
    with pytest.raises(ValueError, match="slots"):
        split_into_slots([], since_s, until_s, step_s)


_entries = st.lists(
    st.builds(mood, st.floats(0, 1000), st.sampled_from(list(Emotion)), st.integers(0, 2))
    | st.builds(lambda begin_s, length_s: gap(begin_s, begin_s + length_s), st.floats(0, 1000), st.floats(0, 200))
    | st.builds(
        lambda s, length_s: Entry("gap", s, until_s=s + length_s, why=BLIND), st.floats(0, 1000), st.floats(0, 200)
    ),
    max_size=30,
).map(lambda entries: sorted(entries, key=lambda entry: entry.time_s))


@given(_entries, st.floats(1, 500), st.floats(0, 500))
def test_every_second_is_counted_once(entries: list[Entry], step_s: float, since_s: float) -> None:
    for slot in split_into_slots(entries, since_s, 1000, step_s):
        length_s = min(step_s, 1000 - slot.start_s)
        assert math.isclose(sum(slot.mood.values()) + slot.nobody + slot.unseen, length_s, abs_tol=0.6)


def test_a_blind_camera_is_unseen_but_a_voice_still_counts() -> None:
    entries = [
        mood(0, Emotion.UNKNOWN, 0),
        Entry("gap", 20, until_s=80, why=BLIND),
        mood(40, Emotion.HAPPY, 0),
        mood(60, Emotion.UNKNOWN, 0),
        Entry("gap", 90, until_s=95, why=BLIND),
    ]
    (slot,) = split_into_slots(entries, 0, 100, 100)
    assert (slot.mood, slot.nobody, slot.unseen) == ({"happy": 20}, 35, 45)
