"""The one list: what each feature says, what may be asked of it, and what the broker is told."""

import json
import re
import unicodedata
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from device.emotions import EMOTIONS, Emotion
from device.errors import ActionError
from device.hub.features import FEATURES, MOODS, ChooseProfile, Kind, Wish, described, wish_of
from device.hub.mqtt_state import event_document, state_document
from device.hub.state import Snapshot
from device.link import ClearBaseline, Command, Neutral, Order, RecordBaseline, SetHold, Stage, State
from tests.hub.helpers import HELLO, WELL, mood

PROFILES = ("everyday", "Late night", "quiet")
BEFORE = Snapshot("test")
FULL = Snapshot(
    "test",
    mood=mood(Emotion.SAD, 0.7149, people=2),
    available=True,
    problem="",
    hello=HELLO,
    health=msgspec.structs.replace(WELL, hold_s=3.0, baseline=Neutral(1_700_000_000)),
    profile="Late night",
    profiles=PROFILES,
    lamp={"on": True},
    player={"playing": False},
)
AWAY = msgspec.structs.replace(FULL, mood=None, available=False, problem="sense is away: it closed the door")


def values(now: Snapshot) -> dict[str, Any]:
    return {feature.key: feature.value(now) for feature in FEATURES}


# -- what is shown


def test_everything_of_a_full_room() -> None:
    assert values(FULL) == {
        "mood": "sad",
        "confidence": 0.71,
        "valence": -0.5,
        "arousal": -0.25,
        "presence": True,
        "people": 2,
        "face_mood": "sad",
        "voice_mood": "sad",
        "problem": False,
        "camera": True,
        "microphone": True,
        "pause": False,
        "hold_s": 3.0,
        "profile": "Late night",
        "baseline": 1_700_000_000,
        "record_neutral": None,
        "recalibrate": None,
        "mood_change": None,
    }


@pytest.mark.parametrize("now", [BEFORE, msgspec.structs.replace(AWAY, profile="gone")], ids=["before", "away"])
def test_nothing_is_known_without_sense_but_that_it_is_away(now: Snapshot) -> None:
    known = {key: value for key, value in values(now).items() if value is not None}
    assert known == {"problem": True}


def test_keys_are_words_and_none_is_twice() -> None:
    keys = [feature.key for feature in FEATURES]
    assert len(set(keys)) == len(keys)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", key) for key in keys)
    assert {feature.key for feature in FEATURES if feature.name is None} == {"mood"}
    names = [feature.name for feature in FEATURES]
    assert len(set(names)) == len(names)


def test_moods_are_the_seven_and_unknown() -> None:
    assert [*(e.value for e in EMOTIONS), "unknown"] == list(MOODS)


def test_a_sense_that_said_nothing_has_no_mood_of_its_own() -> None:
    alone = msgspec.structs.replace(FULL, mood=msgspec.structs.replace(mood(), face=None))
    assert (values(alone)["face_mood"], values(alone)["voice_mood"]) == (None, "sad")


def test_nobody_is_no_presence() -> None:
    empty = msgspec.structs.replace(FULL, mood=mood(Emotion.UNKNOWN, people=0))
    assert (values(empty)["presence"], values(empty)["people"], values(empty)["mood"]) == (False, 0, "unknown")


@pytest.mark.parametrize("moment_s", [-1.0, 1e11, 1e300])
def test_a_baseline_of_no_calendar_is_none(moment_s: float) -> None:
    odd = msgspec.structs.replace(FULL, health=msgspec.structs.replace(WELL, baseline=Neutral(moment_s)))
    assert values(odd)["baseline"] is None
    assert state_document(odd)["baseline"] is None


def test_a_stage_that_is_ill_is_a_problem() -> None:
    ill = msgspec.structs.replace(WELL, stages={"camera": Stage(State.LOST, "no camera; plug one in")})
    said = state_document(msgspec.structs.replace(FULL, health=ill))
    assert (said["has_problem"], said["problem"]) == ("ON", "camera: no camera; plug one in")


def test_profiles_named_twice_are_options_once() -> None:
    twice = msgspec.structs.replace(FULL, profiles=("a", "b", "a"))
    assert described(twice)["profile"]["options"] == ["a", "b"]


# -- what the broker is told


def test_the_state_of_a_full_room() -> None:
    said = state_document(FULL)
    assert json.loads(json.dumps(said, allow_nan=False)) == said
    probabilities = said.pop("probabilities")
    assert list(probabilities) == list(MOODS[:7])
    assert probabilities["sad"] == 0.71
    assert said == {
        "mood": "sad",
        "confidence": 0.71,
        "valence": -0.5,
        "arousal": -0.25,
        "presence": "ON",
        "people": 2,
        "face_mood": "sad",
        "voice_mood": "sad",
        "has_problem": "OFF",
        "camera": "ON",
        "microphone": "ON",
        "paused": "OFF",
        "hold_s": 3.0,
        "profile": "Late night",
        "baseline": "2023-11-14T22:13:20.000+00:00",
        "face": {"emotion": "sad", "confidence": 0.64},
        "voice": {"emotion": "sad", "confidence": 0.8},
        "sense": "available",
        "problem": None,
        "lamp": {"on": True},
        "player": {"playing": False},
    }


