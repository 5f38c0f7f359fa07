"""Home Assistant's discovery: one document that describes this Mien as a device, made from FEATURES.

Source of the keys and of the rules: Home Assistant's MQTT integration, device-based discovery, 2026.11.
"""

import asyncio
import functools
import json
import logging
import platform
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from msgspec import Struct

from device import __version__
from device.emotions import EMOTIONS
from device.hub.state.features import FEATURES, PRESS, Feature, Kind
from device.hub.state.snapshot import Json, Snapshot
from device.settings import schema
from device.system.state_file import StateFile

_log = logging.getLogger(__name__)

FILE_NAME = "discovery.json"
EXPIRES_S = 120
"""Home Assistant shows a value as unavailable after this time without a state. It is published at least every 30 s."""

_FRESH_MOOD = "{{ none if value_json.late_s is defined or value_json.again is defined else value_json.event_type }}"
"""A late event triggers no automation, nor one that may have triggered it before."""
_CONSEQUENCE = "a removed entity may stay in Home Assistant"
_KEY = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_COMPONENTS = {*(kind.value for kind in Kind), "device_automation"}


def get_topic(discovery_prefix: str, name: str) -> str:
    """The topic of the retained document."""
    return f"{discovery_prefix.strip('/')}/device/mien_{name}/config"


def build_document(now: Snapshot, *, name: str, prefix: str) -> Json:
    """The document of the Mien called `name` (home.name), whose topics are PREFIX/NAME/...

    It contains only JSON types. Only the profiles of `now` affect it, so the same profiles give the same document.
    """
    base = f"{prefix.strip('/')}/{name}"
    words = re.sub(r"[_-]+", " ", name).strip()
    title = words[:1].upper() + words[1:] if words else name  # `living_room` becomes `Living room`
    model = read_machine_model()
    features = [feature for feature in FEATURES if feature.kind is not Kind.SELECT or feature.options(now)]
    components = {feature.key: _build_component(feature, now, name, base) for feature in features}
    return {
        "dev": {"ids": [f"mien_{name}"], "name": title, "mf": "Mien", "mdl": model, "sw": __version__, "sa": title},
        "o": {"name": "mien", "sw": __version__},
        "avty": [{"t": f"{base}/availability"}],
        "stat_t": f"{base}/state",
        "qos": 1,
        "cmps": components | {f"on_{emotion.value}": _build_trigger(emotion.value, base) for emotion in EMOTIONS},
    }


def build_update(old: object, new: Json) -> list[Json]:
    """The documents to publish, in this order, so that `new` replaces `old` and removed components disappear.

    Empty when they are the same. `old` may come from a broker, so it can be anything; {} means that there was none.
    """
    if old == new:
        return []
    before = old.get("cmps") if isinstance(old, dict) else None
    removed: Json = {}
    for key, component in before.items() if isinstance(before, dict) else ():
        kind = component.get("p") if isinstance(component, dict) else None
        if not (_KEY.fullmatch(str(key)) and isinstance(kind, str) and kind in _COMPONENTS):
            continue  # not ours: Home Assistant would refuse the whole document because of it
        now = new["cmps"].get(key, {})
        # Home Assistant cannot change a component's kind or unique id, so the component is removed first.
        if (now.get("p"), now.get("uniq_id")) != (kind, component.get("uniq_id")):
            removed[key] = {"p": kind}
    return [*([new | {"cmps": new["cmps"] | removed}] if removed else []), new]


