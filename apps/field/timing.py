"""How long a call takes: the clock and the processor, of many calls after a few that warm up."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Generator, Iterator
from typing import NamedTuple, TypeAlias

from apps.field.report import Cost
from apps.report.charts import quantile

WARM = 3


class Job(NamedTuple):
    """Something to be timed.

    Attributes:
        name: A key of :data:`apps.field.report.WORDS`.
        calls: The calls, one after another; what happens between two is not timed.
        units: How many of what is counted one call does.
        most: Calls at most, where that is not the same as for all.
    """

    name: str
    calls: Iterator[Callable[[], object]]
    units: int = 1
    most: int | None = None


Jobs: TypeAlias = Generator[Job, None, None]
"""Jobs that share what they need: it is open from the first on, until the generator ends or is closed."""


class Effort(NamedTuple):
    """How often each thing is timed.

    Attributes:
        least: Calls, however long they take.
        most: Calls.
        seconds: After so long no further call is begun.
    """

    least: int
    most: int
    seconds: float


THOROUGH = Effort(least=20, most=300, seconds=2.5)
QUICK = Effort(least=10, most=60, seconds=0.7)


def timed(job: Job, effort: Effort) -> Cost:
    """Time a job.

    Raises:
        ValueError: It has no call beyond the warm-up.
    """
    for call in itertools.islice(job.calls, WARM):
        call()
    most = effort.most if job.most is None else job.most
    until_s = time.perf_counter() + effort.seconds
    walls_us: list[float] = []
    cpu_us = 0.0
    for call in itertools.islice(job.calls, most):
        begun_cpu_ns, begun_ns = time.process_time_ns(), time.perf_counter_ns()
        call()
        ended_ns, ended_cpu_ns = time.perf_counter_ns(), time.process_time_ns()
        walls_us.append((ended_ns - begun_ns) / 1000 / job.units)
        cpu_us += (ended_cpu_ns - begun_cpu_ns) / 1000 / job.units
        if len(walls_us) >= effort.least and time.perf_counter() > until_s:
            break
    if not walls_us:
        raise ValueError(f"{job.name} has no call to time")
    # The nearest rank of a small sample may lie just below its median, which is a mean of two.
    median_us = statistics.median(walls_us)
    p95_us = max(median_us, quantile(walls_us, 0.95))
    return Cost(len(walls_us), round(median_us, 3), round(p95_us, 3), round(cpu_us / len(walls_us), 3))
