"""`mien hue pair ADDRESS`: pair with a Hue bridge and write its key for the settings."""

import argparse
import asyncio
import json
import os
from pathlib import Path

from device.commands import Arguments, parse_path
from device.commands.kiosk import find_service_group
from device.errors import MienError
from device.hub.actions.hue.pairing import BUTTON_S, pair, write_key
from device.settings.locations import default_path

_MAX_PORT = 65_535

ARGUMENTS: Arguments = {
    "what": {"choices": ["pair"], "help": "pair: you press the bridge's button, and a key is written"},
    "address": {"metavar": "ADDRESS", "help": "the bridge's address in your network"},
    "--port": {"type": int, "default": 443, "help": "default: 443"},
    "--file": {"type": parse_path, "help": "where to write the key (default: hue.json beside the settings)"},
}


def run(arguments: argparse.Namespace) -> int:
    """Pair, write the key, and print what the settings need. Raises MienError."""
    if not 1 <= arguments.port <= _MAX_PORT:
        raise MienError(f"--port {arguments.port}: a port is a number from 1 to {_MAX_PORT}")
    settings: Path = arguments.settings or default_path()
    path: Path = (arguments.file or settings.parent / "hue.json").expanduser().absolute()
    print(f"Press the button on the Hue bridge at {arguments.address} within {BUTTON_S:.0f} s.", flush=True)
    key = asyncio.run(pair(arguments.address, arguments.port))
    write_key(path, key)
    if (group := find_service_group(path, settings)) is not None:
        try:
            os.chown(path, -1, group)
            path.chmod(0o640)
        except OSError as error:
            problem = f"the key was written, but mien-hub cannot be given access to it ({error.strerror})"
            raise MienError(f"{path}: {problem}") from None
    print(f"Paired. The key is in {path}. Mien will send it only to the bridge with this certificate:")
    print(f"  SHA-256 {key.certificate_sha256}\nAdd to the settings:\n")
    print(f"[hue]\nbridge = {json.dumps(arguments.address)}")
    if arguments.port != 443:
        print(f"port = {arguments.port}")
    print(f"key_file = {json.dumps(str(path))}")
    return 0
