"""`mien hub`: the process with the network."""

import argparse

from device.commands import DRY_RUN, Arguments
from device.hub.process import run_hub
from device.settings.load import load

ARGUMENTS: Arguments = {"--dry-run": DRY_RUN}


def run(arguments: argparse.Namespace) -> int:
    """Run until a signal stops it."""
    return run_hub(load(arguments.settings), arguments.settings, dry=arguments.dry_run)
