"""The microphone thread: silence, clipping, overflows; and a real microphone in PulseAudio, muted and unplugged."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from device.emotions import Emotion
from device.errors import DeviceError
from device.ipc.messages import State
from device.perception.audio.stft import RATE_HZ
from device.perception.audio.vad import speech_frames
from device.sense.microphone.thread import MicrophoneThread, SoundRing
from device.sense.simulator.poses import PROSODIES
from device.sense.simulator.voice import speak
from tests import builders as made
from tests.conftest import Pulse
from tests.sense.fakes import Scripted, loud_block, noise, stage_of
from tests.sense.waits import until


def _start(started: Callable[[MicrophoneThread], None], *devices: Scripted) -> tuple[MicrophoneThread, SoundRing]:
    queue, ring = iter(devices), SoundRing()
    thread = MicrophoneThread(lambda: next(queue), ring, 0.3)  # type: ignore[arg-type, return-value]
    started(thread)
    return thread, ring


def test_sound_reaches_the_ring_and_off_empties_it(started: Callable[[MicrophoneThread], None]) -> None:
    thread, ring = _start(started, Scripted(loud_block), Scripted(loud_block))
    until(lambda: ring.window() is not None)
    assert stage_of(thread).state is State.OK
    thread.set_on(False)
    assert ring.window() is None
    until(lambda: stage_of(thread).state is State.OFF, 0.5)
    assert ring.window() is None


def test_overflows_are_counted_across_reopenings(started: Callable[[MicrophoneThread], None]) -> None:
    first, second = Scripted(loud_block, loud_block, DeviceError("gone")), Scripted(loud_block)
    first.overflows, second.overflows = 3, 4
    thread, _ = _start(started, first, second)
    until(lambda: stage_of(thread).dropped == 7)
    time.sleep(0.1)
    assert stage_of(thread).dropped == 7


def test_zeros_are_frozen_but_the_quietest_noise_is_not(started: Callable[[MicrophoneThread], None]) -> None:
    zeros = (np.zeros(160, np.float32), 1.0)
    quiet = np.zeros(160, np.float32)
    quiet[80] = 1 / 32768
    first, second = Scripted(loud_block, zeros), Scripted((quiet, 1.0))
    thread, _ = _start(started, first, second)
    until(lambda: stage_of(thread).state is State.FROZEN)
    assert "silent" in stage_of(thread).detail
    until(lambda: stage_of(thread).state is State.OK)
    assert first.closed.is_set()
    time.sleep(0.5)
    assert stage_of(thread).state is State.OK
    quiet_file, _ = _start(started, Scripted(zeros, still_is_frozen=False))
    time.sleep(0.6)
    assert stage_of(quiet_file).state is State.OK


def test_a_microphone_with_a_dc_offset_is_heard(started: Callable[[MicrophoneThread], None]) -> None:
    voice = speak(PROSODIES[Emotion.ANGRY], 3.0)[: 3 * RATE_HZ]
    assert speech_frames(voice).mean() > 0.5
    offset = voice * np.float32(0.3) + np.float32(0.1)
    assert not speech_frames(offset).any(), "such an offset hides the voice"
    blocks = [(offset[i : i + 800], 10 + (i + 800) / RATE_HZ) for i in range(0, len(offset) - 799, 800)]
    _, ring = _start(started, Scripted(*blocks))
    until(lambda: (window := ring.window()) is not None and len(window.samples) > 2.9 * RATE_HZ)
    window = ring.window()
    assert window is not None
    assert speech_frames(window.samples).mean() > 0.5


def test_a_microphone_that_is_far_too_loud_is_reported_but_a_slammed_door_is_not(
    started: Callable[[MicrophoneThread], None],
) -> None:
    second = np.sin(np.arange(16_000) / 16_000 * 2 * np.pi * 180).astype(np.float32)
    blocks = [second[i : i + 160] for i in range(0, 16_000, 160)]
    door = np.where(np.arange(16_000) < 320, 1.0, 0.05 * second).astype(np.float32)
    slammed = [(door[i : i + 160], 1.0) for i in range(0, 16_000, 160)]
    quiet, _ = _start(started, Scripted(*slammed, (0.05 * blocks[0], 1.0)))
    loud, _ = _start(started, Scripted(*[(np.clip(3 * block, -1, 1), 1.0) for block in blocks] * 3, loud_block))
    until(lambda: stage_of(loud).state is State.CLIPPED)
    assert "level down" in stage_of(loud).detail
    assert stage_of(quiet).state is State.OK
    until(lambda: stage_of(loud).state is State.OK, 12)


_LISTEN = """
import json, select, sys, time
from device.sense.microphone.thread import MicrophoneThread, SoundRing
from device.sense.microphone import open_microphone
from device.settings.schema import Microphone
ring = SoundRing()
thread = MicrophoneThread(lambda: open_microphone(Microphone()), ring, 0.6)
thread.start()
while True:
    if select.select([sys.stdin], [], [], 0.05)[0]:
        word = sys.stdin.readline().strip()
        if word == "end":
            break
        thread.set_on(word == "on")
    stage = thread.stage(time.monotonic())
    print(json.dumps([stage.state, stage.detail, stage.rate_hz, ring.window() is not None]), flush=True)
thread.stop()
"""


def test_a_real_microphone_muted_and_unplugged(pulse: Pulse, tmp_path: Path) -> None:
    rustle = made.wav(tmp_path / "noise.wav", (0.1 * noise.standard_normal(16_000 * 20)).astype(np.float32))
    player = pulse.play(rustle)
    child = pulse.python(_LISTEN)

    def send(word: str) -> None:
        assert child.stdin is not None
        child.stdin.write(word + "\n")
        child.stdin.flush()

    def until(state: str) -> list[object]:
        assert child.stdout is not None
        until_s = time.monotonic() + 8
        line: list[object] = []
        while time.monotonic() < until_s:
            line = json.loads(child.stdout.readline())
            if line[0] == state:
                return line
        raise AssertionError(f"{state} did not come; the last was {line}")

    def listeners() -> list[str]:
        lines = pulse.pactl("list", "short", "source-outputs").splitlines()
        return [line for line in lines if "module-remap-source" not in line]

    try:
        until("ok")
        assert len(listeners()) == 1, "so that an empty list proves something"
        send("off")
        began_s = time.monotonic()
        until("off")[3] is False, "the ring is empty"
        assert time.monotonic() - began_s < 1
        assert listeners() == [], "muted means closed: PulseAudio has no listener"
        send("on")
        until("ok")
        assert len(listeners()) == 1
        # When its source is unloaded, the listener moves to the sink's monitor, so make that silent first.
        player.terminate()
        module = next(x for x in pulse.pactl("list", "short", "modules").splitlines() if "module-remap-source" in x)
        pulse.pactl("unload-module", module.split()[0])
        assert "silent" in str(until("frozen")[1])
        pulse.pactl("load-module", "module-remap-source", "master=mood.monitor", "source_name=mic")
        player = pulse.play(rustle)
        until("ok")
        send("end")
        stderr = child.communicate(timeout=5)[1]
        assert all(line.startswith("microphone: ") for line in stderr.splitlines()), "only our own lines"
    finally:
        player.terminate()
        player.wait(5)
        if child.poll() is None:
            child.kill()
            child.wait(5)
