"""The sections of the settings file. Each key has its unit, its limits and a description here."""

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
from device.settings.types import NO_NUL, FilePath, Hours, Port, Seconds, Section, Share, about
from device.system.paths import expand

Name = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,251}[a-zA-Z0-9])?\Z")]


class Kiosk(Section, frozen=True):
    """The web page, for example on a wall display."""

    enabled: bool = True
    port: Annotated[Port, about("0 takes any free port, and prints it.")] = 8137
    listen: Annotated[
        str,
        about(
            "127.0.0.1: this device only. 0.0.0.0, :: (IPv6 too), or one of its addresses: the whole house, with "
            "password_file, on the same port; on this device itself it stays http://127.0.0.1 without a login."
        ),
    ] = "127.0.0.1"
    allowed_hosts: Annotated[
        tuple[Name, ...], about('Host names of this device, besides its address: "mien.local".', max_length=16)
    ] = ()
    password_file: Annotated[
        FilePath, about("Made by `mien kiosk password`; holds a hash. A new password ends every session.")
    ] = ""
    local_password: Annotated[
        bool,
        about(
            "Ask for the password on this device, too, so that its other users see nothing. The kiosk and sudo mien "
            "get in without."
        ),
    ] = False
    certificate_file: Annotated[
        FilePath, about("TLS for the house: PEM with the whole chain. A renewed certificate is loaded automatically.")
    ] = ""
    key_file: Annotated[FilePath, about("The certificate's key, without a password.")] = ""
    night: Annotated[Hours, about("Local time when the page is dimmed; empty: never.")] = "22:30-06:30"
    live_view: Annotated[
        bool, about("The page may show the camera's picture while somebody watches; the room can see that.")
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
        if self.local_password and not self.password_file:
            raise ValueError("kiosk.local_password needs kiosk.password_file; make it with: mien kiosk password")
        if bool(self.certificate_file) != bool(self.key_file):
            raise ValueError("kiosk needs certificate_file and key_file together, or neither")

    @property
    def is_open_to_house(self) -> bool:
        """Whether it listens to other devices in the house."""
        return not ipaddress.ip_address(self.listen).is_loopback


class Home(Section, frozen=True):
    """The name, the profiles and the folders of this Mien."""

    name: Annotated[
        str, about("Letters, digits, _ and -. Part of every MQTT topic.", pattern=r"^[a-zA-Z0-9_-]{1,40}\Z")
    ] = "home"
    profiles: Annotated[
        tuple[Profile, ...],
        about("Rules can be limited to profiles. The first one is active at first; quiet always exists.", min_length=1),
    ] = ("everyday",)
    state_dir: Annotated[
        str,
        about("The folder for history and switches. Empty: $STATE_DIRECTORY, or ~/.local/state/mien.", pattern=NO_NUL),
    ] = ""
    runtime_dir: Annotated[
        str, about("The folder for the sockets. Empty: $RUNTIME_DIRECTORY, or $XDG_RUNTIME_DIR/mien.", pattern=NO_NUL)
    ] = ""
    require_isolation: Annotated[
        bool, about("Start nothing that sees or hears where this system cannot keep it from sending anything.")
    ] = False


class Camera(Section, frozen=True):
    """The camera."""

    source: Annotated[
        str,
        about(
            "auto, off, picamera2, a device (/dev/v4l/by-id/...), rtsp://, http://, file:PATH, "
            "gstreamer:PIPELINE, or stand-in."
        ),
    ] = "auto"
    width_px: Annotated[int, about("The width to request from the camera.", ge=160, le=3840)] = 640
    height_px: Annotated[int, Meta(ge=120, le=2160)] = 480
    rotation: Annotated[
        Literal[0, 90, 180, 270],
        about(
            "Degrees clockwise to turn the picture so that people stand upright; 180 for a Raspberry Pi "
            "camera that hangs with its cable up."
        ),
    ] = 0
    fps: Annotated[float, about("Frames a second to analyse while a face is in view.", gt=0, le=60)] = 10.0
    idle_fps: Annotated[float, about("Frames a second while nobody is in view.", gt=0, le=60)] = 3.0
    range: Annotated[
        Literal["far", "near", "mediapipe"],
        about(
            "far finds faces from 40 px (4 m at 640x480), near from 90 px with less CPU; mediapipe uses "
            "that package if it is installed."
        ),
    ] = "far"
    min_score: Annotated[
        float,
        about(
            "Minimum detection score (mien analyze: three quarters are enough for a single large face).",
            ge=0.1,
            le=0.99,
        ),
    ] = 0.66
    max_faces: Annotated[int, about("At most so many faces are read, the largest first.", ge=1, le=8)] = 8
    cpu_budget: Annotated[
        float, about("The share of one CPU core for the camera; above it, fewer frames are analysed.", ge=0.01, le=4)
    ] = 0.25
    timeout_s: Annotated[float, about("Without a frame for this long, the camera counts as lost.", ge=1, le=60)] = 5.0


class Microphone(Section, frozen=True):
    """The microphone."""

    source: Annotated[
        str, about("auto, off, part of a PyAudio device's name (pulse, USB PnP), file:PATH, or stand-in.")
    ] = "auto"
    interval_s: Annotated[float, about("How often the last three seconds are analysed.", ge=0.1, le=3)] = 1.0
    min_speech: Annotated[Share, about("A window with a smaller share of speech is not analysed.")] = 0.25
    timeout_s: Annotated[float, about("Without sound for this long, the microphone counts as lost.", ge=1, le=60)] = 5.0


class MoodSettings(Section, frozen=True):
    """How readings become a calm mood."""

    smoothing_s: Annotated[Seconds, about("Time constant: after this time, 63 % of a change is visible.")] = 1.5
    hold_s: Annotated[Seconds, about("A mood stays at least this long.")] = 3.0
    neutral_prior: Annotated[
        float,
        about(
            "How many times likelier neutral is than any other emotion, before anything is seen or heard; 1: equal.",
            ge=1,
            le=1000,
        ),
    ] = 4.5
    min_confidence: Annotated[
        Share, about("Below this confidence the mood is unknown; docs/REPORT.md shows what each choice costs.")
    ] = 0.6
    hysteresis: Annotated[Share, about("How much more likely a new mood must be than the current one.")] = 0.1
    reading_max_age_s: Annotated[float, about("An older reading is ignored.", ge=0.5, le=86_400)] = 4.0


class Mqtt(Section, frozen=True):
    """The MQTT broker, if there is one."""

    host: Annotated[str, about("Empty: no MQTT.")] = ""
    port: Port = 1883
    username: str = ""
    password_file: Annotated[FilePath, about("A file with the password and nothing else.")] = ""
    prefix: Annotated[str, about("Topics are PREFIX/NAME/state and so on.", pattern=r"^[a-zA-Z0-9_/-]+\Z")] = "mien"
    version: Annotated[Literal["5", "3.1.1"], about("The protocol version.")] = "5"
    tls: Annotated[bool, about("Use TLS, and check the broker's certificate and name.")] = False
    ca_file: Annotated[FilePath, about("The CA certificate for the broker. Empty: those that this system trusts.")] = ""
    certificate_file: Annotated[FilePath, about("A client certificate, if the broker asks for one.")] = ""
    key_file: Annotated[FilePath, about("The client certificate's key.")] = ""
    discovery: Annotated[bool, about("Home Assistant finds this Mien automatically.")] = True
    discovery_prefix: Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_/-]+\Z")] = "homeassistant"

    def __post_init__(self) -> None:
        if bool(self.username) != bool(self.password_file):
            raise ValueError("mqtt needs username and password_file together, or neither")
        if bool(self.certificate_file) != bool(self.key_file):
            raise ValueError("mqtt needs certificate_file and key_file together, or neither")
        if not self.tls and (self.ca_file or self.certificate_file):
            raise ValueError("mqtt.ca_file and certificate_file need tls = true")


