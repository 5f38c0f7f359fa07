"""Both processes as they run at home: how soon they say a mood, what they take of a core, and of the memory."""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import msgspec

from device.bench.timing import Json
from device.emotions import Emotion
from device.errors import MienError
from device.ipc.messages import Beat, MoodUpdate, encode, decode_sense_message
from device.sense.simulator import SCRIPT
from device.settings.load import load
from device.settings.locations import socket_path
from device.settings.schema import Settings
from device.settings.toml import toml_value

_TICKS_HZ = os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Resident memory in MiB. Raises OSError when the process has ended."""
    # Not ru_maxrss: after a fork that is the parent's.
    _, found, rest = Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")
    if not found:
        raise ProcessLookupError(f"process {pid} has ended")
    return int(rest.split()[0]) / 1024


def cpu_s_by_thread(pid: int) -> dict[str, float]:
    """CPU seconds since the start, by the name of the thread; threads of one name count as one.

    Raises OSError when the process has ended.
    """
    taken: defaultdict[str, float] = defaultdict(float)
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            taken[(task / "comm").read_text().strip()] += _cpu_s(task)
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
    return dict(taken)


def _cpu_s(task: Path) -> float:
    try:
        return int((task / "schedstat").read_text().split()[0]) / 1e9
    except FileNotFoundError:  # a kernel without schedstat: ticks of 10 ms
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_HZ


FPS = 15.0
_LIMIT_S = 30.0
_SETTLED_S = 8.0
"""So long after its start all that `sense` keeps has been filled once, and the first search has come round."""
_IN_EARNEST_S = 2.0
"""Who asks for less wants to know whether it runs, and no number."""
_PERFORMERS = ("stand-in",)


def start(settings: Settings) -> Json:
    """From starting `mien sense` until a mood that is not `unknown` has come through the door.

    Told in seconds and in CPU seconds, which on a busy machine tell more. A face that shows something clearly is there
    from the first frame on. Raises MienError when no mood comes.
    """
    with tempfile.TemporaryDirectory(prefix="mien-") as folder:
        happy_s = SCRIPT[0].seconds + 1
        path = _settings(Path(folder), settings, f"stand-in@{time.monotonic() - happy_s:.3f}")
        door = socket_path(load(path).runtime_dir)
        door.parent.mkdir(mode=0o700)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(str(door))
            listener.listen()
            listener.settimeout(_LIMIT_S)
            begun_s = time.perf_counter()
            with _running(["-m", "device.cli", "--settings", str(path), "--log", "error", "sense"]) as sense:
                try:
                    _wait_for_mood(listener, begun_s)
                    took_s, cpu_s = time.perf_counter() - begun_s, sum(cpu_s_by_thread(sense.pid).values())
                except OSError as error:
                    raise MienError(f"sense said no mood within {_LIMIT_S:g} s of its start ({error})") from error
    return {"start_to_first_mood_s": round(took_s, 2), "start_cpu_s": round(cpu_s, 2)}


def _wait_for_mood(listener: socket.socket, begun_s: float) -> None:
    """Be the hub until the first mood. Raises OSError."""
    line, _ = listener.accept()
    with line, line.makefile("rb") as lines:
        line.settimeout(_LIMIT_S)
        for received in lines:
            message = decode_sense_message(received)
            if isinstance(message, MoodUpdate) and message.mood.emotion is not Emotion.UNKNOWN:
                return
            if time.perf_counter() - begun_s > _LIMIT_S:
                raise TimeoutError("it was unknown all the time")
            line.sendall(encode(Beat()))
    raise ConnectionError("sense ended")


def share(who: str, seconds: float, settings: Settings) -> Json:
    """What `sense` and `hub` take with `somebody` there who talks, or `nobody`, over `seconds` at 15 frames/s.

    Shares are of one core, in per cent; those of sense leave out the threads that draw and speak, which no camera
    needs. Raises MienError when one of the two ends.
    """
    with tempfile.TemporaryDirectory(prefix="mien-") as folder:
        path = _settings(Path(folder), settings, "stand-in")
        hub = ["-m", "device.cli", "--settings", str(path), "--log", "error", "hub"]
        with _running(hub) as hubs, _running(["-m", "device.bench.simulated_sense", who, str(path)]) as senses:
            pids = {"sense": senses.pid, "hub": hubs.pid}
            try:
                _wait_until_up(senses.pid)
                time.sleep(_SETTLED_S if seconds >= _IN_EARNEST_S else 1.0)
                before, begun_s = {name: cpu_s_by_thread(pid) for name, pid in pids.items()}, time.perf_counter()
                time.sleep(seconds)
                after, took_s = (
                    {name: cpu_s_by_thread(pid) for name, pid in pids.items()},
                    time.perf_counter() - begun_s,
                )
                memory = {name: round(resident_mb(pid), 1) for name, pid in pids.items()}
            except OSError as error:
                raise MienError(f"sense or hub ended while it was measured ({error})") from error
    threads = {
        name: {
            thread: round(100 * (cpu_s - before[name].get(thread, 0.0)) / took_s, 2)
            for thread, cpu_s in sorted(after[name].items())
        }
        for name in pids
    }
    sense = {thread: taken for thread, taken in threads["sense"].items() if thread not in _PERFORMERS}
    return {
        "sense_percent": round(sum(sense.values()), 2),
        "hub_percent": round(sum(threads["hub"].values()), 2),
        "stand_in_percent": round(sum(threads["sense"].get(thread, 0.0) for thread in _PERFORMERS), 2),
        "sense_threads_percent": sense,
        "rss_mb": memory,
        "seconds": round(took_s, 1),
    }


def _wait_until_up(sense: int) -> None:
    """Until the thread that reads faces runs. Raises OSError when it does not come."""
    until_s = time.perf_counter() + _LIMIT_S
    while "face" not in cpu_s_by_thread(sense):
        resident_mb(sense)  # it lives
        if time.perf_counter() > until_s:
            raise TimeoutError(f"it was not up within {_LIMIT_S:g} s")
        time.sleep(0.05)


def _settings(folder: Path, settings: Settings, source: str) -> Path:
    """A home in `folder` that looks and listens as the user's does, without a network or a free place to choose."""
    path = folder / "mien.toml"
    # Who performs stands upright, however the user's camera hangs.
    camera = msgspec.structs.replace(settings.camera, source=source, fps=FPS, rotation=0)
    microphone = msgspec.structs.replace(settings.microphone, source=source)
    tables = {"camera": camera, "microphone": microphone}
    lines = ["[home]", f"state_dir = {toml_value(f'{folder}/s')}", f"runtime_dir = {toml_value(f'{folder}/r')}"]
    for name, table in tables.items():
        lines += [
            f"[{name}]",
            *(f"{key} = {toml_value(value)}" for key, value in msgspec.structs.asdict(table).items()),
        ]
    path.write_text("\n".join([*lines, "[kiosk]", "port = 0\n"]), encoding="utf-8")
    return path


@contextlib.contextmanager
def _running(arguments: list[str]) -> Iterator["subprocess.Popen[bytes]"]:
    """A Python with these arguments, ended with the block."""
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
