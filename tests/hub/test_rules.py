"""Rules on clocks that the test moves."""

import itertools
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import msgspec
import pytest

from device.destinations import Lamp, Player, Publish
from device.emotions import EMOTIONS, Emotion
from device.errors import SettingsError
from device.hub.clock import RELEASED_UTC_S, local_time
from device.hub.question import parse_question, would_happen
from device.hub.rule_words import condition, duration, explain
from device.hub.rules import AWAY_S, Firing, Rules, within
from device.readings import Mood
from device.rule import QUIET, Rule
from device.settings import Settings

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


# -- who is there, how it feels, and in which profile


def people(count: int, emotion: Emotion = Emotion.UNKNOWN, valence: float = 0.0) -> Mood:
    return msgspec.structs.replace(feel(emotion), people=count, valence=valence)


def fires(one: Rule, mood: Mood, profile: str = "", *, sees: bool = True) -> bool:
    return bool(Rules((one,)).look(mood, 0, NOON, profile, sees=sees))


def when(**conditions: object) -> Rule:
    return msgspec.convert({"name": "r", "do": [{"action": "lamp"}], "for_s": 0, **conditions}, Rule)


@pytest.mark.parametrize(
    ("conditions", "counts"),
    [
        ({"presence": "someone"}, {1, 2, 3}),
        ({"presence": "nobody"}, {0}),
        ({"people_least": 2}, {2, 3}),
        ({"people_most": 1}, {0, 1}),
        ({"presence": "someone", "people_most": 2}, {1, 2}),
        ({"people_least": 2, "people_most": 2}, {2}),
    ],
)
def test_who_is_there(conditions: dict[str, object], counts: set[int]) -> None:
    assert {count for count in range(4) if fires(when(**conditions), people(count))} == counts
    assert not any(fires(when(**conditions), people(count), sees=False) for count in range(4)), "it sees nobody"


def test_a_rule_that_counts_nobody_needs_no_camera() -> None:
    assert fires(when(mood=["sad"]), SAD, sees=False)
    assert not fires(when(mood=["sad"], presence="someone"), SAD, sees=False)


def test_valence_is_a_condition_and_unknown_has_none() -> None:
    low = when(valence_most=-0.3)
    assert fires(low, people(1, Emotion.SAD, -0.3))
    assert not fires(low, people(1, Emotion.SAD, -0.29))
    assert not fires(low, people(1, Emotion.UNKNOWN, -0.9))
    assert not fires(low, msgspec.structs.replace(feel(Emotion.SAD, 0.4), valence=-0.9)), "not sure enough"
    both = when(mood=["happy"], valence_least=0.5, people_least=2)
    assert (
        Rules((both,)).look(people(2, Emotion.HAPPY, 0.6), 0, NOON)[0].why
        == "happy 80 %, valence 0.60, 2 people for 0 s"
    )


def test_a_camera_that_goes_off_is_no_empty_room() -> None:
    rules = Rules((when(presence="nobody", for_s=10),))
    seen = [(0, True), (9, True), (9.5, False), (30, False), (31, True), (40, True), (41, True)]
    assert [now for now, sees in seen if rules.look(people(0), now, NOON, sees=sees)] == [41]


def test_each_profile_has_its_own_rules_and_quiet_has_none() -> None:
    anywhere, evening = when(mood=["sad"]), when(mood=["sad"], profiles=["evening"])
    assert [fires(anywhere, SAD, profile) for profile in ("everyday", "evening", QUIET)] == [True, True, False]
    assert [fires(evening, SAD, profile) for profile in ("everyday", "evening", QUIET)] == [False, True, False]
    rules = Rules((rule(for_s=5),))
    assert not rules.look(SAD, 0, NOON, QUIET)
    assert not rules.look(SAD, 9, NOON)
    assert rules.look(SAD, 14, NOON), "its time begins with the profile"


# -- what is put back


