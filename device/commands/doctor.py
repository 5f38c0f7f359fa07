"""`mien doctor`: every check with its fix; exit status 1 if the service could not work."""

import argparse
import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from device import __version__
from device.commands.doctor_machine import machine, packages
from device.commands.hub_api import ask
from device.emotions import Floats
from device.errors import EndOfMedia, MienError
from device.ipc.messages import State
from device.perception.load import open_detector
from device.perception.models.card import MODEL_NAMES
from device.perception.models.model import ramp
from device.perception.models.registry import select, state_folder
from device.perception.tflite import runtime
from device.sense.camera import open_camera
from device.sense.camera.thread import shows_nothing
from device.sense.microphone import open_microphone
from device.sense.microphone.thread import MAX_CUT_OFF, share_cut_off
from device.settings.load import load
from device.settings.locations import default_path
from device.settings.schema import Kiosk, Settings
from device.system.check import Check
from device.system.isolation import check_isolation, drop_network
from device.system.stderr import quiet_stderr
from device.system.terminal import printable

_SLOW_MS = 60.0
"""The face network takes 0.6 ms on a desktop core and some 5 ms on a Pi 4; far over that the fast kernels are off."""


def run(arguments: argparse.Namespace) -> int:
    """Print every finding."""
    findings = list(examine(arguments.settings))
    works = all(finding.ok is not False for finding in findings)
    if arguments.json:
        print(json.dumps({"version": __version__, "works": works, "findings": [asdict(f) for f in findings]}))
        return int(not works)
    for finding in findings:
        mark = {True: "ok  ", False: "BAD ", None: "note"}[finding.ok]
        print(f"{mark} {finding.check}: {printable(finding.said)}")
        if finding.fix:
            print(f"     -> {printable(finding.fix)}")
    print("Mien can work here." if works else "Mien cannot work here as it is set up; see BAD above.")
    return int(not works)


def examine(path: Path | None) -> Iterator[Check]:
    """All findings, in the order in which one would mend them."""
    yield Check("python", sys.version_info >= (3, 11), f"{platform.python_version()} on {platform.machine()}")
    try:
        settings = load(path)
        shown = path or default_path()
        yield Check("settings", True, str(shown) if shown.exists() else "defaults (no file)")
    except MienError as error:
        yield Check("settings", False, str(error), "mien config check")
        settings = Settings()
    yield packages()
    yield from _models(settings)
    state = _running(settings)
    held = state["sense"]["stages"] if state and state["sense"]["available"] else {}
    yield _held("camera", held) or _tried("camera", settings.camera.source, lambda: _camera(settings))
    yield _held("microphone", held) or _tried("microphone", settings.microphone.source, lambda: _microphone(settings))
    yield _folder("state folder", settings.state_dir)
    yield from machine(settings)
    yield _isolation()
    yield _live_view(settings.kiosk)
    yield _service(settings, state)


def _held(check: str, stages: dict[str, Any]) -> Check | None:
    """What the running sense says of a device that it holds, and that nobody else could open; None if it has none."""
    stage = stages.get(check)
    if stage is None or stage["state"] == State.OFF:
        return None
    said = f"held by the running sense: {stage['state']}, {stage['rate_hz']:.1f} a second"
    well = stage["state"] in (State.OK, State.DARK)
    return Check(check, well, said, "" if well else stage["detail"] or "see the page's set-up view")


def _models(settings: Settings) -> Iterator[Check]:
    try:
        name, version = runtime()
        yield Check("runtime", True, f"{name} {version}")
    except MienError as error:
        yield Check("runtime", False, str(error), "pip install ai-edge-litert")
        return
    for model in MODEL_NAMES:
        try:
            choice = select(model, state_folder(settings))
        except MienError as error:
            yield Check(f"{model} model", False, str(error), "install Mien again")
            continue
        network = choice.model.network
        taken_ms = _milliseconds(lambda net=network: net.run_raw(ramp(net.inputs[0])))  # type: ignore[misc]
        slow = taken_ms > _SLOW_MS
        whence = "installed" if choice.installed else "shipped"
        said = f"{choice.model.card.version} ({whence}), intact, golden input read right in {taken_ms:.1f} ms"
        fix = "the runtime's fast kernels (XNNPACK) are off: is /proc/cpuinfo hidden, or is this an emulator?"
        yield Check(f"{model} model", None if slow else True, said, fix if slow else "")
        if choice.damage:
            fix = "install another (mien models install FILE), or give it up (mien models rollback)"
            yield Check(f"installed {model} model", None, choice.damage, fix)
    try:
        open_detector(settings)
        yield Check("face detector", True, settings.camera.range)
    except MienError as error:
        yield Check("face detector", False, str(error), "mien models fetch")


def _milliseconds(call: Callable[[], object]) -> float:
    call()
    begun = time.perf_counter()
    for _ in range(5):
        call()
    return 200 * (time.perf_counter() - begun)


def _tried(check: str, source: str, attempt: Callable[[], str]) -> Check:
    if source == "off":
        return Check(check, None, "off in the settings")
    if source.startswith("stand-in"):
        return Check(check, None, "the built-in stand-in performs")
    try:
        with quiet_stderr():  # drivers chatter while they are tried
            return Check(check, True, attempt())
    except MienError as error:
        return Check(check, False, str(error), f"set {check}.source, or off to do without; see mien config init")


