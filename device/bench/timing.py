"""Wall and CPU time of a function over repeated calls."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

Json = dict[str, Any]
_T = TypeVar("_T")


@dataclass
class Timing:
    """Each run in milliseconds. CPU time is that of the whole process, so a runtime's own threads count."""

    wall_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)

    def run(self, call: Callable[[], _T]) -> _T:
        """Call it once and record the time."""
        cpu_s, wall_s = time.process_time(), time.perf_counter()
        result = call()
        self.wall_ms.append(1000 * (time.perf_counter() - wall_s))
        self.cpu_ms.append(1000 * (time.process_time() - cpu_s))
        return result

    @property
    def fastest_s(self) -> float:
        """The fastest tenth of the runs: the time of the call itself, without other load on the machine."""
        return float(np.percentile(self.wall_ms, 10)) / 1000

    def as_json(self) -> Json:
        """Median and 95th percentile of the wall time, mean and median of the CPU time, in ms; 0 without runs."""
        p50, p95 = percentiles(self.wall_ms)
        return {
            "p50_ms": p50,
            "p95_ms": p95,
            "cpu_ms": round(float(np.mean(self.cpu_ms or [0.0])), 3),
            "cpu_p50_ms": percentiles(self.cpu_ms)[0],
            "runs": len(self.wall_ms),
        }


def measure(call: Callable[[], object], seconds: float, min_runs: int = 5) -> Timing:
    """Call it for about `seconds`, and at least `min_runs` times, after one run that does not count."""
    call()
    timing, until_s = Timing(), time.perf_counter() + seconds
    while time.perf_counter() < until_s or len(timing.wall_ms) < min_runs:
        timing.run(call)
    return timing


def percentiles(values: Sequence[float]) -> tuple[float, float]:
    """(median, 95th percentile), rounded to three digits; 0 without values."""
    p50, p95 = np.percentile(values or [0.0], [50, 95])
    return round(float(p50), 3), round(float(p95), 3)
