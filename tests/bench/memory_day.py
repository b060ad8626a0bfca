"""Token policies through one day side by side: what each costs, what it drops, which needles it finds, and when."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np

from edge_runtime.config import S
from edge_runtime.protocol import Looked
from edge_runtime.records import Dropped, RetrievalCue, Slab
from edge_runtime.remember.policies.frames import unit_rows
from edge_runtime.types import Box
from tests.bench.memory_stream import Day, Needle

AGES = {"now": 0, "10 min": 600 * S, "10 h": 36_000 * S}
"""How long after the last look at it a needle is asked for."""
ANSWER_NS = 600 * S
"""A token that stands for a longer time does not say when."""
EVERYTHING = 2**31


class Remembers(Protocol):
    """As much of a policy as the bench needs."""

    def insert(self, look: Looked, protect: tuple[Box, ...]) -> tuple[Dropped, ...]:
        """Take in a look."""
        ...

    def view(self, max_tokens: int, cue: RetrievalCue | None = None) -> Slab:
        """What is kept."""
        ...

    def nbytes(self) -> int:
        """Bytes kept."""
        ...


class DayFigures(NamedTuple):
    """How a policy came through the day.

    Attributes:
        most_bytes: Held at any time.
        dropped: Share of the tokens offered.
        insert_ms: Processor time of an insert, median.
        recall: Share of needles found, by age.
    """

    most_bytes: int
    dropped: float
    insert_ms: float
    recall: dict[str, float]

    @property
    def older(self) -> float:
        """Share found of the needles asked for ten minutes and more after they were looked at."""
        return float(np.mean([share for age, share in self.recall.items() if AGES[age]]))


class Watched:
    """A policy through the day."""

    def __init__(self, policy: Remembers) -> None:
        self._policy = policy
        self._cpu_ns: list[int] = []
        self._most_bytes = self._dropped = 0
        self._found: dict[str, list[bool]] = {age: [] for age in AGES}

    def insert(self, look: Looked, protect: tuple[Box, ...]) -> None:
        """Take in a look."""
        begun_ns = time.process_time_ns()
        gone = self._policy.insert(look, protect)
        self._cpu_ns.append(time.process_time_ns() - begun_ns)
        self._dropped += sum(drop.count for drop in gone if drop.what == "token")
        self._most_bytes = max(self._most_bytes, self._policy.nbytes())

    def ask(self, age: str, needle: Needle, now_ns: int) -> None:
        """Look for a needle among the tokens held: is the one most like the question of the needle's time?"""
        query = needle.query.astype(np.float16)[None]
        held = self._policy.view(EVERYTHING, RetrievalCue(tokens=query, t_now_ns=now_ns))
        found = False
        if len(held.t_ns):
            best = int((unit_rows(held.emb) @ unit_rows(query)[0]).argmax())
            start_ns, end_ns = int(held.t_ns[best]), int(held.t_end_ns[best])
            found = start_ns <= needle.end_ns and end_ns >= needle.start_ns and end_ns - start_ns <= ANSWER_NS
        self._found[age].append(found)

    def figures(self, offered_tokens: int) -> DayFigures:
        """What came out."""
        recall = {age: float(np.mean(answers)) for age, answers in self._found.items()}
        return DayFigures(self._most_bytes, self._dropped / offered_tokens, float(np.median(self._cpu_ns)) / 1e6, recall)


def live(day: Day, policies: Mapping[str, Remembers], *, ask_every: int = 1) -> dict[str, DayFigures]:
    """Live through the day with every policy, and ask for each needle, or every so manieth, when it is due."""
    watched = {name: Watched(policy) for name, policy in policies.items()}
    asked = list(enumerate(day.needles))[::ask_every]
    due = sorted((needle.end_ns + wait_ns, age, number) for age, wait_ns in AGES.items() for number, needle in asked)
    for look, protect in day.looks():
        while due and due[0][0] < look.t_ns:
            now_ns, age, number = due.pop(0)
            for one in watched.values():
                one.ask(age, day.needles[number], now_ns)
        for one in watched.values():
            one.insert(look, protect)
    return {name: one.figures(day.offered_tokens) for name, one in watched.items()}
