"""`mien rules try`: questions, answers, and invalid questions."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.emotions import Emotion
from device.errors import SettingsError
from device.hub.rules.engine import RuleEngine
from device.hub.rules.what_if import explain_outcome, parse_question
from device.settings.actions.virtual import Player
from device.settings.rules import QUIET, Rule
from device.settings.schema import Settings
from tests.hub.rules.builders import NOON, rule, when


def test_the_outcome_with_the_default_rules() -> None:
    said = explain_outcome(Settings().rules, parse_question("sad for 2m at 21:30")).splitlines()
    assert said[0] == "If the room is sad for 2 min from 21:30, and Mien is sure:"
    assert said[1] == '  "comfort" fires at 21:30:02: lamp #ffb46b at 40 %, player calm at 30 %.'
    assert said[2] == '  "bright" does not fire: it waits for happy.'
    assert len(said) == 6


def test_the_outcome_over_midnight_and_outside_the_hours() -> None:
    night = Rule("night", (Emotion.SAD,), (Player("calm"),), 10, 0.5, "00:00-06:00")
    assert '"night" fires at 00:00:00' in explain_outcome((night,), parse_question("sad for 2m at 23:59"))
    assert "only between 00:00 and 06:00" in explain_outcome((night,), parse_question("sad for 30s at 23:59"))
    assert "it needs 10 s" in explain_outcome((night,), parse_question("sad for 5 s at 01:00"))
    assert "unknown triggers nothing" in explain_outcome((night,), parse_question("unknown for 5m at 01:00"))
    assert "there are no rules" in explain_outcome((), parse_question("fearful for 1h", now=NOON))


def answer(one: Rule, question: str, profile: str = "everyday") -> str:
    return explain_outcome((one,), parse_question(question, NOON, ("everyday", "Late at night", QUIET), profile))


@pytest.mark.parametrize(
    ("conditions", "question", "said"),
    [
        ({"presence": "nobody", "for_s": 300}, "nobody for 10m at 23:00", "fires at 23:05:00"),
        ({"presence": "nobody", "for_s": 300}, "someone for 10m at 23:00", "it waits until nobody is in view"),
        ({"presence": "nobody", "for_s": 0}, "sad for 10m", "does not fire: it waits until nobody is in view"),
        ({"presence": "someone", "for_s": 0}, "nobody for 10m", "does not fire: it waits until somebody is in view"),
        ({"people_min": 3}, "3 people happy for 5m", "fires at 12:00:00"),
        ({"people_min": 3}, "2 people happy for 5m", "it waits until 3 or more people are in view"),
        ({"people_min": 3}, "12 people for 1h", "fires at 12:00:00"),
        ({"mood": ["happy"]}, "happy for 2m in quiet", "no rule is enabled in this profile"),
        ({"mood": ["happy"], "profiles": ["Late at night"]}, "happy for 2m", "it is enabled in Late at night"),
        ({"mood": ["happy"], "profiles": ["Late at night"]}, "happy for 2m in late at night", "fires at 12:00:00"),
        ({"mood": ["happy"]}, "happy for 2m in late at night at 1:00", "fires at 01:00:00"),
        ({"valence_max": -0.3}, "sad for 2m with valence -0.4", "fires at 12:00:00"),
        ({"valence_max": -0.3}, "sad for 2m with valence -0.2", "it waits until the valence is at most -0.3"),
        ({"valence_max": -0.3}, "sad for 2m", "fires at 12:00:00"),
        ({"valence_max": -0.3}, "happy for 2m", "it waits until the valence is at most -0.3"),
        (
            {"mood": ["sad"], "restore": True, "for_s": 5},
            "sad for 2m",
            "fires at 12:00:05: lamp #ffffff at 100 %; put back at 12:02:05.",
        ),
        (
            {"mood": ["sad"], "restore": True, "for_s": 5, "hours": "21:00-22:00"},
            "sad for 3h at 20:30",
            "fires at 21:00:00: lamp #ffffff at 100 %; put back at 22:00:00.",
        ),
        (
            {"presence": "nobody", "restore": True},
            "nobody for 10m",
            "fires at 12:00:00: lamp #ffffff at 100 %; put back at 12:10:00.",
        ),
        ({"people_max": 3, "restore": True}, "2 people for 10m", "put back when the rule ends."),
    ],
)
def test_the_outcome_by_people_profile_and_valence(conditions: dict[str, object], question: str, said: str) -> None:
    assert said in answer(when(**conditions), question)


@pytest.mark.parametrize(
    ("question", "head"),
    [
        ("nobody for 10m at 23:00", "If nobody is in view for 10 min from 23:00 in the profile everyday:"),
        (
            "3 people happy for 5m",
            "If the room is happy with 3 people in view for 5 min from 12:00 in the profile everyday, and Mien is sure",
        ),
        ("2 persons for 5m in quiet", "If 2 people are in view for 5 min from 12:00 in the profile quiet:"),
        (
            "sad for 2m with valence -0.4",
            "If the room is sad, with valence -0.4 for 2 min from 12:00 in the profile everyday, and Mien is sure:",
        ),
    ],
)
def test_the_question_is_repeated_in_the_answer(question: str, head: str) -> None:
    assert answer(rule(), question).splitlines()[0].removesuffix(":") == head.removesuffix(":")


@pytest.mark.parametrize(
    ("nonsense", "said"),
    [
        ("happy for 2m in bed", "'bed' is not a profile; allowed are everyday, Late at night, quiet"),
        ("happy for 2m at 10:00 at 11:00", "'at 11:00' is not understood"),
        ("happy for 2m with pleasure", "'with pleasure' is not understood"),
        ("happy for 2m with valence 1.5", "a valence is from -1 to 1"),
        ("nobody for 2m with valence 0.5", "a valence is from -1 to 1"),
        ("nobody sad for 2m", "nobody and a mood contradict each other"),
        ("0 people sad for 2m", "nobody and a mood contradict each other"),
        ("for 2m", "is not understood"),
    ],
)
def test_a_question_with_an_error_names_it(nonsense: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        answer(rule(), nonsense)
    assert said in str(caught.value)


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
def test_nonsense_is_answered_with_the_usage(nonsense: str) -> None:
    with pytest.raises(SettingsError, match=r"sad for 2m at 21:30|allowed are angry"):
        parse_question(nonsense)


_CLOCK = st.builds("{:02d}:{:02d}".format, st.integers(0, 23), st.sampled_from([0, 1, 30, 59]))


@given(
    presence=st.sampled_from(["", "someone", "nobody"]),
    sad=st.booleans(),
    for_s=st.sampled_from([0, 5, 60, 120]),
    hours=st.just("") | st.builds("{}-{}".format, _CLOCK, _CLOCK),
    parts=st.tuples(st.sampled_from(["sad", "happy", "nobody"]), st.sampled_from([5, 60, 90, 300]), _CLOCK),
)
def test_it_agrees_with_rules_evaluated_every_second(
    presence: str, sad: bool, for_s: int, hours: str, parts: tuple[str, int, str]
) -> None:
    feels = presence != "nobody" and (sad or not presence)
    conditions: dict[str, object] = {"mood": ["sad"]} if feels else {}
    conditions |= {"presence": presence} if presence else {}
    one = when(**conditions, for_s=for_s, hours=hours, cooldown_s=0)
    question = parse_question(f"{parts[0]} for {parts[1]}s at {parts[2]}")
    began = datetime.combine(date(2000, 1, 1), question.at)
    running = RuleEngine((one,))
    fired = next(
        (
            moment
            for moment in (began + timedelta(seconds=s) for s in range(parts[1] + 1))
            if running.evaluate(question.mood, (moment - began).total_seconds(), moment.time(), "")
        ),
        None,
    )
    said = explain_outcome((one,), question)
    assert (f"fires at {fired:%H:%M:%S}" if fired else "does not fire") in said
