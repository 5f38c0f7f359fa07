"""Snapshots: before sense has connected, with everything, and while sense is away."""

import msgspec

from device.emotions import Emotion
from device.hub.state.snapshot import Snapshot
from device.readings import Baseline
from tests.hub.hub_running import HELLO, WELL, mood

PROFILES = ("everyday", "Late night", "quiet")
BEFORE = Snapshot("test")
FULL = Snapshot(
    "test",
    mood=mood(Emotion.SAD, 0.7149, people=2),
    available=True,
    problem="",
    hello=HELLO,
    health=msgspec.structs.replace(WELL, hold_s=3.0, baseline=Baseline(1_700_000_000)),
    profile="Late night",
    profiles=PROFILES,
    lamp={"on": True},
    player={"playing": False},
)
AWAY = msgspec.structs.replace(FULL, mood=None, available=False, problem="sense is away: it closed the connection")
