"""How long to wait before a broker is tried again, and whether somebody else keeps taking our place there."""

# A restarted broker is back within a second or two, a broken one is not hammered.
_BACKOFF_S = (0.5, *[1.0] * 10, 2.0, 5.0, 10.0, 30.0, 60.0)
_WELL_S = 10.0
_ODD, _ODD_S = 3, 10.0
_TELL_EACH = 10


class ReconnectBackoff:
    """Of one broker. Two clients of one identifier drive each other off, each as soon as it has waited.

    So long as one of them waits the other's connection holds: it is well only when it holds twice as long, or the two
    would begin anew, every half second, as soon as they have become patient.
    """

    def __init__(self) -> None:
        self._times = self._sent_away = 0
        self._least_s = 0.0
        self._well_s = _WELL_S

    @property
    def odd(self) -> bool:
        """The broker has let us in and soon ended it, so often that it was no restart."""
        return self._sent_away >= _ODD

    @property
    def tells(self) -> bool:
        """Whether the end just now is worth a line in the log: the first one, and then seldom."""
        return self._times % _TELL_EACH == 1

    def after(self, held_s: float | None, *, taken_over: bool = False) -> float:
        """Seconds to wait after a connection that held for `held_s`; None if there was none.

        `taken_over`: the broker has said that another client took our place.
        """
        if held_s is not None and held_s > self._well_s:
            self._times = self._sent_away = 0
            self._least_s = 0.0
        self._sent_away = 0 if held_s is None else self._sent_away + 1
        if taken_over:
            self._least_s = _BACKOFF_S[-1]
        elif self.odd:
            self._least_s = max(self._least_s, _ODD_S)
        wait_s = max(self._least_s, _BACKOFF_S[min(self._times, len(_BACKOFF_S) - 1)])
        self._times += 1
        self._well_s = _WELL_S if held_s is None else max(_WELL_S, 2 * wait_s)
        return wait_s
