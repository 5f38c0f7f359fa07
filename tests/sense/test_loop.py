"""The whole of `sense` in front of the stand-in, with a door and a hub that the test plays."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from device.link import (
    HEARTBEAT_S,
    Beat,
    ClearBaseline,
    Command,
    FromHub,
    Health,
    Hello,
    Isolation,
    MoodSaid,
    Order,
    RecordBaseline,
    SetHold,
    State,
    encode,
)
from device.link import from_sense as decoded
from device.readings import FaceReading, Frame, SoundWindow
from device.sense.assembly import assemble
from device.sense.door import Door
from device.sense.loop import Sense
from device.sense.voice_baseline import load_heard
from device.settings import Camera, Home, Microphone, MoodSettings, Settings

HELLO = Hello("5e55", "0.1.0", 1, Isolation(True, ("lo",), "Network is unreachable", ""), {})


class Hub:
    """Listens, beats, and keeps the newest of what it was told."""

    def __init__(self, path: Path) -> None:
        self.health: Health | None = None
        self.mood: MoodSaid | None = None
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._line: socket.socket | None = None
        threading.Thread(target=self._hear, daemon=True).start()
        self._ended = threading.Event()
        threading.Thread(target=self._beat, daemon=True).start()

    def say(self, message: FromHub) -> None:
        if self._line:
            with suppress(OSError):
                self._line.sendall(encode(message))

    def close(self) -> None:
        self._ended.set()
        self._listener.close()

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT_S):
            self.say(Beat())

    def _hear(self) -> None:
        with suppress(OSError):
            self._line, _ = self._listener.accept()
            for line in self._line.makefile("rb"):
                message = decoded(line)
                if isinstance(message, Health):
                    self.health = message
                elif isinstance(message, MoodSaid):
                    self.mood = message


def until(look: Callable[[], object], limit_s: float = 15.0) -> None:
    end_s = time.monotonic() + limit_s
    while not look():
        assert time.monotonic() < end_s, "not in time"
        time.sleep(0.02)


@contextmanager
def living(settings: Settings) -> Iterator[tuple[Sense, Hub]]:
    settings.runtime_dir.mkdir(exist_ok=True)
    path = settings.runtime_dir / "door.sock"
    path.unlink(missing_ok=True)
    hub, stop = Hub(path), threading.Event()
    sense, _ = assemble(settings, settings.camera.source)
    thread = threading.Thread(target=sense.run, args=(Door(path, HELLO, sense.on_command), stop))
    thread.start()
    try:
        until(lambda: hub.health)
        yield sense, hub
    finally:
        stop.set()
        thread.join(10)
        hub.close()
        assert not thread.is_alive()


@pytest.fixture
def house() -> Iterator[Settings]:
    with TemporaryDirectory(prefix="mien-", dir="/tmp") as folder:
        # Far into the script's first act, so that both senses have something at once.
        source = f"stand-in@{time.monotonic() - 2.0}"
        yield Settings(
            home=Home(state_dir=f"{folder}/state", runtime_dir=f"{folder}/run"),
            camera=Camera(source=source),
            microphone=Microphone(source=source),
            mood=MoodSettings(hold_s=0.5, smoothing_s=0.2),
        )


def stage(hub: Hub, name: str) -> State | None:
    return hub.health.stages[name].state if hub.health else None


def test_off_closes_the_eye_forgets_what_it_saw_and_is_kept_over_a_restart(house: Settings) -> None:
    with living(house) as (_, hub):
        until(lambda: hub.mood and hub.mood.mood.face and hub.mood.mood.people == 1)
        hub.say(Command(Order.CAMERA, on=False))
        until(lambda: hub.health and not hub.health.camera_on and stage(hub, "camera") is State.OFF, 3)
        until(lambda: hub.mood and hub.mood.mood.face is None and hub.mood.mood.people == 0, 3)
        assert stage(hub, "microphone") is State.OK, "the other sense goes on"
    with living(house) as (_, hub):
        until(lambda: stage(hub, "camera") is State.OFF)
        until(lambda: hub.mood and hub.mood.mood.voice, 15)
        assert hub.mood
        assert hub.mood.mood.face is None
        hub.say(Command(Order.CAMERA, on=True))
        until(lambda: hub.mood and hub.mood.mood.face)


def test_pause_closes_both_and_says_unknown(house: Settings) -> None:
    with living(house) as (_, hub):
        until(lambda: hub.mood and hub.mood.mood.emotion.value != "unknown")
        hub.say(Command(Order.PAUSE, on=True))
        until(lambda: hub.health and hub.health.paused, 3)
        until(lambda: stage(hub, "camera") is stage(hub, "microphone") is State.OFF, 3)
        until(lambda: hub.mood and hub.mood.mood.emotion.value == "unknown", 3)
        assert hub.mood
        assert hub.mood.mood.confidence == 0


def test_the_hold_is_set_shown_and_kept_over_a_restart(house: Settings) -> None:
    with living(house) as (sense, hub):
        assert hub.health
        assert hub.health.hold_s == house.mood.hold_s
        hub.say(SetHold(7.5))
        until(lambda: hub.health and hub.health.hold_s == 7.5, 3)
        assert sense._steady.hold_s == 7.5
        hub.say(Command(Order.CAMERA, on=False))
        until(lambda: hub.health and not hub.health.camera_on, 3)
    with living(house) as (_, hub):
        assert hub.health
        assert (hub.health.hold_s, hub.health.camera_on) == (7.5, False)


def test_how_voices_sound_here_is_learnt_kept_over_a_restart_and_forgotten(house: Settings) -> None:
    kept = house.state_dir / "voices.json"

    def weight() -> float:
        heard = load_heard(kept)
        return heard.weight if heard else 0.0

    with living(house) as (_, hub):
        until(lambda: hub.mood and hub.mood.mood.voice)
        until(lambda: hub.health and hub.health.stages["voice"].rate_hz > 0)
        time.sleep(1.5)
    learnt = weight()
    assert learnt > 0.1
    with living(house) as (_, hub):
        until(lambda: hub.health and hub.health.stages["voice"].rate_hz > 0)
    assert weight() > learnt
    with living(house) as (_, hub):
        hub.say(Command(Order.MICROPHONE, on=False))
        until(lambda: hub.health and not hub.health.microphone_on, 3)
        hub.say(ClearBaseline())
        until(lambda: weight() == 0.0, 3)
    assert weight() == 0.0


def test_a_minute_at_rest_is_recorded_kept_over_a_restart_and_cleared(house: Settings) -> None:
    with living(house) as (_, hub):
        until(lambda: hub.mood and hub.mood.mood.face)
        hub.say(RecordBaseline(3.0))
        until(lambda: hub.health and hub.health.recording.left_s > 0, 3)
        until(lambda: hub.health and hub.health.baseline, 10)
        assert hub.health
        assert hub.health.recording.left_s == 0
        assert hub.health.recording.said.startswith("recorded from")
        recorded = hub.health.baseline
        assert recorded
        assert recorded.face
        assert recorded.face.readings >= 10
        assert sum(recorded.face.shares) == pytest.approx(1, abs=1e-3)
    with living(house) as (_, hub):
        assert hub.health
        assert hub.health.baseline == recorded
        hub.say(ClearBaseline())
        until(lambda: hub.health and hub.health.baseline is None, 3)
    with living(house) as (_, hub):
        assert hub.health
        assert hub.health.baseline is None


def test_nobody_there_is_no_neutral(house: Settings) -> None:
    with living(house) as (_, hub):
        hub.say(Command(Order.PAUSE, on=True))
        until(lambda: hub.health and hub.health.paused, 3)
        hub.say(RecordBaseline(1.0))
        until(lambda: hub.health and "nothing was recorded" in hub.health.recording.said, 5)
        assert hub.health
        assert hub.health.baseline is None


def test_a_switch_that_cannot_be_kept_still_switches(house: Settings) -> None:
    # A file where the folder of the state should be: nothing can be written there, by root neither.
    house.state_dir.write_text("in the way")
    with living(house) as (_, hub):
        assert hub.health
        assert hub.health.paused, "switches that cannot be read are not trusted"
        hub.say(Command(Order.PAUSE, on=False))
        until(lambda: hub.health and not hub.health.paused, 3)
        until(lambda: hub.mood and hub.mood.mood.face)


def test_a_reader_that_fails_is_told_and_tried_again_while_the_other_goes_on(
    house: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with living(house) as (sense, hub):
        until(lambda: hub.mood and hub.mood.mood.face)
        whole = sense._sight.see

        def broken(frame: Frame) -> list[FaceReading]:
            raise ValueError("a picture's numbers must not get into the log")

        monkeypatch.setattr(sense._sight, "see", broken)
        until(lambda: stage(hub, "face") is State.LOST)
        assert hub.health
        assert "ValueError" in hub.health.stages["face"].detail
        assert "numbers" not in hub.health.stages["face"].detail
        until(lambda: hub.mood and hub.mood.mood.voice)
        monkeypatch.setattr(sense._sight, "see", whole)
        until(lambda: stage(hub, "face") is State.OK)


def test_a_reader_that_hangs_stops_the_watchdogs_kicks(house: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("device.sense.loop.notify", told.append)
    monkeypatch.setattr("device.sense.loop._STALL_S", 1.0)
    free = threading.Event()

    def hanging(window: SoundWindow, learn: float = 1.0) -> None:
        free.wait(20)

    with living(house) as (sense, hub):
        until(lambda: "WATCHDOG=1" in told)
        monkeypatch.setattr(sense._voice_reader, "read", hanging)
        until(lambda: stage(hub, "voice") is State.LOST)
        time.sleep(0.3)
        kicks = told.count("WATCHDOG=1")
        time.sleep(1.0)
        assert told.count("WATCHDOG=1") == kicks
        free.set()
        until(lambda: told.count("WATCHDOG=1") > kicks)
