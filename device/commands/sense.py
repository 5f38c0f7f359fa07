"""`mien sense`: the process with camera and microphone.

Imports nothing from the hub: `sense` must not load a network library before it has dropped network access.
"""

import argparse

from device.commands import Arguments
from device.errors import LinkError
from device.sense.process import run_sense
from device.settings.load import load
from device.settings.locations import make_runtime_folder

ARGUMENTS: Arguments = {}


def run(arguments: argparse.Namespace) -> int:
    """Run until a signal stops it. Raises MienError when the folder of the socket is not ours."""
    settings = load(arguments.settings)
    # Before the wall, inside of which owners look otherwise.
    try:
        make_runtime_folder(settings.runtime_dir)
    except OSError as error:
        raise LinkError(f"{settings.runtime_dir}: cannot be used ({error.strerror}); set home.runtime_dir") from error
    return run_sense(settings, arguments.settings)
