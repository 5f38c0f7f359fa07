"""The commands that each feature accepts and refuses, and the features described for HTTP."""

import re
import unicodedata

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from device.errors import ActionError
from device.hub.state.command_parser import parse_command
from device.hub.state.features import FEATURES, MOODS, ChooseProfile, Command, Kind, describe_features
from device.ipc.messages import ClearBaseline, RecordBaseline, SetHold, SetSwitch, Switch
from tests.hub.state.builders import BEFORE, FULL, PROFILES

# -- commands

COMMANDS: list[tuple[str, bytes, Command]] = [
    ("camera", b"ON", SetSwitch(Switch.CAMERA, on=True)),
    ("camera", b"OFF", SetSwitch(Switch.CAMERA, on=False)),
    ("microphone", b"ON", SetSwitch(Switch.MICROPHONE, on=True)),
    ("microphone", b"OFF", SetSwitch(Switch.MICROPHONE, on=False)),
    ("pause", b"ON", SetSwitch(Switch.PAUSE, on=True)),
    ("pause", b"OFF", SetSwitch(Switch.PAUSE, on=False)),
    ("hold_s", b"0", SetHold(0.0)),
    ("hold_s", b"3.5", SetHold(3.5)),
    ("hold_s", b"60", SetHold(60.0)),
    ("recalibrate", b"PRESS", ClearBaseline()),
    ("record_neutral", b"PRESS", RecordBaseline(60.0)),
    *(("profile", profile.encode(), ChooseProfile(profile)) for profile in PROFILES),
]


@pytest.mark.parametrize(("key", "payload", "command"), COMMANDS)
def test_an_allowed_payload_becomes_a_command(key: str, payload: bytes, command: Command) -> None:
    assert parse_command(key, payload, FULL) == command


def test_every_feature_that_takes_commands_is_tested() -> None:
    assert {key for key, _, _ in COMMANDS} == {feature.key for feature in FEATURES if feature.to_command}
    shown_only = {Kind.SENSOR, Kind.BINARY_SENSOR, Kind.EVENT}
    assert {f.kind for f in FEATURES if f.to_command is None} == shown_only
    assert not {f.kind for f in FEATURES if f.to_command} & shown_only


def test_minus_zero_becomes_zero() -> None:
    command = parse_command("hold_s", b"-0", FULL)
    assert isinstance(command, SetHold)
    assert str(command.hold_s) == "0.0"


@pytest.mark.parametrize(
    ("key", "payload", "message"),
    [
        ("mood", b"sad", "'mood' takes no commands; camera, microphone, pause, hold_s, profile, record_neutral, recal"),
        ("mood_change", b"", "'mood_change' takes no commands"),
        ("x/../camera", b"ON", "'x/../camera' takes no commands"),
        ("", b"ON", "'' takes no commands"),
        ("\x1b[2J\n\u202e", b"ON", r"'\x1b[2J\n\u202e' takes no commands"),
        ("camera", b"", "camera: got ''; allowed is ON or OFF"),
        ("camera", b"on", "camera: got 'on'; allowed is ON or OFF"),
        ("camera", b"ON\n", r"camera: got 'ON\n'; allowed is ON or OFF"),
        ("camera", b"\xff\xfe", r"camera: got b'\xff\xfe'; allowed is ON or OFF"),
        ("camera", b"ON" * 101, "ONON' in 202 bytes; allowed is ON or OFF"),
        ("recalibrate", b"", "recalibrate: got ''; allowed is PRESS"),
        ("hold_s", b"60.1", "hold_s: got '60.1'; allowed is a number from 0 to 60"),
        ("hold_s", b"-1", "hold_s: got '-1'; allowed is a number from 0 to 60"),
        ("hold_s", b"nan", "hold_s: got 'nan'; allowed is a number"),
        ("hold_s", b"inf", "hold_s: got 'inf'; allowed is a number"),
        ("hold_s", b"1e1", "hold_s: got '1e1'; allowed is a number"),
        ("hold_s", b"1_0", "hold_s: got '1_0'; allowed is a number"),
        ("hold_s", b" 3", "hold_s: got ' 3'; allowed is a number"),
        ("hold_s", "٣".encode(), "hold_s: got '٣'; allowed is a number"),
        ("hold_s", b"9" * 200, "9999'; allowed is a number"),
        ("profile", b"late night", "profile: got 'late night'; allowed is everyday or Late night or quiet"),
        ("profile", b"[1, 2]", "profile: got '[1, 2]'"),
    ],
)
def test_other_payloads_are_refused_with_the_reason(key: str, payload: bytes, message: str) -> None:
    with pytest.raises(ActionError, match=re.escape(message)):
        parse_command(key, payload, FULL)


def test_a_payload_that_is_too_long_is_not_truncated() -> None:
    longest = msgspec.structs.replace(FULL, profiles=("x" * 200,))
    assert parse_command("profile", b"x" * 200, longest) == ChooseProfile("x" * 200)
    with pytest.raises(ActionError, match="in 201 bytes"):
        parse_command("profile", b"x" * 201, longest)


def test_without_profiles_no_profile_is_accepted() -> None:
    with pytest.raises(ActionError, match="profile: got ''; allowed is nothing yet"):
        parse_command("profile", b"", BEFORE)


KEYS = [feature.key for feature in FEATURES]
ALLOWED = {(key, payload): command for key, payload, command in COMMANDS if key != "hold_s"}


@given(key=st.sampled_from(KEYS) | st.text(), payload=st.binary() | st.text().map(str.encode) | st.just(b"ON"))
@example(key="camera", payload=b"\x00" * 100_000)
@example(key="\ud800" * 70_000, payload=b"ON")
@example(key="profile", payload=("\u202e\x1b" * 40).encode())
def test_a_malicious_broker_gets_an_allowed_command_or_a_short_refusal(key: str, payload: bytes) -> None:
    try:
        command = parse_command(key, payload, FULL)
    except ActionError as error:
        assert (key, payload) not in ALLOWED
        message = str(error)
        assert len(message) < 60 + 120
        assert not [c for c in message if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
    else:
        if isinstance(command, SetHold):
            assert key == "hold_s"
            assert 0 <= command.hold_s <= 60
        else:
            assert ALLOWED[key, payload] == command


@given(st.floats(-100, 100).map(lambda x: round(x, 3)) | st.sampled_from([0.0, 60.0, 60.001, -0.001]))
def test_a_number_is_accepted_exactly_within_its_range(hold_s: float) -> None:
    payload = f"{hold_s:.3f}".encode()
    if 0 <= hold_s <= 60:
        assert parse_command("hold_s", payload, FULL) == SetHold(hold_s)
    else:
        with pytest.raises(ActionError):
            parse_command("hold_s", payload, FULL)


# -- for HTTP


def test_features_described_for_http() -> None:
    message = describe_features(FULL)
    assert list(message) == KEYS
    assert msgspec.json.decode(msgspec.json.encode(message)) == message
    assert message["hold_s"] == {
        "name": "Hold time",
        "kind": "number",
        "value": 3.0,
        "unit": "s",
        "least": 0.0,
        "most": 60.0,
        "step": 0.5,
        "takes_commands": True,
    }
    assert message["profile"]["options"] == list(PROFILES)
    assert message["mood"] == {
        "name": None,
        "kind": "sensor",
        "value": "sad",
        "options": list(MOODS),
        "takes_commands": False,
    }
    assert message["recalibrate"] == {"name": "Recalibrate", "kind": "button", "takes_commands": True}
    assert "options" not in describe_features(BEFORE)["profile"]
