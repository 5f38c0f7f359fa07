"""The newer corpora, as published; orders, rooms and household sounds, as they lie in shared/data."""

import io
import zipfile
from pathlib import Path

import av
import numpy as np
import pytest

from convert.datasets.noise.household import read_household
from convert.datasets.noise.rooms import align_response, read_rooms
from convert.datasets.records import Sound
from convert.datasets.speech import ased, nemo
from convert.datasets.speech.orders import read_orders
from device.errors import MediaError


def _files(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def _only(sounds: list[Sound]) -> tuple[str, str, str, str]:
    (sound,) = sounds
    return sound.own, sound.person, sound.sex, sound.statement


def test_nemo_names_tell_speaker_emotion_and_sentence(tmp_path: Path) -> None:
    _files(tmp_path, "samples/KS0_sadness_27.wav")
    assert _only(nemo.read(tmp_path, part=True)) == ("sad", "NEMKS0", "M", "N27")
    with pytest.raises(MediaError, match="1 of 4481 clips"):
        nemo.read(tmp_path)


def test_ased_names_tell_emotion_sentence_sex_and_speaker(tmp_path: Path) -> None:
    _files(tmp_path, "Sad/S4-04-02-01-29.wav")
    assert _only(ased.read(tmp_path, part=True)) == ("sad", "ASED29", "F", "sent04")


@pytest.mark.parametrize("read", [nemo.read, ased.read])
def test_a_strange_name_is_refused(tmp_path: Path, read: object) -> None:
    _files(tmp_path, "a5-01-02-03-13.wav")
    with pytest.raises(MediaError, match="not named like"):
        read(tmp_path, part=True)  # type: ignore[operator]


def test_a_room_begins_at_its_direct_sound_and_keeps_the_level() -> None:
    response = np.zeros(40_000, np.float32)
    response[3_000], response[5_000] = -0.5, 0.2
    cut = align_response(response)
    assert int(np.argmax(np.abs(cut))) == 16
    assert len(cut) == 12_016
    assert np.sum(cut**2) == pytest.approx(1)


def _flac(samples: np.ndarray) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", "flac") as out:
        stream = out.add_stream("flac", rate=16_000)
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame.from_ndarray((samples[None] * 32767).astype(np.int16), "s16", "mono")
        frame.sample_rate = 16_000
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


def test_rooms_are_read_by_name(tmp_path: Path) -> None:
    response = np.zeros(4_000, np.float32)
    response[100] = 0.9
    with zipfile.ZipFile(tmp_path / "rooms.zip", "w") as rooms:
        rooms.writestr("kitchen.flac", _flac(response))
    assert int(np.argmax(read_rooms(tmp_path)["kitchen"])) == 16
    (tmp_path / "rooms.zip").write_bytes(b"no zip")
    with pytest.raises(MediaError, match="cannot be read as a zip"):
        read_rooms(tmp_path)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"orders: .*orders.zip is missing"):
        read_orders(tmp_path)
    with pytest.raises(MediaError, match=r"household sounds: .*household.csv is missing"):
        read_household(tmp_path)
    with zipfile.ZipFile(tmp_path / "orders.zip", "w") as orders:
        orders.writestr("0000.opus", b"")
    with pytest.raises(MediaError, match="1 of 619 clips"):
        read_orders(tmp_path)
