"""What the threads of camera and microphone share: open, read, hand on, and begin again when it fails, for ever.

What a thread says of its device does not rest on the device answering: a read that never comes back shows as
LOST through the age of the newest thing that came.
"""

import logging
import threading
import traceback
from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from device.errors import DeviceError, EndOfMedia
from device.ipc.messages import Stage, State
from device.system.threads import name_this_thread

BACKOFF_S = (0.5, 1.0, 2.0, 5.0)
"""Waits between one failure and the next try; the last is repeated."""
_TURN_S = 0.5
_CLOSING_S = 1.0
_RATE_OVER_S = 3.0

_log = logging.getLogger(__name__)


class _Device(Protocol):
    name: str
    still_is_frozen: bool

    def close(self) -> None: ...


_D = TypeVar("_D", bound=_Device)


class DeviceThread(threading.Thread, Generic[_D]):
    """What both threads share. `stage`, `set_on` and `stop` are for other threads."""

    def __init__(
        self, what: str, opener: Callable[[], _D], timeout_s: float, clock: Callable[[], float], on: bool
    ) -> None:
        super().__init__(name=what, daemon=True)
        self.ended = threading.Event()
        """Set when a file in the device's place has been played to its end; the thread then rests."""
        self.beat_s = clock()
        """When the loop last came round; a blocked read holds it up."""
        self._what, self._opener, self._timeout_s, self._clock, self._on = what, opener, timeout_s, clock, on
        self._guard = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._device: _D | None = None
        self._opening = False
        self._closing: threading.Thread | None = None
        self._fault = ""
        self._failures = 0
        self._retry_s = self._asked_s = self._came_s = clock()
        self._came = False
        self._same_since_s: float | None = None
        self._poor: tuple[State, str] | None = None
        self._poor_since_s = 0.0
        self._handed: deque[float] = deque(maxlen=256)

    @abstractmethod
    def _take(self, device: _D) -> bool:
        """Read once and hand on. False when nothing came. Raises DeviceError."""

    @abstractmethod
    def _forget(self) -> None:
        """Empty what was handed on, and keep nothing else of it."""

    @abstractmethod
    def _dropped(self) -> int:
        """What was let go unread since the start."""

    @abstractmethod
    def _frozen(self, for_s: float) -> str:
        """What to tell a person about a device that gives the same for so long."""

    def set_on(self, on: bool) -> None:
        """Off closes the device and forgets what came from it; on opens it again."""
        with self._guard:
            if on == self._on:
                return
            self._on = on
            self._fault, self._failures = "", 0
            self._retry_s = self._asked_s = self._clock()
            self._same_since_s = self._poor = None
            if not on:
                self._forget()
        self._wake.set()

    def stop(self, limit_s: float = 2.0) -> None:
        """End the thread, waiting up to `limit_s`; a driver that does not come back is left behind."""
        self._stopping.set()
        self._wake.set()
        if self.is_alive():
            self.join(limit_s)

    def stage(self, now_s: float) -> Stage:
        """Health at `now_s` of the thread's clock."""
        with self._guard:
            rate_hz = sum(now_s - _RATE_OVER_S < t <= now_s for t in list(self._handed)) / _RATE_OVER_S
            state, detail = self._state(now_s)
            return Stage(state, detail, round(rate_hz, 1), self._dropped())

    def run(self) -> None:
        """The loop; ends with `stop`."""
        name_this_thread(self._what)
        while not self._stopping.is_set():
            self.beat_s = self._clock()
            if not self._on or self.ended.is_set():
                self._close()
                with self._guard:
                    if not self._on:
                        self._forget()  # once more: a read that was under way has ended by now
                self._rest(_TURN_S)
            elif self._device is None and self._clock() < self._retry_s:
                self._rest(min(_TURN_S, self._retry_s - self._clock()))
            else:
                self._turn()
        self._close()

    def _turn(self) -> None:
        try:
            if self._device is None:
                self._open()
            elif self._take(self._device):
                self._well()
            elif self._clock() - max(self._asked_s, self._came_s) > self._timeout_s:
                raise DeviceError(f"nothing came for {self._timeout_s:g} s; it is opened again")
        except EndOfMedia as end:
            _log.info("%s: %s", self._what, end)
            self.ended.set()
        except DeviceError as error:
            self._failed(str(error))
        # A driver may raise anything (cv2.error, OSError, ValueError), and the thread must outlive all of it. The
        # text is left out: nobody knows what a foreign exception quotes.
        except Exception as error:  # noqa: BLE001
            at = traceback.extract_tb(error.__traceback__)[-1]
            self._failed(f"{type(error).__name__} in {at.name} ({at.filename.rpartition('/')[2]}:{at.lineno})")

    def _open(self) -> None:
        self._opening = True
        try:
            self._device = self._opener()
        finally:
            self._opening = False
        self._asked_s = self._clock()

    def _well(self) -> None:
        """Something came: forget the failures, and open a frozen device again when it has been so for long."""
        if self._fault:
            _log.info("%s: works again", self._what)
        with self._guard:
            self._came, self._came_s = True, self._clock()
            self._fault, self._failures = "", 0
            since_s = self._same_since_s
        if since_s is not None and self._came_s - max(since_s + self._timeout_s, self._asked_s) > 2 * self._timeout_s:
            _log.warning("%s: %s; it is opened again", self._what, self._frozen(self._came_s - since_s))
            self._close()

    def _failed(self, detail: str) -> None:
        self._close()
        with self._guard:
            wait_s = BACKOFF_S[min(self._failures, len(BACKOFF_S) - 1)]
            news = detail != self._fault or self._failures % 10 == 0
            self._fault = detail
            self._failures += 1
            self._retry_s = self._asked_s = self._clock() + wait_s
        if news:
            _log.warning("%s: %s; tried again in %g s", self._what, detail, wait_s)

    def _note(self, same: bool, at_s: float) -> None:
        """Keep since when the device has given the same."""
        with self._guard:
            self._same_since_s = (at_s if self._same_since_s is None else self._same_since_s) if same else None

    def _note_poor(self, poor: tuple[State, str] | None, at_s: float) -> None:
        """Keep since when what came has been of no use, in which way; None for what can be used."""
        with self._guard:
            if (self._poor is None) != (poor is None):
                self._poor_since_s = at_s
            self._poor = poor

    def _close(self) -> None:
        """Close the device in a thread of its own: a dead driver may never come back."""
        device, self._device = self._device, None
        if device is None:
            return
        self._closing = threading.Thread(target=self._let_go, args=(device,), name=f"{self._what} closing", daemon=True)
        self._closing.start()
        self._closing.join(_CLOSING_S)

    def _let_go(self, device: _D) -> None:
        try:
            device.close()
        # What a driver says while it is closed changes nothing, but it is not kept secret. Text left out as above.
        except Exception as error:  # noqa: BLE001
            _log.warning("%s: closing it raised %s", self._what, type(error).__name__)

    def _rest(self, for_s: float) -> None:
        self._wake.wait(max(0.0, for_s))
        self._wake.clear()

    def _state(self, now_s: float) -> tuple[State, str]:
        if not self._on or self.ended.is_set():
            # OFF is a promise: it is said when the driver has let go, not when it was asked to.
            if self._opening or self._device is not None or (self._closing is not None and self._closing.is_alive()):
                return State.LOST, "it is being closed"
            return State.OFF, "played to its end" if self.ended.is_set() else ""
        if self._fault:
            return State.LOST, self._fault
        age_s = now_s - max(self._asked_s, self._came_s)
        if age_s > self._timeout_s:
            return State.LOST, f"nothing came for {age_s:.0f} s; check the plug and the cable"
        if self._same_since_s is not None and now_s - self._same_since_s > self._timeout_s:
            return State.FROZEN, self._frozen(now_s - self._same_since_s)
        poor = self._poor if now_s - self._poor_since_s > self._timeout_s else None
        well = State.OK if self._came_s >= self._asked_s and self._came else State.STARTING
        return poor or (well, "")
