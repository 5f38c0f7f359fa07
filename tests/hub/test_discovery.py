"""The real document against Home Assistant's rules, and each rule against a document spoilt in just its way."""

import copy
import json
import math
import platform
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from device import __version__
from device.emotions import EMOTIONS, Emotion
from device.hub.discovery import document, machine, removal, topic
from device.hub.features import FEATURES, wish_of
from device.hub.mqtt_state import event_document, state_document
from device.hub.state import Json, Snapshot
from device.link import Neutral
from device.readings import Mood, Said
from tests.hub import ha_rules, ha_templates
from tests.hub.ha_templates import Render
from tests.hub.helpers import WELL, mood
from tests.hub.test_features import AWAY, BEFORE, FULL

NAMES = ["home", "Living-Room", "living_room", "a" * 40, "0", "x_face", "--", "_", "camera"]
SNAPSHOTS = {
    "before": BEFORE,
    "before, with profiles": msgspec.structs.replace(BEFORE, profiles=FULL.profiles),
    "away": AWAY,
    "full": FULL,
    "many": msgspec.structs.replace(FULL, profiles=tuple(f"profile {i} -_" for i in range(50))),
}


def made(now: Snapshot = FULL, name: str = "livingroom", prefix: str = "mien") -> Json:
    """As Home Assistant gets it: after JSON."""
    said: Json = json.loads(json.dumps(document(now, name=name, prefix=prefix)))
    return said


def wrong(said: Json, where: str = "homeassistant/device/mien_livingroom/config") -> dict[str, list[str]]:
    return ha_rules.faults(where, json.dumps(said))


# -- the real document


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("now", SNAPSHOTS.values(), ids=SNAPSHOTS)
def test_home_assistant_takes_the_document_whole(now: Snapshot, name: str) -> None:
    said = document(now, name=name, prefix="mien")
    assert wrong(said, topic("homeassistant", name)) == {}
    assert json.loads(json.dumps(said, allow_nan=False)) == said, "what a broker kept is known again"


def test_it_is_the_device_that_the_reference_describes() -> None:
    said = made(name="living_room", prefix="/house/mien/")
    assert {key: said[key] for key in ("dev", "o", "avty", "stat_t", "qos")} == {
        "dev": {
            "ids": ["mien_living_room"],
            "name": "Living room",
            "mf": "Mien",
            "mdl": machine(),
            "sw": __version__,
            "sa": "Living room",
        },
        "o": {"name": "mien", "sw": __version__},
        "avty": [{"t": "house/mien/living_room/availability"}],
        "stat_t": "house/mien/living_room/state",
        "qos": 1,
    }
    mood_sensor = said["cmps"]["mood"]
    assert (mood_sensor["name"], mood_sensor["uniq_id"]) == (None, "mien_living_room_mood")
    assert (mood_sensor["def_ent_id"], mood_sensor["exp_aft"]) == ("sensor.living_room_mood", 120)
    assert made(name="Living-Room")["cmps"]["mood"]["def_ent_id"] == "sensor.living_room_mood"
    assert mood_sensor["ops"] == [*(e.value for e in EMOTIONS), "unknown"]
    assert topic("/homeassistant/", "living_room") == "homeassistant/device/mien_living_room/config"


def test_every_feature_and_a_trigger_for_each_emotion() -> None:
    parts = made()["cmps"]
    assert set(parts) == {f.key for f in FEATURES} | {f"on_{e.value}" for e in EMOTIONS}
    assert {f.key: parts[f.key]["p"] for f in FEATURES} == {f.key: f.kind.value for f in FEATURES}
    assert parts["mood_change"]["stat_t"] == "mien/livingroom/event"
    assert parts["on_sad"] == {
        "p": "device_automation",
        "atype": "trigger",
        "t": "mien/livingroom/event",
        "type": "mood",
        "stype": "sad",
        "val_tpl": parts["on_happy"]["val_tpl"],
        "pl": "sad",
    }
    assert parts["confidence"]["unit_of_meas"] == "%"
    assert (parts["hold_s"]["min"], parts["hold_s"]["max"], parts["hold_s"]["step"]) == (0, 60, 0.5)
    expiring = {key for key, part in parts.items() if "exp_aft" in part}
    assert expiring == {key for key, part in parts.items() if part["p"] in ("sensor", "binary_sensor")}


def test_it_changes_with_the_profiles_and_with_nothing_else() -> None:
    assert made(AWAY) == made(FULL)
    more = made(msgspec.structs.replace(FULL, profiles=("one",)))
    assert more["cmps"]["profile"]["ops"] == ["one"]
    more["cmps"]["profile"] = made()["cmps"]["profile"]
    assert more == made()
    assert "profile" not in made(BEFORE)["cmps"], "a choice of nothing is none"


