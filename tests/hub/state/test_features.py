"""FEATURES: the value of each, and the documents for the broker."""

import json
import re
from typing import Any

import msgspec
import pytest

from device.emotions import EMOTIONS, Emotion
from device.hub.mqtt.payloads import build_event_document, build_state_document
from device.hub.state.features import FEATURES, MOODS, describe_features
from device.hub.state.snapshot import Snapshot
from device.ipc.messages import Health, Stage, State
from device.readings import Baseline
from tests.hub.hub_running import WELL, mood
from tests.hub.state.builders import AWAY, BEFORE, FULL


def values(now: Snapshot) -> dict[str, Any]:
    return {feature.key: feature.value(now) for feature in FEATURES}


# -- values


def test_every_value_of_a_full_room() -> None:
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
def test_without_sense_only_the_problem_is_known(now: Snapshot) -> None:
    not_none = {key: value for key, value in values(now).items() if value is not None}
    assert not_none == {"problem": True}


def test_keys_and_names_are_unique_words() -> None:
    keys = [feature.key for feature in FEATURES]
    assert len(set(keys)) == len(keys)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", key) for key in keys)
    assert {feature.key for feature in FEATURES if feature.name is None} == {"mood"}
    names = [feature.name for feature in FEATURES]
    assert len(set(names)) == len(names)


def test_moods_are_the_seven_emotions_and_unknown() -> None:
    assert [*(e.value for e in EMOTIONS), "unknown"] == list(MOODS)


def test_a_sense_without_a_reading_has_no_mood() -> None:
    alone = msgspec.structs.replace(FULL, mood=msgspec.structs.replace(mood(), face=None))
    assert (values(alone)["face_mood"], values(alone)["voice_mood"]) == (None, "sad")


def test_an_empty_room_has_no_presence() -> None:
    empty = msgspec.structs.replace(FULL, mood=mood(Emotion.UNKNOWN, people=0))
    assert (values(empty)["presence"], values(empty)["people"], values(empty)["mood"]) == (False, 0, "unknown")


_BLIND: dict[str, Health] = {
    "off": msgspec.structs.replace(WELL, camera_on=False),
    "paused": msgspec.structs.replace(WELL, paused=True),
    "not there": msgspec.structs.replace(WELL, stages={}),
    **{s.value: msgspec.structs.replace(WELL, stages={"camera": Stage(s)}) for s in State if s is not State.OK},
}


@pytest.mark.parametrize("health", [*_BLIND.values(), None], ids=[*_BLIND, "not said yet"])
def test_presence_is_unknown_while_the_camera_sees_nothing(health: Health | None) -> None:
    unseen = msgspec.structs.replace(FULL, mood=mood(Emotion.HAPPY, people=0), health=health)
    document = build_state_document(unseen)
    assert (document["presence"], document["people"], document["mood"]) == (None, None, "happy")
    assert (describe_features(unseen)["presence"]["value"], describe_features(unseen)["people"]["value"]) == (
        None,
        None,
    )


@pytest.mark.parametrize("moment_s", [-1.0, 1e11, 1e300])
def test_a_baseline_with_an_impossible_date_is_none(moment_s: float) -> None:
    odd = msgspec.structs.replace(FULL, health=msgspec.structs.replace(WELL, baseline=Baseline(moment_s)))
    assert values(odd)["baseline"] is None
    assert build_state_document(odd)["baseline"] is None


def test_a_failing_stage_is_a_problem() -> None:
    failing = msgspec.structs.replace(WELL, stages={"camera": Stage(State.LOST, "no camera; plug one in")})
    document = build_state_document(msgspec.structs.replace(FULL, health=failing))
    assert (document["has_problem"], document["problem"]) == ("ON", "camera: no camera; plug one in")


def test_duplicate_profiles_are_one_option() -> None:
    twice = msgspec.structs.replace(FULL, profiles=("a", "b", "a"))
    assert describe_features(twice)["profile"]["options"] == ["a", "b"]


# -- documents for the broker


def test_the_state_of_a_full_room() -> None:
    document = build_state_document(FULL)
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    probabilities = document.pop("probabilities")
    assert list(probabilities) == list(MOODS[:7])
    assert probabilities["sad"] == 0.71
    assert document == {
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
    document = build_state_document(now)
    assert set(document) == set(build_state_document(FULL)), "the keys are always the same"
    not_none = {key: value for key, value in document.items() if value is not None}
    assert not_none == {
        "has_problem": "ON",
        "problem": now.problem,
        "sense": "away",
        "lamp": now.lamp,
        "player": now.player,
    } | ({"profile": "Late night"} if now is AWAY else {})


def test_nested_keys_do_not_collide_with_features() -> None:
    state_keys = [feature.state_key for feature in FEATURES if feature.has_state]
    assert len(set(state_keys)) == len(state_keys)
    assert not {"probabilities", "face", "voice", "sense", "problem", "lamp", "player"} & set(state_keys)


def test_a_steady_mood_is_published_once() -> None:
    still = msgspec.structs.replace(mood(Emotion.SAD, 0.7111, people=2), valence=-0.0004)
    other = msgspec.structs.replace(still, confidence=0.7089, valence=0.0)
    first, second = (build_state_document(msgspec.structs.replace(FULL, mood=one)) for one in (still, other))
    assert json.dumps(first) == json.dumps(second)


def test_an_event_has_a_time_and_an_id() -> None:
    document = build_event_document(mood(Emotion.HAPPY, 0.812), 1_700_000_000.25, "s1-4")
    assert (document["event_type"], document["id"], document["confidence"]) == ("happy", "s1-4", 0.81)
    assert document["time"] == "2023-11-14T22:13:20.250+00:00"
    assert "late_s" not in document
    assert "id" not in build_event_document(mood(), 0.0)


@pytest.mark.parametrize(("late_s", "expected"), [(0.0, None), (5.0, None), (5.06, 5.1), (3600.0, 3600.0)])
def test_only_a_late_event_has_late_s(late_s: float, expected: float | None) -> None:
    assert build_event_document(mood(), 0.0, "1", late_s).get("late_s") == expected
