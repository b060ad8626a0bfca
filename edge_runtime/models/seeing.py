"""A language model that answers by what was seen: plans the prompt, reads only what is new of it, and writes the answer."""

from __future__ import annotations

import threading
from collections.abc import Generator

from edge_runtime.models import bundle
from edge_runtime.models.generation import Generation
from edge_runtime.models.language import Interrupted, LanguageModel, Sampling
from edge_runtime.models.planner import Plan, Room, plan
from edge_runtime.models.prefix import Prefix
from edge_runtime.protocol import Generate


class SeeingModel:
    """Answers questions by tokens of what was seen. Keeps :class:`~edge_runtime.models.generation.Language`.

    The model it was given is closed by whoever opened it.

    Args:
        model: The language model.
        language: How the bundle describes it.
        tower: What made the tokens.
        shown_rows: Rows of pictures that one answer is given by, at most.
        sequence: The sequence that holds the prompt.

    Attributes:
        prefix: What the sequence holds, with counts of rows read and kept.
    """

    def __init__(self, model: LanguageModel, language: bundle.Language, tower: bundle.Tower, *, shown_rows: int, sequence: int = 0) -> None:
        self._model, self._language, self._tower = model, language, tower
        self._shown_rows = shown_rows
        self._sequence = sequence
        self._stop = threading.Event()
        self.prefix = Prefix(model, sequence, causal=language.causal)

    def generate(self, command: Generate) -> Generation:
        """Plan an answer; it is read and written as the pieces are taken.

        An empty piece comes after each picture, and each run of words, that was read. Only one generation may be under way.

        Raises:
            NothingSeen: There is nothing to answer by.
            ContextFull: The question alone has no room.
        """
        self._stop.clear()
        room = Room(self._shown_rows, max(0, self._model.capabilities.context_rows - command.max_tokens))
        planned = plan(command, self._language.prompt, self._tower, room, self.prefix.count)
        return Generation(self._pieces(planned, command.max_tokens), shown=planned.shown, dropped=planned.dropped)

    def interrupt(self) -> None:
        """Give up what is under way, from any thread: reading within one segment, writing within one token."""
        self._stop.set()
        self._model.interrupt()

    def forget(self) -> None:
        """Let go of all that the sequence holds: what is forgotten must not live on in a prefix."""
        self.prefix.clear()

    def _pieces(self, planned: Plan, max_tokens: int) -> Generator[str, None, None]:
        for _ in self.prefix.read(planned.segments):
            self._check()
            yield ""
        self._check()
        for piece in self._model.generate(self._sequence, Sampling(max_tokens, stop=self._language.prompt.stop)):
            yield piece
            self._check()

    def _check(self) -> None:
        if self._stop.is_set():
            raise Interrupted("the answer was given up", hint="ask again")
