"""How an action gets to a destination in the network: limits of time and rate, tries, and when to leave it alone."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from aiolimiter import AsyncLimiter
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_exponential, wait_random

from device.errors import ActionError
from device.hub.actions.transport.circuit_breaker import CircuitBreaker

T = TypeVar("T")

ATTEMPT_S = 4.0
"""No answer by then: the attempt has failed."""
WHOLE_S = 9.0
"""All attempts of one request, with the waits between."""


class TransientError(ActionError):
    """It went wrong this time, and may go well the next."""

    def __init__(self, said: str, *, retry_after_s: float = 0.0, untouched: bool = False) -> None:
        super().__init__(said)
        self.retry_after_s = retry_after_s
        """What the destination asked for; 0.0: nothing."""
        self.untouched = untouched
        """Certain that nothing has happened there, so that even what must not happen twice can be tried again."""


class Delivery:
    """The road to one destination, shared by all actions for it.

    Never more than `parallel` requests at a time, and `per_s` a second, evenly spaced. Refused, timed out, dropped or
    too busy (TransientError) is tried again after 0.3, 0.6, 1.2 ... s with jitter, until `whole_s`; any other
    ActionError is final. After some failures in a row the breaker opens.
    """

    def __init__(
        self,
        name: str,
        *,
        parallel: int = 4,
        per_s: float = 10.0,
        attempt_s: float = ATTEMPT_S,
        whole_s: float = WHOLE_S,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._name = name
        self._attempt_s = attempt_s
        self._whole_s = whole_s
        self._clock = clock
        self._sleep = sleep
        self._slots = asyncio.Semaphore(parallel)
        # A bucket of one: a larger one lets a burst through, and twice the rate in the first second.
        self._pace = AsyncLimiter(1, 1 / per_s)
        self._backoff = wait_exponential(multiplier=0.3, max=4.0) + wait_random(0.0, 0.3)
        self._breaker = CircuitBreaker(name, clock)

    async def run(
        self,
        attempt: Callable[[], Awaitable[T]],
        *,
        repeatable: bool = True,
        lane: "MinIntervalGate | None" = None,
        work_s: float = 0.0,
    ) -> T:
        """What `attempt` returns. Raises ActionError saying what was wrong, and how often it was tried.

        An attempt that is not `repeatable` is tried again only where nothing can have happened. `lane` is for
        requests that must follow one another more slowly than the others. `work_s` is for what is answered when it is
        done, in place of `attempt_s`: whoever takes longer is still at it, is not asked twice, and has not failed.
        """
        trial = self._breaker.enter()
        tries = _Tries()
        try:
            async with asyncio.timeout(self._whole_s):
                result: T = await self._retrying(tries, repeatable=repeatable, once=trial)(
                    self._try, attempt, tries, lane or MinIntervalGate(0.0), work_s
                )
        except (TransientError, TimeoutError) as error:
            lacking = "answer" if tries.made else "turn"
            said = str(error) or str(tries.last or f"{self._name}: no {lacking} within {self._whole_s:g} s")
            if tries.made and not tries.at_work:
                self._breaker.failed(said)
            else:
                self._breaker.left()  # the queue was ours, or it is busy with what we asked
            raise ActionError(f"{said}; tried {tries.made} times" if tries.made > 1 else said) from error
        except ActionError:
            self._breaker.well()
            raise
        except BaseException:
            self._breaker.left()
            raise
        self._breaker.well()
        return result

    def _retrying(self, tries: "_Tries", *, repeatable: bool, once: bool) -> AsyncRetrying:
        end_s = self._clock() + self._whole_s

        def again(error: BaseException) -> bool:
            if once or tries.at_work:
                return False
            return isinstance(error, TransientError) and (repeatable or error.untouched)

        def wait_s(state: RetryCallState) -> float:
            return max(self._backoff(state), tries.last.retry_after_s if tries.last else 0.0)

        return AsyncRetrying(
            retry=retry_if_exception(again),
            wait=wait_s,
            # Whoever asks for more patience than there is gets no more tries.
            stop=lambda state: self._clock() + state.upcoming_sleep >= end_s,
            sleep=self._sleep,
            reraise=True,
        )

    async def _try(
        self, attempt: Callable[[], Awaitable[T]], tries: "_Tries", lane: "MinIntervalGate", work_s: float
    ) -> T:
        async with lane.turn() as leaves, self._slots:
            await self._pace.acquire()
            leaves()
            tries.made += 1
            tries.at_work = work_s > 0
            limit_s = work_s or self._attempt_s
            try:
                async with asyncio.timeout(limit_s):
                    return await attempt()
            except TimeoutError as error:
                still = "; it may still be at it, and is not asked twice" if tries.at_work else ""
                tries.last = TransientError(f"{self._name}: no answer within {limit_s:g} s{still}")
                raise tries.last from error
            except TransientError as error:
                tries.at_work = False
                tries.last = error
                raise


class _Tries:
    """Of one request."""

    def __init__(self) -> None:
        self.made = 0
        self.last: TransientError | None = None
        self.at_work = False
        """It was asked for something that takes its time, and has not answered yet."""


class MinIntervalGate:
    """One request at a time, and the next not before `gap_s` after it left.

    A limiter would count from the moment when it lets one through, and those would meet again in the queue behind it.
    """

    def __init__(self, gap_s: float) -> None:
        self._gap_s = gap_s
        self._free = asyncio.Semaphore(1)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Callable[[], None]]:
        """The block has the lane; what it gets is to be called when the request leaves."""
        loop = asyncio.get_running_loop()
        next_s = loop.time()

        def leaves() -> None:
            nonlocal next_s
            next_s = loop.time() + self._gap_s

        await self._free.acquire()
        try:
            yield leaves
        finally:
            loop.call_at(next_s, self._free.release)
