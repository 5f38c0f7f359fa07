"""How much of a core looking may take: what is over it waits its turn."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_DEPTH_S = 2.0
"""What is not spent is kept for so long: enough for who comes in to be seen at once."""


class CpuBudget:
    """A token bucket of CPU seconds, filled by `share` for each second of the stream's own time."""

    def __init__(self, share: float = math.inf, cpu_s: Callable[[], float] = time.thread_time) -> None:
        """`share` of one core; without it nothing ever waits. `cpu_s`: the CPU time of the thread that looks."""
        self._share, self._cpu_s = share, cpu_s
        self._left_s = self._depth_s = share * _DEPTH_S
        self._at_s: float | None = None

    def at(self, now_s: float) -> None:
        """The time of the frame that is looked at now."""
        if self._at_s is not None and now_s > self._at_s:
            self._left_s = min(self._left_s + self._share * (now_s - self._at_s), self._depth_s)
        self._at_s = now_s

    @property
    def allows(self) -> bool:
        """Whether something may be spent now. What it costs is known afterwards: a debt is paid before the next."""
        return self._left_s > 0

    @contextmanager
    def spending(self) -> Iterator[None]:
        """Takes what the block costs."""
        begun_s = self._cpu_s()
        try:
            yield
        finally:
            self._left_s -= self._cpu_s() - begun_s
