"""One TOML file -> frozen, typed settings. Every key has its unit, its bounds and a sentence, all from here."""

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from device.settings.actions.home_assistant import HomeAssistant
from device.settings.actions.hue import Hue
from device.settings.actions.mpd import Mpd
from device.settings.actions.webhook import Webhooks
from device.settings.locations import user_folder
from device.settings.rules import QUIET, Profile, Rule, default_rules
from device.settings.types import NO_NUL, FilePath, Hours, Port, Seconds, Section, Share
from device.system.paths import expand

Name = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,251}[a-zA-Z0-9])?\Z")]


class Kiosk(Section, frozen=True):
    """The page on the wall."""

    enabled: bool = True
    port: Annotated[Port, Meta(description="0 takes any free one, and prints it.")] = 8137
    listen: Annotated[
        str,
        Meta(
            description="127.0.0.1: this device only. 0.0.0.0, :: (IPv6 too), or one of its addresses: the house too, "
            "with password_file, on the same port; from this device itself it is always http://127.0.0.1 and open."
        ),
    ] = "127.0.0.1"
    allowed_hosts: Annotated[
        tuple[Name, ...],
        Meta(max_length=16, description='What the house calls this device beside its address: "mien.local".'),
    ] = ()
    password_file: Annotated[
        FilePath, Meta(description="Made by `mien kiosk password`; holds a hash of it. A new one ends every session.")
    ] = ""
    certificate_file: Annotated[
        FilePath, Meta(description="TLS for the house: PEM, the whole chain. A renewed one is taken up by itself.")
    ] = ""
    key_file: Annotated[FilePath, Meta(description="Its key, without a password of its own.")] = ""
    night: Annotated[Hours, Meta(description="Local time in which the page is dim; empty: never.")] = "22:30-06:30"
    live_view: Annotated[
        bool,
        Meta(description="The page may show the camera's picture while someone looks; the room sees that it is so."),
    ] = False

    def __post_init__(self) -> None:
        try:
            address = ipaddress.ip_address(self.listen)
        except ValueError:
            raise ValueError(
                f"kiosk.listen is {self.listen!r}: an IP address of this device is needed, e.g. 127.0.0.1 or 0.0.0.0"
            ) from None
        if not address.is_loopback and not self.password_file:
            raise ValueError(
                f"kiosk.listen = {self.listen!r} opens the page to the house: kiosk.password_file is needed too; make "
                "it with: mien kiosk password"
            )
        if bool(self.certificate_file) != bool(self.key_file):
            raise ValueError("kiosk needs certificate_file and key_file together, or neither")

    @property
    def house(self) -> bool:
        """Whether it listens beyond this device."""
        return not ipaddress.ip_address(self.listen).is_loopback


class Home(Section, frozen=True):
    """Where this Mien lives."""

    name: Annotated[
        str, Meta(pattern=r"^[a-zA-Z0-9_-]{1,40}\Z", description="Letters, digits, _ and -. Part of every MQTT topic.")
    ] = "home"
    profiles: Annotated[
        tuple[Profile, ...],
        Meta(min_length=1, description="Rules can be bound to them. The first holds at first; quiet is always there."),
    ] = ("everyday",)
    state_dir: Annotated[
        str,
        Meta(
            pattern=NO_NUL,
            description="History and switches are kept here. Empty: $STATE_DIRECTORY, or ~/.local/state/mien.",
        ),
    ] = ""
    runtime_dir: Annotated[
        str,
        Meta(
            pattern=NO_NUL,
            description="The door's socket is here. Empty: $RUNTIME_DIRECTORY, or $XDG_RUNTIME_DIR/mien.",
        ),
    ] = ""


class Camera(Section, frozen=True):
    """The eye."""

    source: Annotated[
        str,
        Meta(
            description="auto, off, picamera2, a device (/dev/v4l/by-id/...), rtsp://, http://, file:PATH, "
            "gstreamer:PIPELINE, or stand-in."
        ),
    ] = "auto"
    width_px: Annotated[int, Meta(ge=160, le=3840, description="What the camera is asked for.")] = 640
    height_px: Annotated[int, Meta(ge=120, le=2160)] = 480
    rotation: Annotated[
        Literal[0, 90, 180, 270],
        Meta(
            description="Degrees clockwise by which the picture has to be turned until people stand upright in it; "
            "180 for a Raspberry Pi's camera that hangs with its cable up."
        ),
    ] = 0
    fps: Annotated[float, Meta(gt=0, le=60, description="Frames looked at in a second while a face is there.")] = 10.0
    idle_fps: Annotated[float, Meta(gt=0, le=60, description="The slow look while nobody is there.")] = 3.0
    range: Annotated[
        Literal["far", "near", "mediapipe"],
        Meta(
            description="far finds faces of 40 px (4 m in 640x480), near those over 90 px at less cost; "
            "mediapipe uses that package where it is installed."
        ),
    ] = "far"
    min_score: Annotated[
        float,
        Meta(
            ge=0.1,
            le=0.99,
            description="A face less sure than this is none (mien analyze: three quarters are enough for a large one "
            "where there is no other).",
        ),
    ] = 0.66
    max_faces: Annotated[int, Meta(ge=1, le=8, description="The largest are read.")] = 8
    cpu_budget: Annotated[
        float, Meta(ge=0.01, le=4, description="Share of one core that looking may take; over it, it looks less often.")
    ] = 0.25
    timeout_s: Annotated[float, Meta(ge=1, le=60, description="No new frame for so long: the camera is lost.")] = 5.0


