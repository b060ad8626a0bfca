"""Token memories: what a vision-language model looks back on. A policy is one class behind this interface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from edge_runtime.protocol import Looked
from edge_runtime.records import Dropped, Slab
from edge_runtime.types import Box


class MemoryPolicy(Protocol):
    """Keeps tokens inside a fixed number of bytes, after every insert."""

    def insert(self, look: Looked, protect: Sequence[Box]) -> tuple[Dropped, ...]:
        """Take in the tokens of a look; ``protect`` is where the gaze rests. Returns what had to go."""
        ...

    def view(self, max_tokens: int) -> Slab:
        """What a model is shown: at most so many tokens, in order of time."""
        ...

    def nbytes(self) -> int:
        """Bytes kept."""
        ...

    def forget(self, spans: Sequence[tuple[int, int]]) -> tuple[Dropped, ...]:
        """Forget every look captured within one of these spans, both ends included, nanoseconds."""
        ...

    def state(self) -> bytes:
        """What is kept, as bytes, without the numbers of the tokens."""
        ...

    def load(self, data: bytes) -> None:
        """Take up a state."""
        ...