@functools.cache
def read_machine_model(root: Path = Path("/")) -> str:
    """The model of this computer: `Raspberry Pi 5 Model B Rev 1.0`."""
    for path in ("proc/device-tree/model", "sys/class/dmi/id/product_name"):
        try:
            text = (root / path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        # The device tree ends its strings with a NUL.
        if model := " ".join("".join(c if c.isprintable() else " " for c in text).split()):
            return model[:100]
    return platform.machine() or "unknown"


def _build_component(feature: Feature, now: Snapshot, name: str, base: str) -> Json:
    slug = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "mien"
    options = list(feature.options(now))
    component: Json = {
        "p": feature.kind.value,
        # The hyphen keeps ids of two homes apart: otherwise `a` with `face_mood` would equal `a_face` with `mood`.
        "uniq_id": f"mien_{name}_{feature.key.replace('_', '-')}",
        "def_ent_id": f"{feature.kind.value}.{slug}_{feature.key}",
        "dev_cla": feature.device_class,
        "unit_of_meas": feature.unit,
        "stat_cla": feature.state_class,
        "ent_cat": feature.category,
        "ic": feature.icon,
        "cmd_t": f"{base}/{feature.key}/set" if feature.to_command else "",
        "val_tpl": _build_template(feature) if feature.has_state else "",
    }
    match feature.kind:
        case Kind.SENSOR | Kind.BINARY_SENSOR:
            component |= {"exp_aft": EXPIRES_S, "ops": options}
        case Kind.NUMBER:
            limits = {"min": feature.min_value, "max": feature.max_value, "step": feature.step}
            component |= {**limits, "mode": "box"}
        case Kind.SELECT:
            component["ops"] = options
        case Kind.BUTTON:
            component["pl_prs"] = PRESS
        case Kind.EVENT:
            component |= {"stat_t": f"{base}/event", "evt_typ": options}
    if feature.detail:
        sentence = f"{{{{ {{'sentence': value_json.{feature.detail}}} | tojson }}}}"
        component |= {"json_attr_t": f"{base}/state", "json_attr_tpl": sentence}
    return {"name": feature.name} | {key: value for key, value in component.items() if value not in ("", [])}


def _build_template(feature: Feature) -> str:
    """How Home Assistant reads the value from the state. An unknown value is `none` there, never empty."""
    value = f"value_json.{feature.state_key}"
    if feature.unit == "%":
        return f"{{{{ none if {value} is none else ({value} * 100) | round | int }}}}"
    if feature.kind is Kind.NUMBER:
        # The settings may give it a value outside its limits, which Home Assistant treats as an error.
        limits = f"{value} is number and {feature.min_value:g} <= {value} <= {feature.max_value:g}"
        return f"{{{{ {value} if {limits} else none }}}}"
    return f"{{{{ {value} }}}}"


def _build_trigger(mood: str, base: str) -> Json:
    kind = {"p": "device_automation", "atype": "trigger", "t": f"{base}/event", "type": "mood", "stype": mood}
    return {**kind, "val_tpl": _FRESH_MOOD, "pl": mood}


class _PublishedDocument(Struct, frozen=True):
    topic: str = ""
    document: Json = {}


class DiscoveryPublisher:
    """Publishes the document of one Mien on one broker. A file keeps the last one, to find components that are gone."""

    def __init__(self, broker: schema.Mqtt, name: str, state_dir: Path, now: Callable[[], Snapshot]) -> None:
        self._broker = broker
        self._name = name
        self._now = now
        self._file = StateFile(state_dir / FILE_NAME, _PublishedDocument, _CONSEQUENCE)
        self.status_topic = f"{broker.discovery_prefix.strip('/')}/status" if broker.discovery else ""
        """Where Home Assistant publishes `online` when it has started; empty without discovery."""

    async def publish(self, send: Callable[[str, str], Awaitable[None]]) -> None:
        """Publish the retained messages in order with `send(topic, payload)`. Raises what `send` raises."""
        old = await asyncio.to_thread(self._file.load, _PublishedDocument())
        new = _PublishedDocument()
        if self._broker.discovery:
            document = build_document(self._now(), name=self._name, prefix=self._broker.prefix)
            new = _PublishedDocument(get_topic(self._broker.discovery_prefix, self._name), document)
        if old.topic and old.topic != new.topic:
            await send(old.topic, "")  # the device was renamed, or discovery is off
        before = old.document if old.topic == new.topic else {}
        for document in build_update(before, new.document) or [new.document]:
            if document:
                await send(new.topic, json.dumps(document, allow_nan=False))
        if new == old:
            return
        try:
            await asyncio.to_thread(self._file.save, new)
        except OSError as error:
            _log.warning("%s: cannot be written (%s); %s", self._file.path, error, _CONSEQUENCE)
