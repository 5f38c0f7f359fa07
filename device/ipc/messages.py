"""The messages between `sense` and `hub`: one JSON object per line, over a Unix socket.

`sense` sends its moods and its health, `hub` sends commands. No type here can carry a picture or a sound: there are
enumerations, bounded numbers, short words, and sentences of at most 200 printable characters. The hub limits how often
a sentence may change (device/hub/ipc/text_limiter.py). A line longer than MAX_LINE, or one that does not decode to one
of these types, is refused with a LinkError.

`sense` is the client and `hub` the server. Each reconnects by itself, so they can start and stop in any order. After
the Hello, `hub` sends the switches that `sense` has not stored yet; the first Beat or Ack ends them. Before that, a
`sense` that has just started opens no device.

A command keeps its name all the way. It arrives as a payload by MQTT or HTTP. `parse_command` in
device/hub/state/command_parser.py turns it into a Command: SetSwitch, SetHold, RecordBaseline, ClearBaseline or
ChooseProfile. `Hub.execute` handles ChooseProfile itself and forwards every other command to `sense` as a SenseCommand,
which `Controls.execute` in device/sense/controls.py executes. The next Health shows its effect.
"""

from enum import StrEnum
from typing import Annotated, TypeVar

import msgspec

from device.errors import LinkError
from device.readings import Baseline, Mood, Recording
from device.system.isolation.report import Isolation
from device.system.terminal import printable
from device.system.text import Line, to_line

MAX_LINE = 16_384
"""Bytes, including the newline. A mood needs about 600."""
HEARTBEAT_S = 0.5
"""Each side sends a message at least this often."""
PEER_TIMEOUT_S = 1.5
"""Without a line for this long, the other side counts as gone."""


class State(StrEnum):
    """How a stage of `sense` is doing."""

    OK = "ok"
    STARTING = "starting"
    OFF = "off"
    """The device is muted or not configured, and therefore closed."""
    LOST = "lost"
    """The device cannot be opened or delivers nothing; sense keeps trying."""
    FROZEN = "frozen"
    """The device keeps delivering the same picture, or digital silence."""
    DARK = "dark"
    """Its pictures are too dark to show anything: night, or a covered lens."""
    CLIPPED = "clipped"
    """Its sound is overloaded beyond use."""


SWITCHES_STAGE = "switches"
"""The name of a stage that is there only while the switches cannot be stored."""


Word = Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,64}\Z")]
Session = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-z]{1,32}\Z")]
StageName = Annotated[str, msgspec.Meta(pattern=rf"^(camera|microphone|face|voice|{SWITCHES_STAGE})\Z")]
Count = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]


class Stage(msgspec.Struct, frozen=True):
    """Health of one stage: `camera`, `microphone`, `face`, `voice`, and SWITCHES_STAGE."""

    state: State
    detail: Line = ""
    """What is wrong and what to do, for a person; empty if all is well."""
    rate_hz: Annotated[float, msgspec.Meta(ge=0, le=10_000)] = 0.0
    """The recent rate of frames, blocks or readings."""
    dropped: Count = 0
    """Items lost unread since the start: frames replaced by newer ones, blocks of sound fetched too late."""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "detail", to_line(self.detail))


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """The first message of `sense`."""

    session: Session
    """New at each start of `sense`; sequence numbers count within it."""
    version: Word
    pid: Count
    isolation: Isolation
    models: Annotated[dict[Word, Word], msgspec.Meta(max_length=8)]
    """Name -> version of each model in use."""


class MoodUpdate(msgspec.Struct, frozen=True, tag="mood"):
    """A mood. `sense` keeps a change (seq > 0) until it is acknowledged; a refresh (seq 0) is not kept."""

    session: Session
    seq: Count
    """1, 2, 3 ... for a change of emotion or of the number of people; 0 for a refresh of the same mood."""
    mood: Mood


class Health(msgspec.Struct, frozen=True, tag="health"):
    """The heartbeat of `sense`, at least every HEARTBEAT_S."""

    stages: dict[StageName, Stage]
    camera_on: bool
    microphone_on: bool
    paused: bool
    lost_changes: Count = 0
    """Changes of this session that were dropped because the outbox was full while `hub` was away."""
    hold_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 0.0
    """Minimum time between two changes of mood, from the settings or a SetHold."""
    baseline: Baseline | None = None
    recording: Recording = Recording()


class Ack(msgspec.Struct, frozen=True, tag="ack"):
    """`hub` has stored every change of `session` up to `seq`."""

    session: str
    seq: int


class Switch(StrEnum):
    """A switch of `sense`."""

    CAMERA = "camera"
    MICROPHONE = "microphone"
    PAUSE = "pause"


class SetSwitch(msgspec.Struct, frozen=True, tag="command"):
    """Set a switch. The setting survives restarts and reboots, and the next Health shows it."""

    switch: Switch = msgspec.field(name="order")
    on: bool


class SetHold(msgspec.Struct, frozen=True, tag="hold"):
    """Set the minimum time between two changes of mood. It survives a restart; the next Health shows it."""

    hold_s: Annotated[float, msgspec.Meta(ge=0, le=3600)]


class RecordBaseline(msgspec.Struct, frozen=True, tag="record_baseline"):
    """Record the next seconds as the household's neutral."""

    seconds: Annotated[float, msgspec.Meta(ge=1, le=600)] = 60.0


class ClearBaseline(msgspec.Struct, frozen=True, tag="clear_baseline"):
    """Forget the household's neutral."""


class Watch(msgspec.Struct, frozen=True, tag="watch"):
    """Somebody watches the live view for the next seconds; 0: nobody does.

    `sense` sends the pictures over a separate socket (device/ipc/live_view.py), and only if its own settings
    allow it.
    """

    seconds: Annotated[float, msgspec.Meta(ge=0, le=10)]


class Beat(msgspec.Struct, frozen=True, tag="beat"):
    """The heartbeat of `hub`."""


_T = TypeVar("_T")

SenseCommand = SetSwitch | SetHold | RecordBaseline | ClearBaseline | Watch
SenseMessage = Hello | MoodUpdate | Health
HubMessage = Ack | SenseCommand | Beat

_sense_decoder: "msgspec.json.Decoder[SenseMessage]" = msgspec.json.Decoder(SenseMessage)
_hub_decoder: "msgspec.json.Decoder[HubMessage]" = msgspec.json.Decoder(HubMessage)


def encode(message: SenseMessage | HubMessage) -> bytes:
    """One line with its newline. Raises LinkError if it is longer than MAX_LINE."""
    line = msgspec.json.encode(message) + b"\n"
    if len(line) > MAX_LINE:
        raise LinkError(f"a {type(message).__name__} of {len(line)} bytes is too long; {MAX_LINE} are allowed")
    return line


def decode_sense_message(line: bytes) -> SenseMessage:
    """Decode a line that `hub` received. Raises LinkError."""
    return _decode(_sense_decoder, line, "sense")


def decode_hub_message(line: bytes) -> HubMessage:
    """Decode a line that `sense` received. Raises LinkError."""
    return _decode(_hub_decoder, line, "hub")


def _decode(decoder: "msgspec.json.Decoder[_T]", line: bytes, sender: str) -> _T:
    if len(line) > MAX_LINE:
        raise LinkError(f"{sender} sent a line of {len(line)} bytes; {MAX_LINE} are allowed")
    try:
        return decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # It may quote the message: no line of the log can be forged with it.
        raise LinkError(f"{sender} sent a malformed message: {printable(str(error))[:200]}") from error
