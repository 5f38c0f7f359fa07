"""`mien doctor`: every check and its fix."""

import re
from pathlib import Path

import pytest

from device import __version__
from device.emotions import Emotion
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
