"""Debian 12 for arm64, emulated: doctor works, and pictures and sounds read as they do here."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from device.emotions import Emotion
from device.sense.simulator.poses import POSES, PROSODIES
from device.sense.simulator.voice import speak
from tests import builders as made
from tests.system.machine import _ENTER, BUILT, REPOSITORY, _alone, _clone, missing

_EMULATOR = Path("/proc/sys/fs/binfmt_misc/qemu-aarch64")
_ROOT = Path(os.environ.get("MIEN_ARM64", BUILT / "bookworm-arm64"))
"""A root made by debootstrap --arch=arm64 --include=python3,python3-venv."""
_WHY = missing() or (
    "no emulator for aarch64: qemu-user 10, in binfmt_misc with the flag F (Debian 12's own 7.2 crashes LiteRT)"
    if not _EMULATOR.exists()
    else ""
)
pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(bool(_WHY), reason=_WHY or "-"),
]
_RUN = "cd /srv/mien && PYTHONPATH=/srv/site:/srv/mien python3 -m device.cli"


def _prepared() -> Path:
    """The root with this working tree, and wheels that were fetched from outside: pip in an emulator takes minutes."""
    if not (_ROOT / "usr").exists():
        mirror = ["debootstrap", "--arch=arm64", "--variant=minbase", "--include=python3,python3-venv", "bookworm"]
        subprocess.run([*mirror, str(_ROOT)], check=True)
    site = _ROOT / "srv/site"
    if not site.exists():
        only = ["--only-binary=:all:", "--python-version=3.11", "--implementation=cp", "--abi=cp311", "--abi=abi3"]
        tags = [*(f"manylinux_2_{minor}_aarch64" for minor in range(17, 37)), "manylinux2014_aarch64", "any"]
        platforms = [f"--platform={tag}" for tag in tags]
        pip = [sys.executable, "-m", "pip", "install", "-q", "--target", str(site)]
        lock = REPOSITORY / "requirements/device.txt"
        subprocess.run([*pip, *only, "--abi=none", *platforms, "--require-hashes", "-r", str(lock)], check=True)
    _clone(_ROOT / "srv/mien")
    return _ROOT


def _said(root: Path, command: str) -> str:
    """What `command` prints in `root`."""
    done = _alone(f"{_ENTER.format(root=shlex.quote(str(root)))} {shlex.quote(command)}")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _material(folder: Path) -> None:
    """Faces that the stand-in draws, a real one, and voices that it makes."""
    folder.mkdir(parents=True)
    for emotion, pose in POSES.items():
        made.picture(folder / f"face-{emotion.value}.png", made.drawn(((320, 250), 230, pose)))
    cv2.imwrite(str(folder / "face-real.png"), cv2.cvtColor(made.portrait(), cv2.COLOR_RGB2BGR))
    for emotion, prosody in PROSODIES.items():
        made.wav(folder / f"voice-{emotion.value}.wav", speak(prosody, 3.0))
    assert Emotion.HAPPY in POSES


def _labels(lines: str) -> dict[str, tuple[list[str], str | None]]:
    told = [json.loads(line) for line in lines.splitlines() if line.startswith("{")]
    return {
        Path(one["path"]).name: (
            [face["emotion"] for face in one["faces"]],
            one["voice"]["emotion"] if one["voice"] else None,
        )
        for one in told
    }


def test_it_reads_the_same_on_arm64(tmp_path: Path) -> None:
    root = _prepared()
    material = root / "srv/material"
    shutil.rmtree(material, ignore_errors=True)
    _material(material)
    here = subprocess.run(
        [sys.executable, "-m", "device.cli", "analyze", "--json", str(material)],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    ).stdout
    there = _said(root, f"{_RUN} analyze --json /srv/material")
    expected, found = _labels(here), _labels(there)
    assert len(expected) >= 12
    assert sum(bool(faces) for faces, _ in expected.values()) >= 6, "the material has faces"
    assert sum(voice is not None for _, voice in expected.values()) >= 4, "and voices"
    assert found == expected


def test_doctor_says_what_works_on_arm64() -> None:
    root = _prepared()
    (root / "srv/mien.toml").write_text('[camera]\nsource = "stand-in"\n[microphone]\nsource = "stand-in"\n')
    told = json.loads(_said(root, f"{_RUN} --settings /srv/mien.toml doctor --json || true").splitlines()[-1])
    by_name = {one["check"]: one for one in told["findings"]}
    assert "aarch64" in by_name["python"]["said"]
    for name in ("face model", "voice model", "prosody model"):
        assert by_name[name]["ok"] is not False, by_name[name]