def identities(name: str) -> list[set[str]]:
    said = made(name=name)
    parts = said["cmps"].values()
    topics = {part.get("cmd_t", part.get("t", "")) for part in parts} | {said["stat_t"], said["avty"][0]["t"]} - {""}
    unique = {part["uniq_id"] for part in parts if "uniq_id" in part}
    return [{topic("homeassistant", name)}, set(said["dev"]["ids"]), unique, topics - {""}]


@given(st.from_regex(r"[a-zA-Z0-9_-]{1,40}", fullmatch=True), st.from_regex(r"[_-]?[a-z]{1,8}", fullmatch=True))
@example("x", "_face")  # x's face_mood, and the mood of x_face
@example("x", "-face")
@example("x", "_hold")
def test_two_miens_on_one_broker_never_meet(name: str, more: str) -> None:
    for one, other in zip(identities(name), identities(f"{name}{more}"), strict=True):
        assert one
        assert not one & other


def test_all_that_it_offers_is_taken() -> None:
    """A press of everything in Home Assistant's device page, as it would arrive."""
    pressed = 0
    for part in made()["cmps"].values():
        if "cmd_t" not in part:
            continue
        before, key, after = part["cmd_t"].rsplit("/", 2)
        assert (before, after) == ("mien/livingroom", "set")
        ends = [str(part[end]) for end in ("min", "max") if end in part]
        for payload in ends or part.get("ops") or ([part["pl_prs"]] if "pl_prs" in part else ["ON", "OFF"]):
            wish_of(key, payload.encode(), FULL)
            pressed += 1
    assert pressed == 3 * 2 + 2 + len(FULL.profiles) + 2


def test_its_machine_is_named(tmp_path: Path) -> None:
    product, model = tmp_path / "sys/class/dmi/id/product_name", tmp_path / "proc/device-tree/model"
    assert machine(tmp_path) == platform.machine()
    machine.cache_clear()
    product.parent.mkdir(parents=True)
    product.write_text("NUC7\x1b\n")
    assert machine(tmp_path) == "NUC7"
    machine.cache_clear()
    model.parent.mkdir(parents=True)
    model.write_bytes(b"Raspberry Pi 5 \xff Model B\x00" + b"x" * 200)
    assert machine(tmp_path).startswith("Raspberry Pi 5 \ufffd Model B x")
    assert len(machine(tmp_path)) == 100
    machine.cache_clear()
    model.write_bytes(b"\x00")
    assert machine(tmp_path) == "NUC7"


# -- the rules, one by one

_Spoil = Callable[[Json], object]


def _set(part: str, **more: Any) -> _Spoil:
    return lambda said: said["cmps"][part].update(more)


def _drop(part: str, *keys: str) -> _Spoil:
    return lambda said: [said["cmps"][part].pop(key) for key in keys]


SPOILT: list[tuple[str, _Spoil]] = [
    ("device", lambda said: said["dev"].pop("ids")),
    ("device", lambda said: said["dev"].update(ids=[])),
    ("device", lambda said: said["dev"].update(ip="1")),
    ("origin", lambda said: said["o"].pop("name")),
    ("origin", lambda said: said["o"].update(author="me")),
    ("root", lambda said: said.update(cmp=said.pop("cmps"))),
    ("root", lambda said: said.update(exp_aft=120)),
    ("root_availability", lambda said: said["avty"][0].update(qos=1)),
    ("root_availability", lambda said: said["avty"][0].update(pl_avail=said["avty"][0].pop("t"))),
    ("platform", _set("mood", p="mood")),
    ("platform", _drop("mood", "p")),
    ("unique_id", _drop("mood", "uniq_id")),
    ("unique_id", _set("camera", uniq_id="")),
    ("not_a_number", _set("hold_s", max=math.nan)),
    ("not_a_number", _set("hold_s", max=math.inf)),
    ("options_empty", _set("mood", ops=[])),
    ("options_empty", _set("profile", ops=[])),
    ("options_of_what_is_no_enum", _drop("mood", "dev_cla")),
    ("options_with_a_measure", _set("mood", stat_cla="measurement")),
    ("options_with_a_measure unit", _set("mood", unit_of_meas="%")),
    ("category", _set("confidence", ent_cat="config")),
    ("category", _set("presence", ent_cat="config")),
    ("category", _set("camera", ent_cat="important")),
    ("unit", _set("hold_s", unit_of_meas="kg")),
    ("unit", _set("confidence", dev_cla="duration")),
    ("unit", _set("presence", dev_cla="being_there")),
    ("number_range", _set("hold_s", min=61.0)),
    ("number_step", _set("hold_s", step=0.0)),
    ("twice", lambda said: said["cmps"].update(again=said["cmps"]["mood"])),
    ("required", lambda said: said.pop("stat_t")),
    ("required", _drop("mood_change", "evt_typ")),
    ("required", _drop("profile", "ops")),
    *(("required", _drop(key, "cmd_t")) for key in ("profile", "hold_s", "camera", "recalibrate")),
    *(("required", _drop("on_sad", key)) for key in ("atype", "t", "type", "stype")),
    ("unknown_key", _set("mood", object_id="livingroom_mood")),
    ("unknown_key", _set("camera", exp_aft=120)),
    ("unknown_key", _set("recalibrate", val_tpl="{{ value_json.mood }}")),
    ("unknown_key", _set("on_sad", name="Sad")),
    ("entity_id", _set("mood", def_ent_id="sensor.Living-Room_mood")),
    ("entity_id", _set("mood", def_ent_id="binary_sensor.livingroom_mood")),
    ("entity_id", _set("mood", def_ent_id="sensor._mood")),
    ("tilde", _set("mood", val_tpl="~/mood")),
]


