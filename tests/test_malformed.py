"""Malformed input gives a clear error or a valid result: settings, lines on the socket, pictures and sounds.

A few hundred of each in `make test`; MIEN_MALFORMED sets another number.
"""

import os
import random
import threading
import tomllib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import cv2
import numpy as np
import pytest

from device.emotions import EMOTIONS, Emotion
from device.errors import LinkError, MediaError, SettingsError
from device.ipc import messages
from device.ipc.messages import (
    Ack,
    Health,
    Hello,
    MoodUpdate,
    SetHold,
    SetSwitch,
    Stage,
    State,
    Switch,
)
from device.perception.media.decode import read_sound
from device.perception.media.picture import read_picture
from device.readings import Baseline, Mood, SenseBaseline, SenseReading
from device.settings.load import parse
from device.settings.schema import Settings
from device.settings.toml import format_settings
from device.system.isolation import Isolation
from tests import builders as made

MANY = int(os.environ.get("MIEN_MALFORMED", "300"))
HANG_S = 20.0
_SEVEN = tuple(1 / 7 for _ in EMOTIONS)
_MOOD = Mood(Emotion.HAPPY, 0.9, 0.8, 0.4, _SEVEN, 1, 10.5, 12.25, SenseReading(Emotion.HAPPY, 0.9, 0.1), None)
_HEALTH = Health(
    {"camera": Stage(State.LOST, "none")}, True, False, False, 1, 3.0, Baseline(1e9, SenseBaseline(9, _SEVEN))
)
_LINES = [
    messages.encode(message)
    for message in (
        Hello("5e55", "0.1.0", 1, Isolation(True, ("lo",), "refused", "walls"), {"face": "1"}),
        MoodUpdate("5e55", 7, _MOOD),
        _HEALTH,
        Ack("5e55", 7),
        SetSwitch(Switch.CAMERA, False),
        SetHold(3.0),
    )
]
_WORDS = [b"null", b"NaN", b"1e999", b"-1", b'""', b"[]", b"{}", b"true", b"\xff\xfe", b"\0", b'"\\ud800"', b"9" * 400]


def _spoilt(content: bytes, chance: random.Random) -> bytes:
    """`content` with a few bytes changed, removed, doubled or inserted."""
    spoilt = bytearray(content)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(spoilt) + 1)
        match chance.randrange(6):
            case 0:
                spoilt[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del spoilt[at : at + chance.choice((1, 4, 64, len(spoilt) // 3 + 1))]
            case 2:
                spoilt[at:at] = spoilt[at : at + chance.choice((1, 16, 200))]
            case 3:
                spoilt[at:at] = chance.choice(_WORDS)
            case 4:
                del spoilt[at:]
            case _:
                spoilt[at : at + 4] = chance.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff"))
    return bytes(spoilt)


def _ask_all(contents: list[bytes], ask: Callable[[bytes], object], errors: type[Exception]) -> tuple[int, int]:
    """(accepted, refused) of MANY damaged inputs. Any other exception fails, and so does a hang."""
    chance, good, refused = random.Random(0), 0, 0
    for number in range(MANY):
        content = _spoilt(contents[number % len(contents)], chance)
        watch = threading.Timer(HANG_S, lambda: os.abort())  # noqa: PLW0108 - a test that hangs ends with a dump
        watch.start()
        try:
            ask(content)
            good += 1
        except errors as error:
            text = str(error)
            assert text, content
            assert "Traceback" not in text
            refused += 1
        except Exception as error:
            raise AssertionError(f"{type(error).__name__} for {content[:300]!r}") from error
        finally:
            watch.cancel()
    return good, refused


@pytest.mark.parametrize("decode", [messages.decode_sense_message, messages.decode_hub_message])
def test_lines_of_the_socket(decode: Callable[[bytes], object]) -> None:
    good, refused = _ask_all(_LINES, decode, LinkError)
    assert refused > good


def _settings_text() -> bytes:
    return format_settings(Settings(), commented=False).encode()


def test_settings_files() -> None:
    tomllib.loads(_settings_text().decode())

    def ask(content: bytes) -> None:
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            raise SettingsError(f"not UTF-8: {error}") from error
        parse(text, "mien.toml")

    _, refused = _ask_all([_settings_text()], ask, SettingsError)
    assert refused > MANY // 3


def test_a_binary_settings_file_is_named(tmp_path: Path) -> None:
    from device.settings.load import load

    path = tmp_path / "mien.toml"
    chance = random.Random(1)
    for _ in range(20):
        path.write_bytes(chance.randbytes(500))
        with pytest.raises(SettingsError, match=r"mien\.toml"):
            load(path)


def _pictures() -> list[bytes]:
    pixels = made.portrait()[::4, ::4]
    encoded = [cv2.imencode(end, pixels)[1].tobytes() for end in (".jpg", ".png", ".bmp", ".webp", ".tiff")]
    return [bytes(one) for one in encoded]


def test_pictures() -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "picture"

        def ask(content: bytes) -> None:
            path.write_bytes(content)
            pixels = read_picture(path)
            assert pixels.dtype == np.uint8
            assert pixels.ndim == 3

        _, refused = _ask_all(_pictures(), ask, MediaError)
    assert refused > MANY // 20


def _sounds(folder: Path) -> list[bytes]:
    plain = made.wav(folder / "a.wav", made.chirp(0.3))
    contents = [plain.read_bytes()]
    for end, codec in (("ogg", "libopus"), ("mp3", "libmp3lame"), ("flac", "flac")):
        path = folder / f"a.{end}"
        with av.open(str(plain)) as source, av.open(str(path), "w") as target:
            stream = target.add_stream(codec, rate=48_000 if codec == "libopus" else 16_000)
            assert isinstance(stream, av.AudioStream)
            for frame in source.decode(audio=0):
                target.mux(stream.encode(frame))
            target.mux(stream.encode(None))
        contents.append(path.read_bytes())
    return contents


def test_sounds() -> None:
    with TemporaryDirectory() as folder:
        contents, path = _sounds(Path(folder)), Path(folder) / "sound"

        def ask(content: bytes) -> None:
            path.write_bytes(content)
            assert read_sound(path).dtype == np.float32

        _, refused = _ask_all(contents, ask, MediaError)
    assert refused > MANY // 20
