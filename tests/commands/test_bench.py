"""What `mien bench` measures, and how it is told."""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from device.bench import footprint, grid, networks, player, recordings, speech, stream, streams, whole
from device.bench.graph import work_of
from device.bench.plot import svg
from device.bench.probe import convolution, peak_macs_per_s
from device.bench.room import FPS, Room
from device.bench.table import lines
from device.bench.timing import Timing, spread, timed
from device.commands import bench
from device.errors import MediaError, MienError, ModelError
from device.sense.model import MODELS
from device.sense.readers import Readers, readers_of
from device.sense.stand_in import Act
from device.sense.tflite import Network
from device.sense.thread_name import name_this_thread
from device.settings import Settings
from tests.sense import made

_SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def readers() -> Readers:
    return readers_of(Settings())


def _asked(*paths: Path, **more: Any) -> argparse.Namespace:
    usual = {"settings": None, "json": True, "seconds": 0.03, "full": False, "parts": None, "plot": None}
    return argparse.Namespace(paths=list(paths), **(usual | more))


# --- timing


def test_a_timing_tells_wall_and_cpu_apart() -> None:
    timing = Timing()
    timing.of(lambda: time.sleep(0.02))
    told = timing.told()
    assert told["p50_ms"] >= 20
    assert told["cpu_ms"] < 10
    assert told["runs"] == 1
    assert Timing().told() == {"p50_ms": 0, "p95_ms": 0, "cpu_ms": 0, "cpu_p50_ms": 0, "runs": 0}


def test_a_thing_is_timed_often_enough_and_once_for_nothing() -> None:
    done: list[int] = []
    timing = timed(lambda: done.append(1), 0.0, least=7)
    assert (len(timing.wall_ms), len(done)) == (7, 8)
    assert spread([1.0, 2.0, 3.0])[0] == 2.0


# --- the made room


def test_the_people_of_the_room_move_and_no_frame_is_the_one_before() -> None:
    room = Room(2, 320, 240)
    frames = [*room.frames(15), *room.frames(15)]
    assert [frame.time_s for frame in frames] == pytest.approx([n / FPS for n in range(30)])
    assert all(frame.pixels.shape == (240, 320, 3) for frame in frames)
    assert all((a.pixels != b.pixels).any() for a, b in pairwise(frames))
    # More than the noise of 2.5 steps: they move.
    assert np.abs(frames[0].pixels.astype(int) - frames[-1].pixels).max() > 40
    empty = Room(0, 320, 240).frames(15)
    assert np.abs(empty[0].pixels.astype(int) - empty[-1].pixels).max() < 40


def test_the_room_holds_eight() -> None:
    with pytest.raises(ValueError, match="0 to 8"):
        Room(9)


@pytest.mark.parametrize("people", [1, 8])
def test_all_who_are_drawn_are_found(readers: Readers, people: int) -> None:
    assert len(readers.detector.find(Room(people).frames(4)[3].pixels)) == people


def test_a_stream_counts_the_faces_and_not_the_warm_frames(readers: Readers) -> None:
    seen = stream.watch(readers, Settings(), Room(1).stream(1.0)).told()
    assert seen["runs"] == FPS
    assert seen["faces_read"] == 1
    assert seen["fps"] > 1
    assert 0 <= seen["reading_age_p95_s"] < 2


# --- the voice


def test_windows_move_on_by_what_the_settings_say() -> None:
    heard = speech.windows(np.arange(5 * 16_000, dtype=np.float32), 0.5)
    assert [window.end_s for window in heard] == [3.0, 3.5, 4.0, 4.5, 5.0]
    assert all(len(window.samples) == 48_000 for window in heard)
    assert [window.at for window in heard[:2]] == [0, 8_000]
    assert heard[1].samples[0] == 8_000


def test_a_voice_that_speaks_is_read_in_each_window(readers: Readers) -> None:
    told = speech.listen(readers.voice, speech.windows(speech.talk(6.0), 0.5), 0.5)
    assert told["readings"] >= told["runs"] - 1
    assert told["cpu_ms_per_s"] == pytest.approx(2 * told["cpu_ms"], abs=0.01)


# --- networks


