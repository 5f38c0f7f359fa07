"""Rate limits: by a clock of the test's own."""

import pytest

from device.system.rate_limiter import MAX_KEYS, SlidingWindow, TokenBucket
from tests.hub.actions.peers import Clock


def test_a_token_bucket_remembers_a_bounded_number_of_keys() -> None:
    clock = Clock()
    bucket = TokenBucket(1, 2, clock=clock)
    for number in range(MAX_KEYS + 50):
        assert bucket.take(str(number)) == 0.0
    assert len(bucket) == MAX_KEYS
    assert [bucket.take("x"), bucket.take("x"), bucket.take("x")] == [0.0, 0.0, 1.0]
    clock.now_s += 1.1
    assert bucket.take("x") == 0.0
    assert bucket.take("x") == pytest.approx(0.9)


def test_a_sliding_window_limits_each_key_and_all_together() -> None:
    clock = Clock()
    window = SlidingWindow(60, per_key=2, total=4, clock=clock)
    for key in ("a", "a", "b", "c"):
        assert window.take(key) == 0.0
    assert [window.take("a"), window.take("d")] == [60.0, 60.0]
    assert window.wait_s("d") == 0.0, "only all together are over the limit"
    window.forget("a")
    assert window.take("d") == 0.0
    clock.now_s += 60
    for key in ("a", "a", "b", "b"):
        assert window.take(key) == 0.0


def test_a_sliding_window_moves_with_each_event() -> None:
    clock = Clock()
    window = SlidingWindow(10, per_key=2, clock=clock)
    waits_s = []
    for _ in range(5):
        waits_s.append(window.take())
        clock.now_s += 4
    assert waits_s == [0.0, 0.0, 2.0, 0.0, 0.0]
