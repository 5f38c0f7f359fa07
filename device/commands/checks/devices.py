"""The camera and the microphone: as the running sense sees them, or opened for a second."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing

import numpy as np

from device.commands.checks.context import Context
from device.emotions import Floats
from device.errors import EndOfMedia, MienError
from device.ipc.messages import State
from device.sense.camera import open_camera
from device.sense.camera.thread import is_dark
from device.sense.microphone import open_microphone
from device.sense.microphone.thread import MAX_CLIPPED_SHARE, clipped_share
from device.settings.schema import Settings
from device.system.check import Check
from device.system.stderr import silence_stderr


def camera(context: Context) -> Iterator[Check]:
    """Whether the camera delivers pictures."""
    yield _check("camera", context.settings.camera.source, _try_camera, context)


def microphone(context: Context) -> Iterator[Check]:
    """Whether the microphone gives sound, at the right rate and level."""
    yield _check("microphone", context.settings.microphone.source, _try_microphone, context)


def _check(name: str, source: str, attempt: Callable[[Settings], str], context: Context) -> Check:
    """What the running sense reports about a device that it has open, since nobody else can open it; or an attempt."""
    sense = context.hub_state and context.hub_state["sense"]
    stage = sense["stages"].get(name) if sense and sense["available"] else None
    if stage and stage["state"] != State.OFF:
        text = f"in use by the running sense: {stage['state']}, {stage['rate_hz']:.1f} per second"
        well = stage["state"] in (State.OK, State.DARK)
        return Check(name, well, text, "" if well else stage["detail"] or "see the page's Setup view")
    if source == "off":
        return Check(name, None, "off in the settings")
    if source.startswith("stand-in"):
        return Check(name, None, "simulated, as the settings say")
    try:
        with silence_stderr():  # drivers chatter when they are opened
            return Check(name, True, attempt(context.settings))
    except MienError as error:
        fix = f"correct {name}.source in the settings, or set it to off; mien config init writes what is allowed"
        return Check(name, False, str(error), fix)


def _try_camera(settings: Settings) -> str:
    """What the camera gives within a second. Raises MienError."""
    with closing(open_camera(settings.camera)) as device:
        first = None
        change = 0.0
        count = 0
        started_s = time.monotonic()
        while time.monotonic() - started_s < (settings.camera.timeout_s if first is None else 1.0):
            try:
                frame = device.read()
            except EndOfMedia:
                break  # a film of less than a second
            if frame is None:
                continue
            if first is None:
                first, started_s = frame.pixels, time.monotonic()  # the first may take long
                continue
            count += 1
            if frame.pixels.shape == first.shape:
                change = max(change, float(np.abs(frame.pixels[::4, ::4].astype(int) - first[::4, ::4]).max()))
    if first is None:
        raise MienError(f"{device.name} opened, but gave no picture within {settings.camera.timeout_s:g} s")
    height, width = first.shape[:2]
    text = f"{device.name} gives {width}x{height}, {count} per second"
    if is_dark(first):
        text += "; the picture shows nothing: is it dark, or is the lens covered?"
    elif device.still_is_frozen and count and not change:
        text += "; the picture does not change at all: the camera may hang"
    return text


def _try_microphone(settings: Settings) -> str:
    """What the microphone gives within a second. Raises MienError."""
    blocks: list[Floats] = []
    with closing(open_microphone(settings.microphone)) as device:
        started_s = time.monotonic()
        while time.monotonic() - started_s < 1.0:
            try:
                block = device.read()
            except EndOfMedia:
                break  # a recording of less than a second
            if block is not None:
                if not blocks:
                    started_s = time.monotonic()  # the first may take long
                blocks.append(block[0])
        elapsed_s = max(time.monotonic() - started_s, 1e-3)
    if not blocks:
        raise MienError(f"{device.name} opened, but gave no sound within a second")
    samples = np.concatenate(blocks)
    level_db = 10 * np.log10(max(float(np.mean(samples**2)), 1e-12))
    doubt = "; digital silence: is it muted in the mixer?" if level_db <= -119 else ""
    if clipped_share(samples) > MAX_CLIPPED_SHARE:
        doubt = "; it clips: turn its level down, e.g. with alsamixer"
    # The clock starts when the first block arrives, so the rate counts only what follows it.
    later = len(samples) - len(blocks[0])
    rate = f", {later / elapsed_s / 1000:.1f} kHz (16 is right)" if later else ""
    return f"{device.name} hears {level_db:.0f} dBFS{rate}{doubt}"
