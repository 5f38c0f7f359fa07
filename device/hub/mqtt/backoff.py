"""The wait before reconnecting to a broker, and whether another client keeps taking over our session."""

# A restarted broker is back within a second or two. A broken one is not flooded with attempts.
_BACKOFF_S = (0.5, *[1.0] * 10, 2.0, 5.0, 10.0, 30.0, 60.0)
_STABLE_S = 10.0
"""A connection that lasts longer counts as stable."""
_MAX_SHORT = 3
"""With this many short connections in a row, the broker is flapping."""
_FLAPPING_S = 10.0
"""The shortest wait while it is flapping."""
_LOG_EVERY = 10


class ReconnectBackoff:
    """The wait before each reconnection to one broker.

    Two clients with one identifier disconnect each other, each as soon as its wait is over. While one client waits, the
    other's connection holds. A connection therefore counts as stable only after twice the wait; otherwise both would
    reset their backoff and fight every half second.
    """

    def __init__(self) -> None:
        self._attempts = self._short_connections = 0
        self._min_wait_s = 0.0
        self._stable_s = _STABLE_S

    @property
    def is_flapping(self) -> bool:
        """Whether the broker has dropped us soon after connecting more often than a restart explains."""
        return self._short_connections >= _MAX_SHORT

    @property
    def should_log(self) -> bool:
        """Whether to log the last disconnect: the first one, then every tenth."""
        return self._attempts % _LOG_EVERY == 1

    def next_wait_s(self, lasted_s: float | None, *, is_taken_over: bool = False) -> float:
        """Seconds to wait after a connection that lasted `lasted_s`; None if there was no connection.

        `is_taken_over`: the broker has said that another client took our place.
        """
        if lasted_s is not None and lasted_s > self._stable_s:
            self._attempts = self._short_connections = 0
            self._min_wait_s = 0.0
        self._short_connections = 0 if lasted_s is None else self._short_connections + 1
        if is_taken_over:
            self._min_wait_s = _BACKOFF_S[-1]
        elif self.is_flapping:
            self._min_wait_s = max(self._min_wait_s, _FLAPPING_S)
        wait_s = max(self._min_wait_s, _BACKOFF_S[min(self._attempts, len(_BACKOFF_S) - 1)])
        self._attempts += 1
        self._stable_s = _STABLE_S if lasted_s is None else max(_STABLE_S, 2 * wait_s)
        return wait_s
