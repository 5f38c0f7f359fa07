"""The real document against Home Assistant's rules, and updates from one document to the next."""

import copy
import json
import platform
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from device import __version__
from device.emotions import EMOTIONS
from device.hub.mqtt.discovery import build_document, build_update, get_topic, read_machine_model
from device.hub.state.command_parser import parse_command
from device.hub.state.features import FEATURES
from device.hub.state.snapshot import Snapshot
from tests.hub.mqtt.builders import SNAPSHOTS, build, find_faults
from tests.hub.state.builders import AWAY, BEFORE, FULL

NAMES = ["home", "Living-Room", "living_room", "a" * 40, "0", "x_face", "--", "_", "camera"]


# -- the real document


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("now", SNAPSHOTS.values(), ids=SNAPSHOTS)
def test_home_assistant_accepts_the_whole_document(now: Snapshot, name: str) -> None:
    document = build_document(now, name=name, prefix="mien")
    assert find_faults(document, get_topic("homeassistant", name)) == {}
    assert json.loads(json.dumps(document, allow_nan=False)) == document, "a retained document is recognized"


def test_the_device_matches_the_reference() -> None:
    document = build(name="living_room", prefix="/house/mien/")
    assert {key: document[key] for key in ("dev", "o", "avty", "stat_t", "qos")} == {
        "dev": {
            "ids": ["mien_living_room"],
            "name": "Living room",
            "mf": "Mien",
            "mdl": read_machine_model(),
            "sw": __version__,
            "sa": "Living room",
        },
        "o": {"name": "mien", "sw": __version__},
        "avty": [{"t": "house/mien/living_room/availability"}],
        "stat_t": "house/mien/living_room/state",
        "qos": 1,
    }
    mood_sensor = document["cmps"]["mood"]
    assert (mood_sensor["name"], mood_sensor["uniq_id"]) == (None, "mien_living_room_mood")
    assert (mood_sensor["def_ent_id"], mood_sensor["exp_aft"]) == ("sensor.living_room_mood", 120)
    assert build(name="Living-Room")["cmps"]["mood"]["def_ent_id"] == "sensor.living_room_mood"
    assert mood_sensor["ops"] == [*(e.value for e in EMOTIONS), "unknown"]
    assert get_topic("/homeassistant/", "living_room") == "homeassistant/device/mien_living_room/config"


def test_there_is_a_component_for_each_feature_and_a_trigger_for_each_emotion() -> None:
    parts = build()["cmps"]
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


def test_the_document_changes_only_with_the_profiles() -> None:
    assert build(AWAY) == build(FULL)
    more = build(msgspec.structs.replace(FULL, profiles=("one",)))
    assert more["cmps"]["profile"]["ops"] == ["one"]
    more["cmps"]["profile"] = build()["cmps"]["profile"]
    assert more == build()
    assert "profile" not in build(BEFORE)["cmps"], "without options there is no select"


def list_identities(name: str) -> list[set[str]]:
    document = build(name=name)
    parts = document["cmps"].values()
    topics = {part.get("cmd_t", part.get("t", "")) for part in parts} | {
        document["stat_t"],
        document["avty"][0]["t"],
    } - {""}
    unique = {part["uniq_id"] for part in parts if "uniq_id" in part}
    return [{get_topic("homeassistant", name)}, set(document["dev"]["ids"]), unique, topics - {""}]


@given(st.from_regex(r"[a-zA-Z0-9_-]{1,40}", fullmatch=True), st.from_regex(r"[_-]?[a-z]{1,8}", fullmatch=True))
@example("x", "_face")  # face_mood of x, and mood of x_face
@example("x", "-face")
@example("x", "_hold")
def test_two_miens_on_one_broker_share_no_id_and_no_topic(name: str, more: str) -> None:
    for one, other in zip(list_identities(name), list_identities(f"{name}{more}"), strict=True):
        assert one
        assert not one & other


