"""The thread that reads a device: open, read, deliver, and start again after every failure.

Its health never depends on the device answering. If a read never returns, the newest data gets old, and the device
counts as LOST.
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
"""How long to wait after the first, second ... failure; the last value repeats."""
_IDLE_S = 0.5
_RATE_WINDOW_S = 3.0

_log = logging.getLogger(__name__)


class _Device(Protocol):
    name: str
    still_is_frozen: bool

    def close(self) -> None: ...


_D = TypeVar("_D", bound=_Device)


class DeviceThread(threading.Thread, Generic[_D]):
    """Base class of the camera and microphone threads. Other threads may call `stage`, `set_on` and `stop`."""

    def __init__(
        self, name: str, opener: Callable[[], _D], timeout_s: float, clock: Callable[[], float], on: bool
    ) -> None:
        """`timeout_s`: without data for this long, the device is lost; with the same data, it is frozen."""
        super().__init__(name=name, daemon=True)
        self.ended = threading.Event()
        """Set at the end of a media file. The thread then idles."""
        self.beat_s = clock()
        """When the loop last started a new round. A blocked read delays it."""
        self.backoff_s: tuple[float, ...] = BACKOFF_S
        self.close_s = 1.0
        """How long to wait for a driver that closes its device."""
        self._opener = opener
        self._timeout_s = timeout_s
        self._clock = clock
        self._on = on
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._device: _D | None = None
        self._opening = False
        self._closing: threading.Thread | None = None
        self._fault = ""
        self._failures = 0
        self._retry_s = self._waiting_since_s = clock()
        self._received_s = float("-inf")
        self._same_since_s: float | None = None
        self._unusable: tuple[State, str] | None = None
        self._unusable_since_s = 0.0
        self._delivered_s: deque[float] = deque(maxlen=256)

    @abstractmethod
    def _read(self, device: _D) -> bool:
        """Read once and deliver. False if nothing came. Raises DeviceError."""

    @abstractmethod
    def _clear(self) -> None:
        """Drop everything that was delivered but not read."""

    @abstractmethod
    def _count_dropped(self) -> int:
        """Unread items since the start."""

    @abstractmethod
    def _describe_frozen(self, for_s: float) -> str:
        """For a person: the device has delivered the same data for `for_s`."""

    def set_on(self, on: bool) -> None:
        """Open the device, or close it and drop its unread data."""
        with self._lock:
            if on == self._on:
                return
            self._on = on
            self._fault, self._failures = "", 0
            self._retry_s = self._waiting_since_s = self._clock()
            self._same_since_s = self._unusable = None
            if not on:
                self._clear()
        self._wake.set()

    def stop(self, limit_s: float = 2.0) -> None:
        """End the thread, waiting up to `limit_s`; a driver that hangs is abandoned."""
        self._stopping.set()
        self._wake.set()
        if self.is_alive():
            self.join(limit_s)

    def stage(self, now_s: float) -> Stage:
        """The health at `now_s` of the thread's clock."""
        with self._lock:
            rate_hz = sum(now_s - _RATE_WINDOW_S < t <= now_s for t in list(self._delivered_s)) / _RATE_WINDOW_S
            state, detail = self._state(now_s)
            return Stage(state, detail, round(rate_hz, 1), self._count_dropped())

    def run(self) -> None:
        """The loop; ends with `stop`."""
        name_this_thread(self.name)
        while not self._stopping.is_set():
            self.beat_s = self._clock()
            if not self._on or self.ended.is_set():
                self._close()
                with self._lock:
                    if not self._on:
                        self._clear()  # again: a read may have been in progress when it was switched off
                self._sleep(_IDLE_S)
            elif self._device is None and self._clock() < self._retry_s:
                self._sleep(min(_IDLE_S, self._retry_s - self._clock()))
            else:
                self._step()
        self._close()

    def _step(self) -> None:
        try:
            if self._device is None:
                self._open()
            elif self._read(self._device):
                self._succeed()
            elif self._clock() - max(self._waiting_since_s, self._received_s) > self._timeout_s:
                raise DeviceError(f"no data for {self._timeout_s:g} s; opening it again")
        except EndOfMedia as end:
            _log.info("%s: %s", self.name, end)
            self.ended.set()
        except DeviceError as error:
            self._fail(str(error))
        # A driver may raise anything (cv2.error, OSError, ValueError), and the thread must survive all of it. The
        # text of a foreign exception is not logged, since it may quote anything.
        except Exception as error:  # noqa: BLE001
            at = traceback.extract_tb(error.__traceback__)[-1]
            self._fail(f"{type(error).__name__} in {at.name} ({at.filename.rpartition('/')[2]}:{at.lineno})")

    def _open(self) -> None:
        self._opening = True
        try:
            self._device = self._opener()
        finally:
            self._opening = False
        self._waiting_since_s = self._clock()

    def _succeed(self) -> None:
        """Forget the failures. Reopen a device that has been frozen for a long time."""
        if self._fault:
            _log.info("%s: works again", self.name)
        with self._lock:
            self._received_s = self._clock()
            self._fault, self._failures = "", 0
            same_since_s = self._same_since_s
        if same_since_s is None:
            return
        frozen_since_s = max(same_since_s + self._timeout_s, self._waiting_since_s)
        if self._received_s - frozen_since_s > 2 * self._timeout_s:
            _log.warning("%s: %s; opening it again", self.name, self._describe_frozen(self._received_s - same_since_s))
            self._close()

    def _fail(self, detail: str) -> None:
        self._close()
        with self._lock:
            wait_s = self.backoff_s[min(self._failures, len(self.backoff_s) - 1)]
            worth_logging = detail != self._fault or self._failures % 10 == 0
            self._fault = detail
            self._failures += 1
            self._retry_s = self._waiting_since_s = self._clock() + wait_s
        if worth_logging:
            _log.warning("%s: %s; next attempt in %g s", self.name, detail, wait_s)

    def _note_same(self, same: bool, at_s: float) -> None:
        """Remember since when the device has delivered the same data."""
        with self._lock:
            self._same_since_s = (at_s if self._same_since_s is None else self._same_since_s) if same else None

    def _note_unusable(self, unusable: tuple[State, str] | None, at_s: float) -> None:
        """Remember since when the data has been unusable, and why; None if it is usable."""
        with self._lock:
            if (self._unusable is None) != (unusable is None):
                self._unusable_since_s = at_s
            self._unusable = unusable

    def _close(self) -> None:
        """Close the device in a separate thread: a dead driver may never return."""
        device, self._device = self._device, None
        if device is not None:
            name = f"{self.name} closing"
            self._closing = threading.Thread(target=self._close_device, args=(device,), name=name, daemon=True)
            self._closing.start()
            self._closing.join(self.close_s)

    def _close_device(self, device: _D) -> None:
        try:
            device.close()
        # An error while closing changes nothing, but it is worth a line. Its text is left out, as above.
        except Exception as error:  # noqa: BLE001
            _log.warning("%s: closing it raised %s", self.name, type(error).__name__)

    def _sleep(self, for_s: float) -> None:
        self._wake.wait(max(0.0, for_s))
        self._wake.clear()

    def _state(self, now_s: float) -> tuple[State, str]:
        if not self._on or self.ended.is_set():
            # OFF is a promise. It is reported when the driver has closed the device, not when it was told to.
            if self._opening or self._device is not None or (self._closing is not None and self._closing.is_alive()):
                return State.LOST, "it is being closed"
            return State.OFF, "played to its end" if self.ended.is_set() else ""
        if self._fault:
            return State.LOST, self._fault
        age_s = now_s - max(self._waiting_since_s, self._received_s)
        if age_s > self._timeout_s:
            return State.LOST, f"no data for {age_s:.0f} s; check the plug and the cable"
        if self._same_since_s is not None and now_s - self._same_since_s > self._timeout_s:
            return State.FROZEN, self._describe_frozen(now_s - self._same_since_s)
        unusable = self._unusable if now_s - self._unusable_since_s > self._timeout_s else None
        return unusable or (State.OK if self._received_s >= self._waiting_since_s else State.STARTING, "")
