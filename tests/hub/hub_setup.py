"""Settings for a whole hub, and what its history contains."""

from typing import Any

import msgspec

from device.emotions import Emotion
from device.hub.history.reader import read
from device.settings.rules import Rule
from device.settings.schema import Settings


def kinds(settings: Settings, kind: str) -> list[str | None]:
    return [e.emotion or e.rule or e.why for e in read(settings.state_dir) if e.kind == kind]


def gaps(settings: Settings) -> list[tuple[float, float | None, str | None]]:
    return [(e.time_s, e.until_s, e.why) for e in read(settings.state_dir) if e.kind == "gap"]


def results(settings: Settings) -> list[tuple[str | None, str | None, str | None]]:
    return [(e.rule, e.action, e.result) for e in read(settings.state_dir) if e.kind == "action"]


def living_room(house: Settings, *rules: Rule, **more: Any) -> Settings:
    home = msgspec.structs.replace(house.home, profiles=("everyday", "evening"))
    return msgspec.structs.replace(house, rules=rules, home=home, **more)


def rule(name: str, emotion: Emotion, *do: Any, **more: Any) -> Rule:
    return Rule(name, (emotion,), do, 0, cooldown_s=0, **more)
