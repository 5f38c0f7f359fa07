"""FEATURES: the one list of what Mien shows and accepts. MQTT, Home Assistant, HTTP and metrics use it."""

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import Literal

from msgspec import Struct

from device.emotions import EMOTIONS, Emotion
from device.hub.state.snapshot import Json, Snapshot
from device.ipc.messages import ClearBaseline, Health, RecordBaseline, SetHold, SetSwitch, Switch
from device.readings import Mood, SenseReading

Value = str | int | float | bool | None
"""None means currently unknown."""

MOODS = tuple(emotion.value for emotion in (*EMOTIONS, Emotion.UNKNOWN))
PRESS = "PRESS"
"""The payload that presses a button."""


class Kind(StrEnum):
    """The kind of entity, in Home Assistant's terms."""

    SENSOR = "sensor"
    BINARY_SENSOR = "binary_sensor"
    SWITCH = "switch"
    NUMBER = "number"
    SELECT = "select"
    BUTTON = "button"
    EVENT = "event"


class ChooseProfile(Struct, frozen=True):
    """Make `name` the active profile, so that only its rules act."""

    name: str


Command = SetSwitch | SetHold | RecordBaseline | ClearBaseline | ChooseProfile
"""Every command that Mien accepts."""


class Feature(Struct, frozen=True):
    """One entity: a value that a front end shows, a command that it accepts, or both."""

    key: str
    """Its name in commands, and in the state unless `state_name` gives another."""
    name: str | None
    """For a person; None for the mood, which stands for Mien itself."""
    kind: Kind
    value: Callable[[Snapshot], Value] = lambda _: None
    """A bool for a switch or binary sensor, UTC seconds since 1970 for a timestamp, one of `options` if there are any.

    None for a button and an event, which have no state.
    """
    state_name: str = ""
    unit: str = ""
    """As a person sees it: a confidence of 0..1 is shown in %."""
    device_class: str = ""
    state_class: Literal["", "measurement"] = ""
    category: Literal["", "config", "diagnostic"] = ""
    options: Callable[[Snapshot], tuple[str, ...]] = lambda _: ()
    min_value: float = 0.0
    max_value: float = 0.0
    """The range that a number's commands must stay in. The settings may set a value outside it."""
    step: float = 0.0
    to_command: Callable[[str], Command] | None = None
    """Turns an allowed payload into a command; None if the feature is only shown."""
    icon: str = ""
    detail: str = ""
    """The key of a sentence about it in the state."""

    @property
    def state_key(self) -> str:
        """Its key in the state."""
        return self.state_name or self.key

    @property
    def has_state(self) -> bool:
        """Whether it holds a value; buttons and events do not."""
        return self.kind not in (Kind.BUTTON, Kind.EVENT)


def _moods(_: Snapshot) -> tuple[str, ...]:
    return MOODS


def round_value(number: float) -> float:
    """Round to 0.01, so that a steady mood is published once; -0.0 becomes 0.0."""
    return round(number, 2) + 0.0


def _mood(read: Callable[[Mood], Value]) -> Callable[[Snapshot], Value]:
    return lambda now: None if now.mood is None else read(now.mood)


def _visible(read: Callable[[Mood], Value]) -> Callable[[Snapshot], Value]:
    # While the camera is off, lost or in the dark, an empty picture does not mean an empty room.
    return lambda now: read(now.mood) if now.mood is not None and now.can_see else None


def _health(read: Callable[[Health], Value]) -> Callable[[Snapshot], Value]:
    # While sense is away, its last Health no longer counts.
    return lambda now: read(now.health) if now.available and now.health else None


def _emotion(reading: Mood | SenseReading | None) -> str | None:
    return reading.emotion.value if reading else None


def _recorded_utc_s(health: Health) -> float | None:
    # A time outside the calendar would raise when it is formatted.
    time_s = health.baseline.recorded_utc_s if health.baseline else None
    return time_s if time_s is not None and 0 <= time_s < 1e11 else None


