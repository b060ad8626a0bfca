"""A board's pace on a virtual clock: how long its models and its log take, and what waits meanwhile.

The lanes are those of a live run (:mod:`edge_runtime.hosts.lanes`): looks are done one after another, only the newest few wait, and one
whose deadline passed while it waited is not begun. Only that time is stream time here, so a run is the same each time.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence

import msgspec

from edge_runtime.boards import Board, Stage
from edge_runtime.hosts.lanes import MOST_LOOKS
from edge_runtime.protocol import Append, Failed, Generate, Look, Looked, Search
from edge_runtime.records import ShownTokens
from edge_runtime.types import Capabilities, Want

_STAGE_OF: tuple[tuple[Stage, tuple[Want, ...], str], ...] = (
    ("encode", ("vector", "tokens"), "vector"),
    ("name", ("labels",), "labels"),
    ("read", ("text",), "text"),
    ("thumb", ("thumb",), ""),
)
"""What costs what: stage, the wishes it serves together, and the capability without which it is left out."""

_TOKEN_CHARS = 4


class Pace:
    """How long things take on a board.

    Args:
        board: Its profile.

    Attributes:
        board: The same.
        used: How often each of its figures has been used.
    """

    def __init__(self, board: Board) -> None:
        self.board = board
        self.used: Counter[Stage] = Counter()

    def look_ns(self, command: Look, can: Capabilities) -> int:
        """How long a look takes: everything wanted of every region, one after another."""
        return sum(
            self._take(stage)
            for region in command.regions
            for stage, wants, capability in _STAGE_OF
            if set(wants) & set(region.want) and (not capability or getattr(can, capability))
        )

    def log_ns(self, command: Append | Search) -> int:
        """How long the log takes."""
        return self._take("append", len(command.rows)) if isinstance(command, Append) else self._take("search")

    def prompt_ns(self, command: Generate, shown: Sequence[ShownTokens]) -> int:
        """How long a prompt takes to be read, all of it: what is shown, and its words at four characters a token."""
        return self._take("prefill", sum(tokens.count for tokens in shown) + -(-len(command.prompt) // _TOKEN_CHARS))

    def token_ns(self) -> int:
        """How long a piece of an answer takes to be written."""
        return self._take("generate")

    def _take(self, stage: Stage, times: int = 1) -> int:
        self.used[stage] += times
        return times * self.board.cost_ns(stage)


class PacedLooks:
    """The lane of the models, in stream time. Every method gives back the answers that follow, each at its time.

    Args:
        pace: How long a look takes.
        can: What the looker can do.
        look: Carries out a look, begun at a time.

    Attributes:
        under_way: Id of the look that is being done; it is done to its end, wanted or not.
    """

    def __init__(self, pace: Pace, can: Capabilities, look: Callable[[Look, int], Looked | Failed]) -> None:
        self._pace = pace
        self._can = can
        self._look = look
        self._waiting: deque[Look] = deque()
        self.under_way: int | None = None

    def ask(self, command: Look, t_ns: int) -> Iterator[Looked | Failed]:
        """Hand in a look; it pushes out the oldest that waits where too many do."""
        if len(self._waiting) >= MOST_LOOKS:
            yield Failed(t_ns=t_ns, answers=self._waiting.popleft().id, reason="superseded")
        self._waiting.append(command)
        yield from self._begin(t_ns)

    def answered(self, command: int, t_ns: int) -> Iterator[Looked | Failed]:
        """The answer to a command has been delivered; if that was the look under way, the next begins."""
        if command == self.under_way:
            self.under_way = None
            yield from self._begin(t_ns)

    def cancel(self, command: int) -> bool:
        """Give up a look that waits; returns whether it did."""
        waited = len(self._waiting)
        self._waiting = deque(look for look in self._waiting if look.id != command)
        return len(self._waiting) < waited

    def _begin(self, t_ns: int) -> Iterator[Looked | Failed]:
        while self.under_way is None and self._waiting:
            command = self._waiting.popleft()
            if t_ns > command.deadline_ns:
                yield Failed(t_ns=t_ns, answers=command.id, reason="deadline")
                continue
            answer = self._look(command, t_ns)
            if isinstance(answer, Looked):
                self.under_way = command.id
                answer = msgspec.structs.replace(answer, t_ns=t_ns + self._pace.look_ns(command, self._can))
            yield answer
