"""One value as TOML writes it. There is a reader in Python's library, and no writer."""

import json
import math
import re
from datetime import date, datetime, time

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_UNSEEN = re.compile(r"[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""What JSON leaves as it is, and TOML forbids or a terminal obeys."""

MOMENTS = (datetime, date, time)
"""What TOML has, and JSON has not."""


def toml_value(value: object) -> str:
    """A value that tomllib has read, or one of JSON, in a line that tomllib reads as the same."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{toml_key(k)} = {toml_value(v)}" for k, v in value.items()) + " }" if value else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    if isinstance(value, MOMENTS):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # inf, -inf, nan, which JSON has not
    scalar = json.dumps(value, ensure_ascii=False)  # any other scalar of JSON is one of TOML
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", scalar)


def toml_key(key: str) -> str:
    """A key, in quotes where it needs them."""
    return key if _BARE.fullmatch(key) else toml_value(key)