def _switch(
    switch: Switch, name: str, is_on: Callable[[Health], bool], category: Literal["", "config"], state_name: str = ""
) -> Feature:
    return Feature(
        switch.value,
        name,
        Kind.SWITCH,
        _health(is_on),
        state_name=state_name,
        category=category,
        to_command=lambda text: SetSwitch(switch, text == "ON"),
        icon=f"mdi:{switch.value}",
    )


_measurement = partial(Feature, kind=Kind.SENSOR, state_class="measurement")
_sense_mood = partial(Feature, kind=Kind.SENSOR, device_class="enum", category="diagnostic", options=_moods)
_button = partial(Feature, kind=Kind.BUTTON, category="config")

FEATURES: tuple[Feature, ...] = (
    Feature("mood", None, Kind.SENSOR, _mood(_emotion), device_class="enum", options=_moods, icon="mdi:emoticon"),
    _measurement(
        "confidence",
        "Confidence",
        value=_mood(lambda mood: round_value(mood.confidence)),
        unit="%",
        category="diagnostic",
        icon="mdi:percent",
    ),
    _measurement("valence", "Valence", value=_mood(lambda mood: round_value(mood.valence))),
    _measurement("arousal", "Arousal", value=_mood(lambda mood: round_value(mood.arousal))),
    Feature(
        "presence", "Presence", Kind.BINARY_SENSOR, _visible(lambda mood: mood.people > 0), device_class="occupancy"
    ),
    _measurement("people", "People", value=_visible(lambda mood: mood.people), icon="mdi:account-group"),
    _sense_mood("face_mood", "Face mood", value=_mood(lambda mood: _emotion(mood.face)), icon="mdi:face-recognition"),
    _sense_mood("voice_mood", "Voice mood", value=_mood(lambda mood: _emotion(mood.voice)), icon="mdi:account-voice"),
    Feature(
        "problem",
        "Problem",
        Kind.BINARY_SENSOR,
        lambda now: bool(now.problems()),
        state_name="has_problem",
        detail="problem",
        device_class="problem",
        category="diagnostic",
    ),
    _switch(Switch.CAMERA, "Camera", lambda health: health.camera_on, "config"),
    _switch(Switch.MICROPHONE, "Microphone", lambda health: health.microphone_on, "config"),
    _switch(Switch.PAUSE, "Pause", lambda health: health.paused, "", state_name="paused"),
    Feature(
        "hold_s",
        "Hold time",
        Kind.NUMBER,
        _health(lambda health: round_value(health.hold_s)),
        unit="s",
        device_class="duration",
        category="config",
        min_value=0.0,
        max_value=60.0,
        step=0.5,
        to_command=lambda text: SetHold(float(text) + 0.0),
    ),
    Feature(
        "profile",
        "Profile",
        Kind.SELECT,
        lambda now: now.profile if now.profile in now.profiles else None,
        options=lambda now: tuple(dict.fromkeys(now.profiles)),
        to_command=ChooseProfile,
    ),
    Feature(
        "baseline",
        "Neutral recorded",
        Kind.SENSOR,
        _health(_recorded_utc_s),
        device_class="timestamp",
        category="diagnostic",
    ),
    _button(
        "record_neutral", "Record neutral", to_command=lambda _: RecordBaseline(), icon="mdi:record-circle-outline"
    ),
    _button("recalibrate", "Recalibrate", to_command=lambda _: ClearBaseline()),
    Feature("mood_change", "Mood change", Kind.EVENT, options=_moods, icon="mdi:emoticon-outline"),
)
"""In the order in which they are shown."""


def describe_features(now: Snapshot) -> Json:
    """Every feature by its key, for HTTP: its description, its current value, and the commands that it accepts."""
    documents: Json = {}
    for feature in FEATURES:
        document: Json = {"name": feature.name, "kind": feature.kind.value}
        document |= {"value": feature.value(now)} if feature.has_state else {}
        document |= {"unit": feature.unit} if feature.unit else {}
        document |= {"options": list(options)} if (options := feature.options(now)) else {}
        if feature.kind is Kind.NUMBER:
            document |= {"least": feature.min_value, "most": feature.max_value, "step": feature.step}
        documents[feature.key] = document | {"takes_commands": feature.to_command is not None}
    return documents
