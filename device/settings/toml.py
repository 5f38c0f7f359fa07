"""One value as TOML writes it. There is a reader in Python's library, and no writer."""

import json
import math
import re
from datetime import date, datetime, time
from typing import Any, get_args, get_type_hints

import msgspec
from msgspec import Meta

from device.settings.schema import Settings

_HEAD = """\
# Mien's settings. Every key may be left out; what stands here after a # is its default.
# After a change: mien config check
"""


def as_toml(settings: Settings, *, commented: bool) -> str:
    """The settings as TOML; `commented` puts each key behind a #, under its sentence and its bounds."""
    mark = "# " if commented else ""
    lines = [_HEAD] if commented else []
    for name in settings.__struct_fields__:
        section = getattr(settings, name)
        if name == "rules":
            lines += _rules_lines(msgspec.to_builtins(section, builtin_types=MOMENTS), mark)
            continue
        if commented and section.__doc__:
            lines.append(f"# {section.__doc__}")
        lines.append(f"[{name}]")
        hints = get_type_hints(type(section), include_extras=True)
        for key in section.__struct_fields__:
            if commented and (about := _about(hints[key])):
                lines.append(f"# {about}")
            lines.append(f"{mark}{key} = {toml_value(getattr(section, key))}")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _about(hint: Any) -> str:  # noqa: ANN401 - a type annotation is of any type
    metas = [part for part in get_args(hint) if isinstance(part, Meta)]
    said = [m.description for m in metas if m.description]
    for meta in metas:
        bounds = [("at least", meta.ge), ("over", meta.gt), ("at most", meta.le)]
        said += [f"{word} {bound:g}" for word, bound in bounds if bound is not None]
    choices = [str(a) for part in (hint, *get_args(hint)) for a in get_args(part) if isinstance(a, str | int)]
    if choices:
        said.append("one of " + ", ".join(choices))
    return "; ".join(s.rstrip(".") for s in said) + "." if said else ""


def _rules_lines(rules: list[dict[str, Any]], mark: str) -> list[str]:
    lines = []
    for rule in rules:
        lines.append(f"{mark}[[rules]]")
        lines += [f"{mark}{key} = {toml_value(value)}" for key, value in rule.items()]
        lines.append("")
    return lines


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
