"""The rules of Home Assistant's discovery. Source: reference/home-assistant.md (its validator of 2026.11).

Keys are known by their short names only, as Mien writes them.
"""

import contextlib
import json
import math
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from tests.hub.mqtt.ha_templates import Render

Json = dict[str, Any]
_Rule = Callable[[str, Json], Iterator[str]]

_COMMON = {"p", "uniq_id", "name", "def_ent_id", "ent_cat", "ic", "en", "json_attr_t", "json_attr_tpl", "qos", "e"}
_COMMON |= {"avty", "avty_t", "avty_tpl", "avty_mode", "pl_avail", "pl_not_avail"}
_COMMANDED = {"cmd_t", "cmd_tpl", "ret"}
_KEYS = {
    "sensor": {"stat_t", "val_tpl", "dev_cla", "exp_aft", "frc_upd", "ops", "sug_dsp_prc", "stat_cla", "unit_of_meas"},
    "binary_sensor": {"stat_t", "val_tpl", "dev_cla", "exp_aft", "frc_upd", "off_dly", "pl_on", "pl_off"},
    "switch": {*_COMMANDED, "stat_t", "val_tpl", "dev_cla", "pl_on", "pl_off", "stat_on", "stat_off", "opt"},
    "number": {*_COMMANDED, "stat_t", "val_tpl", "dev_cla", "min", "max", "step", "mode", "unit_of_meas", "opt"},
    "select": {*_COMMANDED, "stat_t", "val_tpl", "ops", "opt"},
    "button": {*_COMMANDED, "dev_cla", "pl_prs"},
    "event": {"stat_t", "val_tpl", "dev_cla", "evt_typ"},
    "update": {"stat_t", "val_tpl", "dev_cla", "cmd_t", "pl_inst"},
}
_PLAIN = {
    "device_automation": {"p", "atype", "t", "type", "stype", "val_tpl", "pl", "qos"},
    "tag": {"p", "t", "val_tpl"},
}
_SHARED = {"avty", "avty_mode", "avty_t", "avty_tpl", "pl_avail", "pl_not_avail", "stat_t", "cmd_t", "qos", "e"}
_NEEDED = {
    "sensor": ("stat_t",),
    "binary_sensor": ("stat_t",),
    "event": ("evt_typ", "stat_t"),
    "select": ("ops", "cmd_t"),
    "number": ("cmd_t",),
    "switch": ("cmd_t",),
    "button": ("cmd_t",),
    "device_automation": ("atype", "t", "type", "stype"),
}
_UNITS: dict[str, set[str]] = {
    "enum": set(),
    "timestamp": set(),
    "duration": {"d", "h", "min", "s", "ms", "µs"},
    "occupancy": set(),
    "problem": set(),
}
"""Only the classes that Mien uses."""

RULES: dict[str, _Rule] = {}


def _rule(check: _Rule) -> _Rule:
    RULES[check.__name__] = check
    return check


def faults(topic: str, payload: str) -> dict[str, list[str]]:
    """The faults in a document by the name of the rule; {} if Home Assistant accepts all of it."""
    document = json.loads(payload)
    assert isinstance(document, dict)
    found = {name: list(rule(topic, document)) for name, rule in RULES.items()}
    return {name: faults for name, faults in found.items() if faults}


def _components(document: Json) -> Iterator[tuple[str, Json]]:
    """The components that are described. One with only `p` is being removed."""
    yield from ((key, part) for key, part in document.get("cmps", {}).items() if set(part) != {"p"})


def _entities(document: Json) -> Iterator[tuple[str, Json]]:
    yield from ((key, part) for key, part in _components(document) if part.get("p") in _KEYS)


# -- faults that refuse the whole document


@_rule
def node_id(topic: str, _: Json) -> Iterator[str]:
    if not re.fullmatch(r"[a-zA-Z0-9_/-]+/device/[a-zA-Z0-9_-]+/config", topic):
        yield topic


@_rule
def device(_: str, document: Json) -> Iterator[str]:
    allowed = {"ids", "cns", "name", "mf", "mdl", "mdl_id", "hw", "sn", "sw", "via_device", "sa", "cu"}
    dev = document.get("dev", {})
    if not (dev.get("ids") or dev.get("cns")):
        yield "neither identifiers nor connections"
    yield from set(dev) - allowed


@_rule
def origin(_: str, document: Json) -> Iterator[str]:
    origin = document.get("o", {})
    if not origin.get("name"):
        yield "o.name is missing"
    yield from set(origin) - {"name", "sw", "url"}


@_rule
def root(_: str, document: Json) -> Iterator[str]:
    yield from set(document) - {"dev", "o", "cmps", "~"} - _SHARED
    yield from (f"{key} is missing" for key in ("dev", "o", "cmps") if key not in document)


@_rule
def root_availability(_: str, document: Json) -> Iterator[str]:
    for one in document.get("avty", []):
        yield from set(one) - {"t", "pl_avail", "pl_not_avail", "val_tpl"}
        if "t" not in one:
            yield "no topic"


@_rule
def platform(_: str, document: Json) -> Iterator[str]:
    for key, part in document.get("cmps", {}).items():
        if part.get("p") not in _KEYS | _PLAIN:
            yield f"{key}: {part.get('p')}"


