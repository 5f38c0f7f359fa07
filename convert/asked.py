"""Words on the command line: what makes no sense there is refused before any work, in argparse's one line."""

import math
from argparse import ArgumentTypeError
from pathlib import Path


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
