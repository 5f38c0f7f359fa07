"""`mien kiosk password`: a password for the page, so that the house can open it; its hash goes into a file."""

import argparse
import getpass
import json
import os
import stat
import sys
from pathlib import Path

from device.errors import SettingsError
from device.hub.web.auth.password import made, write
from device.settings.locations import default_path

_MAX_PASSWORD_BYTES = 4096


def run(arguments: argparse.Namespace) -> int:
    """Ask, write the hash, and print what the settings need. Raises SettingsError."""
    settings: Path = arguments.settings or default_path()
    path: Path = (arguments.file or settings.parent / "kiosk-password.json").expanduser().absolute()
    write(path, made(_asked()), services_group(path, settings))
    print(f"The password's hash is in {path}. A Mien that runs with it takes it up by itself, and ends every session.")
    print("To open the page to the house, have in the settings:\n")
    print(f'[kiosk]\nlisten = "0.0.0.0"\npassword_file = {json.dumps(str(path))}')
    return 0


def services_group(path: Path, settings: Path) -> int | None:
    """Who shall read what root writes to `path`: beside the settings of a service, the group that reads those.

    A service has a user of its own, lent by systemd, and cannot read what is for root's eyes only.
    """
    settings = settings.expanduser().absolute()
    if os.geteuid() != 0 or path.parent.resolve() != settings.parent.resolve():
        return None
    try:
        seen = settings.stat()
    except OSError:
        return None
    return seen.st_gid if seen.st_gid and seen.st_mode & stat.S_IRGRP else None


def _asked() -> str:
    """Typed twice, and not shown; from a pipe, its first line. Raises SettingsError."""
    if not sys.stdin.isatty():
        try:
            return sys.stdin.readline(_MAX_PASSWORD_BYTES).rstrip("\r\n")
        except UnicodeDecodeError:
            raise SettingsError("the password on standard input is no text; nothing was written") from None
    try:
        first = getpass.getpass("Password for the page: ")
        made(first)  # too short is said before it is asked for again
        if getpass.getpass("Once more: ") != first:
            raise SettingsError("the two were not the same; nothing was written")
    except EOFError:
        raise SettingsError("no password was given; nothing was written") from None
    return first
