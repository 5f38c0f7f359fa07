"""What the bench measures of whole processes: footprints, the performer, sense and hub, and streams at once."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest

from device.bench import parallel_streams, processes, simulated_sense
from device.errors import MienError
from device.sense.simulator import Scene
from device.settings.load import load, parse
from device.settings.schema import Settings
from device.system.threads import name_this_thread

# --- whole processes


def test_a_thread_is_called_by_its_name() -> None:
    named, done = threading.Event(), threading.Event()

    def turn() -> None:
        name_this_thread("a thread of the bench")
        named.set()
        done.wait(5)

    thread = threading.Thread(target=turn)
    thread.start()
    try:
        assert named.wait(5)
        found = processes.cpu_s_by_thread(os.getpid())
        assert found["a thread of the"] >= 0  # the kernel keeps 15 letters
    finally:
        done.set()
        thread.join()


def test_a_footprint_without_schedstat_comes_from_ticks(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text("12 (a (very) odd name) S " + " ".join(str(n) for n in range(4, 60)))
    assert processes._cpu_s(tmp_path) == pytest.approx((14 + 15) / os.sysconf("SC_CLK_TCK"))


def test_a_process_that_has_ended_has_no_memory() -> None:
    ended = subprocess.Popen(["true"])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)  # nobody has asked for its exit status yet
    with pytest.raises(ProcessLookupError):
        processes.resident_mb(ended.pid)
    ended.wait()
    assert processes.resident_mb(os.getpid()) > 10


def test_the_performer_plays_aside_and_stops() -> None:
    class Slow:
        name = "slow"
        count = 0

        def read(self) -> int:
            self.count += 1
            return self.count

    aside = simulated_sense.Aside(Slow())
    assert [aside.read(), aside.read()] == [1, 2]
    assert aside.name == "slow"
    aside.close()


def test_nothing_from_the_performer_is_no_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated_sense, "_WAIT_S", 0.05)

    class Stuck:
        name = "stuck"

        def read(self) -> None:
            time.sleep(0.3)

    aside = simulated_sense.Aside(Stuck())
    assert aside.read() is None
    aside.close()


def test_in_one_script_somebody_talks_all_the_time_and_in_the_other_nobody_comes() -> None:
    assert all(act.emotion and act.speaks for act in simulated_sense.SCRIPTS["somebody"])
    assert simulated_sense.SCRIPTS["nobody"] == (Scene(None, 3600.0),)


def test_sense_and_hub_are_measured_as_they_run() -> None:
    told = processes.share("somebody", 2.0, Settings())
    assert {"camera", "face", "microphone", "voice"} <= set(told["sense_threads_percent"])
    assert "stand-in" not in told["sense_threads_percent"]
    assert told["stand_in_percent"] > 0
    assert 0 < told["sense_percent"] < 200
    assert told["rss_mb"]["sense"] > told["rss_mb"]["hub"] > 5


def test_what_is_measured_looks_and_listens_as_the_user_s_does(tmp_path: Path) -> None:
    text = "[camera]\nwidth_px = 1280\nheight_px = 720\nturned = 180\nidle_fps = 1\nrange = 'near'\nleast_score = 0.5\n"
    text += "max_faces = 2\nbudget = 0.1\ntimeout_s = 7\n[microphone]\nevery_s = 2\nleast_speech = 0.5\ntimeout_s = 8\n"
    mine = parse(text, "mine")
    told = load(processes._settings(tmp_path, mine, "stand-in@1.5"))
    camera = msgspec.structs.replace(mine.camera, source="stand-in@1.5", fps=processes.FPS, rotation=0)
    assert told.camera == camera
    assert told.microphone == msgspec.structs.replace(mine.microphone, source="stand-in@1.5")
    assert (told.kiosk.port, told.state_dir) == (0, tmp_path / "s")


def test_processes_that_end_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    monkeypatch.setattr(processes, "_LIMIT_S", 0.5)
    with pytest.raises(MienError, match="ended while it was measured"):
        processes.share("nobody", 0.1, Settings())
    with pytest.raises(MienError, match=r"no mood within 0\.5 s"):
        processes.start(Settings())
    monkeypatch.undo()
    monkeypatch.setattr(processes, "_LIMIT_S", 0.0)
    with pytest.raises(MienError, match="not up within 0 s"):
        processes.share("nobody", 0.1, Settings())


def test_streams_at_once_are_counted_together(tmp_path: Path) -> None:
    one, two = parallel_streams.measure(0.3, None, (1, 2))
    assert (one["streams"], two["streams"]) == (1, 2)
    assert min(one["cpu_ms"], two["cpu_ms"], one["fps"], two["fps"]) > 0
    settings = tmp_path / "mien.toml"
    settings.write_text("[camera]\nfps = -1\n")
    with pytest.raises(MienError, match="a stream ended before it began"):
        parallel_streams.measure(0.3, settings, (2,))
