"""When a rule ends."""

from datetime import time

import msgspec

from device.emotions import Emotion
from device.hub.rules.engine import UNCERTAIN_S, RuleEngine, RuleFired
from device.readings import Mood
from device.settings.actions.virtual import Lamp
from device.settings.rules import QUIET, Rule
from tests.hub.rules.builders import HAPPY, NOON, SAD, UNKNOWN, feel, rule


def story(one: Rule, *looks: tuple[float, Mood | None]) -> list[tuple[float, str]]:
    """(second, `fires` or why it ended), evaluated at these moments and just before the next."""
    rules = RuleEngine((one,))
    return [
        (now_s, "fires" if isinstance(event, RuleFired) else event.why)
        for now_s, mood in looks
        for event in rules.evaluate(mood, now_s, NOON)
    ]


COMFORT = msgspec.structs.replace(rule(for_s=5, cooldown_s=0), restore=True)


def test_a_rule_takes_as_long_to_end_as_to_fire() -> None:
    looks = [(0, SAD), (5, SAD), (6, HAPPY), (10.9, HAPPY), (11, HAPPY), (99, HAPPY)]
    assert story(COMFORT, *looks) == [(5, "fires"), (11, "its condition no longer holds")]


def test_a_moment_of_another_mood_ends_nothing() -> None:
    looks = [(0, SAD), (5, SAD), (6, HAPPY), (9, SAD), (11, SAD), (12, HAPPY), (16.9, UNKNOWN)]
    assert story(COMFORT, *looks) == [(5, "fires")]


def test_a_rule_without_restore_never_ends() -> None:
    assert story(rule(cooldown_s=0), (0, SAD), (5, SAD), (6, HAPPY), (500, HAPPY)) == [(5, "fires")]


def test_a_condition_that_cannot_be_checked_waits_a_minute() -> None:
    unsure = feel(Emotion.SAD, 0.2)
    assert UNCERTAIN_S == 60
    for blind, why in ((None, "sense is away"), (unsure, "its condition cannot be checked any more")):
        looks = [(0, SAD), (5, SAD), (10, blind), (69, blind), (70, blind), (71, SAD), (76, SAD)]
        assert story(COMFORT, *looks) == [(5, "fires"), (70, why), (76, "fires")]
        assert story(COMFORT, (0, SAD), (5, SAD), (10, blind), (69, SAD), (99, SAD)) == [(5, "fires")]


def test_another_profile_or_the_end_of_the_hours_ends_a_rule_at_once() -> None:
    rules = RuleEngine((COMFORT,))
    assert [rules.evaluate(SAD, now, NOON) != () for now in (0, 5)] == [False, True]
    assert [one.why for one in rules.evaluate(SAD, 6, NOON, QUIET)] == ["the profile is quiet"]
    late = msgspec.structs.replace(COMFORT, hours="22:00-06:00")
    rules = RuleEngine((late,))
    assert [rules.evaluate(SAD, now, time(5, 59)) != () for now in (0, 5)] == [False, True]
    assert [one.why for one in rules.evaluate(SAD, 60, time(6))] == ["the hours 22:00-06:00 are over"]
    assert not rules.evaluate(SAD, 61, time(6))


def test_ended_rules_come_before_fired_ones() -> None:
    first = msgspec.structs.replace(COMFORT, name="first", for_s=0)
    second = Rule("second", (Emotion.HAPPY,), (Lamp(),), 0, restore=True)
    rules = RuleEngine((second, first))
    assert rules.evaluate(SAD, 0, NOON)
    assert [(type(one).__name__, one.rule.name) for one in rules.evaluate(HAPPY, 1, NOON)] == [
        ("RuleEnded", "first"),
        ("RuleFired", "second"),
    ]
