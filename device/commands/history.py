"""`mien history` and `mien history forget`."""

import argparse

from device.errors import SettingsError
from device.hub.history.deletion import forget
from device.hub.history.export import parse_since, to_csv, to_text
from device.hub.history.reader import read
from device.settings.load import load


def run(arguments: argparse.Namespace) -> int:
    """Print what was remembered, in order of time, the gaps included; or forget it."""
    if arguments.what == "forget":
        return _forget(arguments)
    since = arguments.since or "1d"
    entries = read(load(arguments.settings).state_dir, parse_since(since))
    if arguments.csv:
        print(to_csv(entries), end="")
    else:
        print("\n".join(map(to_text, entries)) or f"nothing was remembered since {since}")
    return 0


def _forget(arguments: argparse.Namespace) -> int:
    if bool(arguments.since) == arguments.all:
        raise SettingsError("say what to forget: mien history forget --since 2h, or mien history forget --all")
    since_s = None if arguments.all else parse_since(arguments.since)
    gone = forget(load(arguments.settings).state_dir, since_s)
    print(f"forgotten: {gone.moods} moods, {gone.actions} actions and {gone.gaps} gaps")
    if gone.aside:
        what = "deleted too" if arguments.all else "not looked into; mien history forget --all deletes them"
        print(f"damaged files that were put aside ({', '.join(gone.aside)}): {what}")
    return 0
