"""The features: one list of what Mien shows and takes. MQTT, Home Assistant, HTTP and metrics are all made from it."""

import contextlib
import re
import reprlib
from collections.abc import Callable
from enum import StrEnum
from typing import Literal

from msgspec import Struct

from device.emotions import EMOTIONS, Emotion
from device.errors import ActionError
from device.hub.state.snapshot import Json, Snapshot
from device.ipc.messages import ClearBaseline, Health, RecordBaseline, SetHold, SetSwitch, Switch
from device.readings import Mood, SenseReading

Value = str | int | float | bool | None
"""None: not known now."""

MOODS = tuple(emotion.value for emotion in (*EMOTIONS, Emotion.UNKNOWN))
PRESS = "PRESS"
"""What a button is sent."""
MAX_PAYLOAD = 200
"""Bytes of a command; the longest that means anything is a profile's name of 40."""

_NUMBER = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,9})?")
_BRIEF = reprlib.Repr()
_BRIEF.maxstring = _BRIEF.maxother = 60


class Kind(StrEnum):
    """What a feature is, in the words of Home Assistant."""

    SENSOR = "sensor"
    BINARY_SENSOR = "binary_sensor"
    SWITCH = "switch"
    NUMBER = "number"
    SELECT = "select"
    BUTTON = "button"
    EVENT = "event"


class ChooseProfile(Struct, frozen=True):
    """Let the rules of the profile `name` act, and no others."""

    name: str


Command = SetSwitch | SetHold | RecordBaseline | ClearBaseline | ChooseProfile
"""What can be asked of Mien."""


def _nothing(_: Snapshot) -> None:
    """Of what has no state: a button, an event."""


def _no_options(_: Snapshot) -> tuple[str, ...]:
    return ()


def _moods(_: Snapshot) -> tuple[str, ...]:
    return MOODS


class Feature(Struct, frozen=True):
    """One thing that a front end shows, takes, or both."""

    key: str
    """Its name in commands, and in the state where `field` does not say another."""
    name: str | None
    """For a person; None for the mood, which is what Mien itself is."""
    kind: Kind
    value: Callable[[Snapshot], Value] = _nothing
    """A bool of a switch or a binary sensor, seconds of UTC since 1970 of a time stamp, one of `options` if any."""
    field: str = ""
    unit: str = ""
    """Of what a person is shown: a confidence of 0..1 is shown in %."""
    device_class: str = ""
    state_class: Literal["", "measurement"] = ""
    category: Literal["", "config", "diagnostic"] = ""
    options: Callable[[Snapshot], tuple[str, ...]] = _no_options
    least: float = 0.0
    most: float = 0.0
    """Of a number's commands; its value may lie beyond, when the settings say so."""
    step: float = 0.0
    order: Callable[[str], Command] | None = None
    """The wish of a payload that is allowed; None for what is only shown."""
    icon: str = ""

    @property
    def told_as(self) -> str:
        """Its key in the state."""
        return self.field or self.key

    @property
    def has_state(self) -> bool:
        """Whether there is anything to know of it between two messages."""
        return self.kind not in (Kind.BUTTON, Kind.EVENT)


def rounded(number: float) -> float:
    """To 0.01, so that a mood at rest is told once; -0.0 is made plain."""
    return round(number, 2) + 0.0


def _mood(read: Callable[[Mood], Value]) -> Callable[[Snapshot], Value]:
    return lambda now: None if now.mood is None else read(now.mood)


def _seen(read: Callable[[Mood], Value]) -> Callable[[Snapshot], Value]:
    # A camera that is off, lost or in the dark has nobody in its picture: that is not known to be an empty room.
    return lambda now: read(now.mood) if now.mood is not None and now.sees else None


def _health(read: Callable[[Health], Value]) -> Callable[[Snapshot], Value]:
    # What an absent sense said last is not known to be so any more.
    return lambda now: read(now.health) if now.available and now.health else None


def _word(said: Mood | SenseReading | None) -> str | None:
    return said.emotion.value if said else None


def _recorded(health: Health) -> float | None:
    # A moment that no calendar holds would end the hub when it is written out.
    moment_s = health.baseline.recorded_utc_s if health.baseline else None
    return moment_s if moment_s is not None and 0 <= moment_s < 1e11 else None


def _switch(order: Switch) -> Callable[[str], Command]:
    return lambda text: SetSwitch(order, text == "ON")


