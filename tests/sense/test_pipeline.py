"""The whole of `sense` with a simulated camera and microphone, and a hub played by the test."""

import threading
import time

import pytest

from device.ipc.messages import ClearBaseline, RecordBaseline, SetHold, SetSwitch, State, Switch
from device.perception.voice.speaker_baseline import speaker_stats_file
from device.readings import FaceReading, Frame, SoundWindow
from device.settings.schema import Settings
from tests.sense.live_sense import living, stage
from tests.sense.waits import until


def test_off_closes_the_camera_drops_its_readings_and_outlasts_a_restart(house: Settings) -> None:
    with living(house) as (_, hub):
        until(lambda: hub.mood and hub.mood.mood.face and hub.mood.mood.people == 1, 15)
        until(lambda: stage(hub, "microphone") is State.OK, 15)
        hub.say(SetSwitch(Switch.CAMERA, on=False))
        until(lambda: hub.health and not hub.health.camera_on and stage(hub, "camera") is State.OFF, 3)
        until(lambda: hub.mood and hub.mood.mood.face is None and hub.mood.mood.people == 0, 3)
        assert stage(hub, "microphone") is State.OK, "the other sense keeps working"
    with living(house) as (_, hub):
        until(lambda: stage(hub, "camera") is State.OFF, 15)
        until(lambda: hub.mood and hub.mood.mood.voice, 15)
        assert hub.mood
        assert hub.mood.mood.face is None
        hub.say(SetSwitch(Switch.CAMERA, on=True))
        until(lambda: hub.mood and hub.mood.mood.face, 15)


def test_pause_closes_both_devices_and_the_mood_becomes_unknown(house: Settings) -> None:
    with living(house) as (_, hub):
        until(lambda: hub.mood and hub.mood.mood.emotion.value != "unknown", 15)
        hub.say(SetSwitch(Switch.PAUSE, on=True))
        until(lambda: hub.health and hub.health.paused, 3)
        until(lambda: stage(hub, "camera") is stage(hub, "microphone") is State.OFF, 3)
        until(lambda: hub.mood and hub.mood.mood.emotion.value == "unknown", 3)
        assert hub.mood
        assert hub.mood.mood.confidence == 0


def test_the_hold_time_is_set_reported_and_outlasts_a_restart(house: Settings) -> None:
    with living(house) as (sense, hub):
        assert hub.health
        assert hub.health.hold_s == house.mood.hold_s
        hub.say(SetHold(7.5))
        until(lambda: hub.health and hub.health.hold_s == 7.5, 3)
        assert sense._smoother.hold_s == 7.5
        hub.say(SetSwitch(Switch.CAMERA, on=False))
        until(lambda: hub.health and not hub.health.camera_on, 3)
    with living(house) as (_, hub):
        assert hub.health
        assert (hub.health.hold_s, hub.health.camera_on) == (7.5, False)


def test_the_sound_of_the_voices_is_learned_outlasts_a_restart_and_can_be_cleared(house: Settings) -> None:
    path = house.sense_dir / "voices.json"

    def weight() -> float:
        stats = speaker_stats_file(path).load(None)
        return stats.weight if stats else 0.0

    with living(house) as (_, hub):
        until(lambda: hub.mood and hub.mood.mood.voice, 15)
        until(lambda: hub.health and hub.health.stages["voice"].rate_hz > 0, 15)
        time.sleep(1.5)
    learnt = weight()
    assert learnt > 0.1
    with living(house) as (_, hub):
        until(lambda: hub.health and hub.health.stages["voice"].rate_hz > 0, 15)
    assert weight() > learnt
    with living(house) as (_, hub):
        hub.say(SetSwitch(Switch.MICROPHONE, on=False))
        until(lambda: hub.health and not hub.health.microphone_on, 3)
        hub.say(ClearBaseline())
        until(lambda: weight() == 0.0, 3)
    assert weight() == 0.0


def test_the_neutral_is_recorded_outlasts_a_restart_and_can_be_cleared(house: Settings) -> None:
    with living(house) as (_, hub):
        until(lambda: hub.mood and hub.mood.mood.face, 15)
        hub.say(RecordBaseline(3.0))
        until(lambda: hub.health and hub.health.recording.left_s > 0, 3)
        until(lambda: hub.health and hub.health.baseline, 10)
        assert hub.health
        assert hub.health.recording.left_s == 0
        assert hub.health.recording.message.startswith("recorded from")
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


def test_an_empty_room_records_no_neutral(house: Settings) -> None:
    with living(house) as (_, hub):
        hub.say(SetSwitch(Switch.PAUSE, on=True))
        until(lambda: hub.health and hub.health.paused, 3)
        hub.say(RecordBaseline(1.0))
        until(lambda: hub.health and "nothing was recorded" in hub.health.recording.message, 5)
        assert hub.health
        assert hub.health.baseline is None


def test_a_switch_that_cannot_be_saved_still_works(house: Settings) -> None:
    # A file in place of the state folder: even root cannot write there.
    house.state_dir.write_text("in the way")
    with living(house) as (_, hub):
        assert hub.health
        assert hub.health.paused, "unreadable switches pause both senses"
        hub.say(SetSwitch(Switch.PAUSE, on=False))
        until(lambda: hub.health and not hub.health.paused, 3)
        until(lambda: hub.mood and hub.mood.mood.face, 15)


def test_a_failing_reader_is_reported_and_retried_while_the_other_works(
    house: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with living(house) as (sense, hub):
        until(lambda: hub.mood and hub.mood.mood.face, 15)
        whole = sense._face_stream.read

        def broken(frame: Frame) -> list[FaceReading]:
            raise ValueError("a picture's numbers must not get into the log")

        monkeypatch.setattr(sense._face_stream, "read", broken)
        until(lambda: stage(hub, "face") is State.LOST, 15)
        assert hub.health
        assert "ValueError" in hub.health.stages["face"].detail
        assert "numbers" not in hub.health.stages["face"].detail
        until(lambda: hub.mood and hub.mood.mood.voice, 15)
        monkeypatch.setattr(sense._face_stream, "read", whole)
        until(lambda: stage(hub, "face") is State.OK, 15)


def test_a_reader_that_hangs_stops_the_watchdog_notifications(house: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    messages: list[str] = []
    monkeypatch.setattr("device.sense.pipeline.notify", messages.append)
    resume = threading.Event()

    def hanging(window: SoundWindow, learn: float = 1.0) -> None:
        resume.wait(20)

    with living(house) as (sense, hub):
        sense.health.stall_s = 1.0
        until(lambda: "WATCHDOG=1" in messages, 15)
        monkeypatch.setattr(sense._voice_reader, "read", hanging)
        until(lambda: stage(hub, "voice") is State.LOST, 15)
        time.sleep(0.3)
        count = messages.count("WATCHDOG=1")
        time.sleep(1.0)
        assert messages.count("WATCHDOG=1") == count
        resume.set()
        until(lambda: messages.count("WATCHDOG=1") > count, 15)
