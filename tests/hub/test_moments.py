"""Monotonic times as wall clock times, in a process that may be delayed between reading the two clocks."""

import random
from collections.abc import Callable

import pytest

from device.system.clock import UtcConverter

NOON_UTC_S = 1_800_000_000.0


class Busy:
    """Two clocks in step, in a process that may be delayed up to 20 ms whenever it reads one of them."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.offset_s = NOON_UTC_S
        self._chance = random.Random(3)

    def _wait(self) -> None:
        self.now_s += 1e-6 if self._chance.random() < 0.7 else self._chance.uniform(0, 0.02)

    def monotonic_s(self) -> float:
        self._wait()
        return self.now_s

    def wall_s(self) -> float:
        self._wait()
        return self.offset_s + self.now_s


@pytest.fixture
def busy() -> Busy:
    return Busy()


@pytest.fixture
def utc_s(busy: Busy) -> Callable[[float], float]:
    return UtcConverter(busy.wall_s, busy.monotonic_s).convert


def test_times_keep_their_order_and_distance(utc_s: Callable[[float], float]) -> None:
    times_s = [50 + 1e-5 * number for number in range(2000)]
    converted = [utc_s(time_s) for time_s in times_s]
    assert converted[0] == pytest.approx(NOON_UTC_S + 50, abs=0.005)
    assert converted == sorted(converted)
    assert converted[-1] - converted[0] == pytest.approx(times_s[-1] - times_s[0], abs=1e-6)


@pytest.mark.parametrize("by_s", [-86_400.0, -0.1, 0.1, 400 * 86_400.0])
def test_a_clock_that_was_set_is_followed(busy: Busy, utc_s: Callable[[float], float], by_s: float) -> None:
    before = utc_s(60)
    busy.offset_s += by_s
    assert utc_s(60) - before == pytest.approx(by_s, abs=0.01)


def test_no_moment_is_in_the_future_or_before_the_boot(busy: Busy, utc_s: Callable[[float], float]) -> None:
    before_s = busy.wall_s()
    assert before_s - 0.005 < utc_s(1e9) < busy.wall_s() + 0.005
    assert utc_s(-5) == pytest.approx(NOON_UTC_S, abs=0.005)
