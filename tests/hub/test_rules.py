"""Rules on clocks that the test moves."""

import itertools
from datetime import time

import pytest

from device.destinations import Lamp, Player, Publish
from device.emotions import EMOTIONS, Emotion
from device.errors import SettingsError
from device.hub.question import parse_question, would_happen
from device.hub.rules import Rules, duration, explain, within
from device.readings import Mood
from device.settings import Rule, Settings

NOON = time(12)


def feel(emotion: Emotion, confidence: float = 0.8) -> Mood:
    shares = tuple(confidence if e is emotion else (1 - confidence) / 6 for e in EMOTIONS)
    return Mood(emotion, confidence, 0, 0, shares, 1, 0, 0)


SAD, UNKNOWN, HAPPY = feel(Emotion.SAD), feel(Emotion.UNKNOWN), feel(Emotion.HAPPY)


def rule(for_s: float = 5, between: str = "", cooldown_s: float = 60, least: float = 0.5) -> Rule:
    return Rule("r", (Emotion.SAD, Emotion.FEAR), (Lamp(),), for_s, least, between, cooldown_s)


def firings(one: Rule, story: list[tuple[float, Mood | None]], local: time = NOON) -> list[float]:
    """The seconds at which it fired, looking ten times a second; each mood lasts until the next one's time."""
    rules = Rules((one,))
    fired: list[float] = []
    for (start, mood), (end, _) in itertools.pairwise(story):
        for tenth in range(round(start * 10), round(end * 10)):
            fired += [tenth / 10 for _ in rules.look(mood, tenth / 10, local)]
    return fired


def test_fires_once_after_its_hold() -> None:
    assert firings(rule(), [(0, SAD), (500, None)]) == [5]


def test_not_before_its_hold() -> None:
    assert firings(rule(), [(0, SAD), (4.9, HAPPY), (10, None)]) == []


def test_fear_carries_on_what_sad_began() -> None:
    assert firings(rule(), [(0, SAD), (3, feel(Emotion.FEAR)), (20, None)]) == [5]


def test_other_mood_breaks_the_hold() -> None:
    assert firings(rule(), [(0, SAD), (4, HAPPY), (4.1, SAD), (20, None)]) == [9.1]


def test_unknown_breaks_the_hold_and_never_triggers() -> None:
    assert firings(rule(), [(0, SAD), (4, UNKNOWN), (6, SAD), (20, None)]) == [11]
    assert firings(rule(for_s=0), [(0, UNKNOWN), (50, None)]) == []


def test_unsure_breaks_the_hold_but_is_no_new_period() -> None:
    unsure = feel(Emotion.SAD, 0.49)
    assert firings(rule(), [(0, SAD), (4, unsure), (5, SAD), (20, None)]) == [10]
    assert firings(rule(cooldown_s=0), [(0, SAD), (8, unsure), (9, SAD), (30, None)]) == [5]


def test_cooldown_holds_back_a_new_period_until_it_is_over() -> None:
    assert firings(rule(), [(0, SAD), (8, HAPPY), (9, SAD), (200, None)]) == [5, 65]
    assert firings(rule(cooldown_s=0), [(0, SAD), (8, HAPPY), (9, SAD), (30, None)]) == [5, 14]


def test_sense_away_breaks_the_hold_but_fires_nothing_twice() -> None:
    assert firings(rule(), [(0, SAD), (4, None), (5, SAD), (20, None)]) == [10]
    assert firings(rule(cooldown_s=0), [(0, SAD), (6, None), (7, SAD), (30, None)]) == [5]


@pytest.mark.parametrize(
    ("between", "inside", "outside"),
    [
        ("18:00-23:30", [time(18), time(23, 29, 59)], [time(17, 59, 59), time(23, 30)]),
        ("22:00-06:00", [time(22), time(0), time(5, 59)], [time(6), time(21, 59), NOON]),
        ("00:00-00:00", [time(0), NOON], []),
        ("", [time(3)], []),
    ],
)
def test_between(between: str, inside: list[time], outside: list[time]) -> None:
    assert all(within(between, moment) for moment in inside)
    assert not any(within(between, moment) for moment in outside)


def test_between_keeps_a_rule_still_until_its_hours_begin() -> None:
    rules = Rules((rule(between="22:00-06:00"),))
    assert not rules.look(SAD, 0, time(21, 59, 50))
    assert not rules.look(SAD, 9, time(21, 59, 59))
    assert rules.look(SAD, 10, time(22))[0].why == "sad 80 % for 10 s"


def test_rules_fire_side_by_side_in_their_order() -> None:
    first, second = Rule("a", (Emotion.SAD,), (Lamp(),), 1), Rule("b", (Emotion.SAD,), (Lamp(),), 0)
    rules = Rules((first, second))
    assert [f.rule.name for f in rules.look(SAD, 0, NOON)] == ["b"]
    assert [f.rule.name for f in rules.look(SAD, 1, NOON)] == ["a"]


def test_explain() -> None:
    comfort = Settings().rules[0]
    assert explain(comfort) == (
        "When the room is sad or fearful for 5 s and Mien is at least 50 % sure: "
        "lamp #ffb46b at 40 %, player calm at 30 %; not again for 1 min."
    )
    many = Rule("m", EMOTIONS[:3], (Publish("z/set", "{}"),), 0, 0.6, "22:00-06:00", 0)
    assert explain(many) == (
        "When the room is angry, disgusted or fearful between 22:00 and 06:00 and Mien is at least 60 % sure: "
        "message to z/set."
    )


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.5, "0.5 s"), (59, "59 s"), (60, "1 min"), (90, "1 min 30 s"), (3660, "1 h 1 min")]
)
def test_duration(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_would_happen_with_the_first_rules() -> None:
    said = would_happen(Settings().rules, parse_question("sad for 2m at 21:30")).splitlines()
    assert said[0] == "If the room is sad for 2 min from 21:30, and Mien is sure:"
    assert said[1] == '  "comfort" fires at 21:30:05: lamp #ffb46b at 40 %, player calm at 30 %.'
    assert said[2] == '  "bright" does not fire: it waits for happy.'
    assert len(said) == 6


def test_would_happen_over_midnight_and_outside_the_hours() -> None:
    night = Rule("night", (Emotion.SAD,), (Player("calm"),), 10, 0.5, "00:00-06:00")
    assert '"night" fires at 00:00:00' in would_happen((night,), parse_question("sad for 2m at 23:59"))
    assert "only between 00:00 and 06:00" in would_happen((night,), parse_question("sad for 30s at 23:59"))
    assert "it needs 10 s" in would_happen((night,), parse_question("sad for 5 s at 01:00"))
    assert "unknown triggers nothing" in would_happen((night,), parse_question("unknown for 5m at 01:00"))
    assert "there are no rules" in would_happen((), parse_question("fearful for 1h", now=NOON))


@pytest.mark.parametrize(
    "nonsense",
    [
        "",
        "sad",
        "sad for",
        "sad for 2",
        "blue for 2m at 21:30",
        "sad for 2m at 25:00",
        "sad for 25h",
        "sad for -1m",
        "x" * 999,
    ],
)
def test_nonsense_is_told_the_form(nonsense: str) -> None:
    with pytest.raises(SettingsError, match=r"sad for 2m at 21:30|allowed are angry"):
        parse_question(nonsense)
