"""Microphones. Files are real, and so are PulseAudio, ALSA's plugin, PortAudio and PyAudio: see `pulse` in conftest.

PyAudio is a fake only for cards that are not here: one that does not support 16 kHz, and one that stops.
"""

import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from device.emotions import Floats
from device.errors import DeviceError, EndOfMedia
from device.sense.microphone import Microphone, PyAudioMicrophone, open_microphone, portaudio
from device.sense.microphone.file import FileMicrophone
from device.settings.schema import Microphone as Settings
from tests import builders as made
from tests.conftest import Pulse


def _record(microphone: Microphone) -> tuple[Floats, list[float]]:
    """The whole sound of a file, and the end times of its blocks."""
    blocks: list[Floats] = []
    ends: list[float] = []
    try:
        while True:
            if (got := microphone.read()) is not None:
                assert time.monotonic() >= got[1] - 0.001, "not early"
                blocks.append(got[0])
                ends.append(got[1])
    except EndOfMedia:
        return np.concatenate(blocks), ends


# Files


def test_a_sound_file_plays_in_real_time(tmp_path: Path) -> None:
    chirp = made.chirp(0.8)
    path = made.wav(tmp_path / "a.wav", chirp)
    start_s = time.monotonic() + 0.1
    microphone = open_microphone(Settings(source=f"file:{path}"), start_s=start_s)
    assert isinstance(microphone, FileMicrophone)
    assert not microphone.still_is_frozen
    samples, ends = _record(microphone)
    assert samples.dtype == np.float32
    assert np.abs(samples - chirp).max() < 1e-3
    assert ends[-1] == pytest.approx(start_s + 0.8, abs=1e-3)
    assert time.monotonic() - ends[-1] < 0.3
    assert microphone.overflows == 0
    microphone.close()


def test_the_sound_of_a_video_is_in_sync_with_its_pictures(tmp_path: Path) -> None:
    path = made.video(tmp_path / "a.mp4", 10, sound=True)
    start_s = time.monotonic()
    samples, ends = _record(open_microphone(Settings(source=f"file:{path}"), start_s=start_s))
    chirp = made.chirp(1.0)
    lag = int(np.argmax(np.correlate(samples, chirp[4000:8000], "valid"))) - 4000
    assert abs(lag) < 0.07 * 16_000, "at most two of AAC's frames"
    assert ends[-1] == pytest.approx(start_s + len(samples) / 16_000, abs=1e-3)


def test_late_sound_is_dropped_and_counted(tmp_path: Path) -> None:
    path = made.wav(tmp_path / "a.wav", made.chirp(2.0))
    now_s = 100.0
    microphone = FileMicrophone(path, lambda: now_s, start_s=98.6)
    got = microphone.read()
    assert got is not None
    assert got[1] >= 99.0
    assert microphone.overflows == 1
    now_s = 90.0
    began_s = time.monotonic()
    assert microphone.read() is None
    assert time.monotonic() - began_s < 0.6
    now_s = 200.0
    with pytest.raises(EndOfMedia, match=r"a\.wav"):
        microphone.read()


def test_files_without_sound_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"gone\.wav.*No such file"):
        open_microphone(Settings(source=f"file:{tmp_path / 'gone.wav'}"))
    (tmp_path / "text.wav").write_text("text")
    with pytest.raises(DeviceError, match=r"text\.wav"):
        open_microphone(Settings(source=f"file:{tmp_path / 'text.wav'}"))
    with pytest.raises(DeviceError, match="no sound in it"):
        open_microphone(Settings(source=f"file:{made.video(tmp_path / 'dumb.mp4', 3)}"))


# PulseAudio

_HEAR = """
import json, sys, time
import numpy as np
from device.sense.microphone import open_microphone
from device.settings.schema import Microphone
microphone = open_microphone(Microphone(source=sys.argv[1]))
print(json.dumps({"name": microphone.name}), flush=True)
blocks, ends = [], []
while sum(map(len, blocks)) < 16000 * float(sys.argv[2]):
    if (got := microphone.read()) is not None:
        blocks.append(got[0])
        ends.append(got[1] - time.monotonic())
np.save(sys.argv[3], np.concatenate(blocks))
began_s = time.monotonic()
microphone.close()
print(json.dumps({"close_s": time.monotonic() - began_s, "late_s": -min(ends), "overflows": microphone.overflows}))
"""


