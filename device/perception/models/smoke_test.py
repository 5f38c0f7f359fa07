"""A network that nobody has run here yet is tried in a process of its own: it may crash, hang or take all memory.

The runtime checks what it is given, yet it is native code and a network is a program to it: loops are allowed in it.
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

MAX_S = 60.0
"""For all of it: a Pi Zero takes five to import."""
_MAX_CPU_S = 5
"""From the network's bytes to its second answer. Those that are shipped take 0.02 on a desktop, and a tenth on a Pi."""
_SLOWEST_S = 1.0
"""A reading. Those that are shipped take some 5 ms on a Pi 4; sense's watchdog waits ten seconds."""
_MAX_BYTES = 256_000_000
"""Over what the process has before: sense as a whole may take 400 MB (systemd/mien-sense.service)."""
_NOBODY = 65534


class _Answer(msgspec.Struct, frozen=True):
    """What the child prints."""

    error: str = ""
    seconds: float = 0.0


def try_out(pair: ModelBundle, most_s: float = MAX_S) -> float:
    """Check, load and run a pair in a child process; seconds a reading takes. Raises ModelError, whatever it does."""
    house = str(Path(__file__).parents[3])
    # -P: nothing is imported from the folder that a person happens to be in.
    command = [sys.executable, "-P", "-m", "device.perception.models.smoke_test"]
    path = os.pathsep.join([house, *filter(None, [os.environ.get("PYTHONPATH")])])
    try:
        done = subprocess.run(
            command,
            input=msgspec.msgpack.encode(pair),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path},
            timeout=most_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise pair.off(f"{pair.path}: gave no answer within {most_s:g} s when it was tried") from None
    except OSError as error:
        raise pair.off(f"{pair.path}: could not be tried ({error.strerror})") from error
    if done.returncode < 0:
        raise pair.off(f"{pair.path}: {_ended(-done.returncode)} when it was tried")
    try:
        answer = msgspec.json.decode(done.stdout, type=_Answer)
    except msgspec.DecodeError:
        raise pair.off(f"{pair.path}: ended with {done.returncode} when it was tried") from None
    if answer.error:
        raise ModelError(answer.error)
    if answer.seconds > _SLOWEST_S:
        raise pair.off(f"{pair.path}: takes {answer.seconds:.1f} s a reading, and {_SLOWEST_S:g} s is the most")
    return answer.seconds


def _ended(number: int) -> str:
    if number == signal.SIGXCPU:
        return f"had no answer after {_MAX_CPU_S} s of computing"
    return f"crashed the runtime ({signal.Signals(number).name})"


def main() -> None:
    """The child: a pair comes in at stdin, an _Answer goes out at stdout."""
    drop_network()
    pair = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=ModelBundle)
    runtime()  # what is imported later may lie where nobody may read
    _bind()
    sys.stdout.buffer.write(msgspec.json.encode(_tried(pair)))


def _bind() -> None:
    """Limits for what comes, and no more rights than a stranger's."""
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = int(used.ru_utime + used.ru_stime) + _MAX_CPU_S
    # In the service's sandbox setrlimit is refused; its unit has limits of its own.
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (taken + _MAX_BYTES,) * 2)
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    # In a namespace that knows root alone there is nobody else to become.
    with suppress(OSError):
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(_NOBODY)
            os.setuid(_NOBODY)


def _tried(pair: ModelBundle) -> _Answer:
    try:
        model = Model(pair)
        network = model.network
        source = ramp(network.inputs[0])
        begun_s = time.perf_counter()
        network.run_raw(source)
        seconds = time.perf_counter() - begun_s
        if not _says_numbers(model):
            return _Answer(str(pair.off(f"{pair.path}: what it gives is too large to make probabilities of")))
        return _Answer(seconds=seconds)
    except ModelError as error:
        return _Answer(str(error))
    except MemoryError:
        return _Answer(str(pair.off(f"{pair.path}: needs more than {_MAX_BYTES / 1e6:.0f} MB of memory")))


def _says_numbers(model: Model) -> bool:
    """Whether probabilities come of the least and the most that its output can hold."""
    output = model.network.outputs[0]
    with np.errstate(all="ignore"):
        ends = np.float32(output.scale) * (np.array([-128, 127], np.float32) - output.zero_point)
        return bool(np.isfinite(softmax(ends, model.card.temperature)).all())


if __name__ == "__main__":
    main()