def _camera(settings: Settings) -> str:
    """What it gives within a second. Raises MienError."""
    camera = open_camera(settings.camera)
    first, moved, count, begun_s = None, 0.0, 0, time.monotonic()
    try:
        while time.monotonic() - begun_s < (settings.camera.timeout_s if first is None else 1.0):
            try:
                frame = camera.read()
            except EndOfMedia:
                break  # a short film is over before its second
            if frame is None:
                continue
            if first is None:
                first, begun_s = frame.pixels, time.monotonic()  # the first may take long
                continue
            count += 1
            if frame.pixels.shape == first.shape:
                moved = max(moved, float(np.abs(frame.pixels[::4, ::4].astype(int) - first[::4, ::4]).max()))
    finally:
        camera.close()
    if first is None:
        raise MienError(f"{camera.name} opened, but gave no picture within {settings.camera.timeout_s:g} s")
    height, width = first.shape[:2]
    said = f"{camera.name} gives {width}x{height}, {count} a second"
    if shows_nothing(first):
        said += "; nothing can be seen in it: is it dark, or is something in front of the lens?"
    elif camera.still_is_frozen and count and not moved:
        said += "; the picture does not move at all: it may hang"
    return said


def _microphone(settings: Settings) -> str:
    """What it gives within a second. Raises MienError."""
    microphone = open_microphone(settings.microphone)
    blocks: list[Floats] = []
    begun_s = time.monotonic()
    try:
        while time.monotonic() - begun_s < 1.0:
            try:
                heard = microphone.read()
            except EndOfMedia:
                break  # a short recording is over before its second
            if heard is not None:
                if not blocks:
                    begun_s = time.monotonic()  # the first may take long
                blocks.append(heard[0])
        took_s = max(time.monotonic() - begun_s, 1e-3)
    finally:
        microphone.close()
    if not blocks:
        raise MienError(f"{microphone.name} opened, but gave no sound within a second")
    level = 10 * np.log10(max(float(np.mean(np.concatenate(blocks) ** 2)), 1e-12))
    samples = np.concatenate(blocks)
    doubt = "; digital silence: is it muted in the mixer?" if level <= -119 else ""
    if share_cut_off(samples) > MAX_CUT_OFF:
        doubt = "; it is cut off at the top: turn its level down, e.g. with alsamixer"
    # Time is counted from the first block on, which had come by then; a short recording has no other.
    later = len(samples) - len(blocks[0])
    rate = f", {later / took_s / 1000:.1f} kHz (16 is right)" if later else ""
    return f"{microphone.name} hears {level:.0f} dBFS{rate}{doubt}"


def _folder(check: str, folder: Path) -> Check:
    # Path.exists raises where nobody may look; a folder that hides what is in it cannot be written into either.
    existing = next(p for p in (folder, *folder.parents) if os.path.exists(p))  # noqa: PTH110
    free_mb = shutil.disk_usage(existing).free / 1e6
    if not os.access(existing, os.W_OK | os.X_OK):
        return Check(check, False, f"{folder} cannot be written", "give this user the folder, or set home.state_dir")
    return Check(check, free_mb > 50, f"{folder}, {free_mb:,.0f} MB free", "" if free_mb > 50 else "free some space")


def _isolation() -> Check:
    """Whether this kernel lets `sense` wall itself in: tried in a child, since there is no way back."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, msgspec.json.encode(check_isolation(drop_network())))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        found: dict[str, Any] = json.loads(answer.read() or b"{}")
    os.waitpid(child, 0)
    if found.get("enforced"):
        return Check("no network in sense", True, f"{found['detail']}; a connection from inside: {found['refused']}")
    said = found.get("detail", "the attempt died")
    return Check("no network in sense", None, f"not enforced when run by hand: {said}", "run it by systemd (README)")


def _live_view(kiosk: Kiosk) -> Check:
    """One of the two exceptions to the walls: said here and on the page."""
    if not kiosk.live_view:
        return Check("live view", True, "off in the settings: no picture leaves sense")
    if not kiosk.enabled:
        return Check("live view", True, "on in the settings, and there is no page to look at: no picture leaves sense")
    who = f"whoever has the page's password, from {kiosk.listen}" if kiosk.house else "whoever uses this device"
    said = f"on in the settings: {who}, may look at the camera's picture; the page shows that someone does"
    return Check("live view", None, said, "kiosk.live_view = false closes it")


def _running(settings: Settings) -> Any:  # noqa: ANN401 - JSON
    """The state of the hub that runs here; None without one."""
    try:
        return ask(settings, "/api/state")
    except MienError:
        return None


def _service(settings: Settings, state: Any) -> Check:  # noqa: ANN401 - JSON
    if not settings.kiosk.enabled or not settings.kiosk.port:
        return Check("running", None, "cannot be asked without the kiosk's fixed port")
    if state is None:
        return Check("running", None, "no hub answers: Mien is not running here now")
    sense = state["sense"]
    if not sense["available"]:
        return Check("running", False, f"hub runs, sense does not: {sense['problem']}", "mien sense, or its journal")
    walls = sense["isolation"]
    held = f"it sees {', '.join(walls['interfaces']) or 'no interface'}; a connection: {walls['refused']}"
    problems = "; ".join(state["problems"])
    return Check(
        "running", None if problems else True, f"hub and sense run ({walls['detail']}; {held}) {problems}".rstrip()
    )
