"""`mien sense`: the process with camera and microphone.

Imports nothing from the hub: `sense` must not load a network library before it has dropped network access.
"""

import argparse

from device.commands import Arguments
from device.sense.process import run_sense
from device.settings.load import load

ARGUMENTS: Arguments = {}


def run(arguments: argparse.Namespace) -> int:
    """Run until a signal stops it."""
    return run_sense(load(arguments.settings), arguments.settings)
