"""The layout, held by reading every file: which room may import which, how large one may be, what it is called."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

_HOUSE = Path(__file__).parents[1]
_DEVICE = sorted((_HOUSE / "device").rglob("*.py"))
_CONVERT = sorted((_HOUSE / "convert").rglob("*.py"))
_NETWORK = {"aiohttp", "aiomqtt", "ftplib", "http", "httpx", "paho", "requests", "smtplib", "socketserver", "urllib3"}
_NETWORK |= {"urllib.request", "websockets", "xmlrpc"}
_DEVICES = {"ai_edge_litert", "av", "cv2", "libcamera", "mediapipe", "picamera2", "pyaudio", "tflite_runtime"}
_ROOMS = {f"device.{room}" for room in ("sense", "hub", "perception", "commands", "bench", "cli")}
_FOUNDATIONS = (
    {"device.errors", "device.emotions"},
    {"device.system", "device.readings"},
    {"device.settings"},
    {"device.ipc"},
)
"""What every room may import. Each may import those before it, and its own kind."""


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


def _is_within(module: str, rooms: set[str]) -> bool:
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


def _trespasses(files: list[Path], rooms: set[str]) -> list[str]:
    assert files
    return [f"{path.relative_to(_HOUSE)}: {m}" for path in files for m in _imported(path) if _is_within(m, rooms)]


def _files(room: str) -> list[Path]:
    """The files of `device.room`, which is a folder or one file."""
    path = _HOUSE.joinpath(*room.split("."))
    return [file for file in _DEVICE + _CONVERT if file.is_relative_to(path) or file == path.with_suffix(".py")]


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


# -- which room may import which


@pytest.mark.parametrize(
    ("room", "forbidden"),
    [
        ("device.sense", {"device.hub"}),
        ("device.hub", {"device.sense", "device.perception"}),
        ("device.perception", {"device.sense", "device.hub", "device.commands", "device.bench"}),
        ("device.perception", {"threading", "socket", "asyncio"}),
        ("device.sense", _NETWORK),
        ("device.perception", _NETWORK),
        ("device.hub", _DEVICES),
        ("device", {"convert", "torch", "litert_torch"}),
    ],
)
def test_a_room_never_imports(room: str, forbidden: set[str]) -> None:
    assert _trespasses(_files(room), forbidden) == []


def test_only_the_command_line_imports_commands() -> None:
    others = [path for path in _DEVICE if path not in _files("device.commands") and path != _HOUSE / "device/cli.py"]
    assert _trespasses(others, {"device.commands"}) == []


def test_what_every_room_imports_imports_none_of_them_and_each_other_in_one_order() -> None:
    for level, names in enumerate(_FOUNDATIONS):
        later = set().union(*_FOUNDATIONS[level + 1 :])
        for name in names:
            assert _trespasses(_files(name), _ROOMS | {"convert"} | later) == []


def _graph(folder: Path) -> dict[str, set[str]]:
    """Child of `folder` (a file or a folder) -> the other children that anything in it imports."""
    package = ".".join(folder.relative_to(_HOUSE).parts)
    children = {p.stem for p in folder.iterdir() if p.suffix == ".py" or (p / "__init__.py").is_file()} - {"__init__"}
    found: dict[str, set[str]] = {}
    for child in children:
        files = [folder / f"{child}.py"] if (folder / f"{child}.py").is_file() else [*(folder / child).rglob("*.py")]
        named = {m for f in files for m in _imported(f) if m.startswith(f"{package}.")}
        found[child] = {m.removeprefix(f"{package}.").split(".")[0] for m in named} & children - {child}
    return found


def _cycle(graph: dict[str, set[str]]) -> list[str]:
    """The nodes that no order of imports can resolve; empty where there is no cycle."""
    left = dict(graph)
    while free := [name for name, needs in left.items() if not needs & left.keys()]:
        for name in free:
            del left[name]
    return sorted(left)


def test_the_search_for_cycles_finds_one() -> None:
    assert _cycle({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert _cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["a", "b", "c"]


@pytest.mark.parametrize("top", ["device", "convert"])
def test_no_folder_has_a_cycle_of_imports_among_what_is_in_it(top: str) -> None:
    folders = [_HOUSE / top, *(p.parent for p in (_HOUSE / top).rglob("__init__.py") if p.parent != _HOUSE / top)]
    assert len(folders) > 5
    found = {str(folder.relative_to(_HOUSE)): _cycle(_graph(folder)) for folder in folders}
    assert not {folder: cycle for folder, cycle in found.items() if cycle}


# -- how large


def test_no_file_has_more_than_300_lines() -> None:
    sizes = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in _DEVICE + _CONVERT}
    assert len(sizes) > 300
    assert {str(path.relative_to(_HOUSE)): size for path, size in sizes.items() if size > 300} == {}


def test_no_folder_has_more_than_20_modules() -> None:
    folders = {path.parent for path in _DEVICE + _CONVERT}
    assert {str(f.relative_to(_HOUSE)) for f in folders if len([*f.glob("[!_]*.py")]) > 20} == set()


# -- what it is called


def test_one_file_names_the_runtime_of_the_networks() -> None:
    named = [p.name for p in _DEVICE if "ai_edge_litert" in p.read_text(encoding="utf-8")]
    assert named == ["tflite.py"]


_FORMER_NAMES = set(
    re.findall(
        r"\w+",
        """
    Door Window Board Listener Changes Told Wish Visitors Viewer SignsOfLife Alive Patience Refusals TellingClient
    Announcement Acting Firing Over Question Destinations Occasion Former Keeper Held HeldFile Crossing Turns Lane
    Breaker Caller Way Tries Speaker Guard Steady Sight Following Known Refined Range Readers Pair PAIRS Choice
    Learnt LearntVoices VoiceBaseline HeardVoices Centred FrameMemory StandInCamera StandInMicrophone Act Shown
    Passed Shelf Said Order Lock Finding NEAR FAR wish_of obey would_happen former readers_of choose resting usual
    centred spoken framed heard stand roles rehearse explained keep kept told asked
    """,
    )
)
"""What these things were called before they had the field's names."""


