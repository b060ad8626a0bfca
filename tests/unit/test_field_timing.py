"""How calls are timed: a few to warm up, then at least so many, at most so many, and no new one when the time is up."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from apps.field import timing
from apps.field.timing import WARM, Effort, Job, timed

PLENTY = Effort(least=5, most=50, seconds=1000.0)


class Machine:
    """A clock that only work moves; half of the time the processor is busy with it."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.calls = 0

    def perf_counter_ns(self) -> int:
        return self.now_ns

    def perf_counter(self) -> float:
        return self.now_ns / 1e9

    def process_time_ns(self) -> int:
        return self.now_ns // 2

    def works(self, *takes_ms: float) -> Iterator[Callable[[], None]]:
        """Calls that take so long, over and over."""

        def work(ms: float) -> None:
            self.calls += 1
            self.now_ns += round(ms * 1e6)

        for ms in itertools.cycle(takes_ms):
            yield lambda ms=ms: work(ms)  # type: ignore[misc]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(timing, "time", machine)
    return machine


def test_a_cost_is_median_p95_and_mean_of_the_processor(machine: Machine) -> None:
    takes_ms = [float(ms) for ms in range(1, 21)]
    warm = itertools.islice(machine.works(999.0), WARM)
    cost = timed(Job("encode", itertools.chain(warm, machine.works(*takes_ms)), most=20), PLENTY)
    assert (cost.n, cost.median_us, cost.p95_us, cost.cpu_us) == (20, 10_500.0, 19_000.0, 5_250.0)


def test_a_call_that_does_several_is_shared_among_them(machine: Machine) -> None:
    assert timed(Job("gaze", machine.works(2.0), units=4), PLENTY).median_us == 500.0


def test_no_more_calls_than_most(machine: Machine) -> None:
    assert timed(Job("name", machine.works(1.0)), PLENTY).n == PLENTY.most
    assert machine.calls == WARM + PLENTY.most
    assert timed(Job("name", machine.works(1.0), most=7), PLENTY).n == 7


def test_slow_work_ends_with_the_time_but_not_before_the_least(machine: Machine) -> None:
    assert timed(Job("read", machine.works(400.0)), Effort(least=5, most=50, seconds=4.0)).n == 11
    assert timed(Job("read", machine.works(9000.0)), Effort(least=5, most=50, seconds=4.0)).n == 5


def test_a_job_without_calls_is_a_mistake_and_no_cost(machine: Machine) -> None:
    with pytest.raises(ValueError, match="no call to time"):
        timed(Job("read", itertools.islice(machine.works(1.0), WARM)), PLENTY)
