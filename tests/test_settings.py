"""The settings file: what is accepted, and the error messages."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st

from device.emotions import Emotion
from device.errors import SettingsError
from device.settings.actions.mqtt_publish import Publish
from device.settings.actions.virtual import Lamp, Player
from device.settings.load import load, parse
from device.settings.locations import default_path
from device.settings.rules import Rule
from device.settings.schema import Mqtt, Settings
from device.settings.toml import format_settings

_RULE = '[[rules]]\nname = "x"\nmood = ["sad"]\n'
_LAMP = 'do = [{ action = "lamp" }]\n'


def _uncommented(text: str) -> str:
    """The file of `config init` with the # before each key removed; the descriptions keep theirs."""
    return re.sub(r"(?m)^# (?=[a-z_]+ = |\[\[rules\]\])", "", text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[camera]\nfps = 500", ["camera.fps", "500", "<= 60"]),
        ("[camera]\nfps = nan", ["camera.fps", "nan"]),
        ("[camera]\nfps = inf", ["camera.fps", "inf", "<= 60"]),
        ('[camera]\nfps = "10"', ["camera.fps", "'10'", "float"]),
        ("[camera]\nfps = true", ["camera.fps", "True", "float"]),
        ("[camera]\nfps = 1979-05-27", ["camera.fps", "1979", "float"]),
        ("[camera]\nwidth_px = 1000000000000000000000000000000", ["camera.width_px", "<= 3840"]),
        ("[camera]\nfsp = 3", ["camera.fsp", "did you mean fps?"]),
        ("[camera]\nzzzzzz = 3", ["camera.zzzzzz", "allowed are", "fps", "range", "timeout_s"]),
        ('[camera]\n"f`ps" = 1', ["camera.f`ps", "did you mean fps?"]),
        ("[camra]", ["camra", "did you mean camera?"]),
        ("camera = 3", ["camera", "3"]),
        ('[camera]\nrange = "wide"', ["camera.range", "'wide'", "allowed are far, mediapipe, near"]),
        ("[microphone]\nleast_speech = 1.5", ["microphone.min_speech", "1.5", "<= 1"]),
        ("[mood]\nhold_s = nan", ["mood.hold_s", "nan", ">= 0"]),
        ("[mood]\nhold_s = -1", ["mood.hold_s", "-1", ">= 0"]),
        ("[mood]\nforget_s = 0", ["mood.reading_max_age_s", "0", ">= 0.5"]),
        ("[mood]\nneutral_prior = 0", ["mood.neutral_prior", "0", ">= 1"]),
        ("[kiosk]\nport = 70000", ["kiosk.port", "70000", "<= 65535"]),
        ("[kiosk]\nenabled = 1", ["kiosk.enabled", "1", "bool"]),
        ('[kiosk]\nlisten = "mien.local"', ["kiosk.listen", "mien.local", "IP address"]),
        ('[kiosk]\nlisten = "::"', ["kiosk.listen", "kiosk.password_file", "mien kiosk password"]),
        ('[kiosk]\nnight = "22-6"', ["kiosk.night", "22-6"]),
        ('[kiosk]\nnames = ["a b"]', ["kiosk.allowed_hosts[0]", "a b"]),
        ('[kiosk]\nkey_file = "/k"', ["kiosk", "certificate_file", "key_file"]),
        ('[home]\nname = "my home"', ["home.name", "my home", "a-zA-Z0-9_-"]),
        ('[home]\nname = "home\\n"', ["home.name", "a-zA-Z0-9_-"]),
        ('[home]\nstate_dir = "a\\u0000b"', ["home.state_dir"]),
        ('[mqtt]\nusername = "x"', ["mqtt", "username", "password_file"]),
        ("rules = 3", ["rules", "3", "array"]),
        (_RULE, ["rules[0]", "`do`"]),
        (_RULE + "do = []", ["rules[0].do", ">= 1"]),
        (_RULE + "do = [{}]", ["rules[0].do[0]", "`action`"]),
        (_RULE + 'do = [{ action = "lamb" }]', ["rules[0].do[0].action", "'lamb'", "lamp, player, mqtt"]),
        (_RULE + 'do = [{ action = "lamp", bright = 3 }]', ["rules[0].do[0].bright", "did you mean brightness?"]),
        (_RULE + 'do = [{ action = "lamp", colour = "red" }]', ["rules[0].do[0].colour", "'red'", "0-9a-fA-F"]),
        (_RULE + 'do = [{ action = "lamp", colour = "#ffffff\\n" }]', ["rules[0].do[0].colour"]),
        (_RULE + 'do = [{ action = "lamp", brightness = 101 }]', ["rules[0].do[0].brightness", "101", "<= 100"]),
        (_RULE + 'do = [{ action = "mqtt", topic = "a/#", payload = "" }]', ["rules[0].do[0].topic", "a/#"]),
        (_RULE + _LAMP + 'hours = "18-23"', ["rules[0].hours", "18-23"]),
        (_RULE + _LAMP + 'hours = "18:00-24:00"', ["rules[0].hours", "18:00-24:00"]),
        (_RULE + _LAMP + 'hours = "18:00-23:30\\n"', ["rules[0].hours"]),
        (_RULE.replace("sad", "happpy") + _LAMP, ["rules[0].mood[0]", "'happpy'", "angry, disgust, fear, happy"]),
        (_RULE.replace("sad", "unknown") + _LAMP, ["rules[0]", "unknown triggers nothing"]),
        (_RULE.replace('"sad"', "") + _LAMP, ["rules[0]", "one or more of the seven"]),
        (_RULE + _LAMP + _RULE + _LAMP + "for_s = -1", ["rules[1].for_s", "-1", ">= 0"]),
        (_RULE + _LAMP + _RULE + _LAMP, ["two rules are called", "a name of its own"]),
        (_RULE + 'do = [{ action = "mqtt", topic = "a", payload = "" }]', ["rule ", "mqtt.host is not set"]),
        ("[camera\nfps = 3", ["not valid TOML", "line 1"]),
        ("a = " + "[" * 5000, ["not valid TOML"]),
    ],
)
def test_an_error_names_file_key_value_and_what_is_allowed(text: str, words: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        parse(text, "/home/anna/mien.toml")
    said = str(caught.value)
    assert said.startswith("/home/anna/mien.toml: ")
    for word in words:
        assert word in said


def test_a_whole_file_is_read_with_its_types() -> None:
    read = parse(
        """
        [home]
        name = "flat_2-b"
        [camera]
        source = "rtsp://cam/1"
        fps = 5
        range = "near"
        [mqtt]
        host = "broker"
        username = "u"
        password_file = "/run/secret"
        [[rules]]
        name = "calm"
        mood = ["sad", "fear"]
        for_s = 3
        hours = "22:00-06:00"
        do = [
          { action = "lamp", colour = "#ffb46b", brightness = 40 },
          { action = "player", playlist = "calm" },
          { action = "mqtt", topic = "zigbee2mqtt/lamp/set", payload = "{}", retain = true },
        ]
        """,
        "mien.toml",
    )
    assert read.home.name == "flat_2-b"
    assert (read.camera.fps, read.camera.range, read.camera.idle_fps) == (5.0, "near", 3.0)
    assert read.mqtt == Mqtt("broker", 1883, "u", "/run/secret")
    assert (read.mqtt.version, read.mqtt.tls, read.mqtt.discovery_prefix) == ("5", False, "homeassistant")
    do = (Lamp("#ffb46b", 40), Player("calm"), Publish("zigbee2mqtt/lamp/set", "{}", retain=True))
    assert read.rules == (Rule("calm", (Emotion.SAD, Emotion.FEAR), do, for_s=3, hours="22:00-06:00"),)


def test_an_empty_file_means_the_defaults_and_the_rules_can_be_empty() -> None:
    assert parse("", "x") == Settings()
    assert len(Settings().rules) == 5
    assert parse("rules = []", "x").rules == ()


def test_config_init_writes_the_defaults_commented_out() -> None:
    written = format_settings(Settings(), commented=True)
    assert parse(written, "as written") == Settings()
    uncommented = _uncommented(written)
    keys = tomllib.loads(uncommented)
    for section in ("home", "camera", "microphone", "mood", "kiosk", "mqtt", "history"):
        assert keys[section].keys() == set(getattr(Settings(), section).__struct_fields__)
    assert len(keys["rules"]) == 5
    assert parse(uncommented, "uncommented") == Settings()


def test_config_show_prints_what_reads_back_as_the_same() -> None:
    read = parse('[home]\nname = "a"\nstate_dir = "/ü \\"x\\" \\\\"\n[camera]\nfps = 0.5\n' + _RULE + _LAMP, "x")
    assert parse(format_settings(read, commented=False), "shown") == read


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"gone\.toml.*mien config init"):
        load(tmp_path / "gone.toml")


