"""Wall and CPU time of one thing, done again and again."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

Json = dict[str, Any]
_T = TypeVar("_T")


@dataclass
class Timing:
    """Each run in milliseconds. CPU is of the whole process: what a runtime's own threads do counts."""

    wall_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)

    def of(self, call: Callable[[], _T]) -> _T:
        """Do it once, and keep how long it took."""
        cpu_s, wall_s = time.process_time(), time.perf_counter()
        result = call()
        self.wall_ms.append(1000 * (time.perf_counter() - wall_s))
        self.cpu_ms.append(1000 * (time.process_time() - cpu_s))
        return result

    def told(self) -> Json:
        """Median and 95th percentile of the wall time, mean and median of the CPU time, in ms; 0 of no runs."""
        p50, p95 = spread(self.wall_ms)
        return {
            "p50_ms": p50,
            "p95_ms": p95,
            "cpu_ms": round(float(np.mean(self.cpu_ms or [0.0])), 3),
            "cpu_p50_ms": spread(self.cpu_ms)[0],
            "runs": len(self.wall_ms),
        }


def timed(call: Callable[[], object], seconds: float, least: int = 5) -> Timing:
    """Do it for about `seconds`, `least` times at any rate, after one run that does not count."""
    call()
    timing, until_s = Timing(), time.perf_counter() + seconds
    while time.perf_counter() < until_s or len(timing.wall_ms) < least:
        timing.of(call)
    return timing


def spread(values: Sequence[float]) -> tuple[float, float]:
    """(median, 95th percentile), to a microsecond when they are milliseconds; 0 of nothing."""
    p50, p95 = np.percentile(values or [0.0], [50, 95])
    return round(float(p50), 3), round(float(p95), 3)
