"""`mien hub`: the process with the network."""

import argparse

from device.hub.process import run_hub
from device.settings.load import load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--dry-run."""
    parser.add_argument("--dry-run", action="store_true", help="log the actions of the rules, but send none")


def run(arguments: argparse.Namespace) -> int:
    """Run until a signal stops it."""
    return run_hub(load(arguments.settings), arguments.settings, dry=arguments.dry_run)
