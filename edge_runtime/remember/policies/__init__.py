"""Token memories: what a vision-language model looks back on. A policy is one class behind this interface.

Product policies lie beside this file, each published system as one short file under ``published/``. All are built from the plain
functions of ``signals``, ``matching``, ``reduce``, ``salience`` and ``select``, on tokens as ``frames`` and ``slabs`` hold them, and all
pass one conformance suite.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from edge_runtime.protocol import Looked
from edge_runtime.records import Dropped, RetrievalCue, Slab
from edge_runtime.types import Box


class MemoryPolicy(Protocol):
    """Keeps tokens inside a fixed number of bytes, after every insert.

    Every token offered is accounted for: it is kept, stands in the ``weight`` of one that is kept, or is in a ``Dropped``, whose count
    is in tokens as offered. Only what has been offered is used, in order of time; the same looks and seed give the same bits.
    """

    def insert(self, look: Looked, protect: Sequence[Box]) -> tuple[Dropped, ...]:
        """Take in the tokens of a look; ``protect`` is where the gaze rests. Returns what had to go."""
        ...

    def view(self, max_tokens: int, cue: RetrievalCue | None = None) -> Slab:
        """What a model is shown: at most so many tokens; with a cue, those that fit it before others. Changes nothing.

        In order of time: those that stand whatever is asked, and behind them all others.
        """
        ...

    def nbytes(self) -> int:
        """Bytes kept."""
        ...

    def forget(self, spans: Sequence[tuple[int, int]]) -> tuple[Dropped, ...]:
        """Forget every token that stands for anything captured within one of these spans, both ends included, nanoseconds.

        What was derived from it goes too: references, running means, notes.
        """
        ...

    def state(self) -> bytes:
        """All that is kept, numbers included: a policy that loads it goes on as this one would."""
        ...

    def load(self, data: bytes) -> None:
        """Take up a state of a policy made alike.

        Raises:
            msgspec.DecodeError: The bytes are no such state.
        """
        ...