def test_the_work_of_a_convolution_is_counted_and_run() -> None:
    content = convolution(8, 16, 3)
    work = work_of(content, "it")
    assert work.macs == work.int8_macs == 8 * 8 * 16 * 16 * 9
    network = Network(content, "it")
    assert network.inputs[0].shape == network.outputs[0].shape == (1, 8, 8, 16)
    assert network.outputs[0].dtype == np.int8
    assert peak_macs_per_s(0.0) > 1e8


def test_our_networks_are_counted() -> None:
    face = work_of((MODELS / "face.tflite").read_bytes(), "face")
    assert 1e6 < face.macs < 1e9
    assert face.int8_macs == face.macs
    detector = work_of((MODELS / "face_detection_short_range.tflite").read_bytes(), "detector")
    assert detector.macs > 1e7  # BlazeFace's paper says 30 million
    assert detector.int8_macs == 0


@pytest.mark.parametrize("content", [b"", b"TFL3", b"\0" * 64, b"\xff" * 64, bytes(range(200))])
def test_what_is_no_network_is_said_so(content: bytes) -> None:
    with pytest.raises(ModelError, match=r"odd\.tflite"):
        work_of(content, "odd.tflite")


def test_a_broken_network_never_makes_more_than_a_model_error() -> None:
    whole_one = convolution(4, 8, 1)
    rng = np.random.default_rng(0)
    for _ in range(300):
        broken = bytearray(whole_one[: int(rng.integers(8, len(whole_one)))])
        for at in rng.integers(0, len(broken), 6):
            broken[at] = int(rng.integers(0, 256))
        try:
            assert work_of(bytes(broken), "broken").macs >= 0
        except ModelError:
            continue


def test_each_network_has_its_row(tmp_path: Path) -> None:
    (tmp_path / "one.tflite").write_bytes(convolution(8, 32, 3))
    told = networks.measure(0.0, tmp_path, most_threads=2)
    (row,) = told["each"]
    assert row["file"] == "one.tflite"
    assert row["weights"] == "int8"
    assert 0 < row["of_int8_peak"] < 2
    assert set(row["p50_ms_by_threads"]) == {"1", "2"}


def test_without_flatbuffers_there_is_no_peak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one.tflite").write_bytes(convolution(8, 32, 3))
    monkeypatch.setitem(sys.modules, "flatbuffers", None)
    told = networks.measure(0.0, tmp_path, most_threads=1)
    assert told["int8_peak_gmacs"] is None
    assert told["each"][0]["of_int8_peak"] is None


def test_a_network_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "gone.tflite").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ModelError, match=r"gone\.tflite"):
        networks.measure(0.0, tmp_path)


# --- the grid


def test_the_cells_are_few_unless_all_are_wanted() -> None:
    usual = grid.cells(full=False, cores=4)
    assert {faces for faces, size, _ in usual if size == grid.USUAL} == {1, 2, 4, 8}
    assert {size for _, size, _ in usual} == set(grid.SIZES)
    assert {threads for *_, threads in usual} == {1}
    full = grid.cells(full=True, cores=4)
    assert len(full) == 4 * 4 * 3
    assert set(usual) <= set(full)
    assert {threads for *_, threads in grid.cells(full=True, cores=1)} == {1}


def test_networks_get_their_threads_for_the_while() -> None:
    before = Network.__init__.__defaults__
    with grid.networks_on(2):
        assert Network.__init__.__defaults__ == (2,)
        readers_of(Settings())
    assert Network.__init__.__defaults__ == before


def test_eight_faces_are_held_against_one() -> None:
    rows = [
        {"faces": faces, "width_px": 640, "height_px": 480, "threads": threads, "cpu_ms": faces * threads * 1.0}
        for faces in (1, 8)
        for threads in (1, 2)
    ]
    assert grid.eight_against_one(rows) == 8.0
    assert grid.eight_against_one(rows[:1]) is None


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
        found = footprint.cpu_s_by_thread(os.getpid())
        assert found["a thread of the"] >= 0  # the kernel keeps 15 letters
    finally:
        done.set()
        thread.join()


def test_a_footprint_without_schedstat_comes_from_ticks(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text("12 (a (very) odd name) S " + " ".join(str(n) for n in range(4, 60)))
    assert footprint._cpu_s(tmp_path) == pytest.approx((14 + 15) / os.sysconf("SC_CLK_TCK"))


def test_a_process_that_has_ended_has_no_memory() -> None:
    ended = subprocess.Popen(["true"])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)  # nobody has asked for its exit status yet
    with pytest.raises(ProcessLookupError):
        footprint.resident_mb(ended.pid)
    ended.wait()
    assert footprint.resident_mb(os.getpid()) > 10


