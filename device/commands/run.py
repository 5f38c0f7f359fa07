"""`mien run`: both processes in the foreground, each brought back when it dies."""

import argparse
import os

from device.commands.supervisor import Child, common_flags, stop_on_signals, supervise
from device.errors import MienError
from device.hub.process import run_hub
from device.sense.process import run_sense
from device.settings.load import load


def run(arguments: argparse.Namespace) -> int:
    """Run both until told to stop. Raises MienError when the door has no place, or one of them will not stay up."""
    settings = load(arguments.settings)  # a wrong file is told before anything starts
    folder = settings.runtime_dir
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise MienError(f"{folder}: cannot be made ({error.strerror}); set home.runtime_dir to another") from error
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    flags = common_flags(arguments, arguments.settings)
    dry = ["--dry-run"] if arguments.dry_run else []
    supervise([Child("hub", flags, *dry), Child("sense", flags)], stop_on_signals())
    return 0


def hub(arguments: argparse.Namespace) -> int:
    """`mien hub`: run until told to stop."""
    return run_hub(load(arguments.settings), arguments.settings, dry=arguments.dry_run)


def sense(arguments: argparse.Namespace) -> int:
    """`mien sense`: run until told to stop."""
    return run_sense(load(arguments.settings), arguments.settings)
