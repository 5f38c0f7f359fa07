"""`mien config init / check / show`."""

import argparse
from pathlib import Path

from device.commands.hub_api import ask
from device.errors import MienError, SettingsError
from device.hub.preflight import try_start
from device.hub.rules.describe import explain
from device.settings.load import load
from device.settings.locations import default_path
from device.settings.schema import Settings
from device.settings.toml import as_toml


def run(arguments: argparse.Namespace) -> int:
    """Write, check or show the settings file."""
    path = arguments.settings or default_path()
    if arguments.what == "init":
        _init(path, force=arguments.force)
        print(f"wrote {path}; every key in it is commented out, with its default and what is allowed")
        return 0
    settings = load(arguments.settings)
    if arguments.what == "show":
        print(as_toml(settings, commented=False), end="")
        return 0
    late: list[str] = []
    try:
        # Where the page of a Mien that runs listens, nobody else can.
        try_start(settings, page=not _runs(settings), late=late.append)
    except MienError as error:
        raise SettingsError(f"{path}: {error}") from error
    print(f"{path}: fine" if path.exists() else f"{path} is not there: the defaults hold")
    for why in late:
        print(f"  for now, {why}; it is waited for")
    for rule in settings.rules:
        print(f"  {rule.name}: {explain(rule)}")
    return 0


def _runs(settings: Settings) -> bool:
    """A Mien answers where these settings have the page: the port is taken, and not by somebody else."""
    try:
        told = ask(settings, "/api/state")
    except MienError:
        return False
    return isinstance(told, dict) and "sense" in told


def _init(path: Path, *, force: bool) -> None:
    try:
        if path.exists() and not force:
            raise SettingsError(
                f"{path} is there already; nothing was changed. To write over it: mien config init --force"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(as_toml(Settings(), commented=True), encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path}: cannot be written ({error.strerror}); name another with --settings") from error
