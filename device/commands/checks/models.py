"""The runtime, the models and the face detector."""

import time
from collections.abc import Callable, Iterator

from device.commands.checks.context import Context
from device.errors import MienError
from device.perception.load import open_detector
from device.perception.models.card import MODEL_NAMES
from device.perception.models.model import ramp
from device.perception.models.registry import select, state_folder
from device.perception.tflite import runtime
from device.system.check import Check

_SLOW_MS = 60.0
"""The face network takes 0.6 ms on a desktop core and 5 ms on a Pi 4. Far above that, the fast kernels are off."""


def models(context: Context) -> Iterator[Check]:
    """Whether the runtime loads, and whether each model is intact, reads its test input correctly, and is fast."""
    try:
        name, version = runtime()
        yield Check("runtime", True, f"{name} {version}")
    except MienError as error:
        yield Check("runtime", False, str(error), "pip install ai-edge-litert")
        return
    for model in MODEL_NAMES:
        try:
            selection = select(model, state_folder(context.settings))
        except MienError as error:
            yield Check(f"{model} model", False, str(error), "install Mien again")
            continue
        network = selection.model.network
        elapsed_ms = _measure_ms(lambda net=network: net.run_raw(ramp(net.inputs[0])))  # type: ignore[misc]
        slow = elapsed_ms > _SLOW_MS
        source = "installed" if selection.installed else "shipped"
        origin = f"{selection.model.card.version} ({source})"
        text = f"{origin}, intact; read its test input correctly in {elapsed_ms:.1f} ms"
        fix = "the runtime's fast kernels (XNNPACK) are off: is /proc/cpuinfo hidden, or is this an emulator?"
        yield Check(f"{model} model", None if slow else True, text, fix if slow else "")
        if selection.damage:
            fix = "install another (mien models install FILE), or go back to the one before (mien models rollback)"
            yield Check(f"installed {model} model", None, selection.damage, fix)
    try:
        open_detector(context.settings)
        yield Check("face detector", True, context.settings.camera.range)
    except MienError as error:
        yield Check("face detector", False, str(error), "mien models fetch")


def _measure_ms(call: Callable[[], object]) -> float:
    call()
    started_s = time.perf_counter()
    for _ in range(5):
        call()
    return 200 * (time.perf_counter() - started_s)
