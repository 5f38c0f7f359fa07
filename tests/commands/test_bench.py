"""`mien bench`: its JSON, its plot, recordings, and wrong arguments."""

import argparse
import json
import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from device.bench import grid, parallel_streams, voice
from device.bench.plot import draw_svg
from device.bench.report import format_lines
from device.bench.scene import Room
from device.commands import bench
from device.errors import MienError
from tests import builders as made

_SVG = "{http://www.w3.org/2000/svg}"


def _arguments(*paths: Path, **more: Any) -> argparse.Namespace:
    defaults = {"settings": None, "json": True, "seconds": 0.03, "full": False, "parts": None, "plot": None}
    return argparse.Namespace(paths=list(paths), **(defaults | more))


# --- the command


def test_all_parts_as_json_and_as_a_plot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plot = tmp_path / "bench.svg"
    assert bench.run(_arguments(plot=plot)) == 0
    result = json.loads(capsys.readouterr().out)
    for key in ("face_path_cpu_ms", "face_path_fps", "voice_path_cpu_ms_per_s", "start_to_first_mood_s", "start_cpu_s"):
        assert 0 < result[key] < 10_000, key
    assert result["rss_mb"]["sense"] > result["rss_mb"]["hub"] > 5
    assert set(result["runtime"]) == {"name", "version", "xnnpack"}
    assert {row["faces"] for row in result["grid"]} == {1, 2, 4, 8}
    assert all(row["faces_read"] > 0.8 * row["faces"] for row in result["grid"])
    assert result["eight_against_one"] > 0
    assert {row["file"] for row in result["networks"]["each"]} >= {"face.tflite", "voice.tflite", "prosody.tflite"}
    assert set(result["process"]) == {"somebody", "nobody"}
    assert result["idle"]["face_path_cpu_ms"] >= 0
    for stage in result["stages"]:
        assert stage["p50_ms"] <= stage["p95_ms"]
        assert {"stage", "cpu_ms", "runs"} <= set(stage)

    picture = ET.parse(plot).getroot()  # noqa: S314 - our own
    # A line for each size, a dot for each cell, a bar for each stage and thread, and their labels.
    assert len(picture.findall(f"{_SVG}polyline")) == len(grid.SIZES)
    assert len(picture.findall(f"{_SVG}circle")) == len(result["grid"])
    words = [text.text for text in picture.findall(f"{_SVG}text")]
    for stage in result["stages"]:
        assert stage["stage"] in words
    assert {"640x480", "1920x1080", "camera", "voice"} <= set(words)

    table = "\n".join(format_lines(result))
    for word in ("read one face", "of the int8 peak", "1280x720", "eight faces", "with nobody there", "first mood"):
        assert word in table


def test_parts_are_measured_alone(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel_streams.measure, "__defaults__", (None, (1,)))
    assert bench.run(_arguments(parts="streams,voice", json=False)) == 0
    said = capsys.readouterr().out
    assert "voice path" in said
    assert "1 streams at once" in said
    assert "face path" not in said


def test_a_plot_of_the_whole_grid_has_distinct_lines_and_escapes_names() -> None:
    rows = [
        {"faces": faces, "width_px": w, "height_px": h, "threads": threads, "cpu_ms": 0.0}
        for faces, (w, h), threads in grid.list_cells(full=True, cores=2)
    ]
    picture = ET.fromstring(draw_svg({"grid": rows, "stages": [{"stage": "a < b & c", "cpu_ms": 0.0}]}))  # noqa: S314 - our own
    drawn = picture.findall(f"{_SVG}polyline")
    assert len({(line.get("stroke"), line.get("stroke-dasharray")) for line in drawn}) == len(drawn) == 8
    words = [text.text for text in picture.findall(f"{_SVG}text")]
    assert {"a < b & c", "640x480, 2 threads"} <= set(words)
    assert ET.fromstring(draw_svg({})).tag == f"{_SVG}svg"  # noqa: S314 - our own


