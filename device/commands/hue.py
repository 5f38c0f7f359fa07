"""`mien hue pair ADDRESS`: the bridge's button, its certificate, and a key for the settings."""

import argparse
import asyncio
import json
import os
from pathlib import Path

from device.commands.kiosk import services_group
from device.errors import MienError
from device.hub.actions.hue.pairing import BUTTON_S, pair, write_key
from device.settings.locations import default_path

_MAX_PORT = 65_535


def run(arguments: argparse.Namespace) -> int:
    """Pair, write the key, and print what the settings need. Raises MienError."""
    if not 1 <= arguments.port <= _MAX_PORT:
        raise MienError(f"--port {arguments.port}: a port is a number from 1 to {_MAX_PORT}")
    settings: Path = arguments.settings or default_path()
    path: Path = (arguments.file or settings.parent / "hue.json").expanduser().absolute()
    print(f"Press the button on the Hue bridge at {arguments.address} within {BUTTON_S:.0f} s.", flush=True)
    key = asyncio.run(pair(arguments.address, arguments.port))
    write_key(path, key)
    group = services_group(path, settings)
    if group is not None:
        try:
            os.chown(path, -1, group)
            path.chmod(0o640)
        except OSError as error:
            raise MienError(f"{path}: the key is written, and mien-hub may not read it ({error.strerror})") from None
    print(f"Paired. The key is in {path}; from now on, only the bridge with this certificate is shown it:")
    print(f"  SHA-256 {key.certificate_sha256}")
    print("Add to the settings:\n")
    print(f"[hue]\nbridge = {json.dumps(arguments.address)}")
    if arguments.port != 443:
        print(f"port = {arguments.port}")
    print(f"key_file = {json.dumps(str(path))}")
    return 0
