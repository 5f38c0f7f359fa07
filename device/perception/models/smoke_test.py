"""The first run of an untrusted network, in a separate process: it may crash, hang or use up the memory.

The runtime checks its input, but it is native code, and a network is a program to it: one may contain loops.
"""

import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import msgspec
import numpy as np

from device.emotions import softmax
from device.errors import ModelError
from device.perception.models.bundle import ModelBundle
from device.perception.models.model import Model, ramp
from device.perception.tflite import runtime
from device.system.isolation import drop_network
from device.system.python import python_command

MAX_S = 60.0
"""Limit for the whole test; a Pi Zero needs 5 s for the imports alone."""
_MAX_CPU_S = 5
"""From loading the network to its second output. The shipped ones take 0.02 s on a desktop and 0.1 s on a Pi."""
_MAX_READING_S = 1.0
"""The shipped networks take about 5 ms on a Pi 4; sense's watchdog waits ten seconds."""
_MAX_BYTES = 256_000_000
"""In addition to what the process already uses; all of sense may use 400 MB (systemd/mien-sense.service)."""
_NOBODY = 65534


class _Result(msgspec.Struct, frozen=True):
    """What the child process prints."""

    error: str = ""
    seconds: float = 0.0


def run_smoke_test(bundle: ModelBundle, max_s: float = MAX_S) -> float:
    """Check, load and run a model in a child process. Returns the seconds that a reading takes.

    Whatever the network does wrong, this raises ModelError.
    """
    root = str(Path(__file__).parents[3])
    command = python_command("-m", "device.perception.models.smoke_test")
    path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    try:
        child = subprocess.run(
            command,
            input=msgspec.msgpack.encode(bundle),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path},
            timeout=max_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise bundle.error(f"{bundle.path}: gave no result within {max_s:g} s in its test run") from None
    except OSError as error:
        raise bundle.error(f"{bundle.path}: its test run could not be started ({error.strerror})") from error
    if child.returncode < 0:
        raise bundle.error(f"{bundle.path}: {_describe_signal(-child.returncode)} in its test run")
    try:
        result = msgspec.json.decode(child.stdout, type=_Result)
    except msgspec.DecodeError:
        raise bundle.error(f"{bundle.path}: ended with {child.returncode} in its test run") from None
    if result.error:
        raise ModelError(result.error)
    if result.seconds > _MAX_READING_S:
        speed = f"takes {result.seconds:.1f} s for a reading; at most {_MAX_READING_S:g} s is allowed"
        raise bundle.error(f"{bundle.path}: {speed}")
    return result.seconds


def _describe_signal(number: int) -> str:
    if number == signal.SIGXCPU:
        return f"gave no result after {_MAX_CPU_S} s of computing"
    return f"crashed the runtime ({signal.Signals(number).name})"


def main() -> None:
    """The child process: reads a ModelBundle from stdin, and writes a _Result to stdout."""
    drop_network()
    bundle = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=ModelBundle)
    runtime()  # imported now, because its files may be unreadable once privileges are dropped
    _drop_rights()
    sys.stdout.buffer.write(msgspec.json.encode(_run(bundle)))


def _drop_rights() -> None:
    """Limit memory and CPU time, and become the user nobody."""
    used_bytes = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = int(used.ru_utime + used.ru_stime) + _MAX_CPU_S
    # The service's sandbox refuses setrlimit; its unit sets limits itself.
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (used_bytes + _MAX_BYTES,) * 2)
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    # A user namespace may contain root alone.
    with suppress(OSError):
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(_NOBODY)
            os.setuid(_NOBODY)


def _run(bundle: ModelBundle) -> _Result:
    try:
        model = Model(bundle)
        network = model.network
        source = ramp(network.inputs[0])
        begun_s = time.perf_counter()
        network.run_raw(source)
        seconds = time.perf_counter() - begun_s
        if not _has_finite_probabilities(model):
            return _Result(str(bundle.error(f"{bundle.path}: its output is too large to compute probabilities from")))
        return _Result(seconds=seconds)
    except ModelError as error:
        return _Result(str(error))
    except MemoryError:
        return _Result(str(bundle.error(f"{bundle.path}: needs more than {_MAX_BYTES / 1e6:.0f} MB of memory")))


def _has_finite_probabilities(model: Model) -> bool:
    """Whether the smallest and the largest output give finite probabilities."""
    output = model.network.outputs[0]
    with np.errstate(all="ignore"):
        ends = np.float32(output.scale) * (np.array([-128, 127], np.float32) - output.zero_point)
        return bool(np.isfinite(softmax(ends, model.card.temperature)).all())


if __name__ == "__main__":
    main()
