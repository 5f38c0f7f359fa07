"""How Mien is set up and doing, in plain words: for the page's set-up view. `mien doctor` looks deeper."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from device import __version__
from device.hub.state.snapshot import Snapshot
from device.ipc.messages import Health, Stage, State
from device.system.check import Check
from device.system.machine import HOT_C, MIN_FREE_MB, free_mb, is_clock_synchronized, read_temperature_c

_WORDS = {
    State.OK: "works",
    State.STARTING: "is starting",
    State.OFF: "is off",
    State.LOST: "is lost",
    State.FROZEN: "is frozen",
    State.DARK: "sees nothing",
    State.CLIPPED: "is far too loud",
}
_UNITS = {"camera": "pictures", "microphone": "blocks of sound", "face": "looks", "voice": "readings"}


def check_setup(now: Snapshot, state_dir: Path) -> list[Check]:
    """All of them, in the order in which one would look. Blocks for a moment: files are looked at."""
    return [
        Check("mien", True, f"version {__version__}, called {now.name}"),
        *_sense(now),
        *_keeping(now, state_dir),
        *_machine(),
    ]


def _sense(now: Snapshot) -> Iterator[Check]:
    if not now.available or now.hello is None:
        yield Check("sense", False, now.problem or "it has not come yet")
        return
    yield Check("sense", True, f"version {now.hello.version}, here since {_local(now.available_since_utc_s)}")
    walls = now.hello.isolation
    said = f"{walls.detail}; a connection from inside: {walls.refused}"
    yield Check("no network in sense", walls.enforced or None, said if walls.enforced else f"not enforced: {said}")
    if now.health is not None:
        yield from (_stage(name, stage, now.health) for name, stage in now.health.stages.items())
        yield _neutral(now.health)
    models = ", ".join(f"{name} {version}" for name, version in now.hello.models.items())
    yield Check("models", True, models or "none said")


def _stage(name: str, stage: Stage, health: Health) -> Check:
    on = {"camera": health.camera_on, "microphone": health.microphone_on}.get(name, True)
    if stage.state is State.OFF or (not on and stage.state is State.OK):
        return Check(name, None, stage.detail or "is off: the device is closed")
    said = f"{_WORDS[stage.state]}, {stage.rate_hz:.1f} {_UNITS.get(name, 'turns')} a second"
    if stage.dropped:
        said += f", {stage.dropped} left out"
    well = None if stage.state is State.DARK else stage.state is State.OK
    return Check(name, well, f"{said}; {stage.detail}" if stage.detail else said)


def _neutral(health: Health) -> Check:
    neutral = health.baseline
    if neutral is None:
        return Check("neutral", None, "not recorded; a minute at rest helps: mien baseline record")
    senses = [name for name, resting in (("faces", neutral.face), ("voices", neutral.voice)) if resting]
    return Check("neutral", True, f"recorded {_local(neutral.recorded_utc_s)} from {' and '.join(senses)}")


def _keeping(now: Snapshot, state_dir: Path) -> Iterator[Check]:
    if now.mqtt is None:
        yield Check("MQTT broker", None, "none in the settings")
    else:
        yield Check("MQTT broker", not now.mqtt, now.mqtt or "connected")
    yield Check("history", not (now.history or now.outbox), now.history or now.outbox or "everything is stored")
    free = free_mb(state_dir)
    yield Check("disk", free > MIN_FREE_MB, f"{free:,.0f} MB free in {state_dir}")
    if now.settings:
        yield Check("settings", False, now.settings)
    yield Check("page", None, "open to the house, with a password" if now.house else "on this device only")
    yield Check("live view", None, _live_view(now))


def _live_view(now: Snapshot) -> str:
    if not now.live_view:
        return "off: no picture can leave sense"
    watching = f"; {now.watchers} looking now" if now.watchers else ""
    return f"allowed by the settings, while somebody looks{watching}"


def _machine() -> Iterator[Check]:
    said = {
        True: "set by a time server",
        False: "not set by a time server: rules with hours may be off",
        None: "nobody says whether it is right",
    }
    yield Check("clock", is_clock_synchronized() or None, said[is_clock_synchronized()])
    if (degrees := read_temperature_c()) is not None:
        yield Check("temperature", degrees < HOT_C, f"{degrees:.0f} °C")


def _local(utc_s: float) -> str:
    try:
        return datetime.fromtimestamp(utc_s).astimezone().strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):
        return "a day that no calendar has"
