"""Writes the settings as TOML: each key on one line, with comments.

Not tomli-w: it writes no comments, breaks every list into lines, and turns a list of actions into tables.
"""

import json
import math
import re
from datetime import date, datetime, time
from typing import Any, get_args, get_type_hints

import msgspec
from msgspec import Meta

from device.settings.schema import Settings

_HEADER = """\
# Mien's settings. Every key is optional; the value after a # is its default.
# After a change, run: mien config check
"""


def format_settings(settings: Settings, *, commented: bool) -> str:
    """The settings as TOML; `commented` puts a # before each key, below its description and its limits."""
    prefix = "# " if commented else ""
    lines = [_HEADER] if commented else []
    for name in settings.__struct_fields__:
        section = getattr(settings, name)
        if name == "rules":
            for rule in msgspec.to_builtins(section, builtin_types=DATE_TYPES):
                pairs = [f"{prefix}{key} = {format_value(value)}" for key, value in rule.items()]
                lines += [f"{prefix}[[rules]]", *pairs, ""]
            continue
        if commented and section.__doc__:
            lines.append(f"# {section.__doc__}")
        lines.append(f"[{name}]")
        hints = get_type_hints(type(section), include_extras=True)
        for key in section.__struct_fields__:
            if commented and (description := _describe(hints[key])):
                lines.append(f"# {description}")
            lines.append(f"{prefix}{key} = {format_value(getattr(section, key))}")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _describe(hint: Any) -> str:  # noqa: ANN401 - a type annotation is of any type
    metas = [meta for meta in get_args(hint) if isinstance(meta, Meta)]
    parts = [m.description for m in metas if m.description]
    for meta in metas:
        bounds = [("at least", meta.ge), ("over", meta.gt), ("at most", meta.le)]
        parts += [f"{word} {bound:g}" for word, bound in bounds if bound is not None]
    if choices := [str(a) for part in (hint, *get_args(hint)) for a in get_args(part) if isinstance(a, str | int)]:
        parts.append("one of " + ", ".join(choices))
    return "; ".join(part.rstrip(".") for part in parts) + "." if parts else ""


_INVISIBLE = re.compile(r"[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""Characters that JSON does not escape, but that TOML forbids or a terminal acts on."""

DATE_TYPES = (datetime, date, time)
"""Types of TOML that JSON lacks."""


def format_value(value: object) -> str:
    """A value from tomllib or JSON, on one line that tomllib reads as the same value."""
    if isinstance(value, dict):
        pairs = ", ".join(f"{format_key(key)} = {format_value(one)}" for key, one in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(format_value, value)) + "]"
    if isinstance(value, DATE_TYPES):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # inf, -inf, nan: not in JSON
    scalar = json.dumps(value, ensure_ascii=False)  # any other JSON scalar is valid TOML
    return _INVISIBLE.sub(lambda found: f"\\u{ord(found[0]):04x}", scalar)


def format_key(key: str) -> str:
    """A key, in quotes where it needs them."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else format_value(key)
