"""Delivers requests to a destination in the network: time limits, pacing, retries and a circuit breaker."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from device.errors import ActionError
from device.hub.actions.transport.circuit_breaker import CircuitBreaker

T = TypeVar("T")


class TransientError(ActionError):
    """It failed this time, and another attempt may succeed."""

    def __init__(self, message: str, *, retry_after_s: float = 0.0, had_no_effect: bool = False) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        """How long the destination asks us to wait; 0.0: it does not say."""
        self.had_no_effect = had_no_effect
        """Certain that nothing has happened there, so that even what must not happen twice can be sent again."""


class Delivery:
    """All requests to one destination go through here.

    Never more than `parallel` requests at a time and `per_s` a second, evenly spaced. An attempt may take `attempt_s`.
    A request that was refused, timed out, dropped or answered with busy (TransientError) is tried again after 0.3, 0.6,
    1.2 ... s with jitter, until `total_s`; any other ActionError is final. After some failures in a row the breaker
    opens.
    """

    def __init__(
        self,
        name: str,
        *,
        parallel: int = 4,
        per_s: float = 10.0,
        attempt_s: float = 4.0,
        total_s: float = 9.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._name = name
        self._attempt_s = attempt_s
        self._total_s = total_s
        self._clock = clock
        self._sleep = sleep
        self._slots = asyncio.Semaphore(parallel)
        self._pace = MinIntervalGate(1 / per_s)
        self._breaker = CircuitBreaker(name, clock)

    async def run(
        self,
        attempt: Callable[[], Awaitable[T]],
        *,
        idempotent: bool = True,
        gate: "MinIntervalGate | None" = None,
        work_s: float = 0.0,
    ) -> T:
        """Return the result of `attempt`. Raises ActionError with the reason and the number of attempts.

        An attempt that is not `idempotent` is repeated only if it cannot have had an effect. `gate` is for requests
        that need longer intervals than the others. `work_s` replaces `attempt_s` for a request that is
        answered once its work is done: after that time the destination is still working, so it is not asked again, and
        it has not failed.
        """
        is_trial = self._breaker.begin()
        request = _Request(attempt, idempotent, gate or MinIntervalGate(0.0), work_s)
        try:
            async with asyncio.timeout(self._total_s):
                result = await self._retry(request, is_trial=is_trial)
        except (TransientError, TimeoutError) as error:
            problem = "no answer" if request.attempts else "not sent"
            message = str(error) or str(request.last_error or f"{self._name}: {problem} within {self._total_s:g} s")
            if request.attempts and not request.is_working:
                self._breaker.record_failure(message)
            else:
                self._breaker.record_nothing()  # it waited in our own queue, or is still working on our request
            attempts = request.attempts
            raise ActionError(f"{message}; tried {attempts} times" if attempts > 1 else message) from error
        except ActionError:
            self._breaker.record_success()
            raise
        except BaseException:
            self._breaker.record_nothing()
            raise
        self._breaker.record_success()
        return result

    async def _retry(self, request: "_Request[T]", *, is_trial: bool) -> T:
        end_s = self._clock() + self._total_s
        backoff_s = 0.3
        while True:
            try:
                return await self._try(request)
            except TransientError as error:
                if is_trial or request.is_working or not (request.idempotent or error.had_no_effect):
                    raise
                jitter_s = random.uniform(0.0, 0.3)  # noqa: S311 - no secret
                wait_s = max(backoff_s + jitter_s, error.retry_after_s)
                if self._clock() + wait_s >= end_s:
                    raise  # also if the destination asks for a longer wait than there is time
            await self._sleep(wait_s)
            backoff_s = min(2 * backoff_s, 4.0)

    async def _try(self, request: "_Request[T]") -> T:
        async with request.gate.hold() as mark_sent, self._slots:
            await self._pace.wait()
            mark_sent()
            request.attempts += 1
            request.is_working = request.work_s > 0
            limit_s = request.work_s or self._attempt_s
            try:
                async with asyncio.timeout(limit_s):
                    return await request.attempt()
            except TimeoutError as error:
                still = "; it may still be working on it, and is not asked again" if request.is_working else ""
                request.last_error = TransientError(f"{self._name}: no answer within {limit_s:g} s{still}")
                raise request.last_error from error
            except TransientError as error:
                request.is_working = False
                request.last_error = error
                raise


@dataclass
class _Request(Generic[T]):
    """A request and its progress."""

    attempt: Callable[[], Awaitable[T]]
    idempotent: bool
    gate: "MinIntervalGate"
    work_s: float
    attempts: int = 0
    last_error: TransientError | None = None
    is_working: bool = False
    """The destination has been asked for something that takes time, and has not answered yet."""


class MinIntervalGate:
    """Lets one request through at a time, and the next one no sooner than `gap_s` after the last was sent.

    A limiter would count from the moment it lets a request through; the requests would then meet in the queue behind it
    and be sent together.
    """

    def __init__(self, gap_s: float) -> None:
        self._gap_s = gap_s
        self._free = asyncio.Semaphore(1)

    @asynccontextmanager
    async def hold(self) -> AsyncIterator[Callable[[], None]]:
        """The block holds the gate, and calls the function it gets when the request is sent."""
        loop = asyncio.get_running_loop()
        next_s = loop.time()

        def mark_sent() -> None:
            nonlocal next_s
            next_s = loop.time() + self._gap_s

        await self._free.acquire()
        try:
            yield mark_sent
        finally:
            loop.call_at(next_s, self._free.release)

    async def wait(self) -> None:
        """Return at the next moment when a request may be sent, and count it as sent."""
        async with self.hold() as mark_sent:
            mark_sent()
