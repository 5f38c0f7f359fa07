"""The history as text and as CSV, and the parsing of `--since`."""

import csv
import io
import re
import time
from collections.abc import Generator, Iterable
from datetime import datetime

import msgspec

from device.errors import SettingsError
from device.hub.history.rows import Entry
from device.hub.state.snapshot import format_iso
from device.hub.wording import format_mood

_UNIT_S = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def to_csv(entries: Iterable[Entry]) -> str:
    """A table with one header line; times are ISO 8601 in UTC, shares 0..1."""
    return "".join(csv_pieces(entries))


def csv_pieces(entries: Iterable[Entry], rows: int = 500) -> Generator[str, None, None]:
    """The same table in pieces of `rows` lines."""
    out = io.StringIO()
    names = [name for name in Entry.__struct_fields__ if name not in ("time_s", "until_s")]
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["time", *names, "until"])
    for number, entry in enumerate(entries, 1):
        values = [getattr(entry, name) for name in names]
        cells = [msgspec.json.encode(value).decode() if isinstance(value, dict) else value for value in values]
        table.writerow([format_iso(entry.time_s), *cells, "" if entry.until_s is None else format_iso(entry.until_s)])
        if number % rows == 0:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()


def to_text(entry: Entry) -> str:
    """One line for a person, in local time."""
    time_text = _format_local(entry.time_s)
    if entry.kind == "mood":
        senses = (("face", entry.face, entry.face_confidence), ("voice", entry.voice, entry.voice_confidence))
        readings = [(name, emotion, confidence or 0) for name, emotion, confidence in senses if emotion]
        return f"{time_text}  {format_mood(entry.emotion or '', entry.confidence or 0, readings, entry.people or 0)}"
    if entry.kind == "action":
        return f"{time_text}    rule {entry.rule}: {entry.action} {entry.result}"
    until = "now" if entry.until_s is None else _format_local(entry.until_s)
    return f"{time_text}  -- gap until {until}: {entry.why}"


def parse_since(text: str, now_s: float | None = None) -> float:
    """UTC seconds since 1970. Raises SettingsError.

    `text` is `30m`, `2h`, `3d` or `1w` ago, an ISO date or time (local without a zone), or a number of such seconds.
    """
    now = time.time() if now_s is None else now_s
    if ago := re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)\s*([mhdw])", text.strip()):
        return now - float(ago[1]) * _UNIT_S[ago[2]]
    try:
        if re.fullmatch(r"-?\d{1,12}(\.\d{1,9})?", text.strip()):
            return float(text)
        return datetime.fromisoformat(text.strip()).astimezone().timestamp()
    except (ValueError, OverflowError, OSError) as error:
        raise SettingsError(
            f"since {text!r} is not a time; allowed are 30m, 2h, 3d, 1w, 2026-11-03 or 2026-11-03T18:00"
        ) from error


def _format_local(utc_s: float) -> str:
    return datetime.fromtimestamp(utc_s).astimezone().strftime("%Y-%m-%d %H:%M:%S")
