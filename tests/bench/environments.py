"""The peers' environments, created on first use and kept under ~/.cache."""

import hashlib
import importlib.metadata
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mien-bench"
_LIMIT_S = 900


class NotInstalled(Exception):  # noqa: N818 - not an error: it is not available here
    """An environment cannot be created here, and why."""


@dataclass(frozen=True)
class Environment:
    """A set of packages, installed with pip or npm."""

    name: str
    steps: tuple[tuple[str, ...], ...]
    """Arguments of each install command, in order."""
    npm: bool = False
    root: Path = ROOT

    @property
    def folder(self) -> Path:
        return self.root / self.name

    @property
    def packages(self) -> Path:
        return self.folder / "node_modules" if self.npm else next(self.folder.glob("lib/python3*/site-packages"))

    def install(self) -> None:
        """Install it, unless it is there already. Raises NotInstalled."""
        mark = self.folder / ".done"
        digest = hashlib.sha256(repr(self.steps).encode()).hexdigest()
        if mark.exists() and mark.read_text() == digest:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        print(f"installing {self.name} into {self.folder} ...", flush=True)
        if self.npm:
            (self.folder / "package.json").write_text('{"name": "peers", "private": true}')
            commands = [["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", *step] for step in self.steps]
        else:
            pip = [str(self.folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
            commands = [[sys.executable, "-m", "venv", str(self.folder)], *([*pip, *step] for step in self.steps)]
        for command in commands:
            self._run(command)
        mark.write_text(digest)

    def _run(self, command: list[str]) -> None:
        try:
            done = subprocess.run(
                command, cwd=self.folder, capture_output=True, text=True, timeout=_LIMIT_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NotInstalled(f"{command[0]}: {type(error).__name__}") from error
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("WARNING")]
            raise NotInstalled((errors or ["no error message"])[-1][:120])

    def size_mb(self, *parts: str) -> float:
        """Size of all packages but pip, or of these `parts` of them."""
        folders = [self.packages / part for part in parts] or [
            path for path in self.packages.iterdir() if not path.name.startswith("pip")
        ]
        return sum(_size(folder) for folder in folders) / 2**20


def measure_size_mb(requirements: Iterable[str]) -> float:
    """Size of these packages of this environment, with all their requirements."""
    waiting, seen, size = [*requirements], set[str](), 0
    while waiting:
        name = re.split(r"[^A-Za-z0-9._-]", waiting.pop(), maxsplit=1)[0].lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # only for other systems
        files = [Path(str(file.locate())) for file in found.files or []]
        size += sum(file.stat().st_size for file in files if file.is_file())
        waiting += [need for need in found.requires or [] if "extra ==" not in need]
    return size / 2**20


def _size(path: Path) -> int:
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.lstat().st_size for file in files if file.is_file())
