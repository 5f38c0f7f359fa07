"""The history as text and as CSV, and the parsing of `--since`."""

import csv
import io
import re
import time
from collections.abc import Sequence
from datetime import datetime

import msgspec

from device.errors import SettingsError
from device.hub.history.rows import Entry
from device.hub.state.snapshot import iso

_UNIT_S = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def to_csv(entries: Sequence[Entry]) -> str:
    """A table with one header line; times are ISO 8601 in UTC, shares 0..1."""
    out = io.StringIO()
    names = [name for name in Entry.__struct_fields__ if name not in ("time_s", "until_s")]
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["time", *names, "until"])
    for entry in entries:
        cells = [getattr(entry, name) for name in names]
        plain = [msgspec.json.encode(cell).decode() if isinstance(cell, dict) else cell for cell in cells]
        table.writerow([iso(entry.time_s), *plain, "" if entry.until_s is None else iso(entry.until_s)])
    return out.getvalue()


def to_text(entry: Entry) -> str:
    """One line for a person, in local time."""
    moment = _local(entry.time_s)
    if entry.kind == "mood":
        said = [f"{n} {e} {100 * (c or 0):.0f} %" for n, e, c in _said(entry)]
        people = "1 person" if entry.people == 1 else f"{entry.people} people"
        parts = f" ({', '.join(said)})" if said else ""
        return f"{moment}  {entry.emotion} {100 * (entry.confidence or 0):.0f} %{parts}, {people}"
    if entry.kind == "action":
        return f"{moment}    rule {entry.rule}: {entry.action} {entry.result}"
    until = "now" if entry.until_s is None else _local(entry.until_s)
    return f"{moment}  -- gap until {until}: {entry.why}"


def parse_since(text: str, now_s: float | None = None) -> float:
    """Seconds of UTC since 1970. Raises SettingsError.

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
            f"since {text!r} is no time; allowed are 30m, 2h, 3d, 1w, 2026-11-03 or 2026-11-03T18:00"
        ) from error


def _said(entry: Entry) -> list[tuple[str, str, float | None]]:
    both = (("face", entry.face, entry.face_confidence), ("voice", entry.voice, entry.voice_confidence))
    return [(name, emotion, confidence) for name, emotion, confidence in both if emotion]


def _local(utc_s: float) -> str:
    return datetime.fromtimestamp(utc_s).astimezone().strftime("%Y-%m-%d %H:%M:%S")
