"""What another process takes, as Linux counts it in /proc: memory, and CPU by thread."""

import os
from collections import defaultdict
from pathlib import Path

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
