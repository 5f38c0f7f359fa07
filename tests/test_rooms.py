"""The doors between the rooms, held by reading the imports of every file."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

_HOUSE = Path(__file__).parents[1]
_DEVICE = sorted((_HOUSE / "device").rglob("*.py"))
_TOP = {
    "device",
    "device.settings.types",
    "device.settings.actions",
    "device.emotions",
    "device.errors",
    "device.settings.messages",
    "device.ipc.gallery_index",
    "device.system.state_file",
    "device.settings.schema",
    "device.ipc.messages",
    "device.system.machine",
    "device.ipc.live_view",
    "device.system.sd_notify",
    "device.system.paths",
    "device.system.terminal",
    "device.readings",
    "device.settings.reload",
    "device.settings.rules",
} | {"device.settings.schema", "device.settings.toml"}
_SPEAKERS = {"aiohttp", "aiomqtt", "ftplib", "http", "httpx", "paho", "requests", "smtplib", "socketserver", "urllib3"}
_SPEAKERS |= {"urllib.request", "websockets", "xmlrpc"}
_EYES_AND_EARS = {"ai_edge_litert", "av", "cv2", "libcamera", "mediapipe", "picamera2", "pyaudio", "tflite_runtime"}


def _imported(path: Path) -> Iterator[str]:
    """Every module that a file names in an import, wherever in it; `from a import b` is `a` and `a.b`."""
    package = path.relative_to(_HOUSE).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [*package[: len(package) - node.level + 1]] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _within(module: str, rooms: set[str]) -> bool:
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


def _trespasses(files: list[Path], rooms: set[str]) -> list[str]:
    assert files
    return [f"{path.relative_to(_HOUSE)}: {m}" for path in files for m in _imported(path) if _within(m, rooms)]


def _of(room: str) -> list[Path]:
    return [path for path in _DEVICE if path.is_relative_to(_HOUSE / "device" / room)]


def test_the_reader_of_imports_finds_every_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}._HOUSE", tmp_path)
    file = tmp_path / "device" / "hub" / "x.py"
    file.parent.mkdir(parents=True)
    file.write_text(
        "import cv2.dnn\ndef f():\n  from ..sense import eyes\n  from . import b\nfrom urllib import request"
    )
    assert set(_imported(file)) == {"cv2.dnn", "device.sense", "device.sense.eyes", "device.hub", "device.hub.b"} | {
        "urllib",
        "urllib.request",
    }


def test_the_process_that_sees_never_imports_the_one_that_talks() -> None:
    assert _trespasses(_of("sense"), {"device.hub"}) == []


def test_the_process_that_talks_never_imports_the_one_that_sees() -> None:
    assert _trespasses(_of("hub"), {"device.sense"}) == []


def test_the_device_never_imports_what_trains_it() -> None:
    assert _trespasses(_DEVICE, {"convert", "torch", "litert_torch"}) == []


def test_commands_are_used_by_the_command_line_alone() -> None:
    others = [path for path in _DEVICE if path not in _of("commands") and path != _HOUSE / "device/cli.py"]
    assert _trespasses(others, {"device.commands"}) == []


def test_the_modules_that_both_rooms_share_import_neither() -> None:
    shared = [path for path in (_HOUSE / "device").glob("*.py") if path.name != "cli.py"]
    assert _trespasses(shared, {"device.sense", "device.hub", "device.commands"}) == []
    names = {"device" if p.stem == "__init__" else f"device.{p.stem}" for p in shared}
    assert names == _TOP


def test_hub_has_no_library_that_sees_or_hears() -> None:
    assert _trespasses(_of("hub"), _EYES_AND_EARS) == []


def test_sense_has_no_library_that_talks_to_a_network() -> None:
    assert _trespasses(_of("sense"), _SPEAKERS) == []


def test_the_runtime_of_the_networks_is_known_in_one_file() -> None:
    named = [p.name for p in _DEVICE if "ai_edge_litert" in p.read_text(encoding="utf-8")]
    assert named == ["tflite.py"]


def test_every_test_that_the_table_of_faults_names_is_there() -> None:
    table = (_HOUSE / "docs" / "FAULTS.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:tests/[\w/]+\.py)|(?:test_\w+))`", table))
    assert len(named) > 30
    said = "\n".join(path.read_text(encoding="utf-8") for path in (_HOUSE / "tests").rglob("test_*.py"))
    # The names of functions may be told by their beginnings.
    lost = [name for name in named if not ((_HOUSE / name).is_file() if "/" in name else f"def {name}" in said)]
    assert not lost