class Microphone(Section, frozen=True):
    """The ear."""

    source: Annotated[
        str,
        Meta(description="auto, off, a part of a PyAudio device's name (pulse, USB PnP), file:PATH, or stand-in."),
    ] = "auto"
    interval_s: Annotated[float, Meta(ge=0.1, le=3, description="How often the last three seconds are read.")] = 1.0
    min_speech: Annotated[Share, Meta(description="A window with less of a voice in it is not read.")] = 0.25
    timeout_s: Annotated[float, Meta(ge=1, le=60, description="No sound block for so long: it is lost.")] = 5.0


class MoodSettings(Section, frozen=True):
    """From readings to a calm mood."""

    smoothing_s: Annotated[Seconds, Meta(description="Time constant: after so long, 63 % of a change has come.")] = 1.5
    hold_s: Annotated[Seconds, Meta(description="A mood stays at least so long.")] = 3.0
    min_confidence: Annotated[
        Share, Meta(description="Less sure than this is said as unknown; `mien models list` tells more.")
    ] = 0.4
    hysteresis: Annotated[Share, Meta(description="A new mood must be likelier than the old one by this much.")] = 0.1
    reading_max_age_s: Annotated[
        float, Meta(ge=0.5, le=86_400, description="A reading older than this says nothing any more.")
    ] = 4.0


class Mqtt(Section, frozen=True):
    """A broker, if there is one."""

    host: Annotated[str, Meta(description="Empty: no MQTT.")] = ""
    port: Port = 1883
    username: str = ""
    password_file: Annotated[FilePath, Meta(description="A file with the password and nothing else.")] = ""
    prefix: Annotated[
        str, Meta(pattern=r"^[a-zA-Z0-9_/-]+\Z", description="Topics are PREFIX/NAME/state and the like.")
    ] = "mien"
    version: Annotated[Literal["5", "3.1.1"], Meta(description="Of the protocol.")] = "5"
    tls: Annotated[bool, Meta(description="The broker's certificate is checked, and its name.")] = False
    ca_file: Annotated[FilePath, Meta(description="Who vouches for the broker. Empty: whom this system trusts.")] = ""
    certificate_file: Annotated[FilePath, Meta(description="Our own certificate, where the broker asks for one.")] = ""
    key_file: Annotated[FilePath, Meta(description="Its key.")] = ""
    discovery: Annotated[bool, Meta(description="Home Assistant shows this Mien by itself.")] = True
    discovery_prefix: Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_/-]+\Z")] = "homeassistant"

    def __post_init__(self) -> None:
        if bool(self.username) != bool(self.password_file):
            raise ValueError("mqtt needs username and password_file together, or neither")
        if bool(self.certificate_file) != bool(self.key_file):
            raise ValueError("mqtt needs certificate_file and key_file together, or neither")
        if not self.tls and (self.ca_file or self.certificate_file):
            raise ValueError("mqtt.ca_file and certificate_file are for tls = true")


class History(Section, frozen=True):
    """What is remembered: moods and actions, never a picture or a sound."""

    keep_days: Annotated[int, Meta(ge=0, le=36_500, description="Older rows are deleted; 0 keeps all.")] = 365


class Settings(Section, frozen=True):
    """The whole file. Every key may be left out."""

    home: Home = Home()
    camera: Camera = Camera()
    microphone: Microphone = Microphone()
    mood: MoodSettings = MoodSettings()
    kiosk: Kiosk = Kiosk()
    mqtt: Mqtt = Mqtt()
    history: History = History()
    home_assistant: HomeAssistant = HomeAssistant()
    hue: Hue = Hue()
    mpd: Mpd = Mpd()
    webhooks: Webhooks = Webhooks()
    rules: tuple[Rule, ...] = msgspec.field(default_factory=default_rules)

    def __post_init__(self) -> None:
        known = {*self.home.profiles, QUIET}
        names = [rule.name for rule in self.rules]
        if twice := next((name for name in names if names.count(name) > 1), ""):
            raise ValueError(
                f"two rules are called {twice}: each needs a name of its own, by which it is told and undone"
            )
        for rule in self.rules:
            if unknown := set(rule.profiles) - known:
                raise ValueError(f"rule {rule.name}: no profile {', '.join(unknown)}; home.profiles names them")
            for action in rule.do:
                if missing := action.missing(self):
                    raise ValueError(f"rule {rule.name}: {missing}")

    @property
    def profiles(self) -> tuple[str, ...]:
        """All that can be chosen, the first being the one to begin with."""
        return (*self.home.profiles, *((QUIET,) if QUIET not in self.home.profiles else ()))

    @property
    def state_dir(self) -> Path:
        """The folder of what is kept."""
        if given := self.home.state_dir or os.environ.get("STATE_DIRECTORY"):
            return expand(given)
        return user_folder("XDG_STATE_HOME", ".local/state") / "mien"

    @property
    def runtime_dir(self) -> Path:
        """The folder of the door."""
        run = os.environ.get("XDG_RUNTIME_DIR") or f"/tmp/mien-{os.getuid()}"  # noqa: S108 - made 0700 by its owner
        given = self.home.runtime_dir or os.environ.get("RUNTIME_DIRECTORY")
        return expand(given or f"{run}/mien")
