"""Discovery documents, and the faults that Home Assistant finds in one."""

import json

import msgspec

from device.hub.mqtt.discovery import build_document
from device.hub.state.snapshot import Json, Snapshot
from tests.hub.mqtt import ha_rules
from tests.hub.state.builders import AWAY, BEFORE, FULL

SNAPSHOTS = {
    "before": BEFORE,
    "before, with profiles": msgspec.structs.replace(BEFORE, profiles=FULL.profiles),
    "away": AWAY,
    "full": FULL,
    "many": msgspec.structs.replace(FULL, profiles=tuple(f"profile {i} -_" for i in range(50))),
}


def build(now: Snapshot = FULL, name: str = "livingroom", prefix: str = "mien") -> Json:
    """As Home Assistant receives it: through JSON."""
    document: Json = json.loads(json.dumps(build_document(now, name=name, prefix=prefix)))
    return document


def find_faults(document: Json, where: str = "homeassistant/device/mien_livingroom/config") -> dict[str, list[str]]:
    return ha_rules.faults(where, json.dumps(document))
