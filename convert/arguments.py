"""Argument types and folders that the steps share. argparse reports an invalid value in one line before any work."""

import contextlib
import json
import math
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from pathlib import Path

from device.errors import SettingsError

_ROOT = Path(__file__).parents[1]
MODELS = _ROOT / "device" / "models"
DATA = _ROOT.parent / "shared" / "data"


def positive_int(text: str) -> int:
    """A whole number, 1 or more."""
    return _parse_int(text, 1)


def batch_size(text: str) -> int:
    """A whole number, 2 or more: batch normalization needs more than one row."""
    return _parse_int(text, 2)


def non_negative_int(text: str) -> int:
    """A whole number, 0 or more."""
    return _parse_int(text, 0)


def positive(text: str) -> float:
    """A number greater than 0."""
    return _parse_float(text, lambda number: 0 < number < math.inf, "a number over 0")


def share(text: str) -> float:
    """A number from 0 to 1."""
    return _parse_float(text, lambda number: 0 <= number <= 1, "a number from 0 to 1")


def finite(text: str) -> float:
    """A number, neither infinite nor NaN."""
    return _parse_float(text, math.isfinite, "a number")


def folder(text: str) -> Path:
    """A folder; it may not exist yet."""
    path = Path(text)
    existing = next((place for place in (path, *path.parents) if place.exists()), path)
    if existing.exists() and not existing.is_dir():
        raise ArgumentTypeError(f"{existing} is a file, not a folder")
    return path


def _parse_int(text: str, minimum: int) -> int:
    with contextlib.suppress(ValueError):
        if (number := int(text)) >= minimum:
            return number
    raise ArgumentTypeError(f"{text!r} is not a whole number, {minimum} or more")


def _parse_float(text: str, is_valid: Callable[[float], bool], what: str) -> float:
    with contextlib.suppress(ValueError):
        if is_valid(number := float(text)):
            return number
    raise ArgumentTypeError(f"{text!r} is not {what}")


def add_data(parser: ArgumentParser) -> None:
    """Add --data."""
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the datasets (default: %(default)s)")


def add_rows(parser: ArgumentParser) -> None:
    """Add --rows."""
    parser.add_argument("--rows", type=positive_int, help="use this many rows only, for a quick check of all the steps")


def output_folder(given: Path | None, default: Path, rows: int | None) -> Path:
    """The folder to write to: the `given` one or the `default`. A quick check has a default of its own.

    Raises SettingsError when a quick check would write to the `default`.
    """
    quick = Path("runs") / "quick" / default.name
    if rows is None:
        return given or default
    if given is not None and given.resolve() == default.resolve():
        raise SettingsError(
            f"{given}: results of --rows {rows} do not belong in this folder, which holds those of all rows; name "
            f"another one, or none to use {quick}"
        )
    return given or quick


def require_full_run(run: Path, out: Path, default: Path) -> None:
    """Raises SettingsError when a `run` that was trained on a few rows would be written to the `default` folder."""
    rows = 0
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        rows = json.loads((run / "run.json").read_text())["plan"].get("rows", 0)
    if rows and out.resolve() == default.resolve():
        raise SettingsError(
            f"{run}: this run is a quick check on {rows} rows and cannot be written to {out}; train it on all rows, or "
            "name another folder with --out"
        )
