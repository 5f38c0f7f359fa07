"""Where the settings file and the sockets are."""

import os
from pathlib import Path

from device.errors import LinkError, SettingsError
from device.system.paths import expanded


def _user_folder(variable: str, otherwise: str) -> Path:
    """The folder that a variable of the XDG specification names, or its default in the user's home."""
    named = os.environ.get(variable)
    return Path(named) if named else expanded(f"~/{otherwise}")


def default_path() -> Path:
    """$MIEN_SETTINGS, or else ~/.config/mien/mien.toml, or else /etc/mien/mien.toml."""
    if named := os.environ.get("MIEN_SETTINGS"):
        return Path(named)
    system = Path("/etc/mien/mien.toml")
    try:
        config = _user_folder("XDG_CONFIG_HOME", ".config") / "mien" / "mien.toml"
    except SettingsError:
        return system  # a service's user has no home
    return system if system.exists() and _is_missing(config) else config


def _is_missing(path: Path) -> bool:
    try:
        return not path.exists()
    except OSError:
        return False  # in a folder that nobody may look into; what reads it says so


def socket_path(runtime_dir: Path) -> Path:
    """Where the door is. Raises LinkError when the path is longer than a Unix socket's name may be."""
    path = runtime_dir / "door.sock"
    if len(os.fsencode(path)) > 107:
        raise LinkError(f"{path}: too long for a Unix socket (107 bytes); set home.runtime_dir to a shorter folder")
    return path


def live_path(runtime_dir: Path) -> Path:
    """Where the live view's socket is, beside the door. Raises LinkError as `socket_path` does."""
    return socket_path(runtime_dir).with_name("live.sock")