FEATURES: tuple[Feature, ...] = (
    Feature("mood", None, Kind.SENSOR, _mood(_word), device_class="enum", options=_moods, icon="mdi:emoticon"),
    Feature(
        "confidence",
        "Confidence",
        Kind.SENSOR,
        _mood(lambda mood: rounded(mood.confidence)),
        unit="%",
        state_class="measurement",
        category="diagnostic",
        icon="mdi:percent",
    ),
    Feature("valence", "Valence", Kind.SENSOR, _mood(lambda mood: rounded(mood.valence)), state_class="measurement"),
    Feature("arousal", "Arousal", Kind.SENSOR, _mood(lambda mood: rounded(mood.arousal)), state_class="measurement"),
    Feature("presence", "Presence", Kind.BINARY_SENSOR, _seen(lambda mood: mood.people > 0), device_class="occupancy"),
    Feature(
        "people",
        "People",
        Kind.SENSOR,
        _seen(lambda mood: mood.people),
        state_class="measurement",
        icon="mdi:account-group",
    ),
    Feature(
        "face_mood",
        "Face mood",
        Kind.SENSOR,
        _mood(lambda mood: _word(mood.face)),
        device_class="enum",
        category="diagnostic",
        options=_moods,
        icon="mdi:face-recognition",
    ),
    Feature(
        "voice_mood",
        "Voice mood",
        Kind.SENSOR,
        _mood(lambda mood: _word(mood.voice)),
        device_class="enum",
        category="diagnostic",
        options=_moods,
        icon="mdi:account-voice",
    ),
    Feature(
        "problem",
        "Problem",
        Kind.BINARY_SENSOR,
        lambda now: bool(now.problems()),
        field="has_problem",  # `problem` is its sentence
        device_class="problem",
        category="diagnostic",
    ),
    Feature(
        "camera",
        "Camera",
        Kind.SWITCH,
        _health(lambda health: health.camera_on),
        category="config",
        order=_switch(Switch.CAMERA),
        icon="mdi:camera",
    ),
    Feature(
        "microphone",
        "Microphone",
        Kind.SWITCH,
        _health(lambda health: health.microphone_on),
        category="config",
        order=_switch(Switch.MICROPHONE),
        icon="mdi:microphone",
    ),
    Feature(
        "pause",
        "Pause",
        Kind.SWITCH,
        _health(lambda health: health.paused),
        field="paused",
        order=_switch(Switch.PAUSE),
        icon="mdi:pause",
    ),
    Feature(
        "hold_s",
        "Hold time",
        Kind.NUMBER,
        _health(lambda health: rounded(health.hold_s)),
        unit="s",
        device_class="duration",
        category="config",
        least=0.0,
        most=60.0,
        step=0.5,
        order=lambda text: SetHold(float(text) + 0.0),
    ),
    Feature(
        "profile",
        "Profile",
        Kind.SELECT,
        lambda now: now.profile if now.profile in now.profiles else None,
        options=lambda now: tuple(dict.fromkeys(now.profiles)),
        order=ChooseProfile,
    ),
    Feature(
        "baseline",
        "Neutral recorded",
        Kind.SENSOR,
        _health(_recorded),
        device_class="timestamp",
        category="diagnostic",
    ),
    Feature(
        "record_neutral",
        "Record neutral",
        Kind.BUTTON,
        category="config",
        order=lambda _: RecordBaseline(),
        icon="mdi:record-circle-outline",
    ),
    Feature("recalibrate", "Recalibrate", Kind.BUTTON, category="config", order=lambda _: ClearBaseline()),
    Feature("mood_change", "Mood change", Kind.EVENT, options=_moods, icon="mdi:emoticon-outline"),
)
"""All that there is, in the order in which it is shown."""

_TAKEN = {feature.key: feature for feature in FEATURES if feature.order}


def parse_command(key: str, payload: bytes, now: Snapshot) -> Command:
    """What a message to the feature `key` asks for; anybody may have sent it. Raises ActionError."""
    feature = _TAKEN.get(key)
    if feature is None or feature.order is None:
        raise ActionError(f"{_BRIEF.repr(key)} takes no commands; {', '.join(_TAKEN)} do")
    came: str | bytes = payload[:MAX_PAYLOAD]
    with contextlib.suppress(UnicodeDecodeError):
        came = payload[:MAX_PAYLOAD].decode()
    if len(payload) > MAX_PAYLOAD or isinstance(came, bytes) or not _fits(feature, came, now):
        length = f" in {len(payload)} bytes" if len(payload) > MAX_PAYLOAD else ""
        raise ActionError(f"{key}: {_BRIEF.repr(came)} came{length}; allowed is {_allowed(feature, now)}")
    return feature.order(came)


def _fits(feature: Feature, text: str, now: Snapshot) -> bool:
    if feature.kind is Kind.NUMBER:
        return bool(_NUMBER.fullmatch(text)) and feature.least <= float(text) <= feature.most
    return text in _words(feature, now)


def _words(feature: Feature, now: Snapshot) -> tuple[str, ...]:
    return {Kind.SWITCH: ("ON", "OFF"), Kind.BUTTON: (PRESS,)}.get(feature.kind) or feature.options(now)


def _allowed(feature: Feature, now: Snapshot) -> str:
    if feature.kind is Kind.NUMBER:
        return f"a number from {feature.least:g} to {feature.most:g}"
    return " or ".join(_words(feature, now)) or "nothing yet"


def described(now: Snapshot) -> Json:
    """Every feature by its key, for who speaks HTTP: what it is, what it is now, and what it takes."""
    told: Json = {}
    for feature in FEATURES:
        one: Json = {"name": feature.name, "kind": feature.kind.value}
        one |= {"value": feature.value(now)} if feature.has_state else {}
        one |= {"unit": feature.unit} if feature.unit else {}
        one |= {"options": list(options)} if (options := feature.options(now)) else {}
        if feature.kind is Kind.NUMBER:
            one |= {"least": feature.least, "most": feature.most, "step": feature.step}
        told[feature.key] = one | {"takes_commands": feature.order is not None}
    return told
