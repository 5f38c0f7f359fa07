"""The paths of the settings file and the sockets."""

import os
from pathlib import Path

from device.errors import LinkError, SettingsError
from device.system.paths import expand
from device.system.private_folder import check_private_folder, make_private_folder


def user_folder(variable: str, default: str) -> Path:
    """The folder in an environment variable of the XDG specification, or its default in the user's home."""
    folder = os.environ.get(variable)
    return Path(folder) if folder else expand(f"~/{default}")


def default_path() -> Path:
    """$MIEN_SETTINGS, or else ~/.config/mien/mien.toml, or else /etc/mien/mien.toml."""
    if chosen := os.environ.get("MIEN_SETTINGS"):
        return Path(chosen)
    system = Path("/etc/mien/mien.toml")
    try:
        config = user_folder("XDG_CONFIG_HOME", ".config") / "mien" / "mien.toml"
    except SettingsError:
        return system  # a service's user has no home
    return system if system.exists() and is_missing(config) else config


def is_missing(path: Path) -> bool:
    """Whether there is certainly no such file."""
    try:
        return not path.exists()
    except OSError:
        return False  # the folder may not be read; whoever opens the file reports it


def socket_path(runtime_dir: Path) -> Path:
    """The socket between sense and hub. Raises LinkError if the path is too long for a Unix socket."""
    path = runtime_dir / "door.sock"
    if len(os.fsencode(path)) > 107:
        raise LinkError(f"{path}: too long for a Unix socket (107 bytes); set home.runtime_dir to a shorter folder")
    return path


def make_runtime_folder(runtime_dir: Path) -> None:
    """Make the folder of the sockets where it is missing. Raises OSError, and SettingsError as the next one does."""
    make_private_folder(runtime_dir, is_shared=_is_shared(runtime_dir))


def check_runtime_folder(runtime_dir: Path) -> None:
    """Raises SettingsError when another user could make the sockets in this folder, and OSError."""
    check_private_folder(runtime_dir, is_shared=_is_shared(runtime_dir))


def _is_shared(runtime_dir: Path) -> bool:
    """Whether systemd has made the folder for the users of both services."""
    return str(runtime_dir) == os.environ.get("RUNTIME_DIRECTORY")


def live_path(runtime_dir: Path) -> Path:
    """The live view's socket, in the same folder. Raises LinkError as `socket_path` does."""
    return socket_path(runtime_dir).with_name("live.sock")
