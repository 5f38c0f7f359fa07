"""Where a quick check of the whole way, with `--rows`, writes: never over what is shipped or reported."""

import contextlib
import json
from pathlib import Path

from device.errors import SettingsError

QUICK = Path("runs") / "quick"


def place(asked: Path | None, usual: Path, rows: int | None) -> Path:
    """The folder to write to: the `asked` one, or the `usual` one; a quick check's is a folder of its own in QUICK.

    Raises SettingsError where a quick check is asked to write to the usual one.
    """
    own = QUICK / usual.name
    if rows is None:
        return asked or usual
    if asked is not None and asked.resolve() == usual.resolve():
        raise SettingsError(
            f"{asked}: what is made of --rows {rows} does not go there, where all rows are; name another folder, or "
            f"none: it is then {own}"
        )
    return asked or own


def need_whole(run: Path, out: Path, usual: Path) -> None:
    """Raises SettingsError where what `run` learnt from a few rows would be written to the `usual` folder."""
    rows = 0
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        rows = json.loads((run / "run.json").read_text())["plan"].get("rows", 0)
    if rows and out.resolve() == usual.resolve():
        raise SettingsError(
            f"{run}: this run is a quick check on {rows} rows, and does not go to {out}; train it on all of them, or "
            "name another folder with --out"
        )