def test_sound_that_is_played_is_recorded(pulse: Pulse, tmp_path: Path) -> None:
    chirp = made.chirp(1.0)
    # The start of a recording may be lost.
    path = made.wav(tmp_path / "chirp.wav", np.concatenate([np.zeros(4800, np.float32), chirp]))
    child = pulse.python(_HEAR, "auto", "3.0", str(tmp_path / "heard.npy"))
    assert child.stdout is not None
    assert json.loads(child.stdout.readline())["name"] == "pulse"
    pulse.play(path).wait(10)
    stdout, stderr = child.communicate(timeout=20)
    assert stderr == "", "what ALSA prints while PortAudio looks for cards is hidden"
    end = json.loads(stdout)
    assert end["close_s"] < 1
    assert 0 <= end["late_s"] < 0.3
    assert end["overflows"] == 0
    heard = np.load(tmp_path / "heard.npy")
    assert heard.dtype == np.float32
    # In tenths of a second: on a busy machine the sound server itself leaves gaps.
    places, similarity = [], []
    for piece in np.array_split(chirp, 10):
        at = int(np.argmax(np.correlate(heard, piece, "valid")))
        places.append(at)
        similarity.append(np.corrcoef(heard[at : at + len(piece)], piece)[0, 1])
    assert sum(a > 0.98 for a in similarity) >= 8, similarity
    assert sum(np.diff(places) >= 1600 - 2) >= 7, "in order"


def test_the_error_for_an_unknown_name_lists_the_devices(pulse: Pulse) -> None:
    child = pulse.python(_HEAR, "No Such Card", "1", "unused")
    _, noise = child.communicate(timeout=20)
    assert child.returncode != 0
    last = noise.strip().splitlines()[-1]
    assert "no microphone has 'No Such Card' in its name" in last
    assert "pulse" in last


# Cards that are not here


class FakeAudio:
    """PyAudio as documented; `accepts` lists the (rate, channels) that the card supports."""

    accepts: tuple[tuple[int, int], ...] = ((44_100, 2),)
    names: tuple[str, ...] = ("HDA Intel", "USB PnP Sound Device: Audio (hw:2,0)", "default")
    inputs = (2, 2, 0)
    alive: list["FakeAudio"]

    def __init__(self) -> None:
        self.terminated = self.closed = False
        self.active = True
        self.give: Callable[..., Any] = lambda *_: None
        self.alive.append(self)

    def get_device_count(self) -> int:
        return len(self.names)

    def get_device_info_by_index(self, index: int) -> dict[str, Any]:
        channels = self.inputs[index]
        return {"index": index, "name": self.names[index], "maxInputChannels": channels, "defaultSampleRate": 44_100.0}

    def get_default_input_device_info(self) -> dict[str, Any]:
        if not any(self.inputs):
            raise OSError("No Default Input Device Available")
        return self.get_device_info_by_index(0)

    def open(self, **options: Any) -> Any:
        if (options["rate"], options["channels"]) not in self.accepts:
            raise OSError(-9997, "Invalid sample rate")
        self.options, self.give = options, options["stream_callback"]
        return SimpleNamespace(is_active=lambda: self.active, close=lambda: setattr(self, "closed", True))

    def terminate(self) -> None:
        self.terminated = True


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> type[FakeAudio]:
    kind = type("Card", (FakeAudio,), {"alive": []})
    module = SimpleNamespace(PyAudio=kind, paInt16=8, paInputOverflow=2, paContinue=0)
    monkeypatch.setitem(sys.modules, "pyaudio", module)
    return kind


def _bytes(samples: Floats) -> bytes:
    return (samples * 32767).astype(np.int16).tobytes()


