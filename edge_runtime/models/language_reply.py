"""Replies: a language model without eyes as the lane of a live run wants it, with prompts that are read only as far as they are new."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from edge_runtime.errors import ModelError
from edge_runtime.models.generation import Generation
from edge_runtime.models.language import LanguageModel, Refused, Sampling
from edge_runtime.protocol import Generate


class Replies:
    """Answers :class:`Generate` commands in one sequence; what a prompt has in common with the last one is not read again.

    Nothing is shown beside the words. Keeps :class:`~edge_runtime.models.generation.Language`.

    Args:
        model: The language model.
        before: What stands before every prompt, such as the beginning of a turn; special tokens by their names.
        after: What stands behind it.
        stop: An answer ends before the first of these.
        sequence: The sequence that is used.

    Attributes:
        tokens_read: Tokens of prompts that were read.
        tokens_kept: Tokens of prompts that did not have to be.
    """

    def __init__(self, model: LanguageModel, *, before: str = "", after: str = "", stop: tuple[str, ...] = (), sequence: int = 0) -> None:
        self._model = model
        self._before, self._after, self._stop = before, after, stop
        self._sequence = sequence
        self.tokens_read = 0
        self.tokens_kept = 0

    def generate(self, command: Generate) -> Generation:
        """Begin an answer; the prompt is read when its first piece is taken.

        The pieces raise :class:`~edge_runtime.errors.ModelError` where the model refuses, and
        :class:`~edge_runtime.models.language.ContextFull` where the prompt is too long.
        """
        return Generation(self._pieces(command))

    def interrupt(self) -> None:
        """Give up reading that is under way, from any thread."""
        self._model.interrupt()

    def forget(self) -> None:
        """Let go of the last prompt and its answer."""
        self._model.clear(self._sequence)

    def _pieces(self, command: Generate) -> Generator[str, None, None]:
        before, after = (self._model.tokenize(part, special=True) for part in (self._before, self._after))
        tokens = (*before, *self._model.tokenize(command.prompt), *after)
        kept = reread(self._model, self._sequence, tokens)
        self.tokens_kept += kept
        self.tokens_read += len(tokens) - kept
        yield from self._model.generate(self._sequence, Sampling(max_tokens=command.max_tokens, stop=self._stop))


def reread(model: LanguageModel, sequence: int, tokens: Sequence[int]) -> int:
    """Let a sequence hold exactly these tokens, and read only those that differ from what it held.

    The last token is always read, because the chances of what follows are known only then.

    Returns:
        How many tokens did not have to be read.

    Raises:
        ContextFull: There is no room.
        ModelError: There are no tokens, or one is unknown.
    """
    if not tokens:
        raise ModelError("an empty prompt has no continuation", hint="give at least one token")
    kept = min(model.common(sequence, tokens), len(tokens) - 1)
    if kept < model.end(sequence):
        try:
            model.rollback(sequence, kept)
        except Refused:
            model.clear(sequence)
            kept = 0
    model.extend(sequence, tokens[kept:])
    return kept
