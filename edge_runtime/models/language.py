"""Language models: what each of them can be asked to do, and the values they take.

A model reads into *sequences*, numbered from 0: each holds what it has been given so far and gives the chances of what comes next. Places
in a sequence are *positions*, counted from 0. A token takes one. A picture takes one for each of its rows of numbers, or, in models with
positions in the plane (M-RoPE), as many as its longer side is long.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import ModelError
from edge_runtime.models.language_picture import Picture


class ContextFull(ModelError):
    """The model's memory has no room for what it is to read."""


class Refused(ModelError):
    """The model, or the way it was opened, cannot do this without silently answering from a wrong context."""


class Interrupted(ModelError):
    """Reading was stopped from another thread."""


@dataclass(frozen=True)
class LanguageCapabilities:
    """What a language model can do, as read from its file and from the engine.

    Attributes:
        architecture: Its family, as its file names it.
        positions: ``"line"`` (one number a row) or ``"plane"`` (M-RoPE: time, row, column and one spare).
        block_attention: Whether the rows of a picture may see one another whole (Gemma 3).
        context_rows: Rows that all sequences together may hold.
        block_rows: Rows that a picture may have.
        sequences: How many there are.
        vocabulary: Tokens that it knows.
        embedding_width: Numbers in one row of a picture.
        window_rows: Rows that some layers look back; 0 where all see everything.
        keeps_window: Whether rows that have left the window are dropped: less memory, and no way back beyond it.
        gpu_layers: How many of its layers run on a GPU; the first of them is the last of the model.
        can_evict: Whether a stretch can be taken out of the middle of a sequence.
        can_roll_back: Whether the end of a sequence can be taken off.
        can_fork: Whether a sequence can be copied.
        can_mix: Whether tokens and pictures that are given together are read in one call.
        chat_template: How its file says that it wants to be spoken to (Jinja); ``""`` if it does not.
    """

    architecture: str
    positions: Literal["line", "plane"]
    block_attention: bool
    context_rows: int
    block_rows: int
    sequences: int
    vocabulary: int
    embedding_width: int
    window_rows: int = 0
    keeps_window: bool = False
    gpu_layers: int = 0
    can_evict: bool = True
    can_roll_back: bool = True
    can_fork: bool = True
    can_mix: bool = False
    chat_template: str = ""


@dataclass(frozen=True)
class Sampling:
    """How a text is gone on with.

    Attributes:
        max_tokens: The most that are written.
        temperature: 0 takes the likeliest token every time.
        top_p: Only the likeliest tokens that together have this chance are drawn from.
        seed: Of the draw.
        stop: The text ends before the first of these.
        grammar: What may be written, in GBNF with the rule ``root``; ``""`` lets anything be written.

    Raises:
        ModelError: A number lies outside its range, or a stop is empty.
    """

    max_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    grammar: str = ""

    def __post_init__(self) -> None:
        if self.max_tokens < 0 or self.temperature < 0.0 or not 0.0 < self.top_p <= 1.0 or "" in self.stop:
            hint = "max_tokens and temperature from 0, top_p above 0 up to 1, no empty stop"
            raise ModelError(f"a text cannot be written by {self}", hint=hint)


class LanguageModel(Protocol):
    """A language model with several sequences. One thread uses it; only :meth:`interrupt` may be called from another."""

    @property
    def capabilities(self) -> LanguageCapabilities:
        """What it can do."""
        ...

    def tokenize(self, text: str, *, special: bool = False) -> tuple[int, ...]:
        """Take text apart into tokens, with nothing before or behind them.

        Args:
            text: The text.
            special: Whether names of special tokens in it become those tokens. Never for text that was heard or read: a sign could end
                the turn.
        """
        ...

    def special(self, text: str) -> int:
        """The token that stands for exactly this text.

        Raises:
            BundleError: There is none: a prompt with it would be read as plain letters.
        """
        ...

    def end(self, sequence: int) -> int:
        """The position that comes next; 0 in an empty sequence."""
        ...

    def common(self, sequence: int, tokens: Sequence[int]) -> int:
        """How many of these tokens the sequence begins with."""
        ...

    def extend(self, sequence: int, *what: Sequence[int] | Picture) -> None:
        """Read tokens and pictures, one after the other, at the end of a sequence.

        What is given together is read in as few calls of the engine as it allows.

        If that fails the sequence is as it was, or empty where its window has moved on meanwhile; :meth:`end` tells.

        Raises:
            ContextFull: There is no room.
            Interrupted: :meth:`interrupt` was called meanwhile.
            ModelError: A token is unknown, or the picture does not fit the model.
        """
        ...

    def fork(self, source: int, target: int) -> None:
        """Let ``target`` hold what ``source`` holds, instead of what it held. Costs nothing until they differ.

        Raises:
            Refused: The model cannot.
        """
        ...

    def rollback(self, sequence: int, position: int) -> None:
        """Take off the end of a sequence, from a position on.

        Raises:
            Refused: The position lies inside a picture, or a layer would miss rows that its window still covers.
        """
        ...

    def evict(self, sequence: int, start: int, stop: int) -> None:
        """Take ``start`` up to ``stop`` out of a sequence; what comes behind moves up.

        What is left has seen what was taken out, so this is an approximation, as in StreamingLLM (arXiv:2309.17453).

        Raises:
            Refused: The engine cannot move positions here, the rows are shared with a fork, or a picture would be cut whose rows have
                no position of their own (in the plane) or have seen one another (not causal).
        """
        ...

    def clear(self, sequence: int) -> None:
        """Empty a sequence."""
        ...

    def save(self, sequence: int, path: Path) -> None:
        """Write what a sequence holds to a file.

        Raises:
            DeviceError: It cannot be written.
        """
        ...

    def load(self, sequence: int, path: Path) -> None:
        """Let a sequence hold what was saved, in this process or another one.

        Raises:
            BundleError: The file is damaged, or of another model or version.
            ContextFull: There is no room.
        """
        ...

    def probs(self, sequence: int, tokens: Sequence[int]) -> npt.NDArray[np.float64]:
        """The chance of each of these tokens to be next: float64 [n].

        Raises:
            Refused: The sequence is empty, or was rolled back and has read nothing since.
        """
        ...

    def nll(self, sequence: int, tokens: Sequence[int]) -> npt.NDArray[np.float64]:
        """How unlikely these tokens would be as what comes next, each after those before it. The sequence does not change.

        Returns:
            float64 [n]: negative logarithms of the chances; the exponential of their mean is the perplexity.

        Raises:
            Refused: As :meth:`probs`.
            ContextFull: There is no room.
        """
        ...

    def generate(self, sequence: int, sampling: Sampling) -> Iterator[str]:
        """Go on with a text, piece by piece; closing the iterator ends it. The sequence then holds all that was written but the last token.

        Raises:
            Refused: As :meth:`probs`.
            ContextFull: There is no room for another token.
            ModelError: The grammar cannot be read, or allows nothing; or the model was closed in the middle.
        """
        ...

    def interrupt(self) -> None:
        """Stop reading that is under way, from any thread; where none is, nothing happens."""
        ...
