"""`mien hub`."""

import argparse

from device.hub.process import run_hub
from device.settings import load


def run(arguments: argparse.Namespace) -> int:
    """Run until told to stop."""
    return run_hub(load(arguments.settings), arguments.settings, dry=arguments.dry_run)
