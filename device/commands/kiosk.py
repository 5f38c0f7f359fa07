"""`mien kiosk password` sets the page's password; `start-page` lets this device's own screen in."""

import argparse
import getpass
import json
import os
import stat
import sys
from pathlib import Path

from device.commands import Arguments, parse_path
from device.errors import SettingsError
from device.hub.web.auth.local_key import read_local_key
from device.hub.web.auth.password import hash_password, write
from device.settings.load import load
from device.settings.locations import default_path
from device.settings.schema import Settings
from device.system.state_file import atomic_write

_WHAT = "password: the one that opens the page in your network; start-page: what the unit of the screen opens first"
_FILE = "where to write (password: by default kiosk-password.json beside the settings)"
ARGUMENTS: Arguments = {
    "what": {"choices": ["password", "start-page"], "help": _WHAT},
    "--file": {"type": parse_path, "help": _FILE},
}


def run(arguments: argparse.Namespace) -> int:
    """Ask for the password, write its hash, and print the lines for the settings; or write the start page.

    Raises SettingsError.
    """
    if arguments.what == "start-page":
        _write_start_page(load(arguments.settings), arguments.file)
        return 0
    settings: Path = arguments.settings or default_path()
    path: Path = (arguments.file or settings.parent / "kiosk-password.json").expanduser().absolute()
    write(path, hash_password(_read_password()), find_service_group(path, settings))
    print(f"The password's hash is in {path}. A running Mien that uses this file reloads it and logs everybody out.")
    print("To open the page to other devices in your network, put this into the settings:\n")
    print(f'[kiosk]\nlisten = "0.0.0.0"\npassword_file = {json.dumps(str(path))}')
    print(
        "\nWith local_password = true, a screen of this device logs in again after: sudo systemctl restart mien-kiosk"
    )
    return 0


def _write_start_page(settings: Settings, path: Path | None) -> None:
    """A file for the browser's user alone, who owns its folder. It leads to the page, with the key if it asks for one.

    Not an address on the browser's command line, which every user of this device can read. Raises SettingsError.
    """
    if path is None:
        raise SettingsError("mien kiosk start-page needs --file, in a folder of the browser's user")
    address = f"http://127.0.0.1:{settings.kiosk.port}/"
    if settings.kiosk.local_password:
        address += f"start#{read_local_key(settings.state_dir)}"
    text = f'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url={address}">\n'
    try:
        owner = path.parent.stat().st_uid
        atomic_write(path, text.encode(), owner=(owner, -1) if os.geteuid() == 0 else None)
    except OSError as error:
        raise SettingsError(f"{path}: the start page cannot be written ({error.strerror})") from error


def find_service_group(path: Path, settings: Path) -> int | None:
    """The group that should be able to read a secret that root writes to `path`; None for nobody else.

    A service runs as a user of its own, and cannot read a file that is for root alone. So a secret beside the
    service's settings gets the group of the settings.
    """
    settings = settings.expanduser().absolute()
    if os.geteuid() != 0 or path.parent.resolve() != settings.parent.resolve():
        return None
    try:
        status = settings.stat()
    except OSError:
        return None
    return status.st_gid if status.st_gid and status.st_mode & stat.S_IRGRP else None


def _read_password() -> str:
    """Ask twice at the terminal, or take the first line of a pipe. Raises SettingsError."""
    if not sys.stdin.isatty():
        try:
            return sys.stdin.readline(4096).rstrip("\r\n")
        except UnicodeDecodeError:
            raise SettingsError("the password on standard input is not text (UTF-8); nothing was written") from None
    try:
        first = getpass.getpass("Password for the page: ")
        hash_password(first)  # report a short one before asking again
        if getpass.getpass("Repeat it: ") != first:
            raise SettingsError("the two passwords differ; nothing was written")
    except EOFError:
        raise SettingsError("no password was given; nothing was written") from None
    return first
