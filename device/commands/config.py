"""`mien config init / check / show`."""

import argparse
from pathlib import Path

from device.commands import Arguments, switch
from device.commands.hub_api import get_json
from device.commands.kiosk import find_service_group
from device.errors import MienError, SettingsError
from device.hub.preflight import check_start
from device.hub.rules.describe import describe
from device.settings.load import load
from device.settings.locations import default_path
from device.settings.redaction import redact
from device.settings.schema import Settings
from device.settings.toml import format_settings
from device.system.state_file import atomic_write

_WHAT = "init: write a commented file; check: report errors in it; show: print what applies, without secrets"
ARGUMENTS: Arguments = {
    "what": {"choices": ["init", "check", "show"], "help": _WHAT},
    "--force": switch("init: overwrite an existing file"),
    "--secrets": switch("show: passwords, secret addresses and the arguments of programs, too"),
}


def run(arguments: argparse.Namespace) -> int:
    """Write, check or show the settings file. Raises SettingsError."""
    path = arguments.settings or default_path()
    if arguments.what == "init":
        _init(path, force=arguments.force)
        print(f"wrote {path}: it has every key, commented out, with its default and what is allowed")
        return 0
    settings = load(arguments.settings)
    if arguments.what == "show":
        print(format_settings(settings if arguments.secrets else redact(settings), commented=False), end="")
        return 0
    pending: list[str] = []
    try:
        # A running Mien uses the page's port itself.
        check_start(settings, page=not _is_running(settings), on_pending=pending.append)
    except MienError as error:
        raise SettingsError(f"{path}: {error}") from error
    print(f"{path}: fine" if path.exists() else f"{path} does not exist: the defaults apply")
    for reason in pending:
        print(f"  not yet: {reason}; Mien will wait for it")
    for rule in settings.rules:
        print(f"  {rule.name}: {describe(rule)}")
    return 0


def _is_running(settings: Settings) -> bool:
    """Whether it is a Mien that uses the page's port, and not another program."""
    try:
        state = get_json(settings, "/api/state")
    except MienError:
        return False
    return isinstance(state, dict) and "sense" in state


def _init(path: Path, *, force: bool) -> None:
    try:
        if path.exists() and not force:
            fix = "To overwrite it: mien config init --force"
            raise SettingsError(f"{path} exists already; nothing was changed. {fix}")
        path.parent.mkdir(parents=True, exist_ok=True)
        # The address of a camera may hold a password. Settings of the services stay readable by their group.
        group = find_service_group(path, path)
        mode, owner = (0o600, None) if group is None else (0o640, (-1, group))
        text = format_settings(Settings(), commented=True)
        atomic_write(path.resolve(), text.encode(), mode=mode, owner=owner)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be written ({error.strerror}); name another with --settings") from error
