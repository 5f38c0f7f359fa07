"""The checks of the page's set-up view, in plain words. `mien doctor` checks more."""

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
_UNITS = {"camera": "pictures", "microphone": "blocks of sound", "face": "readings", "voice": "readings"}


def check_setup(now: Snapshot, state_dir: Path) -> list[Check]:
    """All checks, in the order in which a person would go through them. Blocks for a moment to read files."""
    return [
        Check("mien", True, f"version {__version__}, called {now.name}"),
        *_check_sense(now),
        *_check_services(now, state_dir),
        *_check_machine(),
    ]


def _check_sense(now: Snapshot) -> Iterator[Check]:
    if not now.available or now.hello is None:
        yield Check("sense", False, now.problem or "it has not connected yet")
        return
    since = _format_local(now.available_since_utc_s)
    yield Check("sense", True, f"version {now.hello.version}, connected since {since}")
    isolation = now.hello.isolation
    message = f"{isolation.describe()}; a connection from inside: {isolation.refused}"
    yield Check("no network in sense", isolation.enforced, message)
    if now.health is not None:
        yield from (_check_stage(name, stage, now.health) for name, stage in now.health.stages.items())
        yield _check_baseline(now.health)
    models = ", ".join(f"{name} {version}" for name, version in now.hello.models.items())
    yield Check("models", True, models or "none reported")


def _check_stage(name: str, stage: Stage, health: Health) -> Check:
    is_on = {"camera": health.camera_on, "microphone": health.microphone_on}.get(name, True)
    if stage.state is State.OFF or (not is_on and stage.state is State.OK):
        return Check(name, None, stage.detail or "is off: the device is closed")
    message = f"{_WORDS[stage.state]}, {stage.rate_hz:.1f} {_UNITS.get(name, 'items')} a second"
    if stage.dropped:
        message += f", {stage.dropped} dropped"
    ok = None if stage.state is State.DARK else stage.state is State.OK
    return Check(name, ok, f"{message}; {stage.detail}" if stage.detail else message)


def _check_baseline(health: Health) -> Check:
    baseline = health.baseline
    if baseline is None:
        return Check("neutral", None, "not recorded; one minute of it improves the readings: mien baseline record")
    senses = [name for name, sense in (("faces", baseline.face), ("voices", baseline.voice)) if sense]
    return Check("neutral", True, f"recorded {_format_local(baseline.recorded_utc_s)} from {' and '.join(senses)}")


def _check_services(now: Snapshot, state_dir: Path) -> Iterator[Check]:
    if now.mqtt is None:
        yield Check("MQTT broker", None, "none in the settings")
    else:
        yield Check("MQTT broker", not now.mqtt, now.mqtt or "connected")
    yield Check("history", not (now.history or now.outbox), now.history or now.outbox or "everything is stored")
    free = free_mb(state_dir)
    yield Check("disk", free > MIN_FREE_MB, f"{free:,.0f} MB free in {state_dir}")
    if now.settings:
        yield Check("settings", False, now.settings)
    page = "served to the house, with a password" if now.house else "served on this device only, without a login"
    yield Check("page", None, page)
    watchers = f"; {now.watchers} watching now" if now.watchers else ""
    live_view = f"allowed by the settings{watchers}" if now.live_view else "off: no picture can leave sense"
    yield Check("live view", None, live_view)


def _check_machine() -> Iterator[Check]:
    message = {
        True: "set by a time server",
        False: "not set by a time server: rules with hours may act at the wrong time",
        None: "may be wrong: this system does not report whether a time server has set it",
    }
    yield Check("clock", is_clock_synchronized() or None, message[is_clock_synchronized()])
    if (degrees := read_temperature_c()) is not None:
        yield Check("temperature", degrees < HOT_C, f"{degrees:.0f} °C")


def _format_local(utc_s: float) -> str:
    try:
        return datetime.fromtimestamp(utc_s).astimezone().strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):
        return "at an impossible date"
