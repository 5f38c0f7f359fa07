"""Each of Home Assistant's rules against a document with exactly that fault."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from device.hub.state.snapshot import Json
from tests.hub.mqtt import ha_rules
from tests.hub.mqtt.builders import build, find_faults

_Spoil = Callable[[Json], object]


def _set(part: str, **more: Any) -> _Spoil:
    return lambda document: document["cmps"][part].update(more)


def _drop(part: str, *keys: str) -> _Spoil:
    return lambda document: [document["cmps"][part].pop(key) for key in keys]


SPOILT: list[tuple[str, _Spoil]] = [
    ("device", lambda document: document["dev"].pop("ids")),
    ("device", lambda document: document["dev"].update(ids=[])),
    ("device", lambda document: document["dev"].update(ip="1")),
    ("origin", lambda document: document["o"].pop("name")),
    ("origin", lambda document: document["o"].update(author="me")),
    ("root", lambda document: document.update(cmp=document.pop("cmps"))),
    ("root", lambda document: document.update(exp_aft=120)),
    ("root_availability", lambda document: document["avty"][0].update(qos=1)),
    ("root_availability", lambda document: document["avty"][0].update(pl_avail=document["avty"][0].pop("t"))),
    ("platform", _set("mood", p="mood")),
    ("platform", _drop("mood", "p")),
    ("unique_id", _drop("mood", "uniq_id")),
    ("unique_id", _set("camera", uniq_id="")),
    ("not_a_number", _set("hold_s", max=math.nan)),
    ("not_a_number", _set("hold_s", max=math.inf)),
    ("options_empty", _set("mood", ops=[])),
    ("options_empty", _set("profile", ops=[])),
    ("options_without_enum", _drop("mood", "dev_cla")),
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
    ("twice", lambda document: document["cmps"].update(again=document["cmps"]["mood"])),
    ("required", lambda document: document.pop("stat_t")),
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
def test_each_fault_is_refused_by_its_rule(rules: str, spoil: _Spoil) -> None:
    document = build()
    assert find_faults(document) == {}
    spoil(document)
    assert set(find_faults(document)) == set(rules.split())


@pytest.mark.parametrize("where", ["homeassistant/device/mien_wohn zimmer/config", "homeassistant/device/mien_x/conf"])
def test_another_topic_is_refused(where: str) -> None:
    assert set(find_faults(build(), where)) == {"node_id"}


def test_every_rule_is_tested() -> None:
    broken = {rule for rules, _ in SPOILT for rule in rules.split()} | {"node_id"}
    assert broken == set(ha_rules.RULES)


def test_a_tilde_and_a_removed_component_are_valid() -> None:
    document = build()
    document |= {"~": "mien/livingroom", "stat_t": "~/state"}
    document["cmps"]["gone"] = {"p": "sensor"}
    assert find_faults(document) == {}