def test_the_performer_plays_aside_and_stops() -> None:
    class Slow:
        name = "slow"
        count = 0

        def read(self) -> int:
            self.count += 1
            return self.count

    aside = player.Aside(Slow())
    assert [aside.read(), aside.read()] == [1, 2]
    assert aside.name == "slow"
    aside.close()


def test_nothing_from_the_performer_is_no_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(player, "_WAIT_S", 0.05)

    class Stuck:
        name = "stuck"

        def read(self) -> None:
            time.sleep(0.3)

    aside = player.Aside(Stuck())
    assert aside.read() is None
    aside.close()


def test_in_one_script_somebody_talks_all_the_time_and_in_the_other_nobody_comes() -> None:
    assert all(act.emotion and act.speaks for act in player.SCRIPTS["somebody"])
    assert player.SCRIPTS["nobody"] == (Act(None, 3600.0),)


def test_sense_and_hub_are_measured_as_they_run() -> None:
    told = whole.share("somebody", 2.0, Settings())
    assert {"camera", "face", "microphone", "voice"} <= set(told["sense_threads_percent"])
    assert "stand-in" not in told["sense_threads_percent"]
    assert told["stand_in_percent"] > 0
    assert 0 < told["sense_percent"] < 200
    assert told["rss_mb"]["sense"] > told["rss_mb"]["hub"] > 5


def test_processes_that_end_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    monkeypatch.setattr(whole, "_LIMIT_S", 0.5)
    with pytest.raises(MienError, match="ended while it was measured"):
        whole.share("nobody", 0.1, Settings())
    with pytest.raises(MienError, match=r"no mood within 0\.5 s"):
        whole.start(Settings())
    monkeypatch.undo()
    monkeypatch.setattr(whole, "_LIMIT_S", 0.0)
    with pytest.raises(MienError, match="not up within 0 s"):
        whole.share("nobody", 0.1, Settings())


def test_streams_at_once_are_counted_together(tmp_path: Path) -> None:
    one, two = streams.measure(0.3, None, (1, 2))
    assert (one["streams"], two["streams"]) == (1, 2)
    assert min(one["cpu_ms"], two["cpu_ms"], one["fps"], two["fps"]) > 0
    settings = tmp_path / "mien.toml"
    settings.write_text("[camera]\nfps = -1\n")
    with pytest.raises(MienError, match="a stream ended before it began"):
        streams.measure(0.3, settings, (2,))


# --- the command


def test_the_whole_of_it_as_json_and_as_a_plot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plot = tmp_path / "bench.svg"
    assert bench.run(_asked(plot=plot)) == 0
    told = json.loads(capsys.readouterr().out)
    for key in ("face_path_cpu_ms", "face_path_fps", "voice_path_cpu_ms_per_s", "start_to_first_mood_s", "start_cpu_s"):
        assert 0 < told[key] < 10_000, key
    assert told["rss_mb"]["sense"] > told["rss_mb"]["hub"] > 5
    assert set(told["runtime"]) == {"name", "version", "xnnpack"}
    assert {row["faces"] for row in told["grid"]} == {1, 2, 4, 8}
    assert all(row["faces_read"] > 0.8 * row["faces"] for row in told["grid"])
    assert told["eight_against_one"] > 0
    assert {row["file"] for row in told["networks"]["each"]} >= {"face.tflite", "voice.tflite", "prosody.tflite"}
    assert set(told["process"]) == {"somebody", "nobody"}
    assert told["idle"]["face_path_cpu_ms"] >= 0
    for stage in told["stages"]:
        assert stage["p50_ms"] <= stage["p95_ms"]
        assert {"stage", "cpu_ms", "runs"} <= set(stage)

    picture = ET.parse(plot).getroot()  # noqa: S314 - our own
    # A line for each size, a spot for each cell, a bar for each stage and thread, and what they are.
    assert len(picture.findall(f"{_SVG}polyline")) == len(grid.SIZES)
    assert len(picture.findall(f"{_SVG}circle")) == len(told["grid"])
    words = [text.text for text in picture.findall(f"{_SVG}text")]
    for stage in told["stages"]:
        assert stage["stage"] in words
    assert {"640x480", "1920x1080", "camera", "voice"} <= set(words)

    table = "\n".join(lines(told))
    for word in ("read one face", "of the int8 peak", "1280x720", "eight faces", "with nobody there", "first mood"):
        assert word in table