class History(Section, frozen=True):
    """The history of moods and actions. It never holds a picture or a sound."""

    keep_days: Annotated[int, about("Older rows are deleted; 0 keeps everything.", ge=0, le=36_500)] = 365


class Settings(Section, frozen=True):
    """The whole file. Every key is optional."""

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
        profiles = {*self.home.profiles, QUIET}
        names = [rule.name for rule in self.rules]
        if duplicate := next((name for name in names if names.count(name) > 1), ""):
            raise ValueError(f"two rules are called {duplicate}: each needs a name of its own")
        for rule in self.rules:
            if unknown := set(rule.profiles) - profiles:
                raise ValueError(f"rule {rule.name}: there is no profile {', '.join(unknown)}; add it to home.profiles")
            for action in rule.do:
                if missing := action.missing(self):
                    raise ValueError(f"rule {rule.name}: {missing}")

    @property
    def profiles(self) -> tuple[str, ...]:
        """All profiles; the first one is active at first."""
        return (*self.home.profiles, *((QUIET,) if QUIET not in self.home.profiles else ()))

    @property
    def state_dir(self) -> Path:
        """The folder of all data that outlives the process."""
        if folder := self.home.state_dir or os.environ.get("STATE_DIRECTORY"):
            return expand(folder)
        return user_folder("XDG_STATE_HOME", ".local/state") / "mien"

    @property
    def sense_dir(self) -> Path:
        """The folder of what sense stores. It can write nothing else, so that nothing reaches hub past their socket."""
        is_own = os.environ.get("STATE_DIRECTORY") and not self.home.state_dir  # as a service it has one of its own
        return self.state_dir if is_own else self.state_dir / "sense"

    @property
    def runtime_dir(self) -> Path:
        """The folder of the sockets."""
        run = os.environ.get("XDG_RUNTIME_DIR") or f"/tmp/mien-{os.getuid()}"  # noqa: S108 - made 0700 by its owner
        folder = self.home.runtime_dir or os.environ.get("RUNTIME_DIRECTORY")
        return expand(folder or f"{run}/mien")