@pytest.mark.parametrize("now", [BEFORE, AWAY], ids=["before", "away"])
def test_the_state_without_sense(now: Snapshot) -> None:
    said = state_document(now)
    assert set(said) == set(state_document(FULL)), "no key comes and goes"
    known = {key: value for key, value in said.items() if value is not None}
    assert known == {
        "has_problem": "ON",
        "problem": now.problem,
        "sense": "away",
        "lamp": now.lamp,
        "player": now.player,
    } | ({"profile": "Late night"} if now is AWAY else {})


def test_nested_keys_hide_no_feature() -> None:
    told = [feature.told_as for feature in FEATURES if feature.has_state]
    assert len(set(told)) == len(told)
    assert not {"probabilities", "face", "voice", "sense", "problem", "lamp", "player"} & set(told)


def test_a_mood_at_rest_is_told_once() -> None:
    still = msgspec.structs.replace(mood(Emotion.SAD, 0.7111, people=2), valence=-0.0004)
    other = msgspec.structs.replace(still, confidence=0.7089, valence=0.0)
    first, second = (state_document(msgspec.structs.replace(FULL, mood=one)) for one in (still, other))
    assert json.dumps(first) == json.dumps(second)


def test_an_event_says_when_it_happened_and_which_it_is() -> None:
    said = event_document(mood(Emotion.HAPPY, 0.812), 1_700_000_000.25, "s1-4")
    assert (said["event_type"], said["id"], said["confidence"]) == ("happy", "s1-4", 0.81)
    assert said["time"] == "2023-11-14T22:13:20.250+00:00"
    assert "late_s" not in said
    assert "id" not in event_document(mood(), 0.0)


@pytest.mark.parametrize(("late_s", "said"), [(0.0, None), (5.0, None), (5.06, 5.1), (3600.0, 3600.0)])
def test_only_a_late_event_says_so(late_s: float, said: float | None) -> None:
    assert event_document(mood(), 0.0, "1", late_s).get("late_s") == said


# -- what is taken

WISHES: list[tuple[str, bytes, Wish]] = [
    ("camera", b"ON", Command(Order.CAMERA, on=True)),
    ("camera", b"OFF", Command(Order.CAMERA, on=False)),
    ("microphone", b"ON", Command(Order.MICROPHONE, on=True)),
    ("microphone", b"OFF", Command(Order.MICROPHONE, on=False)),
    ("pause", b"ON", Command(Order.PAUSE, on=True)),
    ("pause", b"OFF", Command(Order.PAUSE, on=False)),
    ("hold_s", b"0", SetHold(0.0)),
    ("hold_s", b"3.5", SetHold(3.5)),
    ("hold_s", b"60", SetHold(60.0)),
    ("recalibrate", b"PRESS", ClearBaseline()),
    ("record_neutral", b"PRESS", RecordBaseline(60.0)),
    *(("profile", profile.encode(), ChooseProfile(profile)) for profile in PROFILES),
]


@pytest.mark.parametrize(("key", "payload", "wish"), WISHES)
def test_what_is_allowed_becomes_a_wish(key: str, payload: bytes, wish: Wish) -> None:
    assert wish_of(key, payload, FULL) == wish


def test_every_feature_that_takes_commands_was_tried() -> None:
    assert {key for key, _, _ in WISHES} == {feature.key for feature in FEATURES if feature.order}
    shown_only = {Kind.SENSOR, Kind.BINARY_SENSOR, Kind.EVENT}
    assert {f.kind for f in FEATURES if f.order is None} == shown_only
    assert not {f.kind for f in FEATURES if f.order} & shown_only


def test_minus_nothing_is_nothing() -> None:
    wish = wish_of("hold_s", b"-0", FULL)
    assert isinstance(wish, SetHold)
    assert str(wish.hold_s) == "0.0"