def test_every_offered_command_is_accepted() -> None:
    """Every control on Home Assistant's device page, used once."""
    pressed = 0
    for part in build()["cmps"].values():
        if "cmd_t" not in part:
            continue
        before, key, after = part["cmd_t"].rsplit("/", 2)
        assert (before, after) == ("mien/livingroom", "set")
        ends = [str(part[end]) for end in ("min", "max") if end in part]
        for payload in ends or part.get("ops") or ([part["pl_prs"]] if "pl_prs" in part else ["ON", "OFF"]):
            parse_command(key, payload.encode(), FULL)
            pressed += 1
    assert pressed == 3 * 2 + 2 + len(FULL.profiles) + 2


def test_the_machine_model_is_read(tmp_path: Path) -> None:
    product, model = tmp_path / "sys/class/dmi/id/product_name", tmp_path / "proc/device-tree/model"
    assert read_machine_model(tmp_path) == platform.machine()
    read_machine_model.cache_clear()
    product.parent.mkdir(parents=True)
    product.write_text("NUC7\x1b\n")
    assert read_machine_model(tmp_path) == "NUC7"
    read_machine_model.cache_clear()
    model.parent.mkdir(parents=True)
    model.write_bytes(b"Raspberry Pi 5 \xff Model B\x00" + b"x" * 200)
    assert read_machine_model(tmp_path).startswith("Raspberry Pi 5 \ufffd Model B x")
    assert len(read_machine_model(tmp_path)) == 100
    read_machine_model.cache_clear()
    model.write_bytes(b"\x00")
    assert read_machine_model(tmp_path) == "NUC7"


# -- updates


def test_the_same_document_needs_no_update() -> None:
    assert build_update(build(), build_document(FULL, name="livingroom", prefix="mien")) == []


@pytest.mark.parametrize("old", [{}, None, [], {"cmps": []}, {"cmps": {"x": 1}}, {"cmps": {"x": {"p": ["sensor"]}}}])
def test_without_a_valid_old_document_only_the_new_one_is_published(old: object) -> None:
    new = build()
    assert build_update(old, new) == [new]


def test_removed_components_are_published_first() -> None:
    new = build(BEFORE)
    first, second = build_update(build(), new)
    assert second == new
    assert first["cmps"].pop("profile") == {"p": "select"}
    assert first == new
    assert "profile" not in new["cmps"], "the new document is not modified"


def test_a_component_with_another_kind_or_id_is_removed_first() -> None:
    new, old = build(), build()
    old["cmps"]["camera"]["p"] = "binary_sensor"
    old["cmps"]["mood"]["uniq_id"] = "mien_mood"
    old["cmps"]["on_bored"] = dict(old["cmps"]["on_sad"], stype="bored")
    old["cmps"]["people"]["name"] = "Persons"
    first, second = build_update(old, new)
    changed = {key: part for key, part in first["cmps"].items() if part != new["cmps"].get(key)}
    assert changed == {
        "camera": {"p": "binary_sensor"},
        "mood": {"p": "sensor"},
        "on_bored": {"p": "device_automation"},
    }
    assert second == new
    assert find_faults(first) == {}


_json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.sampled_from(["sensor", "update", "on_sad"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.just("p"), inner, max_size=3),
    max_leaves=12,
)


@given(_json | st.dictionaries(st.text() | st.just("mood"), _json).map(lambda parts: {"cmps": parts}))
@example({"cmps": {"\ud800": {"p": "sensor"}, "a/b": {"p": "sensor"}, "x": {"p": "climate"}}})
def test_any_old_document_leads_to_a_valid_update(old: Any) -> None:
    new = build()
    expected = copy.deepcopy(new)
    updates = build_update(old, new)
    assert updates[-1] == new == expected
    assert len(updates) <= 2
    assert [find_faults(one) for one in updates] == [{}] * len(updates)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]+", key) for one in updates for key in one["cmps"])
