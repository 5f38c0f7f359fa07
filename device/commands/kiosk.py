"""`mien kiosk password`: a password for the page, so that the house can open it; its hash goes into a file."""

import argparse
import getpass
import json
import sys
from pathlib import Path

from device.errors import SettingsError
from device.hub.kiosk.password import made, write
from device.settings import default_path

_MOST = 4096


def run(arguments: argparse.Namespace) -> int:
    """Ask, write the hash, and print what the settings need. Raises SettingsError."""
    beside = (arguments.settings or default_path()).parent / "kiosk-password.json"
    path: Path = (arguments.file or beside).expanduser().absolute()
    write(path, made(_asked()))
    print(f"The password's hash is in {path}. A Mien that runs with it takes it up by itself, and ends every session.")
    print("To open the page to the house, have in the settings:\n")
    print(f'[kiosk]\nlisten = "0.0.0.0"\npassword_file = {json.dumps(str(path))}')
    return 0


def _asked() -> str:
    """Typed twice, and not shown; from a pipe, its first line. Raises SettingsError."""
    if not sys.stdin.isatty():
        try:
            return sys.stdin.readline(_MOST).rstrip("\r\n")
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
