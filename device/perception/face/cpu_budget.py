"""How much of a CPU core face detection may use."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_DEPTH_S = 2.0
"""Unspent time accumulates for up to this long: enough to notice at once when somebody comes in."""


class CpuBudget:
    """A token bucket of CPU seconds. Each second of the stream's time adds `share` to it."""

    def __init__(self, share: float = math.inf, cpu_s: Callable[[], float] = time.thread_time) -> None:
        """`share` of one core; the default is unlimited. `cpu_s`: a clock of the calling thread's CPU time."""
        self._share, self._cpu_s = share, cpu_s
        self._left_s = self._depth_s = share * _DEPTH_S
        self._at_s: float | None = None

    def at(self, now_s: float) -> None:
        """Start a frame that was taken at `now_s`."""
        if self._at_s is not None and now_s > self._at_s:
            self._left_s = min(self._left_s + self._share * (now_s - self._at_s), self._depth_s)
        self._at_s = now_s

    @property
    def allows(self) -> bool:
        """Whether anything may be spent now. The cost is known only afterwards; a debt is paid off first."""
        return self._left_s > 0

    @contextmanager
    def spending(self) -> Iterator[None]:
        """Subtracts the CPU time that the `with` block takes."""
        begun_s = self._cpu_s()
        try:
            yield
        finally:
            self._left_s -= self._cpu_s() - begun_s