def story(one: Rule, *looks: tuple[float, Mood | None]) -> list[tuple[float, str]]:
    """(second, `fires` or why it is over), looking at these moments and just before the next."""
    rules = Rules((one,))
    return [
        (now_s, "fires" if isinstance(event, Firing) else event.why)
        for now_s, mood in looks
        for event in rules.look(mood, now_s, NOON)
    ]


COMFORT = msgspec.structs.replace(rule(for_s=5, cooldown_s=0), restore=True)


def test_what_took_so_long_to_begin_takes_as_long_to_end() -> None:
    looks = [(0, SAD), (5, SAD), (6, HAPPY), (10.9, HAPPY), (11, HAPPY), (99, HAPPY)]
    assert story(COMFORT, *looks) == [(5, "fires"), (11, "it is over")]


def test_a_breath_of_another_mood_puts_nothing_back() -> None:
    looks = [(0, SAD), (5, SAD), (6, HAPPY), (9, SAD), (11, SAD), (12, HAPPY), (16.9, UNKNOWN)]
    assert story(COMFORT, *looks) == [(5, "fires")]


def test_a_rule_without_restore_is_never_over() -> None:
    assert story(rule(cooldown_s=0), (0, SAD), (5, SAD), (6, HAPPY), (500, HAPPY)) == [(5, "fires")]


def test_what_cannot_be_told_waits_a_minute() -> None:
    unsure = feel(Emotion.SAD, 0.2)
    assert AWAY_S == 60
    for blind, why in ((None, "sense is away"), (unsure, "it cannot be told any more")):
        looks = [(0, SAD), (5, SAD), (10, blind), (69, blind), (70, blind), (71, SAD), (76, SAD)]
        assert story(COMFORT, *looks) == [(5, "fires"), (70, why), (76, "fires")]
        assert story(COMFORT, (0, SAD), (5, SAD), (10, blind), (69, SAD), (99, SAD)) == [(5, "fires")]


def test_another_profile_and_the_end_of_the_hours_put_back_at_once() -> None:
    rules = Rules((COMFORT,))
    assert [rules.look(SAD, now, NOON) != () for now in (0, 5)] == [False, True]
    assert [one.why for one in rules.look(SAD, 6, NOON, QUIET)] == ["the profile is quiet"]
    late = msgspec.structs.replace(COMFORT, between="22:00-06:00")
    rules = Rules((late,))
    assert [rules.look(SAD, now, time(5, 59)) != () for now in (0, 5)] == [False, True]
    assert [one.why for one in rules.look(SAD, 60, time(6))] == ["the hours 22:00-06:00 are over"]
    assert not rules.look(SAD, 61, time(6))


def test_what_is_over_comes_before_what_begins() -> None:
    first = msgspec.structs.replace(COMFORT, name="first", for_s=0)
    second = Rule("second", (Emotion.HAPPY,), (Lamp(),), 0, restore=True)
    rules = Rules((second, first))
    assert rules.look(SAD, 0, NOON)
    assert [(type(one).__name__, one.rule.name) for one in rules.look(HAPPY, 1, NOON)] == [
        ("Over", "first"),
        ("Firing", "second"),
    ]


# -- clocks

BERLIN = ZoneInfo("Europe/Berlin")


def utc_s(*moment: int) -> float:
    return datetime(*moment, tzinfo=UTC).timestamp()  # type: ignore[misc,arg-type]


def night(one: Rule, start_utc_s: float, hours: float, step_s: float = 60) -> list[str]:
    """The Berlin times at which it fires, or is over (-), while the room is sad all the time."""
    rules, said = Rules((one,)), list[str]()
    for step in range(round(hours * 3600 / step_s)):
        local = local_time(start_utc_s + step * step_s, BERLIN)
        events = rules.look(SAD, step * step_s, local)
        said += [f"{'' if isinstance(event, Firing) else '-'}{local:%H:%M}" for event in events]
    return said


EVENING = Rule("r", (Emotion.SAD,), (Lamp(),), 0, between="22:00-02:30", cooldown_s=3600, restore=True)