def _defined(path: Path) -> Iterator[tuple[str, int]]:
    """Every name that a file gives to a class, a function, an argument, an attribute or a module's constant."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno


def test_nothing_is_called_what_it_was_called() -> None:
    found = [
        f"{path.relative_to(_HOUSE)}:{line}: {name}"
        for path in _DEVICE + _CONVERT
        for name, line in _defined(path)
        if name.lstrip("_") in _FORMER_NAMES or re.fullmatch(r"_?(MOST|LEAST)(_.*)?|.*_(MOST|LEAST)|\w+_of", name)
    ]
    assert found == []


def test_no_file_or_folder_is_called_what_it_was_called() -> None:
    was = {"looking", "pairs", "stand_in", "kiosk", "corpora", "recipes", "faces", "voices", "compare", "door", "board"}
    was |= {
        "findings",
        "remembering",
        "acting",
        "answering",
        "question",
        "keeper",
        "former",
        "crossing",
        "turns",
        "kept",
    }
    here = {part for path in _DEVICE + _CONVERT for part in path.relative_to(_HOUSE).with_suffix("").parts[1:-1]}
    assert here & was == set()


# -- documents that name files


def test_every_test_that_the_table_of_faults_names_is_there() -> None:
    table = (_HOUSE / "docs" / "FAULTS.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:tests/[\w/]+\.py)|(?:test_\w+))`", table))
    assert len(named) > 30
    said = "\n".join(path.read_text(encoding="utf-8") for path in (_HOUSE / "tests").rglob("test_*.py"))
    # The names of functions may be told by their beginnings.
    lost = [name for name in named if not ((_HOUSE / name).is_file() if "/" in name else f"def {name}" in said)]
    assert not lost


@pytest.mark.parametrize(
    "document", ["docs/ARCHITECTURE.md", "CONTRIBUTING.md", "README.md", "SECURITY.md", "systemd/README.md"]
)
def test_a_document_names_only_what_is_there(document: str) -> None:
    text = (_HOUSE / document).read_text(encoding="utf-8")
    named = set(re.findall(r"(?<![\w./-])((?:device|convert|tests|systemd|docs)/[\w./*{},<>-]*[\w/*])", text))
    assert named
    lost = [name for name in named if not re.search(r"[<{]|NAME", name) and not [*_HOUSE.glob(name.rstrip("/"))]]
    assert lost == []


def test_the_plan_of_the_house_names_every_folder() -> None:
    text = (_HOUSE / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
    folders = {path.parent.relative_to(_HOUSE).as_posix() for path in _DEVICE + _CONVERT}
    assert [folder for folder in sorted(folders) if folder not in text] == []


def test_pairwise_levels_of_the_foundations_share_nothing() -> None:
    assert all(not one & other for one, other in pairwise(_FOUNDATIONS))
