"""`mien run`: both processes in the foreground; one that ends is restarted."""

import argparse
import os

from device.commands import DRY_RUN, Arguments
from device.commands.supervisor import Child, common_flags, stop_on_signals, supervise
from device.errors import MienError
from device.settings.load import load
from device.settings.locations import make_runtime_folder

ARGUMENTS: Arguments = {"--dry-run": DRY_RUN}


def run(arguments: argparse.Namespace) -> int:
    """Run both until a signal stops them. Raises MienError when one keeps ending, or the folder is not ours."""
    settings = load(arguments.settings)  # report a broken file before anything starts
    folder = settings.runtime_dir
    try:
        make_runtime_folder(folder)
    except OSError as error:
        raise MienError(f"{folder}: cannot be made ({error.strerror}); set home.runtime_dir to another") from error
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    flags = common_flags(arguments, arguments.settings)
    hub_flags = ["--dry-run"] if arguments.dry_run else []
    supervise([Child("hub", flags, *hub_flags), Child("sense", flags)], stop_on_signals())
    return 0
