"""The helper that hears for an enclosed sense: real PulseAudio, PortAudio and PyAudio, and a wall between."""

import json
import os
import signal
import socket
import time
from pathlib import Path

import pytest

from device.errors import DeviceError
from device.sense.microphone.remote import RemoteMicrophone
from device.sense.sound_helper import BLOCK, SoundHelper, needs_helper
from tests import builders as made
from tests.conftest import Pulse

_INSIDE = """
import json, socket, sys, time
from pathlib import Path
import numpy as np
from device.errors import DeviceError
from device.system.isolation.enclosure import Enclosure, Needs

def hear(connection, source):
    from device.sense.microphone.remote import serve
    serve(connection, source)

from device.sense.sound_helper import SoundHelper
folder = Path(sys.argv[1])
helper = SoundHelper(hear)
wall = Enclosure(Needs((folder / "run",), (folder / "state",)))
detail = wall.enter()
if "refused" in detail:
    sys.exit(detail)
wall.seal(internet=False)
isolation = wall.prove(detail)
from device.sense.microphone.remote import RemoteMicrophone
found = {"gaps": isolation.gaps, "name": [], "heard": []}
try:
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(sys.argv[2])
    found["pulse"] = "connected"
except OSError as error:
    found["pulse"] = type(error).__name__
try:
    RemoteMicrophone(helper, "nothing is called so")
except DeviceError as error:
    found["missing"] = str(error)
for _ in range(2):  # closed and opened again, as after a switch
    microphone = RemoteMicrophone(helper, "pulse")
    print("open", flush=True)
    blocks, end = [], time.monotonic() + 3
    while time.monotonic() < end:
        block = microphone.read()
        if block:
            assert abs(time.monotonic() - block[1]) < 1
            blocks.append(block[0])
    samples = np.concatenate(blocks)
    found["name"].append(microphone.name)
    found["heard"].append([len(samples) / 16000, float(np.sqrt(np.mean(samples**2)))])
    microphone.close()
helper.close()
print(json.dumps(found))
"""


def test_an_enclosed_process_hears_pulseaudio_and_does_not_see_it(tmp_path: Path, pulse: Pulse) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "state").mkdir()
    server = pulse.env["PULSE_SERVER"].removeprefix("unix:")
    voice = made.wav(tmp_path / "voice.wav", made.chirp(20.0))
    process = pulse.python(_INSIDE, str(tmp_path), server)
    assert process.stdout
    assert process.stderr
    playing = None
    for line in process.stdout:
        if line == "open\n" and playing is None:
            playing = pulse.play(voice)
    error = process.stderr.read()
    if process.wait(20) and "refused" in error:
        pytest.skip(error)
    assert playing, error
    playing.terminate()
    playing.wait(5)
    found = json.loads(line)
    assert found["gaps"] == []
    assert found["pulse"] == "FileNotFoundError"
    assert "no microphone has 'nothing is called so' in its name" in found["missing"]
    assert found["name"] == ["pulse", "pulse"]
    for seconds, level in found["heard"]:
        # Three seconds, less what a busy machine makes the helper miss.
        assert 1 < seconds < 5
        assert level > 0.01


def _speak(connection: socket.socket, source: str) -> None:
    """A worker that says three blocks and dies, or one that hangs."""
    connection.sendall(json.dumps({"name": source}).encode())
    for index in range(3):
        connection.sendall(BLOCK.pack(time.monotonic(), index) + bytes(4 * 800))
    if source == "hangs":
        time.sleep(60)
    if source == "crashes":
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("source", ["ends", "crashes"])
def test_a_worker_that_dies_is_a_microphone_that_stopped_and_opens_again(source: str) -> None:
    helper = SoundHelper(_speak)
    try:
        for _ in range(3):
            microphone = RemoteMicrophone(helper, source)
            assert microphone.name == source
            blocks = [microphone.read() for _ in range(3)]
            assert [block is not None and len(block[0]) for block in blocks] == [800, 800, 800]
            assert microphone.overflows == 2
            with pytest.raises(DeviceError, match=r"stopped|ended"):
                microphone.read()
            microphone.close()
    finally:
        helper.close()


def test_a_worker_that_hangs_gives_no_block_and_ends_with_the_helper() -> None:
    helper = SoundHelper(_speak)
    microphone = RemoteMicrophone(helper, "hangs")
    for _ in range(3):
        assert microphone.read()
    started_s = time.monotonic()
    assert microphone.read() is None
    assert time.monotonic() - started_s < 2
    helper.close()
    time.sleep(0.5)
    with pytest.raises(DeviceError):
        microphone.read()
    microphone.close()


def test_without_its_helper_a_microphone_does_not_open() -> None:
    helper = SoundHelper(_speak)
    os.kill(helper.pid, signal.SIGKILL)
    with pytest.raises(DeviceError, match="helper"):
        RemoteMicrophone(helper, "ends")
    helper.close()


@pytest.mark.parametrize(
    ("source", "needed"),
    [("auto", True), ("pulse", True), ("off", False), ("file:/a.wav", False), ("stand-in@3", False)],
)
def test_only_a_device_needs_a_helper(source: str, needed: bool) -> None:
    assert needs_helper(source) is needed