def test_recordings_are_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seconds = [frame.pixels for frame in Room(1, 320, 240).frames(60)]
    film = made.film(tmp_path / "room.mp4", seconds, 15, voice.synthesize_speech(4.0))
    paths = [
        film,
        made.picture(tmp_path / "face.png", Room(1).frames(3)[2].pixels),
        made.wav(tmp_path / "voice.wav", voice.synthesize_speech(4.0)),
        made.wav(tmp_path / "word.wav", voice.synthesize_speech(1.0)),
        made.film(tmp_path / "moment.mp4", seconds[:6], 15),
    ]
    plot = tmp_path / "plot.svg"
    assert bench.run(_arguments(*paths, seconds=0.1, plot=plot)) == 0
    result = json.loads(capsys.readouterr().out)
    video, picture, sound, word, moment = result["recordings"]
    assert (video["kind"], video["width_px"], video["height_px"]) == ("video", 320, 240)
    assert video["face"]["runs"] == 45
    assert video["face"]["faces_read"] > 0.8
    assert video["voice"]["runs"] >= 1
    assert (picture["kind"], picture["face"]["faces_read"], picture["voice"]) == ("image", 1.0, None)
    assert (sound["kind"], sound["face"]) == ("sound", None)
    assert sound["voice"]["cpu_ms_per_s"] > 0
    assert word["voice"] is None
    assert (moment["face"]["runs"], moment["voice"]) == (6, None)
    assert "face_path_cpu_ms" not in result
    table = "\n".join(format_lines(result))
    assert str(film) in table
    assert "320x240, 45 frames" in table
    assert "readings" in table
    drawn = [text.text for text in ET.parse(plot).getroot().findall(f"{_SVG}text")]  # noqa: S314 - our own
    # A bar for each recording with a picture, and for each with sound.
    assert {name: drawn.count(name) for name in ("room.mp4", "face.png", "voice.wav", "word.wav", "moment.mp4")} == {
        "room.mp4": 2,
        "face.png": 1,
        "voice.wav": 1,
        "word.wav": 0,
        "moment.mp4": 1,
    }


def test_odd_names_of_recordings_are_drawn_and_printed(tmp_path: Path) -> None:
    odd = {"path": f"/a/{'long ' * 9}\x1b[31m<\udcff.png", "face": {"cpu_ms": 1.0}, "voice": None}
    picture = ET.fromstring(draw_svg({"recordings": [odd]}))  # noqa: S314 - our own
    assert [text.text for text in picture.findall(f"{_SVG}text")][1].endswith(r"long \x1b[31m<\xff.png")  # type: ignore[union-attr]
    empty = {"path": "/a/\x1b.wav", "face": None, "voice": None}
    assert "None of the parts" in draw_svg({"recordings": [empty]})
    runtime = {"runtime": {"name": "r", "version": "1"}, "cores": 1}
    assert r"/a/\x1b.wav" in list(format_lines(runtime | {"recordings": [empty]}))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"parts": "stages,speed"}, "'speed' is not a part; allowed are stages, face"),
        *(({"seconds": seconds}, "greater than 0") for seconds in (0.0, -1.0, math.nan, math.inf)),
        ({"plot": Path("x.svg"), "parts": "voice,networks"}, "draws stages, grid, process; --parts voice,networks"),
        ({"plot": Path("/nowhere/at/all.svg")}, "the folder /nowhere/at does not exist"),
    ],
)
def test_wrong_arguments_are_reported(more: dict[str, Any], words: str) -> None:
    with pytest.raises(MienError, match=words):
        bench.run(_arguments(**more))


def test_a_plot_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    with pytest.raises(MienError, match="cannot be written"):
        bench.run(_arguments(made.picture(tmp_path / "a.png", Room(1).frames(1)[0].pixels), plot=tmp_path))
