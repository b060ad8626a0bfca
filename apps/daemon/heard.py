"""What was heard of the processes of a running daemon: their last words, how old these are, and what ails.

A client is not told where stream time begins. It learns it from what it hears: stream time is the monotonic clock of the machine less a
constant, and the word that took least time to arrive tells this constant best. So an age is too small by that little time, and no more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from edge_runtime.config import S
from edge_runtime.speak.phrasing import duration
from edge_runtime.transport.statuses import Child, Reported, Role, Status

PROCESSES: tuple[Role, ...] = ("supervisor", "capture", "core", "model")
SILENT_NS = 3 * S
"""A process speaks once a second; one that has not for so long is called silent."""
_MOST_WORDS = 11


@dataclass(frozen=True)
class Heard:
    """What is known at one moment.

    Attributes:
        now_ns: That moment, stream time; 0 while nothing has been heard.
        newest: The last word of each process that was heard of.
        earlier: An earlier word of the same start of it, at most ten back; only where there is one.
    """

    now_ns: int = 0
    newest: Mapping[Role, Status] = field(default_factory=dict)
    earlier: Mapping[Role, Status] = field(default_factory=dict)

    @property
    def roles(self) -> tuple[Role, ...]:
        """The processes there should be: the supervisor and those it names, or all, where it has not been heard."""
        supervisor = self.newest.get("supervisor")
        if supervisor is None or not supervisor.children:
            return PROCESSES
        named = {child.role for child in supervisor.children}
        return tuple(role for role in PROCESSES if role == "supervisor" or role in named)

    def age_ns(self, role: Role) -> int | None:
        """How old the last word of a process is; ``None``: there is none."""
        status = self.newest.get(role)
        return None if status is None else max(0, self.now_ns - status.t_ns)

    def newest_frame_age_ns(self, role: Role) -> int | None:
        """How old the newest frame is that a process says it has dealt with; ``None``: it names none."""
        status = self.newest.get(role)
        return None if status is None or status.t_newest_ns is None else max(0, self.now_ns - status.t_newest_ns)

    @property
    def speakers(self) -> frozenset[Role]:
        """The processes that can be expected to speak: not those that their supervisor says have ended."""
        return frozenset(role for role in self.roles if self.condition(role) not in ("failing", "ended"))

    def child(self, role: Role) -> Child | None:
        """A process as its supervisor sees it."""
        supervisor = self.newest.get("supervisor")
        return next((child for child in supervisor.children if child.role == role), None) if supervisor else None

    def pid(self, role: Role) -> int | None:
        """The number of a process; ``None``: it has none now, or it is not known."""
        status, child = self.newest.get(role), self.child(role)
        return (child.pid if child else status.pid if status else 0) or None

    def up_ns(self, role: Role) -> int | None:
        """How long ago a process was started, as its supervisor says; ``None``: it does not run now, or it is not known."""
        child = self.child(role)
        return max(0, self.now_ns - child.since_ns) if child is not None and child.pid else None

    def condition(self, role: Role) -> str:
        """How a process is, in a word: its phase, or ``failing``, ``ended``, ``silent``, ``not known``."""
        child, age_ns = self.child(role), self.age_ns(role)
        if child is not None and child.state in ("failing", "ended"):
            return child.state
        if age_ns is None:
            return "not known" if child is None else "starting" if child.state == "starting" else "silent"
        return "silent" if age_ns > SILENT_NS else self.newest[role].phase

    @property
    def ailments(self) -> tuple[str, ...]:
        """A sentence for each process that is not ready, or has trouble; none where all is well."""
        return tuple(words for words in map(self._ailment, self.roles) if words)

    def _ailment(self, role: Role) -> str:
        condition, child, age_ns = self.condition(role), self.child(role), self.age_ns(role)
        trouble = self.newest[role].trouble if role in self.newest else ""
        if condition in ("failing", "ended"):
            times = f", started again {_times(child.restarts)}" if child and child.restarts else ""
            return f"{role}: {condition}{times}" + (f"; {child.ended}" if child and child.ended else "")
        if condition == "silent":
            return f"{role}: has said nothing {'yet' if age_ns is None else f'for {duration(age_ns)}'}"
        if condition == "not known":
            return f"{role}: has not been heard"
        if condition == "ready":
            return f"{role}: {trouble}" if trouble else ""
        return f"{role}: {condition}" + (f": {trouble}" if trouble else "")


class LastWords:
    """Takes in what the processes say, and keeps the last words of each: eleven at most, of its newest start."""

    def __init__(self) -> None:
        self._words: dict[Role, deque[Status]] = {}
        self._starts: dict[Role, int | None] = {}
        self._origin_ns: int | None = None

    def take(self, status: Status, start_id: int | None, t_heard_ns: int) -> None:
        """Take in a word.

        Args:
            status: The word.
            start_id: Of the start of its sender.
            t_heard_ns: When it was taken, on the monotonic clock.
        """
        if self._starts.get(status.role) != start_id:
            self._words.pop(status.role, None)  # of an earlier start, or what the core had heard
        self._starts[status.role] = start_id
        self._words.setdefault(status.role, deque(maxlen=_MOST_WORDS)).append(status)
        self._learn(status.t_ns, t_heard_ns)

    def take_report(self, report: Reported, t_heard_ns: int) -> None:
        """Take in what the core has heard: it stands for processes that have not been heard here."""
        self._learn(report.t_ns, t_heard_ns)
        for status in report.processes:
            if status.role not in self._words:
                self._words[status.role] = deque([status], maxlen=_MOST_WORDS)

    def at(self, t_monotonic_ns: int) -> Heard:
        """What is known at a moment of the monotonic clock."""
        return Heard(
            now_ns=0 if self._origin_ns is None else t_monotonic_ns - self._origin_ns,
            newest={role: words[-1] for role, words in self._words.items()},
            earlier={role: words[0] for role, words in self._words.items() if len(words) > 1},
        )

    def _learn(self, t_ns: int, t_heard_ns: int) -> None:
        origin_ns = t_heard_ns - t_ns
        self._origin_ns = origin_ns if self._origin_ns is None else min(origin_ns, self._origin_ns)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
