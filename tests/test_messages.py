"""The messages between sense and hub: they arrive unchanged, and anything else is refused."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st
from msgspec import inspect

from device.emotions import Emotion
from device.errors import LinkError
from device.ipc.messages import (
    MAX_LINE,
    Ack,
    Beat,
    ClearBaseline,
    Health,
    Hello,
    HubMessage,
    MoodUpdate,
    RecordBaseline,
    SenseMessage,
    SetHold,
    SetSwitch,
    Stage,
    State,
    Switch,
    Watch,
    decode_hub_message,
    decode_sense_message,
    encode,
)
from device.readings import Baseline, Mood, Recording, SenseBaseline, SenseReading
from device.settings.locations import socket_path
from device.system.isolation import Isolation
from device.system.terminal import printable

_SEVEN = (0.0, 0.0, 0.0, 0.9, 0.0, 0.0, 0.1)
_MOOD = Mood(Emotion.HAPPY, 0.9, 0.8, 0.4, _SEVEN, 1, 10.5, 12.25, SenseReading(Emotion.HAPPY, 0.9, 0.1), None)
_ISOLATION = Isolation(True, ("lo",), "Network is unreachable", "own empty network namespace")
_STAGES = {"camera": Stage(State.LOST, "no camera found", 0.0, 3), "voice": Stage(State.OK, rate_hz=2)}
_NEUTRAL = Baseline(1e9, SenseBaseline(300, _SEVEN), None)
_FROM_SENSE: list[SenseMessage] = [
    Hello("5e55", "0.1.0", 4711, _ISOLATION, {"face": "0.1.0"}),
    MoodUpdate("5e55", 7, _MOOD),
    MoodUpdate("5e55", 0, msgspec.structs.replace(_MOOD, emotion=Emotion.UNKNOWN, face=None)),
    Health(_STAGES, camera_on=True, microphone_on=False, paused=False, lost_changes=2, hold_s=3.0),
    Health({}, True, True, False, baseline=_NEUTRAL, recording=Recording(59.5, "look as you do at rest")),
]
_FROM_HUB: list[HubMessage] = [Ack("5e55", 7), Beat()]
_FROM_HUB += [SetSwitch(switch, on) for switch in Switch for on in (True, False)]
_FROM_HUB += [SetHold(0.0), SetHold(3600.0), RecordBaseline(60.0), ClearBaseline(), Watch(0.0), Watch(2.5)]


@pytest.mark.parametrize("message", _FROM_SENSE, ids=repr)
def test_messages_of_sense_arrive_unchanged(message: SenseMessage) -> None:
    line = encode(message)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert decode_sense_message(line) == message


@pytest.mark.parametrize("message", _FROM_HUB, ids=repr)
def test_messages_of_hub_arrive_unchanged(message: HubMessage) -> None:
    assert decode_hub_message(encode(message)) == message


@given(
    st.from_regex(r"[0-9a-z]{1,32}", fullmatch=True),
    st.integers(0, 2**53 - 1),
    st.sampled_from(list(Emotion)),
    st.floats(-1, 1),
)
def test_any_mood_arrives_on_one_line(session: str, seq: int, emotion: Emotion, valence: float) -> None:
    update = MoodUpdate(session, seq, msgspec.structs.replace(_MOOD, emotion=emotion, valence=valence))
    line = encode(update)
    assert line.index(b"\n") == len(line) - 1
    assert decode_sense_message(line) == update


@pytest.mark.parametrize("message", _FROM_HUB, ids=repr)
def test_hub_messages_are_refused_from_sense(message: HubMessage) -> None:
    with pytest.raises(LinkError, match="sense sent"):
        decode_sense_message(encode(message))


@pytest.mark.parametrize("message", _FROM_SENSE, ids=repr)
def test_sense_messages_are_refused_from_hub(message: SenseMessage) -> None:
    with pytest.raises(LinkError, match="hub sent"):
        decode_hub_message(encode(message))


@tries(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text().map(str.encode)))
def test_other_bytes_give_a_link_error_and_nothing_else(line: bytes) -> None:
    for decode in (decode_sense_message, decode_hub_message):
        with pytest.raises(LinkError):
            decode(line)


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=9)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=9), inner, max_size=4)),
    max_leaves=8,
)


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if path:
        yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _paths(inner, (*path, key))


@tries(max_examples=400, deadline=None)
@given(st.data())
def test_a_message_with_one_value_changed_is_a_message_or_a_link_error(data: st.DataObject) -> None:
    decode, message = data.draw(
        st.sampled_from([(decode_sense_message, m) for m in _FROM_SENSE] + [(decode_hub_message, m) for m in _FROM_HUB])
    )
    raw = json.loads(encode(message))
    *path, last = data.draw(st.sampled_from(list(_paths(raw))))
    inner = raw
    for step in path:
        inner = inner[step]
    if data.draw(st.booleans()) and isinstance(inner, dict):
        del inner[last]
    else:
        inner[last] = data.draw(_JSON)
    try:
        assert isinstance(decode(json.dumps(raw).encode()), SenseMessage | HubMessage)
    except LinkError as error:
        assert "malformed message" in str(error)  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize("hold_s", [-0.5, 3600.5, 1e300])
def test_a_hold_time_over_an_hour_is_refused(hold_s: float) -> None:
    with pytest.raises(LinkError, match="hold_s"):
        decode_hub_message(encode(SetHold(hold_s)))


@pytest.mark.parametrize("seconds", [-1.0, 10.5, 86_400.0])
def test_a_watch_of_more_than_ten_seconds_is_refused(seconds: float) -> None:
    with pytest.raises(LinkError, match="seconds"):
        decode_hub_message(encode(Watch(seconds)))


@pytest.mark.parametrize("cut", [2, 20, 100])
def test_a_truncated_line_is_refused(cut: int) -> None:
    with pytest.raises(LinkError):
        decode_sense_message(encode(_FROM_SENSE[1])[:-cut])


def test_text_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(LinkError):
        decode_hub_message(encode(Ack("5e55", 7)).replace(b"5e55", b"5\xff\xfe5"))


@given(st.integers(1, 200_000))
@tries(max_examples=30, deadline=None)
def test_a_line_over_the_limit_is_refused_even_if_it_is_valid(over: int) -> None:
    line = encode(Beat()).rstrip()
    with pytest.raises(LinkError, match=f"{MAX_LINE} are allowed"):
        decode_hub_message(line + b" " * (MAX_LINE - len(line) + over))


def test_a_line_of_exactly_the_limit_is_accepted() -> None:
    assert decode_hub_message(encode(Beat()).rstrip().ljust(MAX_LINE)) == Beat()


def test_a_message_over_the_limit_is_not_sent() -> None:
    with pytest.raises(LinkError, match="is too long"):
        encode(Ack("x" * MAX_LINE, 1))


def test_json_nested_too_deeply_is_refused() -> None:
    with pytest.raises(LinkError):
        decode_sense_message(b"[" * 8000 + b"]" * 8000)


@pytest.mark.parametrize("count", [0, 6, 8, 2000])
def test_a_mood_has_exactly_seven_probabilities(count: int) -> None:
    raw = json.loads(encode(MoodUpdate("5e55", 1, _MOOD)))
    raw["mood"]["probabilities"] = [0.5] * count
    with pytest.raises(LinkError, match="probabilities"):
        decode_sense_message(json.dumps(raw).encode())


def _say(message: SenseMessage, path: str, text: str) -> bytes:
    """A message of sense with one text replaced, as an attacker in it would send it."""
    raw = json.loads(encode(message))
    *steps, last = path.split(".")
    inner = raw
    for step in steps:
        inner = inner[step]
    inner[last] = text
    return json.dumps(raw).encode()


_HELLO, _HEALTH = _FROM_SENSE[0], _FROM_SENSE[3]
_SAYING = msgspec.structs.replace(_FROM_SENSE[4], stages=_STAGES)
_TEXTS = [
    *((_HELLO, path) for path in ("session", "version", "isolation.refused", "isolation.detail", "models.face")),
    *((_HEALTH, path) for path in ("stages.camera.detail", "stages.camera.state")),
    (_SAYING, "recording.said"),
]


@pytest.mark.parametrize(("message", "path"), _TEXTS, ids=[path for _, path in _TEXTS])
def test_no_text_of_sense_holds_a_picture(message: SenseMessage, path: str) -> None:
    """Attack A6: a JPEG of 3,632 bytes went out in one line of Health, bit for bit."""
    for text in ("A" * 201, "/9j/4AAQ" * 605):
        with pytest.raises(LinkError):
            decode_sense_message(_say(message, path, text))


@pytest.mark.parametrize(("message", "path"), _TEXTS, ids=[path for _, path in _TEXTS])
@pytest.mark.parametrize("unsafe", ["\n", "\r", "\x1b[2J", "\x00", "\x85", "\u2028", "\u202e"], ids=ascii)
def test_no_text_of_sense_forges_a_line_of_the_log(message: SenseMessage, path: str, unsafe: str) -> None:
    with pytest.raises(LinkError) as caught:
        decode_sense_message(_say(message, path, f"x{unsafe}12:00:00 device.hub: all is well"))
    assert printable(str(caught.value)) == str(caught.value)


@pytest.mark.parametrize("name", ["a" * 17, "camera2", "/9j/4AAQ", "camera\n"])
def test_the_names_of_stages_are_an_enumeration(name: str) -> None:
    raw = json.loads(encode(_HEALTH))
    raw["stages"][name] = {"state": "ok"}
    with pytest.raises(LinkError):
        decode_sense_message(json.dumps(raw).encode())


def test_a_long_message_of_a_driver_is_cut_and_written_out_by_sense_itself() -> None:
    stage = Stage(State.LOST, "no\ncamera\x1b " + "found " * 60)
    assert len(stage.detail) == 200
    assert stage.detail.startswith("no\\x0acamera\\x1b found")
    assert stage.detail.endswith("...")
    health = msgspec.structs.replace(_FROM_SENSE[3], stages={"camera": stage})
    assert decode_sense_message(encode(health)) == health


def test_every_text_and_number_of_sense_has_a_bound() -> None:
    def is_bounded(kind: inspect.Type) -> bool:
        match kind:
            case inspect.StrType():
                return kind.pattern is not None
            case inspect.IntType() | inspect.FloatType():
                return kind.ge is not None and (kind.le is not None or kind.lt is not None)
        return True

    leaves = list(_leaves(inspect.type_info(SenseMessage), "$"))
    assert [where for where, kind in leaves if not is_bounded(kind)] == []


_SMALL = (inspect.StrType, inspect.IntType, inspect.FloatType, inspect.BoolType, inspect.NoneType, inspect.EnumType)


def _leaves(kind: inspect.Type, where: str) -> Iterator[tuple[str, inspect.Type]]:
    """Every type that a message can contain, with its path."""
    match kind:
        case inspect.StructType():
            for field in kind.fields:
                yield from _leaves(field.type, f"{where}.{field.name}")
        case inspect.UnionType():
            for one in kind.types:
                yield from _leaves(one, where)
        case inspect.DictType():
            yield from _leaves(kind.key_type, f"{where}{{}}")
            yield from _leaves(kind.value_type, f"{where}{{}}")
        case inspect.VarTupleType(max_length=None) if not isinstance(kind.item_type, inspect.StrType):
            yield f"{where}: a row of any length", kind
        case inspect.VarTupleType():
            yield from _leaves(kind.item_type, f"{where}[]")
        case inspect.Metadata():
            yield from _leaves(kind.type, where)
        case _:
            yield where, kind


@pytest.mark.parametrize("side", [SenseMessage, HubMessage])
def test_no_message_can_carry_bytes_arbitrary_values_or_a_row_of_numbers(side: Any) -> None:
    leaves = list(_leaves(inspect.type_info(side), "$"))
    assert len(leaves) > 3
    assert [where for where, kind in leaves if not isinstance(kind, _SMALL)] == []


def test_the_error_for_a_long_socket_path_says_what_to_set() -> None:
    assert socket_path(Path("/run/mien")) == Path("/run/mien/door.sock")
    with pytest.raises(LinkError, match=r"home\.runtime_dir"):
        socket_path(Path("/" + "ü" * 50))
