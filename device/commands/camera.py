"""`mien camera allow ADDRESS`: open one window in the sandbox of the service, to an IP camera; `forbid` closes it."""

import argparse
import ipaddress
import os
import socket
import subprocess
from pathlib import Path

from device.commands import Arguments, switch
from device.errors import MienError
from device.sense.camera_proxy import parse_address
from device.settings.load import load
from device.settings.schema import Settings
from device.system.state_file import atomic_write

DROP_IN = Path("/etc/systemd/system/mien-sense.service.d/camera.conf")
_UNIT = "mien-sense.service"
_TEXT = """\
# Written by `mien camera allow`. Sense gets an empty network of its own, with one window: a helper that connects to
# this address and no other. `mien camera forbid` removes this file.
[Service]
PrivateNetwork=no
RestrictNamespaces=user net
RestrictAddressFamilies=AF_UNIX AF_INET{more}
# It drops the rights that it gets in its own network.
SystemCallFilter=capset
IPAddressAllow={address}
"""
ARGUMENTS: Arguments = {
    "what": {"choices": ["allow", "forbid"], "help": "allow: let the service reach this IP camera; forbid: no longer"},
    "address": {
        "nargs": "?",
        "metavar": "ADDRESS",
        "help": "its IP address, such as 192.168.1.20 (default: the one in camera.source)",
    },
    "--no-restart": switch("only write the file; it takes effect when the service is started next"),
}


def run(arguments: argparse.Namespace) -> int:
    """Write or remove the drop-in, and restart the service if it runs. Raises MienError."""
    text = None
    if arguments.what == "allow":
        address = parse_camera(arguments.address or _find_camera(load(arguments.settings)))
        text = describe_window(address)
    if os.geteuid() != 0:
        raise MienError(f"this changes a service and needs root: sudo mien camera {arguments.what}")
    if not write_window(DROP_IN, text):
        print(f"{DROP_IN}: nothing to change.")
        return 0
    print(f"{DROP_IN} was {'written' if text else 'removed'}.")
    if not arguments.no_restart:
        _apply()
    return 0


def parse_camera(text: str) -> str:
    """The IP address in `text`, which may be an address or a whole camera.source. Raises MienError."""
    host = text
    if "://" in text:
        address = parse_address(text)
        if address is None:
            raise MienError("this is not the address of an IP camera: it should begin with rtsp://, http:// ...")
        host = address.host
    try:
        return str(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        found = _resolve(host)
        now = f"; now it is {found}" if found else ""
        raise MienError(
            f"{host!r} is no IP address{now}. Sense can ask nobody for the address of a name: write the address itself "
            "here and in camera.source, and let your router always give the camera the same one"
        ) from None


def _resolve(host: str) -> str:
    try:
        return str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0])
    except (OSError, UnicodeError):
        return ""


def _find_camera(settings: Settings) -> str:
    """camera.source, if it is an address. Raises MienError."""
    if parse_address(settings.camera.source) is None:
        raise MienError(
            "camera.source is not the address of an IP camera; name one: sudo mien camera allow 192.168.1.20"
        )
    return settings.camera.source


def describe_window(address: str) -> str:
    """The drop-in of mien-sense.service for an IP address."""
    return _TEXT.format(address=address, more=" AF_INET6" if ":" in address else "")


def write_window(path: Path, text: str | None) -> bool:
    """Write `text` to `path`, or remove it if that is None. Returns whether anything changed. Raises MienError."""
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else None
        if before == text:
            return False
        if text is None:
            path.unlink()
        else:
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            atomic_write(path, text.encode(), mode=0o644)
    except OSError as error:
        raise MienError(f"{path}: cannot be changed ({error.strerror})") from error
    return True


def _apply() -> None:
    """Let systemd read the drop-in, and restart the service if it runs. Raises MienError."""
    if not Path("/run/systemd/system").is_dir():
        print("systemd does not run here; the file takes effect with the service.")
        return
    for words in (("daemon-reload",), ("try-restart", _UNIT)):
        done = subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False)
        if done.returncode:
            raise MienError(f"systemctl {' '.join(words)}: {done.stderr.strip() or done.returncode}")
    print(f"{_UNIT} was restarted, if it runs. See: sudo mien doctor")