@pytest.mark.parametrize(
    ("key", "payload", "said"),
    [
        ("mood", b"sad", "'mood' takes no commands; camera, microphone, pause, hold_s, profile, record_neutral, recal"),
        ("mood_change", b"", "'mood_change' takes no commands"),
        ("x/../camera", b"ON", "'x/../camera' takes no commands"),
        ("", b"ON", "'' takes no commands"),
        ("\x1b[2J\n\u202e", b"ON", r"'\x1b[2J\n\u202e' takes no commands"),
        ("camera", b"", "camera: '' came; allowed is ON or OFF"),
        ("camera", b"on", "camera: 'on' came; allowed is ON or OFF"),
        ("camera", b"ON\n", r"camera: 'ON\n' came; allowed is ON or OFF"),
        ("camera", b"\xff\xfe", r"camera: b'\xff\xfe' came; allowed is ON or OFF"),
        ("camera", b"ON" * 101, "ONON' came in 202 bytes; allowed is ON or OFF"),
        ("recalibrate", b"", "recalibrate: '' came; allowed is PRESS"),
        ("hold_s", b"60.1", "hold_s: '60.1' came; allowed is a number from 0 to 60"),
        ("hold_s", b"-1", "hold_s: '-1' came; allowed is a number from 0 to 60"),
        ("hold_s", b"nan", "hold_s: 'nan' came; allowed is a number"),
        ("hold_s", b"inf", "hold_s: 'inf' came; allowed is a number"),
        ("hold_s", b"1e1", "hold_s: '1e1' came; allowed is a number"),
        ("hold_s", b"1_0", "hold_s: '1_0' came; allowed is a number"),
        ("hold_s", b" 3", "hold_s: ' 3' came; allowed is a number"),
        ("hold_s", "٣".encode(), "hold_s: '٣' came; allowed is a number"),
        ("hold_s", b"9" * 200, "came; allowed is a number"),
        ("profile", b"late night", "profile: 'late night' came; allowed is everyday or Late night or quiet"),
        ("profile", b"[1, 2]", "profile: '[1, 2]' came"),
    ],
)
def test_what_is_not_is_refused_in_words(key: str, payload: bytes, said: str) -> None:
    with pytest.raises(ActionError, match=re.escape(said)):
        wish_of(key, payload, FULL)


def test_what_is_too_long_is_not_taken_for_its_beginning() -> None:
    longest = msgspec.structs.replace(FULL, profiles=("x" * 200,))
    assert wish_of("profile", b"x" * 200, longest) == ChooseProfile("x" * 200)
    with pytest.raises(ActionError, match="in 201 bytes"):
        wish_of("profile", b"x" * 201, longest)


def test_before_there_are_profiles_none_is_taken() -> None:
    with pytest.raises(ActionError, match="profile: '' came; allowed is nothing yet"):
        wish_of("profile", b"", BEFORE)


KEYS = [feature.key for feature in FEATURES]
ALLOWED = {(key, payload): wish for key, payload, wish in WISHES if key != "hold_s"}


@given(key=st.sampled_from(KEYS) | st.text(), payload=st.binary() | st.text().map(str.encode) | st.just(b"ON"))
@example(key="camera", payload=b"\x00" * 100_000)
@example(key="\ud800" * 70_000, payload=b"ON")
@example(key="profile", payload=("\u202e\x1b" * 40).encode())
def test_a_malicious_broker_gets_a_wish_that_is_allowed_or_a_short_plain_refusal(key: str, payload: bytes) -> None:
    try:
        wish = wish_of(key, payload, FULL)
    except ActionError as error:
        assert (key, payload) not in ALLOWED
        said = str(error)
        assert len(said) < 60 + 120
        assert not [c for c in said if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
    else:
        if isinstance(wish, SetHold):
            assert key == "hold_s"
            assert 0 <= wish.hold_s <= 60
        else:
            assert ALLOWED[key, payload] == wish


@given(st.floats(-100, 100).map(lambda x: round(x, 3)) | st.sampled_from([0.0, 60.0, 60.001, -0.001]))
def test_a_number_is_taken_exactly_within_its_range(hold_s: float) -> None:
    payload = f"{hold_s:.3f}".encode()
    if 0 <= hold_s <= 60:
        assert wish_of("hold_s", payload, FULL) == SetHold(hold_s)
    else:
        with pytest.raises(ActionError):
            wish_of("hold_s", payload, FULL)


# -- for HTTP


def test_described_for_who_speaks_http() -> None:
    said = described(FULL)
    assert list(said) == KEYS
    assert msgspec.json.decode(msgspec.json.encode(said)) == said
    assert said["hold_s"] == {
        "name": "Hold time",
        "kind": "number",
        "value": 3.0,
        "unit": "s",
        "least": 0.0,
        "most": 60.0,
        "step": 0.5,
        "takes_commands": True,
    }
    assert said["profile"]["options"] == list(PROFILES)
    assert said["mood"] == {
        "name": None,
        "kind": "sensor",
        "value": "sad",
        "options": list(MOODS),
        "takes_commands": False,
    }
    assert said["recalibrate"] == {"name": "Recalibrate", "kind": "button", "takes_commands": True}
    assert "options" not in described(BEFORE)["profile"]
