"""When a rule fires: duration, people, valence, profiles. The test moves the clocks."""

import itertools
from datetime import time

import msgspec
import pytest

from device.emotions import Emotion
from device.hub.rules.engine import RuleEngine
from device.readings import Mood
from device.settings.actions.virtual import Lamp
from device.settings.rules import QUIET, Rule
from tests.hub.rules.builders import HAPPY, NOON, SAD, UNKNOWN, feel, rule, when


def firings(one: Rule, story: list[tuple[float, Mood | None]], local: time = NOON) -> list[float]:
    """The seconds at which it fired, evaluated ten times a second; each mood lasts until the next one."""
    rules = RuleEngine((one,))
    fired: list[float] = []
    for (start, mood), (end, _) in itertools.pairwise(story):
        for tenth in range(round(start * 10), round(end * 10)):
            fired += [tenth / 10 for _ in rules.evaluate(mood, tenth / 10, local)]
    return fired


def test_a_rule_fires_once_after_its_duration() -> None:
    assert firings(rule(), [(0, SAD), (500, None)]) == [5]


def test_a_rule_does_not_fire_before_its_duration() -> None:
    assert firings(rule(), [(0, SAD), (4.9, HAPPY), (10, None)]) == []


def test_either_mood_of_a_rule_continues_the_period() -> None:
    assert firings(rule(), [(0, SAD), (3, feel(Emotion.FEAR)), (20, None)]) == [5]


def test_another_mood_ends_the_period() -> None:
    assert firings(rule(), [(0, SAD), (4, HAPPY), (4.1, SAD), (20, None)]) == [9.1]


def test_unknown_ends_the_period_and_never_triggers() -> None:
    assert firings(rule(), [(0, SAD), (4, UNKNOWN), (6, SAD), (20, None)]) == [11]
    assert firings(rule(for_s=0), [(0, UNKNOWN), (50, None)]) == []


def test_low_confidence_interrupts_the_period_without_starting_a_new_one() -> None:
    unsure = feel(Emotion.SAD, 0.49)
    assert firings(rule(), [(0, SAD), (4, unsure), (5, SAD), (20, None)]) == [10]
    assert firings(rule(cooldown_s=0), [(0, SAD), (8, unsure), (9, SAD), (30, None)]) == [5]


def test_the_cooldown_delays_a_new_period() -> None:
    assert firings(rule(), [(0, SAD), (8, HAPPY), (9, SAD), (200, None)]) == [5, 65]
    assert firings(rule(cooldown_s=0), [(0, SAD), (8, HAPPY), (9, SAD), (30, None)]) == [5, 14]


def test_an_absent_sense_interrupts_the_period_but_fires_nothing_twice() -> None:
    assert firings(rule(), [(0, SAD), (4, None), (5, SAD), (20, None)]) == [10]
    assert firings(rule(cooldown_s=0), [(0, SAD), (6, None), (7, SAD), (30, None)]) == [5]


def test_rules_fire_independently_and_in_order() -> None:
    first, second = Rule("a", (Emotion.SAD,), (Lamp(),), 1), Rule("b", (Emotion.SAD,), (Lamp(),), 0)
    rules = RuleEngine((first, second))
    assert [f.rule.name for f in rules.evaluate(SAD, 0, NOON)] == ["b"]
    assert [f.rule.name for f in rules.evaluate(SAD, 1, NOON)] == ["a"]


# -- people, valence and profiles


def people(count: int, emotion: Emotion = Emotion.UNKNOWN, valence: float = 0.0) -> Mood:
    return msgspec.structs.replace(feel(emotion), people=count, valence=valence)


def fires(one: Rule, mood: Mood, profile: str = "", *, can_see: bool = True) -> bool:
    return bool(RuleEngine((one,)).evaluate(mood, 0, NOON, profile, can_see=can_see))


@pytest.mark.parametrize(
    ("conditions", "counts"),
    [
        ({"presence": "someone"}, {1, 2, 3}),
        ({"presence": "nobody"}, {0}),
        ({"people_min": 2}, {2, 3}),
        ({"people_max": 1}, {0, 1}),
        ({"presence": "someone", "people_max": 2}, {1, 2}),
        ({"people_min": 2, "people_max": 2}, {2}),
    ],
)
def test_conditions_about_people(conditions: dict[str, object], counts: set[int]) -> None:
    assert {count for count in range(4) if fires(when(**conditions), people(count))} == counts
    assert not any(fires(when(**conditions), people(count), can_see=False) for count in range(4)), (
        "it cannot see anybody"
    )


def test_a_rule_without_people_needs_no_camera() -> None:
    assert fires(when(mood=["sad"]), SAD, can_see=False)
    assert not fires(when(mood=["sad"], presence="someone"), SAD, can_see=False)


def test_valence_is_a_condition_and_unknown_has_none() -> None:
    low = when(valence_max=-0.3)
    assert fires(low, people(1, Emotion.SAD, -0.3))
    assert not fires(low, people(1, Emotion.SAD, -0.29))
    assert not fires(low, people(1, Emotion.UNKNOWN, -0.9))
    assert not fires(low, msgspec.structs.replace(feel(Emotion.SAD, 0.4), valence=-0.9)), "not confident enough"
    both = when(mood=["happy"], valence_min=0.5, people_min=2)
    assert (
        RuleEngine((both,)).evaluate(people(2, Emotion.HAPPY, 0.6), 0, NOON)[0].why
        == "happy 80 %, valence 0.60, 2 people for 0 s"
    )


def test_a_camera_that_is_switched_off_does_not_count_as_an_empty_room() -> None:
    rules = RuleEngine((when(presence="nobody", for_s=10),))
    seen = [(0, True), (9, True), (9.5, False), (30, False), (31, True), (40, True), (41, True)]
    assert [now for now, sees in seen if rules.evaluate(people(0), now, NOON, can_see=sees)] == [41]


def test_each_profile_has_its_own_rules_and_quiet_has_none() -> None:
    anywhere, evening = when(mood=["sad"]), when(mood=["sad"], profiles=["evening"])
    assert [fires(anywhere, SAD, profile) for profile in ("everyday", "evening", QUIET)] == [True, True, False]
    assert [fires(evening, SAD, profile) for profile in ("everyday", "evening", QUIET)] == [False, True, False]
    rules = RuleEngine((rule(for_s=5),))
    assert not rules.evaluate(SAD, 0, NOON, QUIET)
    assert not rules.evaluate(SAD, 9, NOON)
    assert rules.evaluate(SAD, 14, NOON), "its duration starts with the profile"
