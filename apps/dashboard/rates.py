"""How fast things happen, and how old they are, in the last seconds: differences of two words of the same start of a process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from apps.daemon.heard import SILENT_NS, Heard
from edge_runtime.config import S
from edge_runtime.transport.statuses import AGE_BOUNDS_NS, Ages, Role, Status


@dataclass(frozen=True)
class Rate:
    """How often something happened.

    Attributes:
        process: Where.
        name: What.
        total: Since the process started.
        per_s: In the last seconds; ``None``: the process has been heard only once, or is silent.
    """

    process: Role
    name: str
    total: int
    per_s: float | None


@dataclass(frozen=True)
class Span:
    """How old something was in the last seconds, as far as it was counted.

    Attributes:
        process: Where.
        stage: What.
        count: How many in the last seconds; ``None``: the process has been heard only once, or is silent.
        p50_ns: Half of these were at most so old; ``None``: there were none, or it is more than is counted up to.
        p95_ns: The same of 95 in 100.
        newest_ns: The last age, which may be older than the last seconds.
    """

    process: Role
    stage: str
    count: int | None
    p50_ns: int | None
    p95_ns: int | None
    newest_ns: int


def window_ns(heard: Heard) -> int:
    """The longest time between two words that are compared; 0: there are no two."""
    return max((heard.newest[role].t_ns - earlier.t_ns for role, earlier in heard.earlier.items()), default=0)


def tallies(heard: Heard) -> list[Rate]:
    """What the processes have done."""
    return list(_rates(heard, lambda status: {tally.name: tally.count for tally in status.tallies}))


def drops(heard: Heard) -> list[Rate]:
    """What the processes have let go, by ``what:reason``, most first."""
    rates = _rates(heard, lambda status: {f"{drop.what}:{drop.reason}": drop.count for drop in status.dropped if drop.count})
    return sorted(rates, key=lambda rate: -rate.total)


def spans(heard: Heard) -> list[Span]:
    """How old things were."""
    return [_span(role, ages, _earlier(heard, role)) for role in _known(heard) for ages in heard.newest[role].ages]


def quantile_ns(counts: Sequence[int], share: float) -> int | None:
    """The least bound that this share of the counted was at most as old as; ``None`` where none is, or nothing was counted.

    Args:
        counts: By :data:`AGE_BOUNDS_NS`, and how many were older.
        share: 0..1.
    """
    wanted, reached = share * sum(counts), 0
    for bound_ns, count in zip((*AGE_BOUNDS_NS, None), counts, strict=True):
        reached += count
        if count and reached >= wanted:
            return bound_ns
    return None


def _known(heard: Heard) -> list[Role]:
    return [role for role in heard.roles if role in heard.newest]


def _span(role: Role, ages: Ages, before: Status | None) -> Span:
    if before is None:
        return Span(role, ages.stage, None, None, None, ages.newest_ns)
    earlier = next((early.counts for early in before.ages if early.stage == ages.stage), (0,) * len(ages.counts))
    counts = [late - early for late, early in zip(ages.counts, earlier, strict=True)]
    return Span(role, ages.stage, sum(counts), quantile_ns(counts, 0.5), quantile_ns(counts, 0.95), ages.newest_ns)


def _earlier(heard: Heard, role: Role) -> Status | None:
    """The word to compare the last with. None for a process that is silent: what it does now nobody knows."""
    age_ns = heard.age_ns(role)
    return heard.earlier.get(role) if age_ns is not None and age_ns <= SILENT_NS else None


def _rates(heard: Heard, totals: Callable[[Status], Mapping[str, int]]) -> Iterator[Rate]:
    for role in _known(heard):
        now, before = heard.newest[role], _earlier(heard, role)
        earlier = totals(before) if before else {}
        for name, total in totals(now).items():
            passed_s = (now.t_ns - before.t_ns) / S if before else 0.0
            yield Rate(role, name, total, (total - earlier.get(name, 0)) / passed_s if passed_s > 0 else None)
