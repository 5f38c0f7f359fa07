"""Tables as text: what is cut off, in another encoding or of other columns is said, with the line."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from device.errors import MediaError


def cells_of(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(number of its line, its cells) of each row of a .csv in UTF-8; raises MediaError where it is damaged."""
    with path.open(newline="", encoding="utf-8-sig") as lines:
        rows = csv.reader(lines, strict=True)
        try:
            for row in rows:
                yield rows.line_num, row
        except (csv.Error, UnicodeDecodeError) as error:
            raise MediaError(
                f"{path}, line {rows.line_num + 1}: cannot be read as a table ({error}); copy the file again"
            ) from error


def rows_of(path: Path, needed: Sequence[str]) -> list[dict[str, str]]:
    """Every row by the header's names; raises MediaError where a `needed` column or the end of a row is missing."""
    lines = cells_of(path)
    columns = next(lines, (0, []))[1]
    missing = [name for name in needed if name not in columns]
    if missing:
        raise MediaError(f"{path}: no column {' or '.join(missing)}; copy the file again")
    rows = []
    for number, cells in lines:
        if not cells:
            continue
        if len(cells) < len(columns):
            raise MediaError(f"{path}, line {number}: the row is cut off; copy the file again")
        rows.append(dict(zip(columns, cells, strict=False)))
    return rows