def test_quiet_hours_over_midnight() -> None:
    assert night(EVENING, utc_s(2027, 1, 10, 18), 34) == ["22:00", "-02:30", "22:00", "-02:30"]


def test_the_hour_that_is_skipped_ends_what_would_have_ended_in_it() -> None:
    # 28 March 2027, 02:00 -> 03:00: there is no 02:30.
    assert night(EVENING, utc_s(2027, 3, 27, 20), 8) == ["22:00", "-03:00"]
    assert night(msgspec.structs.replace(EVENING, between="02:15-05:00"), utc_s(2027, 3, 27, 23), 8) == [
        "03:00",
        "-05:00",
    ]


def test_the_hour_that_comes_twice_is_within_the_cooldown() -> None:
    # 31 October 2027, 03:00 -> 02:00. The second 02:00-02:30 is in the hours again, and counts.
    assert night(EVENING, utc_s(2027, 10, 30, 19), 12) == ["22:00", "-02:30", "02:00", "-02:30"]
    patient = msgspec.structs.replace(EVENING, cooldown_s=6 * 3600.0)
    assert night(patient, utc_s(2027, 10, 30, 19), 12) == ["22:00", "-02:30"]


def test_holds_and_cooldowns_do_not_notice_daylight_saving() -> None:
    slow = Rule("r", (Emotion.SAD,), (Lamp(),), 7200, cooldown_s=0)
    assert night(slow, utc_s(2027, 3, 27, 23, 30), 4) == ["03:30"], "two hours later by any watch"


def test_a_clock_that_is_not_set_lets_no_hours_begin() -> None:
    assert local_time(0.0) is None
    assert local_time(RELEASED_UTC_S - 1) is None
    assert local_time(RELEASED_UTC_S, BERLIN) == time(1)
    assert within("18:00-23:30", None) is None
    assert within("", None) is True


def test_a_clock_that_jumps_a_year_at_boot_moves_only_the_hours() -> None:
    hours = Rule("hours", (Emotion.SAD,), (Lamp(),), 5, between="21:00-23:00")
    rules = Rules((hours, rule(for_s=5)))
    boot_s, real_s = utc_s(1971, 1, 1), utc_s(2027, 1, 10, 20, 30)
    fired = []
    for step in range(200):
        wall_s = (boot_s if step < 100 else real_s) + step / 2
        fired += [(step / 2, one.rule.name) for one in rules.look(SAD, step / 2, local_time(wall_s, BERLIN))]
    assert fired == [(5, "r"), (50, "hours")]
    for step in range(200, 400):  # and back: nothing is over, nothing begins twice
        assert not rules.look(SAD, step / 2, local_time(boot_s + step / 2, BERLIN))


# -- in words


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
    gone = when(presence="nobody", for_s=600, profiles=["day", "night"], restore=True, cooldown_s=0)
    assert explain(gone) == (
        "When nobody is in view for 10 min in the profile day or night: lamp #ffffff at 100 %; "
        "afterwards it is put back."
    )


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        ({"people_least": 1}, "somebody is in view"),
        ({"people_least": 3}, "3 or more people are in view"),
        ({"people_least": 1, "people_most": 1}, "1 person is in view"),
        ({"people_least": 2, "people_most": 2}, "2 people are in view"),
        ({"people_most": 1}, "at most 1 person is in view"),
        ({"people_most": 3}, "at most 3 people are in view"),
        ({"people_most": 0}, "nobody is in view"),
        ({"presence": "someone", "people_most": 3}, "1 to 3 people are in view"),
        ({"valence_most": -0.3}, "the valence is at most -0.3"),
        ({"valence_least": 0.3}, "the valence is at least 0.3"),
        (
            {"mood": ["sad"], "valence_least": -0.5, "valence_most": 0.5, "presence": "someone"},
            "the room is sad and the valence is from -0.5 to 0.5 and somebody is in view",
        ),
    ],
)
def test_conditions_in_words(conditions: dict[str, object], said: str) -> None:
    assert condition(when(**conditions)) == said


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


