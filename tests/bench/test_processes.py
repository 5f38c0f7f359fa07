"""What the bench measures of whole processes: CPU and memory, the simulator, sense and hub, and parallel streams."""

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


def test_cpu_time_is_listed_by_thread_name() -> None:
    named, done = threading.Event(), threading.Event()

    def work() -> None:
        name_this_thread("a thread of the bench")
        named.set()
        done.wait(5)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert named.wait(5)
        found = processes.cpu_s_by_thread(os.getpid())
        assert found["a thread of the"] >= 0  # the kernel keeps 15 characters
    finally:
        done.set()
        thread.join()


def test_cpu_time_without_schedstat_comes_from_ticks(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text("12 (a (very) odd name) S " + " ".join(str(n) for n in range(4, 60)))
    assert processes._cpu_s(tmp_path) == pytest.approx((14 + 15) / os.sysconf("SC_CLK_TCK"))


def test_a_process_that_has_ended_has_no_memory() -> None:
    ended = subprocess.Popen(["true"])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)  # a zombie
    with pytest.raises(ProcessLookupError):
        processes.resident_mb(ended.pid)
    ended.wait()
    assert processes.resident_mb(os.getpid()) > 10


def test_a_background_device_is_read_in_its_own_thread() -> None:
    class Slow:
        name = "slow"
        count = 0

        def read(self) -> int:
            self.count += 1
            return self.count

    device = simulated_sense.BackgroundDevice(Slow())
    assert [device.read(), device.read()] == [1, 2]
    assert device.name == "slow"
    device.close()


def test_a_slow_background_device_gives_no_frame() -> None:
    class Stuck:
        name = "stuck"

        def read(self) -> None:
            time.sleep(0.3)

    device = simulated_sense.BackgroundDevice(Stuck(), wait_s=0.05)
    assert device.read() is None
    device.close()


def test_one_script_has_somebody_who_always_talks_and_the_other_an_empty_room() -> None:
    assert all(scene.emotion and scene.speaks for scene in simulated_sense.SCRIPTS["somebody"])
    assert simulated_sense.SCRIPTS["nobody"] == (Scene(None, 3600.0),)


def test_sense_and_hub_are_measured_live() -> None:
    result = processes.measure_load("somebody", 2.0, Settings())
    assert {"camera", "face", "microphone", "voice"} <= set(result["sense_threads_percent"])
    assert "stand-in" not in result["sense_threads_percent"]
    assert result["stand_in_percent"] > 0
    assert 0 < result["sense_percent"] < 200
    assert result["rss_mb"]["sense"] > result["rss_mb"]["hub"] > 5


def test_the_measurement_uses_the_users_camera_and_microphone_settings(tmp_path: Path) -> None:
    text = "[camera]\nwidth_px = 1280\nheight_px = 720\nrotation = 180\nidle_fps = 1\nrange = 'near'\nmin_score = 0.5\n"
    text += "max_faces = 2\ncpu_budget = 0.1\ntimeout_s = 7\n"
    text += "[microphone]\ninterval_s = 2\nmin_speech = 0.5\ntimeout_s = 8\n"
    mine = parse(text, "mine")
    written = load(processes._write_settings(tmp_path, mine, "stand-in@1.5"))
    camera = msgspec.structs.replace(mine.camera, source="stand-in@1.5", fps=processes.FPS, rotation=0)
    assert written.camera == camera
    assert written.microphone == msgspec.structs.replace(mine.microphone, source="stand-in@1.5")
    assert (written.kiosk.port, written.state_dir) == (0, tmp_path / "s")


def test_processes_that_end_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(MienError, match="ended during the measurement"):
        processes.measure_load("nobody", 0.1, Settings())
    with pytest.raises(MienError, match=r"no mood within 0\.5 s"):
        processes.measure_start(Settings(), limit_s=0.5)
    monkeypatch.undo()
    with pytest.raises(MienError, match="did not start within 0 s"):
        processes.measure_load("nobody", 0.1, Settings(), limit_s=0.0)


def test_parallel_streams_are_measured_together(tmp_path: Path) -> None:
    one, two = parallel_streams.measure(0.3, None, (1, 2))
    assert (one["streams"], two["streams"]) == (1, 2)
    assert min(one["cpu_ms"], two["cpu_ms"], one["fps"], two["fps"]) > 0
    settings = tmp_path / "mien.toml"
    settings.write_text("[camera]\nfps = -1\n")
    with pytest.raises(MienError, match="a stream ended before it started"):
        parallel_streams.measure(0.3, settings, (2,))
