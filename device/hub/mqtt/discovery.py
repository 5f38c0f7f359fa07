"""What Home Assistant sees: one document that describes this Mien as a device, made from the features.

Source of its keys and of what is refused: Home Assistant's MQTT integration, device-based discovery, 2026.11.
"""

import asyncio
import functools
import json
import logging
import platform
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from device import __version__
from device.emotions import EMOTIONS
from device.hub.state.features import FEATURES, PRESS, Feature, Kind
from device.hub.state.snapshot import Json, Snapshot
from device.settings import schema
from device.system.state_file import keep

EXPIRES_S = 120
"""Without a state for so long Home Assistant believes the last one no more; it is published every 30 s at least."""

# Where the state does not say it in Home Assistant's words. A missing value is `None` there, never empty.
_TEMPLATES = {
    "confidence": "{{ none if value_json.confidence is none else (value_json.confidence * 100) | round | int }}"
}
_SENTENCE = "{{ {'sentence': value_json.problem} | tojson }}"
_FRESH_MOOD = "{{ none if value_json.late_s is defined else value_json.event_type }}"
"""Of an event: a late one is remembered, but no automation starts by it."""
_KEY = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_COMPONENTS = {*(kind.value for kind in Kind), "device_automation"}


def topic(discovery_prefix: str, name: str) -> str:
    """Where the document is published, retained."""
    return f"{discovery_prefix.strip('/')}/device/mien_{name}/config"


def document(now: Snapshot, *, name: str, prefix: str) -> Json:
    """The document of the Mien called `name` (home.name), whose topics are PREFIX/NAME/...

    It holds nothing but JSON's own types, and depends on no more of `now` than the profiles there are: the same ones
    give the same document.
    """
    base = f"{prefix.strip('/')}/{name}"
    words = _words(name)
    parts = {f.key: _component(f, now, name, base) for f in FEATURES if f.kind is not Kind.SELECT or f.options(now)}
    return {
        "dev": {
            "ids": [f"mien_{name}"],
            "name": words,
            "mf": "Mien",
            "mdl": machine(),
            "sw": __version__,
            "sa": words,
        },
        "o": {"name": "mien", "sw": __version__},
        "avty": [{"t": f"{base}/availability"}],
        "stat_t": f"{base}/state",
        "qos": 1,
        "cmps": parts | {f"on_{emotion.value}": _trigger(emotion.value, base) for emotion in EMOTIONS},
    }


def removal(old: object, new: Json) -> list[Json]:
    """What to publish, in this order, so that `new` takes the place of `old` and what is gone disappears.

    Nothing when they are the same. `old` may be what a broker has kept, so it may be anything; {} is none.
    """
    if old == new:
        return []
    before = old.get("cmps") if isinstance(old, dict) else None
    gone: Json = {}
    for key, part in before.items() if isinstance(before, dict) else ():
        kind = part.get("p") if isinstance(part, dict) else None
        if not (_KEY.fullmatch(str(key)) and isinstance(kind, str) and kind in _COMPONENTS):
            continue  # it was never ours, and would have the whole document refused
        now = new["cmps"].get(key, {})
        # Home Assistant changes neither a component's kind nor its unique id: it has to go first.
        if (now.get("p"), now.get("uniq_id")) != (kind, part.get("uniq_id")):
            gone[key] = {"p": kind}
    return [*([new | {"cmps": new["cmps"] | gone}] if gone else []), new]