def answer(one: Rule, question: str, profile: str = "everyday") -> str:
    asked = parse_question(question, NOON, ("everyday", "Late at night", QUIET), profile)
    return would_happen((one,), asked)


@pytest.mark.parametrize(
    ("conditions", "question", "said"),
    [
        ({"presence": "nobody", "for_s": 300}, "nobody for 10m at 23:00", "fires at 23:05:00"),
        ({"presence": "nobody", "for_s": 300}, "someone for 10m at 23:00", "it waits until nobody is in view"),
        ({"people_least": 3}, "3 people happy for 5m", "fires at 12:00:00"),
        ({"people_least": 3}, "2 people happy for 5m", "it waits until 3 or more people are in view"),
        ({"people_least": 3}, "12 people for 1h", "fires at 12:00:00"),
        ({"mood": ["happy"]}, "happy for 2m in quiet", "in this profile no rule acts"),
        ({"mood": ["happy"], "profiles": ["Late at night"]}, "happy for 2m", "it acts in Late at night"),
        ({"mood": ["happy"], "profiles": ["Late at night"]}, "happy for 2m in late at night", "fires at 12:00:00"),
        ({"mood": ["happy"]}, "happy for 2m in late at night at 1:00", "fires at 01:00:00"),
        ({"valence_most": -0.3}, "sad for 2m with valence -0.4", "fires at 12:00:00"),
        ({"valence_most": -0.3}, "sad for 2m with valence -0.2", "it waits until the valence is at most -0.3"),
        ({"valence_most": -0.3}, "sad for 2m", "fires at 12:00:00"),
        ({"valence_most": -0.3}, "happy for 2m", "it waits until the valence is at most -0.3"),
        (
            {"mood": ["sad"], "restore": True, "for_s": 5},
            "sad for 2m",
            "fires at 12:00:05: lamp #ffffff at 100 %; put back at 12:02:05.",
        ),
        (
            {"mood": ["sad"], "restore": True, "for_s": 5, "between": "21:00-22:00"},
            "sad for 3h at 20:30",
            "fires at 21:00:00: lamp #ffffff at 100 %; put back at 22:00:00.",
        ),
        (
            {"presence": "nobody", "restore": True},
            "nobody for 10m",
            "fires at 12:00:00: lamp #ffffff at 100 %; put back at 12:10:00.",
        ),
        ({"people_most": 3, "restore": True}, "2 people for 10m", "put back when it is over."),
    ],
)
def test_would_happen_by_people_profile_and_valence(conditions: dict[str, object], question: str, said: str) -> None:
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
            "If the room is sad, of valence -0.4 for 2 min from 12:00 in the profile everyday, and Mien is sure:",
        ),
    ],
)
def test_the_question_is_said_again(question: str, head: str) -> None:
    assert answer(rule(), question).splitlines()[0].removesuffix(":") == head.removesuffix(":")


@pytest.mark.parametrize(
    ("nonsense", "said"),
    [
        ("happy for 2m in bed", "'bed' is no profile; allowed are everyday, Late at night, quiet"),
        ("happy for 2m at 10:00 at 11:00", "'at 11:00' is not understood"),
        ("happy for 2m with pleasure", "'with pleasure' is not understood"),
        ("happy for 2m with valence 1.5", "a valence is from -1 to 1"),
        ("nobody for 2m with valence 0.5", "a valence is from -1 to 1"),
        ("nobody sad for 2m", "nobody feels nothing"),
        ("0 people sad for 2m", "nobody feels nothing"),
        ("for 2m", "is not understood"),
    ],
)
def test_nonsense_is_told_what_of_it(nonsense: str, said: str) -> None:
    with pytest.raises(SettingsError) as told:
        answer(rule(), nonsense)
    assert said in str(told.value)


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
