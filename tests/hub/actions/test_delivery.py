"""Limits, retries and the circuit breaker, with a fake clock and with real arrival times."""

import asyncio
import itertools
import logging
import re
import time

import pytest

from device.errors import ActionError
from device.hub.actions.transport.delivery import Delivery, MinIntervalGate, TransientError
from tests.hub.actions.peers import Clock
from tests.hub.hub_running import run


class Failing:
    """Fails `times` times, then answers."""

    def __init__(self, times: int, error: Exception | None = None) -> None:
        self.left = times
        self.error = error or TransientError("lamp: cannot be reached", had_no_effect=True)
        self.tries = 0

    async def __call__(self) -> str:
        self.tries += 1
        if self.left:
            self.left -= 1
            raise self.error
        return "well"


@pytest.fixture
def delivery(clock: Clock) -> Delivery:
    return clock.make_deliveries(per_s=1000.0)("lamp")


def test_a_transient_failure_is_retried_with_longer_waits(delivery: Delivery, clock: Clock) -> None:
    attempt = Failing(3)
    assert run(delivery.run(attempt)) == "well"
    assert attempt.tries == 4
    for wait_s, least_s in zip(clock.slept_s, (0.3, 0.6, 1.2), strict=True):
        assert least_s <= wait_s <= least_s + 0.3
    assert len({round(wait_s % 0.3, 4) for wait_s in clock.slept_s}) == 3, "no jitter"


def test_it_gives_up_in_time_and_reports_the_number_of_attempts(delivery: Delivery, clock: Clock) -> None:
    began_s = clock()
    attempt = Failing(100)
    with pytest.raises(ActionError) as caught:
        run(delivery.run(attempt))
    assert str(caught.value) == f"lamp: cannot be reached; tried {attempt.tries} times"
    assert attempt.tries in (5, 6)
    assert clock() - began_s < 9


def test_a_refusal_is_not_retried(delivery: Delivery, clock: Clock) -> None:
    attempt = Failing(1, ActionError("lamp: refused it"))
    with pytest.raises(ActionError, match=r"^lamp: refused it$"):
        run(delivery.run(attempt))
    assert (attempt.tries, clock.slept_s) == (1, [])


def test_retry_after_is_respected_if_there_is_time(delivery: Delivery, clock: Clock) -> None:
    greedy = Failing(1, TransientError("lamp: busy", retry_after_s=3600.0, had_no_effect=True))

    async def story() -> None:
        assert (
            await delivery.run(Failing(1, TransientError("lamp: busy", retry_after_s=3.0, had_no_effect=True)))
            == "well"
        )
        with pytest.raises(ActionError, match="busy"):
            await delivery.run(greedy)

    run(story())
    assert greedy.tries == 1
    assert clock.slept_s == [3.0]


def test_a_request_that_is_not_idempotent_is_retried_only_if_nothing_happened(delivery: Delivery) -> None:
    broke_off = Failing(1, TransientError("lamp: the connection broke off"))

    async def story() -> None:
        with pytest.raises(ActionError, match="broke off"):
            await delivery.run(broke_off, idempotent=False)
        assert await delivery.run(Failing(1), idempotent=False) == "well"

    run(story())
    assert broke_off.tries == 1


def test_an_attempt_that_hangs_is_cancelled_and_retried(clock: Clock) -> None:
    delivery = clock.make_deliveries(per_s=1000.0, attempt_s=0.05)("lamp")
    tries = 0

    async def attempt() -> str:
        nonlocal tries
        tries += 1
        await asyncio.sleep(60 if tries == 1 else 0)
        return "well"

    assert run(delivery.run(attempt), 2) == "well"
    assert tries == 2


def test_all_attempts_together_have_a_limit_even_if_the_clock_stands_still() -> None:
    async def attempt() -> None:
        await asyncio.sleep(60)

    delivery = Delivery("lamp", attempt_s=30, total_s=0.1)
    with pytest.raises(ActionError, match=r"lamp: no answer within 0\.1 s"):
        run(delivery.run(attempt), 2)


def test_waiting_in_our_own_queue_is_not_a_failure_of_the_destination() -> None:
    async def story() -> None:
        gate = asyncio.Event()
        delivery = Delivery("lamp", parallel=1, per_s=1000.0, attempt_s=30, total_s=0.5)
        first = asyncio.create_task(delivery.run(gate.wait))
        await asyncio.sleep(0)  # let it start
        delivery._total_s = 0.02
        for _ in range(6):
            with pytest.raises(ActionError, match=r"^lamp: not sent within 0\.02 s$"):
                await delivery.run(gate.wait)
        gate.set()
        assert await first is True
        assert await delivery.run(Failing(0)) == "well"

    run(story())