def test_another_rate_in_stereo_becomes_16_khz_mono(card: type[FakeAudio]) -> None:
    microphone = open_microphone(Settings(source="usb pnp"))
    assert "USB PnP" in microphone.name
    audio = card.alive[0]
    assert (audio.options["rate"], audio.options["channels"], audio.options["input_device_index"]) == (44_100, 2, 1)
    left = made.chirp(1.0, 44_100)
    pieces = []
    for part in np.array_split(np.repeat(left[:, None], 2, axis=1), 20):
        audio.give(_bytes(part.ravel()), len(part), {}, 0)
        if (got := microphone.read()) is not None:
            pieces.append(got[0])
    heard = np.concatenate(pieces)
    assert abs(len(heard) - 16_000) < 64
    n = min(len(heard), 16_000)
    lags = range(40)
    best = max(np.corrcoef(heard[lag:n], made.chirp(1.0)[: n - lag])[0, 1] for lag in lags)
    assert best > 0.995, "no gap between blocks"
    assert np.abs(heard).max() == pytest.approx(0.5, abs=0.03), "mixed, not added"


def test_a_full_queue_drops_the_oldest_block(card: type[FakeAudio]) -> None:
    card.accepts = ((16_000, 1),)
    now_s = 0.0
    microphone = PyAudioMicrophone("auto", lambda: now_s)
    audio = card.alive[0]
    assert audio.options["input_device_index"] == 0, (
        "PortAudio's default device, since the one called default has no input"
    )
    for number in range(portaudio._MAX_QUEUE + 5):
        now_s = float(number)
        audio.give(_bytes(np.full(4, number / 100, np.float32)), 4, {}, 2 if number == 0 else 0)
    assert microphone.overflows == 5 + 1, "five from the queue, one reported by the device"
    got = microphone.read()
    assert got is not None
    assert got[1] == 5.0
    assert got[0] == pytest.approx(0.05, abs=1e-3)


def test_a_stream_that_stops_is_an_error_but_a_pause_is_not(card: type[FakeAudio]) -> None:
    card.accepts = ((16_000, 1),)
    microphone = PyAudioMicrophone("HDA")
    began_s = time.monotonic()
    assert microphone.read() is None
    assert 0.3 < time.monotonic() - began_s < 0.7
    card.alive[0].active = False
    with pytest.raises(DeviceError, match="HDA Intel: the microphone stopped"):
        microphone.read()
    microphone.close()
    assert card.alive[0].closed
    assert card.alive[0].terminated, "otherwise PortAudio keeps its old list of devices"


def test_no_device_opens(card: type[FakeAudio]) -> None:
    card.accepts = ()
    with pytest.raises(
        DeviceError, match=r"no microphone opens \(HDA Intel: .*Invalid sample rate.*There are: HDA Intel, USB"
    ):
        PyAudioMicrophone("auto")
    assert card.alive[0].terminated
    card.inputs = (0, 0, 0)
    with pytest.raises(DeviceError, match="no microphone found; there are: none"):
        PyAudioMicrophone("auto")


def test_a_driver_that_hangs_does_not_block_the_next_opening(
    card: type[FakeAudio], monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(card, "terminate", lambda _: go_on.wait(5))
    card.accepts = ((16_000, 1),)
    closing = threading.Thread(target=PyAudioMicrophone("auto").close)
    closing.start()
    with pytest.raises(DeviceError, match="driver does not answer"):
        PyAudioMicrophone("auto", lock_timeout_s=0.1)
    go_on.set()
    closing.join(2)
    PyAudioMicrophone("auto")


def test_pyaudio_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyaudio", None)
    with pytest.raises(DeviceError, match=r"apt install portaudio19-dev.*pip install pyaudio"):
        open_microphone(Settings())


def test_portaudio_does_not_start(card: type[FakeAudio], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise OSError("no driver")

    monkeypatch.setattr(card, "__init__", fail)
    with pytest.raises(DeviceError, match=r"no driver.*arecord -l"):
        PyAudioMicrophone("auto")