@functools.cache
def machine(root: Path = Path("/")) -> str:
    """The model of this computer: `Raspberry Pi 5 Model B Rev 1.0`."""
    for path in ("proc/device-tree/model", "sys/class/dmi/id/product_name"):
        try:
            said = (root / path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        # The device tree ends its strings with a NUL.
        if plain := " ".join("".join(c if c.isprintable() else " " for c in said).split()):
            return plain[:100]
    return platform.machine() or "unknown"


def _component(feature: Feature, now: Snapshot, name: str, base: str) -> Json:
    slug = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "mien"
    options = list(feature.options(now))
    said: Json = {
        "p": feature.kind.value,
        # No two homes share one: without the hyphen, `a` with `face_mood` would be `a_face` with `mood`.
        "uniq_id": f"mien_{name}_{feature.key.replace('_', '-')}",
        "def_ent_id": f"{feature.kind.value}.{slug}_{feature.key}",
        "dev_cla": feature.device_class,
        "unit_of_meas": feature.unit,
        "stat_cla": feature.state_class,
        "ent_cat": feature.category,
        "ic": feature.icon,
        "cmd_t": f"{base}/{feature.key}/set" if feature.order else "",
        "val_tpl": _TEMPLATES.get(feature.key, f"{{{{ value_json.{feature.told_as} }}}}") if feature.has_state else "",
    }
    match feature.kind:
        case Kind.SENSOR | Kind.BINARY_SENSOR:
            said |= {"exp_aft": EXPIRES_S, "ops": options}
        case Kind.NUMBER:
            said |= {"min": feature.least, "max": feature.most, "step": feature.step, "mode": "box"}
            said["val_tpl"] = _within(feature)
        case Kind.SELECT:
            said["ops"] = options
        case Kind.BUTTON:
            said["pl_prs"] = PRESS
        case Kind.EVENT:
            said |= {"stat_t": f"{base}/event", "evt_typ": options}
    if feature.key == "problem":
        said |= {"json_attr_t": f"{base}/state", "json_attr_tpl": _SENTENCE}
    return {"name": feature.name} | {key: value for key, value in said.items() if value not in ("", [])}


def _within(feature: Feature) -> str:
    """A number that the settings put beyond its range is unknown: Home Assistant takes it for an error."""
    value = f"value_json.{feature.told_as}"
    return f"{{{{ {value} if {value} is number and {feature.least:g} <= {value} <= {feature.most:g} else none }}}}"


def _trigger(mood: str, base: str) -> Json:
    return {
        "p": "device_automation",
        "atype": "trigger",
        "t": f"{base}/event",
        "type": "mood",
        "stype": mood,
        "val_tpl": _FRESH_MOOD,
        "pl": mood,
    }


def _words(name: str) -> str:
    """A name for a person: `living_room` is `Living room`."""
    words = re.sub(r"[_-]+", " ", name).strip()
    return words[:1].upper() + words[1:] if words else name


_log = logging.getLogger(__name__)

FILE_NAME = "discovery.json"


class _Published(Struct, frozen=True):
    """What the broker was given last."""

    topic: str = ""
    document: Json = {}


class DiscoveryPublisher:
    """The discovery document of one Mien on one broker. What was published is kept, to know what has gone since."""

    def __init__(self, broker: schema.Mqtt, name: str, state_dir: Path, now: Callable[[], Snapshot]) -> None:
        self._broker = broker
        self._name = name
        self._path = state_dir / FILE_NAME
        self._now = now
        self.status_topic = f"{broker.discovery_prefix.strip('/')}/status" if broker.discovery else ""
        """Where Home Assistant says `online` when it has started; empty when it is told nothing."""

    async def publish(self, send: Callable[[str, str], Awaitable[None]]) -> None:
        """Give `send(topic, payload)` what is to be retained, in order. Raises what `send` raises."""
        old = await asyncio.to_thread(self._last)
        if not self._broker.discovery:
            new = _Published()
        else:
            described = document(self._now(), name=self._name, prefix=self._broker.prefix)
            new = _Published(topic(self._broker.discovery_prefix, self._name), described)
        if old.topic and old.topic != new.topic:
            await send(old.topic, "")  # the device under its former name, or that is not to be shown any more
        before = old.document if old.topic == new.topic else {}
        for one in removal(before, new.document) or [new.document]:
            if one:
                await send(new.topic, json.dumps(one, allow_nan=False))
        if new != old:
            await asyncio.to_thread(self._keep, new)

    def _last(self) -> _Published:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Published)
        except FileNotFoundError:
            return _Published()
        except (OSError, msgspec.DecodeError) as error:
            _log.warning("%s: cannot be read (%s); a part that has gone may stay in Home Assistant", self._path, error)
            return _Published()

    def _keep(self, published: _Published) -> None:
        try:
            keep(self._path, published)
        except OSError as error:
            _log.warning("%s: cannot be kept (%s); a part that goes may stay in Home Assistant", self._path, error)