@_rule
def unique_id(_: str, document: Json) -> Iterator[str]:
    yield from (key for key, part in _entities(document) if not part.get("uniq_id"))


@_rule
def not_a_number(_: str, document: Json) -> Iterator[str]:
    yield from (where for where, _, value in _leaves(document) if isinstance(value, float) and not math.isfinite(value))


# -- faults that refuse one entity


@_rule
def options_empty(_: str, document: Json) -> Iterator[str]:
    yield from (key for key, part in _entities(document) if part.get("ops") == [])


@_rule
def options_without_enum(_: str, document: Json) -> Iterator[str]:
    for key, part in _entities(document):
        if part["p"] == "sensor" and "ops" in part and part.get("dev_cla") != "enum":
            yield key


@_rule
def options_with_a_measure(_: str, document: Json) -> Iterator[str]:
    for key, part in _entities(document):
        if part["p"] == "sensor" and "ops" in part and ("unit_of_meas" in part or "stat_cla" in part):
            yield key


@_rule
def category(_: str, document: Json) -> Iterator[str]:
    for key, part in _entities(document):
        shown_only = part["p"] in ("sensor", "binary_sensor")
        if part.get("ent_cat", "diagnostic") not in ("diagnostic", *(() if shown_only else ("config",))):
            yield f"{key}: {part['ent_cat']}"


@_rule
def unit(_: str, document: Json) -> Iterator[str]:
    for key, part in _entities(document):
        kind, unit = part.get("dev_cla"), part.get("unit_of_meas")
        if kind is not None and (kind not in _UNITS or (unit is not None and unit not in _UNITS[kind])):
            yield f"{key}: {kind} in {unit}"


@_rule
def number_range(_: str, document: Json) -> Iterator[str]:
    for key, part in _entities(document):
        if part["p"] == "number" and part.get("min", 1) > part.get("max", 100):
            yield key


@_rule
def number_step(_: str, document: Json) -> Iterator[str]:
    yield from (key for key, part in _entities(document) if part["p"] == "number" and part.get("step", 1) < 0.001)


@_rule
def twice(_: str, document: Json) -> Iterator[str]:
    unique = set()
    for key, part in _entities(document):
        own = (part["p"], part.get("uniq_id", key))
        if own in unique:
            yield f"{key}: {own}"
        unique.add(own)


@_rule
def required(_: str, document: Json) -> Iterator[str]:
    shared = set(document) & _SHARED
    for key, part in _components(document):
        for needed in _NEEDED.get(part.get("p", ""), ()):
            if needed not in part and needed not in shared:
                yield f"{key}: {needed}"


# -- faults that are silently ignored or misread


@_rule
def unknown_key(_: str, document: Json) -> Iterator[str]:
    for key, part in _components(document):
        kind = str(part.get("p"))
        allowed = _PLAIN.get(kind, set()) | (_COMMON | _KEYS[kind] if kind in _KEYS else set())
        if allowed:
            yield from (f"{key}: {one}" for one in set(part) - allowed)


@_rule
def entity_id(_: str, document: Json) -> Iterator[str]:
    for key, part in _entities(document):
        entity_id = part.get("def_ent_id", f"{part['p']}.{key}")
        # Home Assistant's own rule for entity ids.
        if not re.fullmatch(rf"{part['p']}\.[a-z0-9]+(_[a-z0-9]+)*", entity_id):
            yield f"{key}: {entity_id}"


@_rule
def tilde(_: str, document: Json) -> Iterator[str]:
    for where, key, value in _leaves(document):
        if isinstance(value, str) and "~" in (value[:1], value[-1:]) and not (key == "t" or key.endswith("_t")):
            yield where


def _leaves(value: Any, where: str = "", key: str = "") -> Iterator[tuple[str, str, Any]]:
    """Path, last key and value of everything that is neither an object nor a list."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _leaves(one, f"{where}.{name}", name)
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _leaves(one, f"{where}[{number}]", key)
    else:
        yield where, key, value


# -- messages to an entity


def explain_refusal(part: Json, payload: str, render: Render) -> str:
    """Why the entity `part` would refuse a message on its topic; empty if it accepts it."""
    text = json.loads(payload)
    if attributes := part.get("json_attr_tpl"):
        values = json.loads(render(attributes, text))
        if not (isinstance(values, dict) and values):
            return f"the attributes are {values}"
    if part["p"] == "event":
        return "" if text.get("event_type") in part["evt_typ"] else f"no event {text.get('event_type')}"
    text = render(part["val_tpl"], text) if "val_tpl" in part else payload
    return "" if text == "None" or _takes(part, text) else f"{text} is refused"


def _takes(part: Json, text: str) -> bool:
    if part["p"] in ("binary_sensor", "switch"):
        return text in (part.get("pl_on", "ON"), part.get("pl_off", "OFF"))
    if "ops" in part:
        return text in part["ops"]
    with contextlib.suppress(ValueError):
        if part.get("dev_cla") == "timestamp":
            return datetime.fromisoformat(text).tzinfo is not None
        if part["p"] == "number":
            return bool(part["min"] <= float(text) <= part["max"])
        return math.isfinite(float(text)) if "unit_of_meas" in part or "stat_cla" in part else 0 < len(text) <= 255
    return False
