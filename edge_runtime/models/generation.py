"""One answer of a language model while it is being written, and whoever gives one."""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol

from edge_runtime.protocol import Generate
from edge_runtime.records import Dropped, ShownTokens


class Generation:
    """The pieces of an answer, in their order: an iterator of text.

    What the model is shown is settled before the first piece is asked for; it begins to read only then. An empty piece says nothing: it
    is a chance to do something else while a long prompt is read.

    Args:
        pieces: Writes the answer.
        shown: As :attr:`shown`.
        dropped: As :attr:`dropped`.

    Attributes:
        shown: What the model is shown beside the words, in order.
        dropped: What it was offered and is not shown, with the reasons.
    """

    def __init__(
        self, pieces: Generator[str, None, None], *, shown: tuple[ShownTokens, ...] = (), dropped: tuple[Dropped, ...] = ()
    ) -> None:
        self._pieces = pieces
        self.shown = shown
        self.dropped = dropped

    def __iter__(self) -> Generation:
        """Return itself."""
        return self

    def __next__(self) -> str:
        """Read or write on, and return the next piece; it may be empty.

        Raises:
            Interrupted: The model was interrupted.
            ModelError: It refuses, or was closed in the middle.
        """
        return next(self._pieces)

    def close(self) -> None:
        """End it here. Nothing happens where it has ended."""
        self._pieces.close()


class Language(Protocol):
    """Whoever puts into words, as a lane needs it. One thread uses it; only :meth:`interrupt` may be called from another."""

    def generate(self, command: Generate) -> Generation:
        """Begin an answer. What is shown is settled now; reading and writing happen as the pieces are taken, one answer at a time.

        Raises:
            ModelError: The command cannot be answered, such as :class:`~edge_runtime.models.planner.NothingSeen`.
        """
        ...

    def interrupt(self) -> None:
        """Give up what is under way, from any thread; where nothing is, nothing happens."""
        ...

    def forget(self) -> None:
        """Let go of what earlier prompts left in the model: what is forgotten must not live on there. Between two answers only."""
        ...
