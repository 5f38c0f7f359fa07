"""`mien sense`."""

import argparse

from device.sense.process import run_sense
from device.settings import load


def run(arguments: argparse.Namespace) -> int:
    """Run until told to stop."""
    return run_sense(load(arguments.settings), arguments.settings)
