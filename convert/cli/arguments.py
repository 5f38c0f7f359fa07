"""Words on the command line: what makes no sense there is refused before any work, in argparse's one line."""

import contextlib
import json
import math
from argparse import ArgumentTypeError
from pathlib import Path

from device.errors import SettingsError


def count(text: str) -> int:
    """A whole number, 1 or more."""
    return _whole(text, 1)


def several(text: str) -> int:
    """A whole number, 2 or more: of a single row there is nothing to normalize by."""
    return _whole(text, 2)


def count_or_none(text: str) -> int:
    """A whole number, 0 or more."""
    return _whole(text, 0)


def positive(text: str) -> float:
    """A number over 0."""
    number = _number(text)
    if not 0 < number < math.inf:
        raise ArgumentTypeError(f"{text!r} is not a number over 0")
    return number


def share(text: str) -> float:
    """A number from 0 to 1."""
    number = _number(text)
    if not 0 <= number <= 1:
        raise ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return number


def finite(text: str) -> float:
    """A number that is neither infinite nor none."""
    number = _number(text)
    if not math.isfinite(number):
        raise ArgumentTypeError(f"{text!r} is not a number")
    return number


def folder(text: str) -> Path:
    """A folder, which need not be there yet."""
    path = Path(text)
    there = next((place for place in (path, *path.parents) if place.exists()), path)
    if there.exists() and not there.is_dir():
        raise ArgumentTypeError(f"{there} is a file, not a folder")
    return path


def _whole(text: str, least: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise ArgumentTypeError(f"{text!r} is not a whole number, {least} or more")
    return number


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


QUICK = Path("runs") / "quick"


def place(asked: Path | None, usual: Path, rows: int | None) -> Path:
    """The folder to write to: the `asked` one, or the `usual` one; a quick check's is a folder of its own in QUICK.

    Raises SettingsError where a quick check is asked to write to the usual one.
    """
    own = QUICK / usual.name
    if rows is None:
        return asked or usual
    if asked is not None and asked.resolve() == usual.resolve():
        raise SettingsError(
            f"{asked}: what is made of --rows {rows} does not go there, where all rows are; name another folder, or "
            f"none: it is then {own}"
        )
    return asked or own


def need_whole(run: Path, out: Path, usual: Path) -> None:
    """Raises SettingsError where what `run` learnt from a few rows would be written to the `usual` folder."""
    rows = 0
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        rows = json.loads((run / "run.json").read_text())["plan"].get("rows", 0)
    if rows and out.resolve() == usual.resolve():
        raise SettingsError(
            f"{run}: this run is a quick check on {rows} rows, and does not go to {out}; train it on all of them, or "
            "name another folder with --out"
        )
