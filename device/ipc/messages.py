"""The one door: messages between `sense` and `hub`, as lines of JSON over a Unix socket.

Scores and health go out, commands come in. No type here can carry a picture or a sound, a line may not be
longer than MAX_LINE, and what does not decode to one of these types is refused with a LinkError.

`sense` is the client and `hub` the listener, so that each may come, go and come back in any order.
"""

from enum import StrEnum
from typing import Annotated, TypeVar

import msgspec

from device.errors import LinkError
from device.readings import ONE_EACH, Mood
from device.system.isolation import Isolation

MAX_LINE = 16_384
"""Bytes, the newline included. A mood takes about 600."""
HEARTBEAT_S = 0.5
"""Each side sends something at least this often."""
SILENCE_S = 1.5
"""After so long without a line, the other side counts as gone."""


class State(StrEnum):
    """How a stage of `sense` is doing."""

    OK = "ok"
    STARTING = "starting"
    OFF = "off"
    """Muted or not configured: the device is closed."""
    LOST = "lost"
    """It cannot be opened or has stopped giving anything; it is tried again."""
    FROZEN = "frozen"
    """It gives the same picture, or digital silence, again and again."""
    DARK = "dark"
    """It gives pictures in which nothing can be seen: night, or something in front of the lens."""
    CLIPPED = "clipped"
    """It gives sound that is cut off at the top: nothing can be heard in it."""


class Stage(msgspec.Struct, frozen=True):
    """Health of one stage: `camera`, `microphone`, `face`, `voice`."""

    state: State
    detail: str = ""
    """For a person: what is wrong and what to do; empty when all is well."""
    rate_hz: float = 0.0
    """What it handled a second, lately."""
    dropped: int = 0
    """What it let go unread since the start: frames replaced by newer ones, blocks of sound not fetched in time."""


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """First line of `sense`."""

    session: str
    """Made anew at each start of `sense`; sequence numbers belong to it."""
    version: str
    pid: int
    isolation: Isolation
    models: dict[str, str]
    """Name -> version, of the model pairs in use."""


class MoodSaid(msgspec.Struct, frozen=True, tag="mood"):
    """A mood. Changes (seq > 0) are kept by `sense` until acknowledged; refreshes (seq 0) are not."""

    session: str
    seq: int
    """1, 2, 3 ... for changes of emotion or of the number of people; 0 for a refresh of the same."""
    mood: Mood


Shares = Annotated[tuple[Annotated[float, msgspec.Meta(ge=0, le=1)], ...], ONE_EACH]
"""In EMOTIONS' order."""


class SenseBaseline(msgspec.Struct, frozen=True):
    """How one sense reads this household at rest."""

    readings: int
    shares: Shares
    """The geometric mean of what was read."""


class Baseline(msgspec.Struct, frozen=True):
    """A household's neutral: all that is kept of a minute at rest."""

    recorded_utc_s: float
    face: SenseBaseline | None = None
    voice: SenseBaseline | None = None


class Recording(msgspec.Struct, frozen=True):
    """A recording of the neutral."""

    left_s: float = 0.0
    """0 when none is under way."""
    said: str = ""
    """For a person: what to do, or what became of the last one."""


class Health(msgspec.Struct, frozen=True, tag="health"):
    """Heartbeat of `sense`, at least every HEARTBEAT_S."""

    stages: dict[str, Stage]
    camera_on: bool
    microphone_on: bool
    paused: bool
    lost_changes: int = 0
    """Changes of this session that were dropped because `hub` was away for longer than the outbox holds."""
    hold_s: float = 0.0
    """How long a mood stays at least, as the settings or a SetHold have it."""
    baseline: Baseline | None = None
    recording: Recording = Recording()


class Ack(msgspec.Struct, frozen=True, tag="ack"):
    """`hub` has stored every change of `session` up to `seq`."""

    session: str
    seq: int


class Switch(StrEnum):
    """What `hub` may ask of `sense`."""

    CAMERA = "camera"
    MICROPHONE = "microphone"
    PAUSE = "pause"


class SetSwitch(msgspec.Struct, frozen=True, tag="command"):
    """Switch a sense. It is kept over a restart and a reboot, and the next Health shows it."""

    order: Switch
    on: bool


class SetHold(msgspec.Struct, frozen=True, tag="hold"):
    """How long a mood stays at least. Kept over a restart, and the next Health shows it."""

    hold_s: Annotated[float, msgspec.Meta(ge=0, le=3600)]


class RecordBaseline(msgspec.Struct, frozen=True, tag="record_baseline"):
    """Take the next so many seconds as the household's neutral."""

    seconds: Annotated[float, msgspec.Meta(ge=1, le=600)] = 60.0


class ClearBaseline(msgspec.Struct, frozen=True, tag="clear_baseline"):
    """Forget the household's neutral."""


class Watch(msgspec.Struct, frozen=True, tag="watch"):
    """Someone looks at the live view for the next so many seconds; 0: nobody any more.

    `sense` sends pictures over a socket of their own (device/ipc/live_view.py), and only where its own
    settings allow it.
    """

    seconds: Annotated[float, msgspec.Meta(ge=0, le=10)]


class Beat(msgspec.Struct, frozen=True, tag="beat"):
    """Heartbeat of `hub`."""


_T = TypeVar("_T")

FromSense = Hello | MoodSaid | Health
FromHub = Ack | SetSwitch | SetHold | RecordBaseline | ClearBaseline | Watch | Beat

_encoder = msgspec.json.Encoder()
_from_sense = msgspec.json.Decoder(FromSense)
_from_hub = msgspec.json.Decoder(FromHub)


def encode(message: FromSense | FromHub) -> bytes:
    """One line, newline included. Raises LinkError if it would be longer than MAX_LINE."""
    line = _encoder.encode(message) + b"\n"
    if len(line) > MAX_LINE:
        raise LinkError(f"a {type(message).__name__} of {len(line)} bytes does not fit through the door ({MAX_LINE})")
    return line


def from_sense(line: bytes) -> FromSense:
    """Decode a line that `hub` received. Raises LinkError."""
    message: FromSense = _decode(_from_sense, line, "sense")
    return message


def from_hub(line: bytes) -> FromHub:
    """Decode a line that `sense` received. Raises LinkError."""
    message: FromHub = _decode(_from_hub, line, "hub")
    return message


def _decode(decoder: "msgspec.json.Decoder[_T]", line: bytes, sender: str) -> _T:
    if len(line) > MAX_LINE:
        raise LinkError(f"{sender} sent a line of {len(line)} bytes; {MAX_LINE} are allowed")
    try:
        return decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LinkError(f"{sender} sent what is no message of the door: {error}") from error
