"""Explains an error in a settings file in its own terms: the key, the value, and what is allowed."""

import difflib
import re
from typing import Any

from msgspec import inspect

from device.emotions import Emotion
from device.system.address import redact_address

_SECRET = re.compile(r"\.(run|data)\b|password|secret|token")
"""Keys whose values are not quoted: errors end up in logs."""


def explain_error(message: str, raw: dict[str, Any], schema: type) -> str:
    """Rewrite msgspec's message about `raw`, which does not fit `schema`, as `camera.fps = 500: ...`."""
    problem, _, where = message.partition(" - at `$")
    steps = re.findall(r"\.([^.\[\]`]+)|\[(\d+|\.\.\.)\]", where)
    key = "".join(f"[{i}]" if i else f".{name}" for name, i in steps).lstrip(".")
    names = [name for name, _ in steps if name]
    if unknown := re.search(r"unknown field `(.*)`", problem):
        tables = _structs(_type_at(schema, names))
        tags = {table.tag_field for table in tables if table.tag_field}
        keys = sorted({field.encode_name for table in tables for field in table.fields} | tags)
        similar = difflib.get_close_matches(unknown[1], keys, 1)
        hint = f"did you mean {similar[0]}?" if similar else f"allowed are {', '.join(keys)}"
        return f"{key + '.' if key else ''}{unknown[1]}: there is no such key; {hint}"
    if problem.startswith("Invalid") and (allowed := _allowed_words(_type_at(schema, names))):
        problem = f"{problem}; allowed are {', '.join(allowed)}"
    value: Any = raw
    for name, index in steps:
        try:
            value = value[int(index)] if index else value[name]
        except (KeyError, IndexError, TypeError, ValueError):
            return f"{key}: {problem}"
    if key and not isinstance(value, dict | list) and not _SECRET.search(key):
        shown = redact_address(value) if isinstance(value, str) and "://" in value else value
        return f"{key} = {shown!r}: {problem}"
    return f"{key}: {problem}".lstrip(": ")


def _type_at(schema: type, names: list[str]) -> inspect.Type:
    """The type at a path of keys. The tag of a union (`action`) stands for the union itself."""
    kind = inspect.type_info(schema)
    for name in names:
        fields = {field.encode_name: field.type for one in _structs(kind) for field in one.fields}
        kind = fields.get(name, kind)
        while isinstance(kind, inspect.VarTupleType | inspect.Metadata):
            kind = kind.type if isinstance(kind, inspect.Metadata) else kind.item_type
    return kind


def _structs(kind: inspect.Type) -> list[inspect.StructType]:
    kinds = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    return [one for one in kinds if isinstance(one, inspect.StructType)]


def _allowed_words(kind: inspect.Type) -> list[str]:
    """The words allowed for a value of this type; none if it is not a choice of words."""
    if isinstance(kind, inspect.EnumType):
        return [str(member.value) for member in kind.cls if member is not Emotion.UNKNOWN]
    if isinstance(kind, inspect.LiteralType):
        return [str(value) for value in kind.values]
    return [str(one.tag) for one in _structs(kind) if one.tag_field]
