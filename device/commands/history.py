"""`mien history`."""

import argparse

from device.hub.history_reading import parse_since, read, to_csv, to_text
from device.settings import load


def run(arguments: argparse.Namespace) -> int:
    """Print what was remembered, in order of time, the gaps included."""
    entries = read(load(arguments.settings).state_dir, parse_since(arguments.since))
    if arguments.csv:
        print(to_csv(entries), end="")
    else:
        print("\n".join(map(to_text, entries)) or f"nothing was remembered since {arguments.since}")
    return 0
