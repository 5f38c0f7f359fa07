"""What an action is aimed at: a newer one for the same target makes an older one worthless."""

import re

from device.destinations import Action, CallService, HueLight, Lamp, Music, Player, Wled

_EVENTS = ("automation", "script")
"""Domains of Home Assistant where turning on twice is running twice."""
_STATES = re.compile(r"turn_on|turn_off|play_media|media_play|media_pause|media_stop|select_\w+|set_\w+|\w+_set")
"""Services that bring about a state, and can be called twice."""


def target_of(action: Action) -> str | None:
    """Its name; None for what stands for itself and is never replaced: a message, a webhook, a program."""
    match action:
        case Lamp() | Player():
            return type(action).__name__.lower()
        case HueLight(light=light, group=group, scene=scene):
            kind = "light" if light else "group" if group else "scene"
            return f"hue {kind} {(light or group or scene).lower()}"
        case Wled(host=host):
            return f"wled {host.lower()}"
        case Music():
            return "mpd"
        case CallService(service=service, entity=entity) if entity and repeatable(service):
            switched = service.endswith((".turn_on", ".turn_off"))
            return f"home_assistant {entity}" if switched else f"home_assistant {service} {entity}"
    return None


def comes_back(action: Action) -> bool:
    """Whether what it changes can be put back. What a message, a scene or a program changes, nobody can tell."""
    match action:
        case Lamp() | Player() | Wled() | Music():
            return True
        case HueLight(scene=scene):
            return not scene
        case CallService(service=service, entity=entity):
            return service in ("light.turn_on", "light.turn_off") and entity.startswith("light.")
    return False


def repeatable(service: str) -> bool:
    """Whether calling a service of Home Assistant twice is the same as once."""
    domain, _, verb = service.partition(".")
    return domain not in _EVENTS and _STATES.fullmatch(verb) is not None
