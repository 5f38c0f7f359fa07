"""The snapshot: Mien's whole state at one moment. The page and MQTT show only what it contains."""

import time
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from device import __version__
from device.emotions import EMOTIONS
from device.ipc.messages import Health, Hello, State
from device.readings import Baseline, Mood, SenseReading
from device.system.clock import to_utc_s

Json = dict[str, Any]


class LastRule(Struct, frozen=True):
    """The rule that fired last."""

    name: str
    why: str
    time_s: float
    """UTC seconds since 1970."""


class Snapshot(Struct, frozen=True):
    """Mien's whole state at one moment. Times ending in `_mono_s` are CLOCK_MONOTONIC, `_utc_s` seconds since 1970."""

    name: str
    mood: Mood | None = None
    """None before the first one and while sense is away."""
    last_mood: Mood | None = None
    """The newest mood, even while sense is away."""
    last_mood_mono_s: float = 0.0
    """When `last_mood` arrived; 0.0 before the first one."""
    available: bool = False
    """Sense is connected."""
    available_since_utc_s: float = 0.0
    """When `available` last changed."""
    problem: str = "sense has not connected yet"
    """Why sense is away; empty while it is there."""
    hello: Hello | None = None
    health: Health | None = None
    mqtt: str | None = None
    """None: no broker is configured. Empty: connected. Otherwise what is wrong."""
    history: str = ""
    """Empty: everything is stored. Otherwise what is wrong."""
    outbox: str = ""
    """Empty: every change was delivered, or waits for the broker. Otherwise what was dropped."""
    page: str = ""
    """Empty: the page listens at its address. Otherwise what it waits for."""
    settings: str = ""
    """Empty: the settings file is in use. Otherwise why the new settings were refused."""
    profile: str = ""
    """The active profile."""
    profiles: tuple[str, ...] = ()
    lamp: Json = {}
    player: Json = {}
    last_rule: LastRule | None = None
    night: str = ""
    """When the page is dimmed, in local time: `22:30-06:30`. Empty: never."""
    house: bool = False
    """The page is served to the whole house, with a password."""
    live_view: bool = False
    """The settings allow the live view."""
    watchers: int = 0
    """How many people watch the live view now. The page shows it to the room."""
    gallery: Json = {}
    """The faces shown in answer to the last voice."""
    delay_s: float | None = None
    """How long the last change took from the frame to the message."""

    @property
    def can_see(self) -> bool:
        """Whether the camera is on and works, so that an empty picture means an empty room."""
        health = self.health if self.available else None
        if health is None or health.paused or not health.camera_on:
            return False
        camera = health.stages.get("camera")
        return camera is not None and camera.state is State.OK

    def problems(self) -> list[str]:
        """Everything that is wrong, one sentence per problem, for a person to read."""
        found = [self.problem, self.mqtt or "", self.history, self.outbox, self.page, self.settings]
        if self.available and self.hello and not self.hello.isolation.enforced:
            found.append(f"sense is not isolated: {self.hello.isolation.describe()}")
        if self.available and self.health:
            # A dark room is not a problem, otherwise every night would raise one.
            stages = [(name, stage) for name, stage in self.health.stages.items() if stage.state is not State.DARK]
            found += [f"{name}: {stage.detail}" for name, stage in stages if stage.detail]
            if self.health.lost_changes:
                found.append(f"{self.health.lost_changes} changes were lost while hub was away")
        return [problem for problem in found if problem]

    def as_json(self) -> Json:
        """The document of `/api/state`. Times are UTC seconds since 1970, ages are seconds."""
        now = time.monotonic()
        switches = self.health if self.available else None
        return {
            "name": self.name,
            "version": __version__,
            "time": round(time.time(), 3),
            "mood": _mood_json(self.mood),
            "last_mood": _mood_json(self.last_mood),
            "age_s": round(now - self.last_mood_mono_s, 1) if self.last_mood else None,
            "sense": {
                "available": self.available,
                "since": self.available_since_utc_s,
                "problem": self.problem,
                "session": self.hello.session if self.hello else None,
                "version": self.hello.version if self.hello else None,
                "pid": self.hello.pid if self.hello else None,
                "isolation": msgspec.to_builtins(self.hello.isolation) if self.hello else None,
                "models": dict(self.hello.models) if self.hello else {},
                "stages": msgspec.to_builtins(switches.stages) if switches else {},
                "camera": switches.camera_on if switches else None,
                "microphone": switches.microphone_on if switches else None,
                "paused": switches.paused if switches else None,
                "hold_s": switches.hold_s if switches else None,
                "baseline": _baseline_json(switches.baseline) if switches else None,
                "recording": msgspec.to_builtins(switches.recording) if switches else None,
                "lost_changes": switches.lost_changes if switches else 0,
            },
            "mqtt": {"configured": self.mqtt is not None, "connected": self.mqtt == "", "health": self.mqtt or ""},
            "history": {"health": self.history},
            "profile": {"chosen": self.profile, "all": list(self.profiles)},
            "lamp": self.lamp,
            "player": self.player,
            "last_rule": msgspec.to_builtins(self.last_rule),
            "kiosk": {"night": self.night, "live_view": self.live_view, "watchers": self.watchers},
            "gallery": self.gallery,
            "delay_s": None if self.delay_s is None else round(self.delay_s, 3),
            "problems": self.problems(),
        }


def _mood_json(mood: Mood | None) -> Json | None:
    if mood is None:
        return None
    return {
        **mood.as_json(3),
        "people": mood.people,
        "since": round(to_utc_s(mood.since_s), 1),
        "face": _reading_json(mood.face),
        "voice": _reading_json(mood.voice),
    }


def _baseline_json(baseline: Baseline | None) -> Json | None:
    if baseline is None:
        return None
    document: Json = {"recorded": round(baseline.recorded_utc_s, 1)}
    for name, sense in (("face", baseline.face), ("voice", baseline.voice)):
        shares = dict(zip(EMOTIONS, sense.shares, strict=True)) if sense else {}
        document[name] = {"readings": sense.readings, "shares": shares} if sense else None
    return document


def _reading_json(reading: SenseReading | None) -> Json | None:
    if reading is None:
        return None
    return {
        "emotion": reading.emotion.value,
        "confidence": round(reading.confidence, 3),
        "age_s": round(reading.age_s, 1),
    }


def format_iso(utc_s: float) -> str:
    """UTC seconds since 1970 as ISO 8601, to the millisecond."""
    return datetime.fromtimestamp(utc_s, UTC).isoformat(timespec="milliseconds")
