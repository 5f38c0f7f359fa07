"""The locks of requirements/: they hold what pyproject.toml asks for, on every Python and machine that Mien names."""

import importlib.metadata
import importlib.util
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_HOUSE = Path(__file__).parents[1]
_FOLDER = _HOUSE / "requirements"
_LOCKS = sorted(_FOLDER.glob("*.txt"))
_PROJECT: dict[str, Any] = tomllib.loads((_HOUSE / "pyproject.toml").read_text())["project"]
_EXTRAS: dict[str, list[str]] = _PROJECT["optional-dependencies"]
_PYTHONS = ("3.11", "3.12", "3.13", "3.14")
_MACHINES = ("x86_64", "aarch64")
Pins = dict[str, tuple[str, list[str]]]


def _environment(python: str, machine: str) -> dict[str, str]:
    return {
        "python_version": python,
        "python_full_version": f"{python}.1",
        "platform_machine": machine,
        "sys_platform": "linux",
        "platform_system": "Linux",
        "os_name": "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }


def _blocks(path: Path) -> Iterator[tuple[Requirement, list[str]]]:
    """Each requirement of a lock, and the hashes of its files."""
    for block in re.split(r"\n(?=[A-Za-z0-9])", path.read_text()):
        lines = [line.removesuffix("\\").strip() for line in block.splitlines() if not line.lstrip().startswith("#")]
        if lines:
            yield Requirement(lines[0]), [line.removeprefix("--hash=") for line in lines[1:] if line]


def _pins(path: Path, environment: dict[str, str]) -> Pins:
    """Package -> version and hashes, for one Python on one machine."""
    pins: Pins = {}
    for requirement, hashes in _blocks(path):
        if requirement.marker and not requirement.marker.evaluate(environment):
            continue
        name = canonicalize_name(requirement.name)
        assert name not in pins, f"{path.name} names {name} twice for {environment}"
        (version,) = requirement.specifier
        assert version.operator == "=="
        pins[name] = version.version, hashes
    return pins


@pytest.mark.parametrize("machine", _MACHINES)
@pytest.mark.parametrize("python", _PYTHONS)
def test_the_locks_hold_what_the_project_asks_for(python: str, machine: str) -> None:
    environment = _environment(python, machine)
    convert = ["convert.txt", "torch.txt"]
    for names, asked in (
        (["device.txt"], _PROJECT["dependencies"]),
        (["dev.txt"], _PROJECT["dependencies"] + _EXTRAS["dev"]),
        (["picamera2.txt", "microphone.txt"], _EXTRAS["pi"]),
        (["microphone.txt"], _EXTRAS["mic"]),
        (convert, _PROJECT["dependencies"] + _EXTRAS["convert"]),
        (["build.txt"], tomllib.loads((_HOUSE / "pyproject.toml").read_text())["build-system"]["requires"]),
    ):
        pins: Pins = {}
        for name in names:
            pins |= _pins(_FOLDER / name, environment)
        for requirement in map(Requirement, asked):
            name = canonicalize_name(requirement.name)
            assert name in pins, f"{names} lack {name}: make lock"
            assert pins[name][0] in requirement.specifier, f"{names}: {name} {pins[name][0]}: make lock"


def test_what_is_installed_together_has_one_version() -> None:
    for python in _PYTHONS:
        device = _pins(_FOLDER / "device.txt", _environment(python, "aarch64"))
        for name in ("dev.txt", "picamera2.txt"):
            other = _pins(_FOLDER / name, _environment(python, "aarch64"))
            assert {p: v for p, v in other.items() if p in device} == {p: v for p, v in device.items() if p in other}


@pytest.mark.parametrize("lock", _LOCKS, ids=lambda path: path.name)
def test_every_package_has_hashes_and_no_registry_is_named(lock: Path) -> None:
    blocks = list(_blocks(lock))
    assert blocks
    for requirement, hashes in blocks:
        assert hashes, requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in hashes), requirement
    assert "://" not in lock.read_text()


def test_the_lock_is_whole() -> None:
    """What the locked packages ask for in turn is locked too, as far as they are installed here."""
    environment = _environment("3.11", "x86_64")
    pins = _pins(_FOLDER / "dev.txt", environment)
    examined = 0
    for name, (version, _) in pins.items():
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        if distribution.version != version:
            continue
        examined += 1
        for requirement in map(Requirement, distribution.requires or []):
            if not requirement.marker or requirement.marker.evaluate(environment | {"extra": ""}):
                needed = canonicalize_name(requirement.name)
                assert needed in pins, f"{name} needs {needed}, which dev.txt lacks"
                assert requirement.specifier.contains(pins[needed][0], prereleases=True), f"{name} needs {requirement}"
    assert examined > 10


def test_nothing_is_installed_without_a_hash() -> None:
    """Every pip in the Makefile and the installer takes hashes and wheels alone, or no index at all."""
    makefile = (_HOUSE / "Makefile").read_text().replace("\\\n", " ")
    variables = dict(re.findall(r"^([A-Z_]+) := (.*)$", makefile, re.MULTILINE))
    lines = [line for line in makefile.splitlines() if "/pip " in line]
    assert len(lines) >= 8
    for line in lines:
        whole = re.sub(r"\$\((\w+)\)", lambda match: variables.get(match[1], ""), line)
        for command in whole.split("||"):
            assert re.search(r"--require-hashes --only-binary :all:|--no-index --no-deps", command), line
    script = (_HOUSE / "systemd" / "install.sh").read_text().replace("\\\n", " ")
    commands = [line for line in script.splitlines() if re.search(r"(?<!\w)pip_install -|pip install", line)]
    assert len(commands) >= 6
    for command in commands:
        assert "--require-hashes --only-binary :all:" in command or "--no-index --no-deps" in command, command


def test_the_bill_of_materials_reads_the_lock() -> None:
    spec = importlib.util.spec_from_file_location("sbom", _FOLDER / "sbom.py")
    assert spec
    assert spec.loader
    sbom = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sbom)
    packages = sbom.read_lock((_FOLDER / "device.txt").read_text())
    ours = {name: hashes for name, (_, hashes) in _pins(_FOLDER / "device.txt", _environment("3.11", "x86_64")).items()}
    for name, hashes in ours.items():
        assert {one.removeprefix("sha256:") for one in hashes} <= packages[name]
    networks = {one["name"]: one for one in sbom._describe_networks()}
    assert {"face.tflite", "voice.tflite", "prosody.tflite"} <= networks.keys()
    for name in ("face", "voice", "prosody"):
        card = json.loads((_HOUSE / "device" / "models" / f"{name}.json").read_text())
        component = networks[f"{name}.tflite"]
        assert component["hashes"][0]["content"] == card["sha256"]
        assert component["licenses"] == [{"license": {"name": "LicenseRef-Mien-Networks"}}]
        assert all(one["licence"] in component["description"] for one in card["corpora"])


def test_both_builds_of_pytorch_have_the_version_of_the_project() -> None:
    (asked,) = (Requirement(one) for one in _EXTRAS["convert"] if one.startswith("torch="))
    (cpu,) = (requirement for requirement, _ in _blocks(_FOLDER / "torch-cpu.txt"))
    assert str(cpu.specifier) == f"{asked.specifier}+cpu", "make lock TORCH_CPU=FOLDER"
