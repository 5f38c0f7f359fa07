"""What looking may cost, and what happens when it costs more."""

import pytest

from device.perception.face.cpu_budget import CpuBudget


class Cpu:
    """A thread's CPU time, by hand."""

    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        return self.s


@pytest.mark.parametrize("cost_s", [0.002, 0.02, 0.2])
def test_over_minutes_no_more_is_spent_than_the_share(cost_s: float) -> None:
    """A debt is paid before the next: whatever one look costs, the mean is kept."""
    cpu = Cpu()
    budget = CpuBudget(0.05, cpu)
    for frame in range(3000):
        budget.at(frame / 10)
        for _ in range(3):
            if budget.allows:
                with budget.spending():
                    cpu.s += cost_s
    assert 0.9 * 0.05 * 300 < cpu.s < 0.05 * 300 + 0.1 + cost_s


def test_cheap_work_never_waits() -> None:
    cpu = Cpu()
    budget = CpuBudget(0.05, cpu)
    for frame in range(100):
        budget.at(frame / 10)
        assert budget.allows
        with budget.spending():
            cpu.s += 0.004


def test_unspent_time_accumulates_for_two_seconds_at_most() -> None:
    cpu = Cpu()
    budget = CpuBudget(0.1, cpu)
    budget.at(0.0)
    budget.at(3600.0)
    spent = 0
    while budget.allows:
        with budget.spending():
            cpu.s += 0.01
        spent += 1
    assert spent == pytest.approx(20, abs=1)


def test_a_stream_that_jumps_back_neither_fills_nor_empties_it() -> None:
    cpu = Cpu()
    budget = CpuBudget(0.1, cpu)
    budget.at(100.0)
    with budget.spending():
        cpu.s += 0.25
    assert not budget.allows
    budget.at(5.0)
    assert not budget.allows
    budget.at(6.0)
    assert budget.allows


def test_an_unlimited_budget_never_waits() -> None:
    budget = CpuBudget()
    for frame in range(3):
        budget.at(frame)
        with budget.spending():
            sum(range(100_000))
        assert budget.allows


def test_a_block_that_raises_is_charged_too() -> None:
    cpu = Cpu()
    budget = CpuBudget(0.1, cpu)

    def failing() -> None:
        with budget.spending():
            cpu.s += 1
            raise ValueError("no face")

    with pytest.raises(ValueError, match="no face"):
        failing()
    assert not budget.allows
