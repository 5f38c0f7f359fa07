"""Reads the TOML file into Settings, or raises an error that says what is wrong in it."""

import logging
import os
import tomllib
from pathlib import Path

import msgspec

from device.errors import SettingsError
from device.settings.locations import default_path, is_missing
from device.settings.messages import explain_error
from device.settings.renamed import rename_keys
from device.settings.schema import Settings

_log = logging.getLogger(__name__)


def load(path: Path | None = None) -> Settings:
    """Read the settings; the defaults if there is no file at the default place. Raises SettingsError."""
    chosen = path or default_path()
    if not path and not os.environ.get("MIEN_SETTINGS") and is_missing(chosen):
        return Settings()
    try:
        text = chosen.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise SettingsError(
            f"{chosen}: cannot be read ({why}); let this user read it, name another with --settings, or write one "
            "with: mien config init"
        ) from error
    return parse(text, str(chosen))


def parse(text: str, name: str) -> Settings:
    """Parse a TOML text; `name` is its name in messages. Raises SettingsError with file, key and value."""
    try:
        raw = tomllib.loads(text.removeprefix("\ufeff"))  # some editors write this byte order mark at the start
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(f"{name}: not valid TOML: {error}") from error
    try:
        for note in rename_keys(raw):
            _log.warning("%s: %s", name, note)
        return msgspec.convert(raw, Settings, strict=True)
    except SettingsError as error:
        raise SettingsError(f"{name}: {error}") from error
    except msgspec.ValidationError as error:
        raise SettingsError(f"{name}: {explain_error(str(error), raw, Settings)}") from error
