"""`mien doctor`: every check and its fix."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from device import __version__
from device.emotions import Emotion
from device.perception.models.card import MODELS
from device.sense.simulator.poses import PROSODIES
from device.sense.simulator.voice import speak
from tests.builders import drawn, picture, wav
from tests.command_line import Mien, parse_lines, write_settings


def test_doctor_prints_every_check_and_exits_0_if_the_service_can_work(mien: Mien, tmp_path: Path) -> None:
    done = mien("doctor", "--json", "--settings", write_settings(tmp_path))
    (found,) = parse_lines(done)
    assert (done.returncode, found["works"], found["version"]) == (0, True, __version__)
    by_name = {finding["check"]: finding for finding in found["findings"]}
    assert {"settings", "runtime", "face model", "voice model", "face detector", "camera", "state folder"} <= set(
        by_name
    )
    assert by_name["camera"]["said"] == "off in the settings"
    assert "no network in sense" in by_name
    assert all(finding["fix"] for finding in found["findings"] if finding["ok"] is False)


def test_doctor_exits_1_and_prints_the_fix_if_it_cannot_work(mien: Mien, tmp_path: Path) -> None:
    path = write_settings(tmp_path)
    path.write_text(path.read_text().replace('"off"', '"file:/gone.png"', 1))
    done = mien("doctor", "--settings", path)
    assert done.returncode == 1
    assert re.search(r"BAD  camera: .*/gone\.png.*\n     -> ", done.stdout)
    assert "ok   face model" in done.stdout


def test_doctor_goes_on_after_broken_settings(mien: Mien, tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("[camera]\nfps = 0\n")
    (found,) = parse_lines(mien("doctor", "--json", "--settings", path))
    by_name = {finding["check"]: finding["ok"] for finding in found["findings"]}
    assert (by_name["settings"], by_name["face model"]) == (False, True)


def test_doctor_tries_a_file_as_camera_and_microphone(mien: Mien, tmp_path: Path) -> None:
    face = picture(tmp_path / "a.png", drawn())
    sound = wav(tmp_path / "a.wav", speak(PROSODIES[Emotion.ANGRY], 3.0))
    path = write_settings(tmp_path)
    text = path.read_text().replace('"off"', f'"file:{face}"', 1).replace('"off"', f'"file:{sound}"', 1)
    path.write_text(text)
    (found,) = parse_lines(mien("doctor", "--json", "--settings", path))
    said = {finding["check"]: (finding["ok"], finding["said"]) for finding in found["findings"]}
    assert said["camera"][0] is True
    assert "640x480" in said["camera"][1]
    assert said["microphone"][0] is True
    assert re.search(r"dBFS, 1[567]\.\d kHz", said["microphone"][1])


@pytest.mark.parametrize("seconds", [0.1, 0.6])
def test_doctor_tries_a_recording_of_less_than_a_second(mien: Mien, tmp_path: Path, seconds: float) -> None:
    sound = wav(tmp_path / "a.wav", speak(PROSODIES[Emotion.ANGRY], 3.0)[: int(seconds * 16_000)])
    path = write_settings(tmp_path)
    path.write_text(path.read_text().replace('[microphone]\nsource = "off"', f'[microphone]\nsource = "file:{sound}"'))
    done = mien("doctor", "--settings", path)
    assert re.search(r"ok   microphone: a\.wav hears -?\d+ dBFS", done.stdout)
    assert done.returncode == 0


def test_doctor_names_a_detector_that_is_not_installed(mien: Mien, tmp_path: Path) -> None:
    if importlib.util.find_spec("mediapipe"):
        pytest.skip("mediapipe is installed here")
    path = write_settings(tmp_path)
    path.write_text(path.read_text().replace("[camera]\n", '[camera]\nrange = "mediapipe"\n'))
    done = mien("doctor", "--json", "--settings", path)
    (found,) = parse_lines(done)
    by_name = {finding["check"]: finding for finding in found["findings"]}
    assert by_name["face detector"]["ok"] is False
    assert "mediapipe" in by_name["face detector"]["said"]
    assert (done.returncode, found["works"]) == (1, False)


@pytest.mark.parametrize("what", ["the runtime", "a shipped model"])
def test_doctor_names_what_is_broken_of_the_models(tmp_path: Path, what: str) -> None:
    """In a Python that has no LiteRT, and with shipped models of which one is damaged."""
    models = shutil.copytree(MODELS, tmp_path / "models")
    (models / "prosody.tflite").write_bytes(b"damaged")
    spoil = {
        "the runtime": "sys.modules |= {'ai_edge_litert.interpreter': None, 'tflite_runtime.interpreter': None}",
        "a shipped model": f"registry.select.__defaults__ = (pathlib.Path({str(models)!r}), None)",
    }[what]
    code = f"import pathlib, sys\nfrom device.perception.models import registry\n{spoil}\nfrom device.cli import main\n"
    code += "sys.exit(main(sys.argv[1:]))"
    arguments = ["doctor", "--json", "--settings", str(write_settings(tmp_path))]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    (found,) = parse_lines(done)
    by_name = {finding["check"]: finding for finding in found["findings"]}
    assert (done.returncode, found["works"]) == (1, False), done.stderr
    if what == "the runtime":
        assert by_name["runtime"]["fix"] == "pip install ai-edge-litert"
        assert "face model" not in by_name
    else:
        assert (by_name["face model"]["ok"], by_name["prosody model"]["ok"]) == (True, False)
        assert "prosody" in by_name["prosody model"]["said"]