# -- the breaker


def test_after_five_failures_it_is_left_alone_for_a_minute_and_then_tried_once(
    delivery: Delivery, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    attempt = Failing(10_000)

    async def fails() -> str:
        with pytest.raises(ActionError) as caught:
            await delivery.run(attempt)
        return str(caught.value)

    async def story() -> str:
        for _ in range(5):
            assert "left alone" not in await fails()
        tries = attempt.tries
        left_alone = await fails()
        assert attempt.tries == tries, "it was asked while the breaker is open"
        clock.now_s += 61
        await fails()
        assert attempt.tries == tries + 1, "a trial is one attempt"
        assert "left alone" in await fails()
        attempt.left = 0
        clock.now_s += 61
        assert await delivery.run(attempt) == "well"
        attempt.left = 1
        assert await delivery.run(attempt) == "well", "retries are back"
        return left_alone

    times = re.search(
        r"^lamp: left alone since (\d\d:\d\d:\d\d) until (\d\d:\d\d:\d\d), after 5 failures in a row; "
        r"the last error was: lamp: cannot be reached$",
        run(story()),
    )
    assert times
    since, until = (time.strptime(one, "%H:%M:%S") for one in times.groups())
    assert (until.tm_min * 60 + until.tm_sec - since.tm_min * 60 - since.tm_sec) % 3600 in (59, 60, 61)
    assert "failed 5 times in a row, and is left alone" in caplog.text

    assert "lamp answers again" in caplog.text


def test_only_one_trial_at_a_time(delivery: Delivery, clock: Clock) -> None:
    async def story() -> None:
        for _ in range(5):
            with pytest.raises(ActionError):
                await delivery.run(Failing(100))
        clock.now_s += 61
        gate = asyncio.Event()

        async def slow() -> str:
            await gate.wait()
            return "well"

        trial = asyncio.create_task(delivery.run(slow))
        await asyncio.sleep(0.01)
        with pytest.raises(ActionError, match="left alone"):
            await delivery.run(Failing(0))
        trial.cancel()
        with pytest.raises(asyncio.CancelledError):
            await trial
        gate.set()
        assert await delivery.run(slow) == "well", "a cancelled trial counts for nothing"

    run(story())


def test_a_refusal_is_an_answer_and_resets_the_count(delivery: Delivery) -> None:
    async def story() -> None:
        for error in (*[None] * 4, ActionError("no"), *[None] * 4):
            with pytest.raises(ActionError):
                await delivery.run(Failing(100, error))
        assert await delivery.run(Failing(0)) == "well"

    run(story())


# -- rate and number


def test_requests_are_limited_in_rate_and_number() -> None:
    arrived_s: list[float] = []
    under_way = peak = 0

    async def attempt() -> None:
        nonlocal under_way, peak
        arrived_s.append(time.monotonic())
        under_way += 1
        peak = max(peak, under_way)
        await asyncio.sleep(0.2)
        under_way -= 1

    async def story() -> None:
        delivery = Delivery("lamp", parallel=3, per_s=20.0)
        await asyncio.gather(*(delivery.run(attempt) for _ in range(9)))

    run(story())
    assert peak == 3
    gaps_s = [later - earlier for earlier, later in itertools.pairwise(arrived_s)]
    assert min(gaps_s) > 0.045
    assert arrived_s[-1] - arrived_s[0] > 0.4, "nine at three a time, 0.2 s each"


def test_a_slow_gate_delays_nobody_else() -> None:
    arrived: list[tuple[str, float]] = []

    async def story() -> None:
        delivery, gate = Delivery("bridge", per_s=100.0), MinIntervalGate(0.25)

        async def attempt(name: str) -> None:
            arrived.append((name, time.monotonic()))

        groups = [delivery.run(lambda: attempt("group"), gate=gate) for _ in range(3)]
        await asyncio.gather(*groups, *(delivery.run(lambda: attempt("light")) for _ in range(3)))

    run(story())
    groups_s = [at_s for name, at_s in arrived if name == "group"]
    lights_s = [at_s for name, at_s in arrived if name == "light"]
    assert all(later - earlier > 0.24 for earlier, later in itertools.pairwise(groups_s))
    assert max(lights_s) < groups_s[1]
