"""A language model on a virtual clock: an answer is written at once, and its pieces come when they would have come.

As in a live run one answer is written at a time. On a board (``--as``) reading and writing take what its profile says; a look that is
done in between does not make them longer here.
"""

from __future__ import annotations

import contextlib
from typing import NamedTuple

from edge_runtime.errors import EdgeError
from edge_runtime.hosts.pace import Pace
from edge_runtime.hosts.prompted import prompted
from edge_runtime.hosts.workers import failed
from edge_runtime.models.generation import Language
from edge_runtime.protocol import Done, Failed, Generate, Prompted, Token
from edge_runtime.records import Dropped

Word = Prompted | Token | Done | Failed


class Said(NamedTuple):
    """What came of a command: events, each at its time, and what the model was offered and not shown."""

    events: tuple[Word, ...]
    dropped: tuple[Dropped, ...] = ()


class InlineWords:
    """Generates, one answer after another.

    Args:
        language: Generates text; ``None`` where no language model is loaded.
        pace: How long a token takes to be read and to be written; ``None`` for no time.
    """

    def __init__(self, language: Language | None, pace: Pace | None) -> None:
        self._language = language
        self._pace = pace
        self._free_ns = 0
        self._under_way = -1

    def generate(self, command: Generate, t_ns: int) -> Said:
        """Carry out a command that comes at a time."""
        if self._language is None:
            return Said((Failed(t_ns=t_ns, answers=command.id, reason="unsupported", detail="no language model is loaded"),))
        at_ns = max(t_ns, self._free_ns)
        self._under_way = command.id
        events: list[Word] = []
        dropped: tuple[Dropped, ...] = ()
        try:
            with contextlib.closing(self._language.generate(command)) as generation:
                dropped = generation.dropped
                events.append(prompted(command, at_ns, generation))
                at_ns += self._pace.prompt_ns(command, generation.shown) if self._pace is not None else 0
                for piece in filter(None, generation):
                    at_ns += self._pace.token_ns() if self._pace is not None else 0
                    events.append(Token(t_ns=at_ns, answers=command.id, text=piece))
            events.append(Done(t_ns=at_ns, answers=command.id, pieces=len(events) - 1))
        except EdgeError as error:
            events.append(failed(command.id, at_ns, error))
        self._free_ns = at_ns
        return Said(tuple(events), dropped)

    def cancel(self, command: int) -> None:
        """Note that an answer is no longer wanted: whatever comes next need not wait for it."""
        if command == self._under_way:
            self._free_ns = 0

    def forget(self) -> None:
        """Let go of what prompts have left in the model."""
        if self._language is not None:
            self._language.forget()