def test_a_file_that_is_not_text_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "mien.toml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match=r"mien\.toml"):
        load(file)


def test_a_file_that_begins_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    file = tmp_path / "mien.toml"
    file.write_text('[home]\nname = "hall"\n', encoding="utf-8-sig")
    assert load(file).home.name == "hall"


def test_a_folder_in_place_of_the_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path)


def test_the_environment_names_the_file_and_the_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MIEN_SETTINGS", "STATE_DIRECTORY", "RUNTIME_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    assert default_path() == tmp_path / "config/mien/mien.toml"
    assert load() == Settings()
    assert Settings().state_dir == tmp_path / "state/mien"
    assert Settings().runtime_dir == tmp_path / "run/mien"
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/mien")
    monkeypatch.setenv("RUNTIME_DIRECTORY", "/run/mien")
    assert (str(Settings().state_dir), str(Settings().runtime_dir)) == ("/var/lib/mien", "/run/mien")
    own = tmp_path / "own.toml"
    own.write_text('[home]\nstate_dir = "~/s"\nruntime_dir = "/r"\n')
    monkeypatch.setenv("MIEN_SETTINGS", str(own))
    assert (load().state_dir, str(load().runtime_dir)) == (Path.home() / "s", "/r")


_SECTIONS = ("home", "camera", "microphone", "mood", "kiosk", "mqtt", "history", "rules")
_KEYS = st.sampled_from([*_SECTIONS, "name", "do", "action", "for_s", "fps", "source", "colour", "x", "a`b"])
_SCALARS = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from(['"lamp"', '"sad"', '"#ffffff"', '"auto"', "true", "1979-05-27", '""', '"\\u0000"', "07:32:00"]),
).map(str)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda v: "[" + ", ".join(v) + "]"),
        st.dictionaries(_KEYS, inner, max_size=3).map(
            lambda d: "{ " + ", ".join(f'"{k}" = {v}' for k, v in d.items()) + " }"
        ),
    ),
    max_leaves=6,
)
_TABLES = st.lists(st.tuples(st.sampled_from(["[{}]", "[[{}]]"]), _KEYS, st.dictionaries(_KEYS, _VALUES)), max_size=3)


def _written(tables: list[Any]) -> str:
    lines = []
    for form, name, keys in tables:
        lines += [form.format(f'"{name}"'), *(f'"{key}" = {value}' for key, value in keys.items())]
    return "\n".join(lines)


@tries(max_examples=400, deadline=None)
@given(st.one_of(st.text(), _TABLES.map(_written)))
def test_any_file_gives_settings_or_one_error_that_names_it(text: str) -> None:
    try:
        assert isinstance(parse(text, "mien.toml"), Settings)
    except SettingsError as error:
        assert str(error).startswith("mien.toml: ")  # noqa: PT017 - either outcome is right
