"""The face detectors come out of a wheel, checked by hash, and the next time from the cache."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from device.commands.fetch_detectors import FILES, fetch, is_intact
from device.errors import ModelError
from device.perception.models.card import MODELS

WHEEL = "mediapipe-0.10.18-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip uses instead of the registry."""
    folder = tmp_path / "registry"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def wheel_in(registry: Path, change: bytes = b"") -> None:
    with zipfile.ZipFile(registry / WHEEL, "w") as wheel:
        for name in FILES:
            wheel.writestr(f"mediapipe/modules/face_detection/{name}", (MODELS / name).read_bytes() + change)
        wheel.writestr(
            "mediapipe-0.10.18.dist-info/METADATA", "Metadata-Version: 2.1\nName: mediapipe\nVersion: 0.10.18\n"
        )
        wheel.writestr(
            "mediapipe-0.10.18.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: cp311-cp311-manylinux_2_17_x86_64\n"
        )
        wheel.writestr("mediapipe-0.10.18.dist-info/RECORD", "")


def test_the_detectors_are_taken_out_of_the_wheel_and_cached(tmp_path: Path, registry: Path) -> None:
    models, cache = tmp_path / "models", tmp_path / "cache"
    models.mkdir()
    wheel_in(registry)
    assert fetch(models, cache) == list(FILES)
    assert all(is_intact(models / name) and is_intact(cache / name) for name in FILES)
    shutil.rmtree(registry)  # nothing can be downloaded any more
    assert fetch(models, cache) == []
    first = next(iter(FILES))
    (models / first).write_bytes(b"damaged")
    assert fetch(models, cache) == [first]
    assert is_intact(models / first)


def test_a_changed_file_in_the_wheel_is_refused(tmp_path: Path, registry: Path) -> None:
    (tmp_path / "models").mkdir()
    wheel_in(registry, change=b"!")
    with pytest.raises(ModelError, match="not the expected file"):
        fetch(tmp_path / "models", tmp_path / "cache")
    assert not list((tmp_path / "models").iterdir())


def test_without_a_network_the_error_says_what_to_do(tmp_path: Path, registry: Path) -> None:
    (tmp_path / "models").mkdir()
    with pytest.raises(ModelError, match=r"pip cannot download mediapipe==0\.10\.18 .*mien models fetch"):
        fetch(tmp_path / "models", tmp_path / "cache")


def test_the_command_says_that_the_detectors_are_there() -> None:
    command = [sys.executable, "-m", "device.cli", "models", "fetch"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "face detectors: already there\n"


def test_folders_that_cannot_be_written_are_reported(tmp_path: Path, registry: Path) -> None:
    wheel_in(registry)
    (tmp_path / "models").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match=rf"^{tmp_path}/file/cache: Not a directory; .* a user who may write there"):
        fetch(tmp_path / "models", tmp_path / "file" / "cache")
    with pytest.raises(ModelError, match=rf"^{tmp_path}/file/models/.*: Not a directory; "):
        fetch(tmp_path / "file" / "models", tmp_path / "cache")
