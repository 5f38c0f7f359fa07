"""`mien history` and `mien history forget`."""

import argparse

from device.commands import Arguments, switch
from device.errors import SettingsError
from device.hub.history.deletion import forget
from device.hub.history.export import parse_since, to_csv, to_text
from device.hub.history.reader import read
from device.settings.load import load

_WHAT = "show (default); forget: delete for good"
ARGUMENTS: Arguments = {
    "what": {"nargs": "?", "choices": ["show", "forget"], "default": "show", "help": _WHAT},
    "--since": {"help": "2h, 3d, a date or a time (show: default 1d)"},
    "--all": switch("forget: delete everything"),
    "--csv": switch("show: print a table"),
}


def run(arguments: argparse.Namespace) -> int:
    """Print the history in order of time, gaps included; or delete from it."""
    if arguments.what == "forget":
        return _forget(arguments)
    since = arguments.since or "1d"
    entries = read(load(arguments.settings).state_dir, parse_since(since))
    if arguments.csv:
        print(to_csv(entries), end="")
    else:
        print("\n".join(map(to_text, entries)) or f"nothing was recorded since {since}")
    return 0


def _forget(arguments: argparse.Namespace) -> int:
    if bool(arguments.since) == arguments.all:
        raise SettingsError("say what to delete: mien history forget --since 2h, or mien history forget --all")
    since_s = None if arguments.all else parse_since(arguments.since)
    deleted = forget(load(arguments.settings).state_dir, since_s)
    print(f"deleted: {deleted.moods} moods, {deleted.actions} actions and {deleted.gaps} gaps")
    if deleted.damaged_files:
        result = "deleted, too" if arguments.all else "not examined; mien history forget --all deletes them"
        print(f"damaged files that were put aside ({', '.join(deleted.damaged_files)}): {result}")
    return 0
