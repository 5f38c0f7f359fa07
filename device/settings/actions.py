"""What a mood can drive: the settings of each destination, and the actions that a rule may ask of it."""

import re
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from device.settings.types import Colour, FilePath, Percent, Port, Section, Uuid


class HomeAssistant(Section, frozen=True):
    """Home Assistant's own services, over REST. Not needed for what MQTT shows it."""

    url: Annotated[str, Meta(description="http://homeassistant.local:8123. Empty: none.")] = ""
    token_file: Annotated[FilePath, Meta(description="A file with a long-lived access token and nothing else.")] = ""

    def __post_init__(self) -> None:
        _http(self.url, "home_assistant.url")
        if bool(self.url) != bool(self.token_file):
            raise ValueError("home_assistant needs url and token_file together, or neither")


class Hue(Section, frozen=True):
    """A Hue bridge, paired with: mien hue pair ADDRESS."""

    bridge: Annotated[str, Meta(description="Its address in the house. Empty: none.")] = ""
    port: Port = 443
    key_file: Annotated[
        FilePath, Meta(description="What pairing wrote: the application key and the bridge's certificate's SHA-256.")
    ] = ""


class Mpd(Section, frozen=True):
    """A music player daemon."""

    host: Annotated[str, Meta(description="Empty: none.")] = ""
    port: Port = 6600
    password_file: FilePath = ""


class Webhooks(Section, frozen=True):
    """How webhooks are signed."""

    secret_file: Annotated[
        FilePath,
        Meta(description="The key of the header X-Mien-Signature: HMAC-SHA256 of `timestamp.body`. Empty: unsigned."),
    ] = ""


class Lamp(Section, frozen=True, tag_field="action", tag="lamp"):
    """The virtual lamp: on the console and the page."""

    colour: Colour = "#ffffff"
    brightness: Percent = 100

    @property
    def words(self) -> str:
        """What it does, for a person."""
        return f"lamp {self.colour} at {self.brightness} %"


class Player(Section, frozen=True, tag_field="action", tag="player"):
    """The virtual player: on the console and the page."""

    playlist: str
    volume: Percent = 50

    @property
    def words(self) -> str:
        """What it does, for a person."""
        return f"player {self.playlist} at {self.volume} %"


class Publish(Section, frozen=True, tag_field="action", tag="mqtt"):
    """A message to the broker: Zigbee2MQTT and WLED listen there."""

    topic: Annotated[str, Meta(min_length=1, max_length=500, pattern=r"^[^#+\x00-\x1f]+\Z")]
    payload: str
    retain: bool = False

    @property
    def words(self) -> str:
        """What it does, for a person."""
        return f"message to {self.topic}"


class CallService(Section, frozen=True, tag_field="action", tag="home_assistant"):
    """A service of Home Assistant: light.turn_on, media_player.play_media, scene.turn_on."""

    service: Annotated[str, Meta(pattern=r"^[a-z0-9_]+\.[a-z0-9_]+\Z")]
    entity: Annotated[str, Meta(pattern=r"^([a-z0-9_]+\.[a-z0-9_]+)?\Z")] = ""
    data: dict[str, Any] = msgspec.field(default_factory=dict)

    @property
    def words(self) -> str:
        """What it does, for a person."""
        return f"{self.service}{f' of {self.entity}' if self.entity else ''} in Home Assistant"


class HueLight(Section, frozen=True, tag_field="action", tag="hue"):
    """A light, a group (room, zone) or a scene of the Hue bridge: one of the three."""

    light: Uuid = ""
    group: Uuid = ""
    scene: Uuid = ""
    brightness: Percent = 100
    """0 switches it off."""
    colour: Annotated[str, Meta(pattern=r"^(#[0-9a-fA-F]{6})?\Z")] = ""
    """Empty leaves it."""
    transition_s: Annotated[float, Meta(ge=0, le=6000)] = 2.0

    def __post_init__(self) -> None:
        if sum(map(bool, (self.light, self.group, self.scene))) != 1:
            raise ValueError("hue needs one of light, group and scene")

    @property
    def words(self) -> str:
        """What it does, for a person."""
        if self.scene:
            return f"Hue scene {self.scene}"
        return f"Hue {'group' if self.group else 'light'}{_look(self.colour, self.brightness)}"


class Wled(Section, frozen=True, tag_field="action", tag="wled"):
    """A WLED light strip."""

    host: Annotated[str, Meta(min_length=1, pattern=r"^[a-zA-Z0-9_.:\[\]-]+\Z")]
    """With a port if it is not 80."""
    brightness: Percent = 100
    """0 switches it off."""
    colour: Annotated[str, Meta(pattern=r"^(#[0-9a-fA-F]{6})?\Z")] = ""
    """Empty leaves it."""
    preset: Annotated[int, Meta(ge=0, le=250)] = 0
    """Of those kept in it; 0: none."""
    transition_s: Annotated[float, Meta(ge=0, le=6553.5)] = 2.0

    @property
    def words(self) -> str:
        """What it does, for a person."""
        return f"WLED {self.host}{f' preset {self.preset}' if self.preset else _look(self.colour, self.brightness)}"


class Music(Section, frozen=True, tag_field="action", tag="mpd"):
    """A playlist of the music player daemon."""

    playlist: str = ""
    """Empty stops the music."""
    volume: Percent | None = None
    """Left as it is when not given."""

    @property
    def words(self) -> str:
        """What it does, for a person."""
        return f"music {self.playlist or 'off'}{'' if self.volume is None else f' at {self.volume} %'}"


class Webhook(Section, frozen=True, tag_field="action", tag="webhook"):
    """A POST of JSON: the mood, the rule, and `data`."""

    url: Annotated[str, Meta(min_length=1)]
    data: dict[str, Any] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        _http(self.url, "url")

    @property
    def words(self) -> str:
        """What it does, for a person."""
        return f"webhook to {urlsplit(self.url).hostname}"


class Command(Section, frozen=True, tag_field="action", tag="command"):
    """A program of this machine, without a shell; it gets the mood and the rule as JSON on its standard input."""

    run: Annotated[tuple[Annotated[str, Meta(pattern=r"^[^\x00]*\Z")], ...], Meta(min_length=1)]
    limit_s: Annotated[float, Meta(gt=0, le=600)] = 10.0

    @property
    def words(self) -> str:
        """What it does, for a person."""
        return f"command {self.run[0]}"


Action = Lamp | Player | Publish | CallService | HueLight | Wled | Music | Webhook | Command


def _http(url: str, key: str) -> None:
    """Raises ValueError for what is neither empty nor a web address."""
    if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
        raise ValueError(f"{key} needs http:// or https:// and a host")


def _look(colour: str, brightness: int) -> str:
    return f"{f' {colour}' if colour else ''} at {brightness} %" if brightness else " off"


_EVENTS = ("automation", "script")
"""Domains of Home Assistant where turning on twice is running twice."""
_STATES = re.compile(r"turn_on|turn_off|play_media|media_play|media_pause|media_stop|select_\w+|set_\w+|\w+_set")
"""Services that bring about a state, and can be called twice."""


def target_of_action(action: Action) -> str | None:
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
