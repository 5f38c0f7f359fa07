"""Both processes as they run live: time to the first mood, CPU load and memory."""

import contextlib
import os
import socket
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from device.bench.timing import Json
from device.emotions import Emotion
from device.errors import MienError
from device.ipc.messages import Beat, MoodUpdate, decode_sense_message, encode
from device.sense.simulator import SCRIPT
from device.settings.load import load
from device.settings.locations import socket_path
from device.settings.schema import Settings
from device.settings.toml import format_value
from device.system.python import python_command
from device.system.stderr import StderrRelay


def resident_mb(pid: int) -> float:
    """Resident memory in MiB. Raises OSError if the process has ended."""
    # Not ru_maxrss: a forked process inherits its parent's.
    _, is_found, rest = Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")
    if not is_found:
        raise ProcessLookupError(f"process {pid} has ended")
    return int(rest.split()[0]) / 1024


def cpu_s_by_thread(pid: int) -> dict[str, float]:
    """CPU seconds since the start by thread name, whose threads count together. Raises OSError after its end."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            seconds[(task / "comm").read_text().strip()] += _cpu_s(task)
        except (FileNotFoundError, ProcessLookupError):
            continue  # the thread has just ended
    return dict(seconds)


def _cpu_s(task: Path) -> float:
    try:
        return int((task / "schedstat").read_text().split()[0]) / 1e9
    except FileNotFoundError:  # a kernel without schedstat: ticks of 10 ms
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


FPS = 15.0
_LIMIT_S = 30.0
_WARM_UP_S = 8.0
"""By then all buffers of `sense` have been filled once, and the first search for faces is complete."""
_MIN_MEASUREMENT_S = 2.0
"""A shorter measurement is only a test of whether it runs, and needs no full warm-up."""


def measure_start(settings: Settings, limit_s: float = _LIMIT_S) -> Json:
    """Time from the start of `mien sense` to its first mood other than `unknown`; a clear face is there at once.

    In seconds and in CPU seconds; the latter mean more on a busy machine. Raises MienError if no mood arrives.
    """
    with tempfile.TemporaryDirectory(prefix="mien-") as folder:
        happy_s = SCRIPT[0].seconds + 1
        path = _write_settings(Path(folder), settings, f"stand-in@{time.monotonic() - happy_s:.3f}")
        hub_socket = socket_path(load(path).runtime_dir)
        hub_socket.parent.mkdir(mode=0o700)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(str(hub_socket))
            listener.listen()
            listener.settimeout(limit_s)
            start_s = time.perf_counter()
            with _run_module("device.cli", "--settings", str(path), "--log", "error", "sense") as sense:
                try:
                    _wait_for_mood(listener, start_s, limit_s)
                    took_s = time.perf_counter() - start_s
                    cpu_s = sum(cpu_s_by_thread(sense.pid).values())
                except OSError as error:
                    why = sense.describe_end() or str(error)
                    raise MienError(f"sense sent no mood within {limit_s:g} s of its start ({why})") from error
    return {"start_to_first_mood_s": round(took_s, 2), "start_cpu_s": round(cpu_s, 2)}


def _wait_for_mood(listener: socket.socket, start_s: float, limit_s: float) -> None:
    """Play the hub until the first mood. Raises OSError."""
    connection, _ = listener.accept()
    with connection, connection.makefile("rb") as lines:
        connection.settimeout(limit_s)
        for line in lines:
            message = decode_sense_message(line)
            if isinstance(message, MoodUpdate) and message.mood.emotion is not Emotion.UNKNOWN:
                return
            if time.perf_counter() - start_s > limit_s:
                raise TimeoutError("every mood was unknown")
            connection.sendall(encode(Beat()))
    raise ConnectionError("sense ended")


def measure_load(who: str, seconds: float, settings: Settings, limit_s: float = _LIMIT_S) -> Json:
    """CPU load and memory of `sense` and `hub` over `seconds` at 15 frames/s, with `somebody` who talks, or `nobody`.

    Loads are in per cent of one core. Those of sense exclude the simulator's threads, which do not run with a real
    camera. Raises MienError if one of the two ends.
    """
    with tempfile.TemporaryDirectory(prefix="mien-") as folder:
        path = _write_settings(Path(folder), settings, "stand-in")
        with (
            _run_module("device.cli", "--settings", str(path), "--log", "error", "hub") as hub,
            _run_module("device.bench.simulated_sense", who, str(path)) as sense,
        ):
            pids = {"sense": sense.pid, "hub": hub.pid}
            try:
                _wait_until_up(sense.pid, limit_s)
                time.sleep(_WARM_UP_S if seconds >= _MIN_MEASUREMENT_S else 1.0)
                before = {name: cpu_s_by_thread(pid) for name, pid in pids.items()}
                start_s = time.perf_counter()
                time.sleep(seconds)
                after = {name: cpu_s_by_thread(pid) for name, pid in pids.items()}
                took_s = time.perf_counter() - start_s
                memory = {name: round(resident_mb(pid), 1) for name, pid in pids.items()}
            except OSError as error:
                why = sense.describe_end() or hub.describe_end() or str(error)
                raise MienError(f"sense or hub ended during the measurement ({why})") from error
    threads = {
        name: {
            thread: round(100 * (cpu_s - before[name].get(thread, 0.0)) / took_s, 2)
            for thread, cpu_s in sorted(after[name].items())
        }
        for name in pids
    }
    simulator_percent = threads["sense"].pop("stand-in", 0.0)
    return {
        "sense_percent": round(sum(threads["sense"].values()), 2),
        "hub_percent": round(sum(threads["hub"].values()), 2),
        "stand_in_percent": simulator_percent,
        "sense_threads_percent": threads["sense"],
        "rss_mb": memory,
        "seconds": round(took_s, 1),
    }


def _wait_until_up(sense: int, limit_s: float) -> None:
    """Wait until the face reader runs. Raises OSError if it does not start."""
    end_s = time.perf_counter() + limit_s
    while "face" not in cpu_s_by_thread(sense):
        resident_mb(sense)  # raises if it has ended
        if time.perf_counter() > end_s:
            raise TimeoutError(f"it did not start within {limit_s:g} s")
        time.sleep(0.05)


def _write_settings(folder: Path, settings: Settings, source: str) -> Path:
    """A settings file in `folder`: the user's camera and microphone settings with our own source, and no network."""
    path = folder / "mien.toml"
    # The simulated camera is upright, however the user's hangs.
    camera = msgspec.structs.replace(settings.camera, source=source, fps=FPS, rotation=0)
    microphone = msgspec.structs.replace(settings.microphone, source=source)
    lines = ["[home]", f"state_dir = {format_value(f'{folder}/s')}", f"runtime_dir = {format_value(f'{folder}/r')}"]
    for name, table in (("camera", camera), ("microphone", microphone)):
        values = msgspec.structs.asdict(table)
        lines += [f"[{name}]", *(f"{key} = {format_value(value)}" for key, value in values.items())]
    path.write_text("\n".join([*lines, "[kiosk]", "port = 0\n"]), encoding="utf-8")
    return path


@dataclass(frozen=True)
class _Child:
    """A running module."""

    process: "subprocess.Popen[bytes]"
    stderr: StderrRelay

    @property
    def pid(self) -> int:
        return self.process.pid

    def describe_end(self) -> str:
        """The last line that it said, if it has ended; otherwise empty."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = self.process.wait(0.5)
            return self.stderr.last_line() or f"exit status {status}"
        return ""


@contextlib.contextmanager
def _run_module(*arguments: str) -> Iterator[_Child]:
    """Run a module with these arguments until the end of the block."""
    command = python_command("-m", *arguments)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr  # noqa: S101 - it is a pipe
    try:
        yield _Child(process, StderrRelay(process.stderr, is_passed_on=False))
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
