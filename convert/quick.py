"""Where a quick check of the whole way, with `--rows`, writes: never over what is shipped or reported."""

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