@pytest.mark.parametrize(("rules", "spoil"), SPOILT, ids=[rules for rules, _ in SPOILT])
def test_a_document_spoilt_in_one_way_is_refused_for_it(rules: str, spoil: _Spoil) -> None:
    said = made()
    assert wrong(said) == {}
    spoil(said)
    assert set(wrong(said)) == set(rules.split())


@pytest.mark.parametrize("where", ["homeassistant/device/mien_wohn zimmer/config", "homeassistant/device/mien_x/conf"])
def test_another_topic_is_refused(where: str) -> None:
    assert set(wrong(made(), where)) == {"node_id"}


def test_every_rule_was_broken() -> None:
    broken = {rule for rules, _ in SPOILT for rule in rules.split()} | {"node_id"}
    assert broken == set(ha_rules.RULES)


def test_a_topic_may_have_a_tilde_and_a_part_may_go() -> None:
    said = made()
    said |= {"~": "mien/livingroom", "stat_t": "~/state"}
    said["cmps"]["gone"] = {"p": "sensor"}
    assert wrong(said) == {}


# -- what is told, as its entities take it

_share = st.floats(0, 1)
_signed = st.floats(-1, 1)
_said = st.none() | st.builds(Said, st.sampled_from(Emotion), _share, st.floats(0, 10))
_moods = st.builds(
    Mood,
    st.sampled_from(Emotion),
    _share,
    _signed,
    _signed,
    st.lists(_share, min_size=7, max_size=7).map(tuple),
    st.integers(0, 999),
    st.just(0.0),
    st.just(0.0),
    _said,
    _said,
)
_health = st.builds(
    lambda on, hold_s, moment_s: msgspec.structs.replace(
        WELL,
        camera_on=on,
        microphone_on=not on,
        paused=on,
        hold_s=hold_s,
        baseline=None if moment_s is None else Neutral(moment_s),
    ),
    st.booleans(),
    st.floats(-1, 90_000) | st.sampled_from([0.0, 60.0, 60.01]),
    st.none() | st.floats(-1e12, 1e12),
)
_snapshots = st.builds(
    lambda now, mood, health, problem: msgspec.structs.replace(now, mood=mood, health=health, problem=problem),
    st.sampled_from(list(SNAPSHOTS.values())),
    st.none() | _moods,
    st.none() | _health,
    st.text(),
)

RENDERERS = pytest.mark.parametrize("render", [ha_templates.plainly, ha_templates.by_jinja])


def refused(now: Snapshot, said: Json, render: Render) -> dict[str, str]:
    """Why each entity of the state would not take `said`."""
    parts = made(now)["cmps"]
    told = {f.key for f in FEATURES if f.has_state} & set(parts)
    why = {key: ha_rules.refused(parts[key], json.dumps(said), render) for key in told}
    return {key: one for key, one in why.items() if one}


@RENDERERS
@given(now=_snapshots)
def test_every_state_is_taken_by_every_entity(render: Render, now: Snapshot) -> None:
    assert refused(now, state_document(now), render) == {}


@RENDERERS
@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"mood": "glad"}, "mood"),
        ({"valence": "high"}, "valence"),
        ({"presence": True}, "presence"),
        ({"paused": "on"}, "pause"),
        ({"profile": "party"}, "profile"),
        ({"profile": ""}, "profile"),
        ({"baseline": "2023-11-14T22:13:20"}, "baseline"),
        ({"baseline": 1_700_000_000}, "baseline"),
    ],
)
def test_a_wrong_value_is_refused_by_its_entity_alone(render: Render, changed: Json, key: str) -> None:
    assert set(refused(FULL, state_document(FULL) | changed, render)) == {key}


