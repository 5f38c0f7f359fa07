"""One snapshot of all that there is to show. The page and MQTT are made from it and from nothing else."""

import time
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from device import __version__
from device.emotions import EMOTIONS
from device.ipc.messages import Baseline, Health, Hello, SenseBaseline, State
from device.readings import Mood, SenseReading
from device.system.clock import moment_utc_s

Json = dict[str, Any]


class LastRule(Struct, frozen=True):
    """The rule that fired last."""

    name: str
    why: str
    time_s: float
    """Seconds of UTC since 1970."""


class Snapshot(Struct, frozen=True):
    """Everything at one moment. Times ending in `_mono_s` are CLOCK_MONOTONIC, `_utc_s` seconds since 1970."""

    name: str
    mood: Mood | None = None
    """None before the first and while sense is away."""
    last_mood: Mood | None = None
    """The newest there ever was."""
    heard_mono_s: float = 0.0
    """When `last_mood` came; 0.0: never."""
    available: bool = False
    """Sense is connected and speaks."""
    available_since_utc_s: float = 0.0
    """When `available` became what it is."""
    problem: str = "sense has not come yet"
    """Why sense is away; empty while it is there."""
    hello: Hello | None = None
    health: Health | None = None
    mqtt: str | None = None
    """None: no broker configured. Empty: connected. Else what is wrong."""
    history: str = ""
    """Empty: all is stored. Else what is wrong."""
    outbox: str = ""
    """Empty: each change is told, or kept to be told. Else what was dropped."""
    page: str = ""
    """Empty: the page listens where it is to. Else what it waits for."""
    settings: str = ""
    """Empty: those of the file hold. Else why new ones were not taken over."""
    profile: str = ""
    """The chosen one of `profiles`."""
    profiles: tuple[str, ...] = ()
    lamp: Json = {}
    player: Json = {}
    last_rule: LastRule | None = None
    night: str = ""
    """`22:30-06:30`, local time, in which the page is dim; empty: never."""
    house: bool = False
    """The page is open to the house, with its password."""
    live_view: bool = False
    """The settings allow the camera's picture to be looked at."""
    watchers: int = 0
    """So many are looking at it now: the room is told."""
    gallery: Json = {}
    """The faces that answer to the voice heard last."""
    delay_s: float | None = None
    """From the frame to the message, of the last change."""

    @property
    def sees(self) -> bool:
        """Whether an empty picture is an empty room: the camera is on and well."""
        health = self.health if self.available else None
        if health is None or health.paused or not health.camera_on:
            return False
        camera = health.stages.get("camera")
        return camera is not None and camera.state is State.OK

    def problems(self) -> list[str]:
        """Everything that is wrong, a sentence each, for a person."""
        said = [self.problem, self.mqtt or "", self.history, self.outbox, self.page, self.settings]
        if self.available and self.health:
            # A dark room is no problem, or there would be one every night.
            stages = [(name, one) for name, one in self.health.stages.items() if one.state is not State.DARK]
            said += [f"{name}: {stage.detail}" for name, stage in stages if stage.detail]
            if self.health.lost_changes:
                said.append(f"{self.health.lost_changes} changes were lost while hub was away")
        return [one for one in said if one]

    def as_json(self) -> Json:
        """What `/api/state` says. Times are seconds of UTC since 1970, ages are seconds."""
        now = time.monotonic()
        switches = self.health if self.available else None
        return {
            "name": self.name,
            "version": __version__,
            "time": round(time.time(), 3),
            "mood": _mood_json(self.mood),
            "last_mood": _mood_json(self.last_mood),
            "age_s": round(now - self.heard_mono_s, 1) if self.last_mood else None,
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
                "baseline": _neutral_json(switches.baseline) if switches else None,
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
        "since": round(moment_utc_s(mood.since_s), 1),
        "face": _said_json(mood.face),
        "voice": _said_json(mood.voice),
    }


def _neutral_json(neutral: Baseline | None) -> Json | None:
    if neutral is None:
        return None
    senses = {"face": neutral.face, "voice": neutral.voice}
    return {"recorded": round(neutral.recorded_utc_s, 1)} | {k: _resting_json(r) for k, r in senses.items()}


def _resting_json(resting: SenseBaseline | None) -> Json | None:
    if resting is None:
        return None
    return {"readings": resting.readings, "shares": dict(zip(EMOTIONS, resting.shares, strict=True))}


def _said_json(said: SenseReading | None) -> Json | None:
    return (
        None
        if said is None
        else {
            "emotion": said.emotion.value,
            "confidence": round(said.confidence, 3),
            "age_s": round(said.age_s, 1),
        }
    )


def on_off(switch: bool | None) -> str | None:
    """`ON` or `OFF`, as Home Assistant's switches and binary sensors say it; None stays None."""
    return None if switch is None else "ON" if switch else "OFF"


def iso(utc_s: float) -> str:
    """Seconds since 1970 as ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(utc_s, UTC).isoformat(timespec="milliseconds")