def test_parts_are_measured_alone(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams.measure, "__defaults__", (None, (1,)))
    assert bench.run(_asked(parts="streams,voice", json=False)) == 0
    said = capsys.readouterr().out
    assert "voice path" in said
    assert "1 streams at once" in said
    assert "face path" not in said


def test_a_plot_of_all_cells_tells_the_lines_apart_and_escapes_names() -> None:
    rows = [
        {"faces": faces, "width_px": w, "height_px": h, "threads": threads, "cpu_ms": 0.0}
        for faces, (w, h), threads in grid.cells(full=True, cores=2)
    ]
    picture = ET.fromstring(svg({"grid": rows, "stages": [{"stage": "a < b & c", "cpu_ms": 0.0}]}))  # noqa: S314 - our own
    drawn = picture.findall(f"{_SVG}polyline")
    assert len({(line.get("stroke"), line.get("stroke-dasharray")) for line in drawn}) == len(drawn) == 8
    words = [text.text for text in picture.findall(f"{_SVG}text")]
    assert {"a < b & c", "640x480, 2 threads"} <= set(words)
    assert ET.fromstring(svg({})).tag == f"{_SVG}svg"  # noqa: S314 - our own


def test_recordings_are_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seconds = [frame.pixels for frame in Room(1, 320, 240).frames(60)]
    film = made.film(tmp_path / "room.mp4", seconds, 15, speech.talk(4.0))
    paths = [
        film,
        made.picture(tmp_path / "face.png", Room(1).frames(3)[2].pixels),
        made.wav(tmp_path / "voice.wav", speech.talk(4.0)),
        made.wav(tmp_path / "word.wav", speech.talk(1.0)),
        made.film(tmp_path / "moment.mp4", seconds[:6], 15),
    ]
    assert bench.run(_asked(*paths, seconds=0.1)) == 0
    told = json.loads(capsys.readouterr().out)
    video, picture, sound, word, moment = told["recordings"]
    assert (video["kind"], video["width_px"], video["height_px"]) == ("video", 320, 240)
    assert video["face"]["runs"] == 45
    assert video["face"]["faces_read"] > 0.8
    assert video["voice"]["runs"] >= 1
    assert (picture["kind"], picture["face"]["faces_read"], picture["voice"]) == ("image", 1.0, None)
    assert (sound["kind"], sound["face"]) == ("sound", None)
    assert sound["voice"]["cpu_ms_per_s"] > 0
    assert word["voice"] is None
    assert (moment["face"]["runs"], moment["voice"]) == (6, None)
    assert "face_path_cpu_ms" not in told
    table = "\n".join(lines(told))
    assert str(film) in table
    assert "320x240, 45 frames" in table
    assert "readings" in table


def test_a_bad_path_is_told_before_anything_is_measured(
    tmp_path: Path, readers: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings, "watch", lambda *_, **__: pytest.fail("measured"))
    picture = made.picture(tmp_path / "face.png", Room(1).frames(3)[2].pixels)
    text = tmp_path / "notes.txt"
    text.write_text("not a picture")
    for bad in (tmp_path / "gone.mp4", text, tmp_path):
        with pytest.raises(MediaError) as told:
            recordings.measure([picture, bad], readers, Settings(), 1.0)
        assert str(bad) in str(told.value)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"parts": "stages,speed"}, "'speed' is none of them; allowed are stages, face"),
        ({"seconds": 0.0}, "more than 0"),
        ({"plot": Path("/nowhere/at/all.svg")}, "there is no folder /nowhere/at"),
    ],
)
def test_wrong_wishes_are_told(more: dict[str, Any], words: str) -> None:
    with pytest.raises(MienError, match=words):
        bench.run(_asked(**more))


def test_a_plot_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(MienError, match="cannot be written"):
        bench.run(_asked(made.picture(tmp_path / "a.png", Room(1).frames(1)[0].pixels), plot=tmp_path))
