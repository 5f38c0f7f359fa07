"""`parse_command`: a payload that anybody may have sent becomes a command, or is refused with the reason."""

import contextlib
import re
import reprlib

from device.errors import ActionError
from device.hub.state.features import FEATURES, PRESS, Command, Feature, Kind
from device.hub.state.snapshot import Snapshot

MAX_PAYLOAD = 200
"""Bytes. The longest valid payload is a profile's name, at most 40 characters."""

_NUMBER = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,9})?")
_BRIEF = reprlib.Repr()
_BRIEF.maxstring = _BRIEF.maxother = 60
_BY_KEY = {feature.key: feature for feature in FEATURES if feature.to_command}


def parse_command(key: str, payload: bytes, now: Snapshot) -> Command:
    """The command in a payload for the feature `key`. Raises ActionError, which says what is allowed."""
    feature = _BY_KEY.get(key)
    if feature is None or feature.to_command is None:
        raise ActionError(f"{_BRIEF.repr(key)} takes no commands; {', '.join(_BY_KEY)} do")
    text: str | bytes = payload[:MAX_PAYLOAD]
    with contextlib.suppress(UnicodeDecodeError):
        text = payload[:MAX_PAYLOAD].decode()
    if len(payload) > MAX_PAYLOAD or isinstance(text, bytes) or not _is_allowed(feature, text, now):
        length = f" in {len(payload)} bytes" if len(payload) > MAX_PAYLOAD else ""
        raise ActionError(f"{key}: got {_BRIEF.repr(text)}{length}; allowed is {_describe_allowed(feature, now)}")
    return feature.to_command(text)


def _is_allowed(feature: Feature, text: str, now: Snapshot) -> bool:
    if feature.kind is Kind.NUMBER:
        return bool(_NUMBER.fullmatch(text)) and feature.min_value <= float(text) <= feature.max_value
    return text in _get_payloads(feature, now)


def _get_payloads(feature: Feature, now: Snapshot) -> tuple[str, ...]:
    return {Kind.SWITCH: ("ON", "OFF"), Kind.BUTTON: (PRESS,)}.get(feature.kind) or feature.options(now)


def _describe_allowed(feature: Feature, now: Snapshot) -> str:
    if feature.kind is Kind.NUMBER:
        return f"a number from {feature.min_value:g} to {feature.max_value:g}"
    return " or ".join(_get_payloads(feature, now)) or "nothing yet"
