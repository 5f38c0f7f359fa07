"""Helpers for tests that run the real command."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

HOUSE = Path(__file__).parents[1]
Done = subprocess.CompletedProcess[str]
Mien = Callable[..., Done]


def write_settings(folder: Path, text: str = "") -> Path:
    """Settings without a device, a fixed port or a path outside `folder`."""
    path = folder / "mien.toml"
    path.write_text(
        f'[home]\nstate_dir = "{folder}/state"\nruntime_dir = "{folder}/run"\n'
        f'[camera]\nsource = "off"\n[microphone]\nsource = "off"\n[kiosk]\nport = 0\n{text}'
    )
    return path


def parse_lines(done: Done) -> list[Any]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def assert_one_line_error(done: Done, *words: str) -> None:
    assert done.returncode == 1
    assert done.stdout == ""
    said = done.stderr.splitlines()
    assert len(said) == 1
    assert said[0].startswith("mien: ")
    for word in words:
        assert word in said[0]