@RENDERERS
def test_what_a_person_sees(render: Render) -> None:
    parts, said = made()["cmps"], state_document(FULL)

    def seen(key: str, **changed: Any) -> str:
        return render(parts[key]["val_tpl"], said | changed)

    assert [seen("confidence", confidence=share) for share in (0.29, 1.0, None)] == ["29", "100", "None"]
    assert [seen("hold_s", hold_s=s) for s in (3.5, 60.0, 300.0, None)] == ["3.5", "60.0", "None", "None"]
    assert (seen("mood"), seen("mood", mood=None)) == ("sad", "None")
    ill = said | {"problem": "camera: <lost> & 'gone'"}
    assert json.loads(render(parts["problem"]["json_attr_tpl"], ill)) == {"sentence": "camera: <lost> & 'gone'"}


@RENDERERS
@pytest.mark.parametrize("emotion", Emotion)
def test_an_event_is_taken_and_starts_its_trigger_unless_it_is_late(render: Render, emotion: Emotion) -> None:
    parts = made()["cmps"]
    for late_s in (0.0, 9.0):
        said = json.loads(json.dumps(event_document(mood(emotion), 1_700_000_000.0, "s1-1", late_s)))
        assert ha_rules.refused(parts["mood_change"], json.dumps(said), render) == ""
        started = [
            part["stype"]
            for part in parts.values()
            if part["p"] == "device_automation" and render(part["val_tpl"], said) == part["pl"]
        ]
        assert started == ([emotion.value] if late_s == 0 and emotion is not Emotion.UNKNOWN else [])
    assert ha_rules.refused(parts["mood_change"], '{"event_type": "glad"}', render) == "no event glad"


@RENDERERS
def test_a_missing_key_is_no_value(render: Render) -> None:
    with pytest.raises(Exception, match="mood"):  # Jinja's own class is not everywhere
        render("{{ value_json.mood }}", {})


@pytest.mark.parametrize(
    "template",
    [
        "{{ value_json.a }} %",
        "{{ value_json.a }}{{ value_json.a }}",
        "{{ value_json.a - 1 }}",
        "{{ value_json.a < 1 }}",
        "{{ value_json.a * 2 | int }}",
        "{{ value_json.a | upper }}",
        "{{ value_json.a() }}",
        "{{ b }}",
    ],
)
def test_the_plain_reader_refuses_what_it_might_misread(template: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        ha_templates.plainly(template, {"a": 1})


# -- one document after another


def test_the_same_document_is_known() -> None:
    assert removal(made(), document(FULL, name="livingroom", prefix="mien")) == []


@pytest.mark.parametrize("old", [{}, None, [], {"cmps": []}, {"cmps": {"x": 1}}, {"cmps": {"x": {"p": ["sensor"]}}}])
def test_without_one_before_there_is_one_to_publish(old: object) -> None:
    new = made()
    assert removal(old, new) == [new]


def test_what_is_gone_goes_first() -> None:
    new = made(BEFORE)
    first, second = removal(made(), new)
    assert second == new
    assert first["cmps"].pop("profile") == {"p": "select"}
    assert first == new
    assert "profile" not in new["cmps"], "the new document is left as it is"


def test_what_changes_its_kind_or_identity_goes_first() -> None:
    new, old = made(), made()
    old["cmps"]["camera"]["p"] = "binary_sensor"
    old["cmps"]["mood"]["uniq_id"] = "mien_mood"
    old["cmps"]["on_bored"] = dict(old["cmps"]["on_sad"], stype="bored")
    old["cmps"]["people"]["name"] = "Persons"
    first, second = removal(old, new)
    changed = {key: part for key, part in first["cmps"].items() if part != new["cmps"].get(key)}
    assert changed == {
        "camera": {"p": "binary_sensor"},
        "mood": {"p": "sensor"},
        "on_bored": {"p": "device_automation"},
    }
    assert second == new
    assert wrong(first) == {}


_json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.sampled_from(["sensor", "update", "on_sad"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.just("p"), inner, max_size=3),
    max_leaves=12,
)


@given(_json | st.dictionaries(st.text() | st.just("mood"), _json).map(lambda parts: {"cmps": parts}))
@example({"cmps": {"\ud800": {"p": "sensor"}, "a/b": {"p": "sensor"}, "x": {"p": "climate"}}})
def test_whatever_a_broker_kept_the_new_one_is_told_and_valid(old: Any) -> None:
    new = made()
    kept = copy.deepcopy(new)
    told = removal(old, new)
    assert told[-1] == new == kept
    assert len(told) <= 2
    assert [wrong(one) for one in told] == [{}] * len(told)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]+", key) for one in told for key in one["cmps"])
