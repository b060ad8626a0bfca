"""A language model without weights: what it goes on with is given beforehand, so that what uses one can be tested without llama.cpp.

It keeps the same account of its sequences as the real one, and refuses what its capabilities say that it cannot do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from edge_runtime.errors import BundleError, ModelError
from edge_runtime.models.hub import write_atomic
from edge_runtime.models.language import ContextFull, LanguageCapabilities, Refused, Sampling
from edge_runtime.models.language_held import Held
from edge_runtime.models.language_picture import Picture
from edge_runtime.models.language_stream import TextStream

CAPABILITIES = LanguageCapabilities(
    architecture="scripted",
    positions="line",
    block_attention=True,
    context_rows=1024,
    block_rows=256,
    sequences=4,
    vocabulary=256,
    embedding_width=4,
)
"""A model of 256 tokens, one for each byte, that can do everything."""
_SURE = 0.9
Script = Callable[[str], str]
"""What comes after a text; pictures in it are U+FFFC each."""


class ScriptedModel:
    """Goes on with texts by a script. Keeps :class:`~edge_runtime.models.language.LanguageModel`.

    The first byte of what the script says has a chance of 0.9, all others share the rest.

    Args:
        script: What comes after a text.
        capabilities: What it claims to be able to do, with 256 tokens.

    Attributes:
        rows_read: Tokens and rows of pictures read so far.
    """

    def __init__(self, script: Script, capabilities: LanguageCapabilities = CAPABILITIES) -> None:
        self._script = script
        self._capabilities = capabilities
        self._held = [Held() for _ in range(capabilities.sequences)]
        self.rows_read = 0

    @property
    def capabilities(self) -> LanguageCapabilities:
        """What it claims to be able to do."""
        return self._capabilities

    def tokenize(self, text: str, *, special: bool = False) -> tuple[int, ...]:
        """The bytes of the text; there are no special tokens."""
        return tuple(text.encode())

    def special(self, text: str) -> int:
        """Refuse: there are none.

        Raises:
            BundleError: Always.
        """
        raise BundleError(f"the model has no token {text!r}", hint="a scripted model has bytes for tokens")

    def end(self, sequence: int) -> int:
        """The position that comes next; 0 in an empty sequence."""
        return self._of(sequence).end

    def common(self, sequence: int, tokens: Sequence[int]) -> int:
        """How many of these tokens the sequence begins with."""
        return self._of(sequence).common(tokens)

    def extend(self, sequence: int, *what: Sequence[int] | Picture) -> None:
        """Take tokens and pictures at the end of a sequence."""
        before, rows_read = self._of(sequence).copy(), self.rows_read
        try:
            for part in what:
                self._take(self._of(sequence), part)
        except ModelError:
            self._held[sequence], self.rows_read = before, rows_read
            raise

    def _take(self, held: Held, what: Sequence[int] | Picture) -> None:
        can = self._capabilities
        rows = what.rows.shape[0] if isinstance(what, Picture) else len(what)
        if sum(other.end for other in self._held) + rows > can.context_rows:
            raise ContextFull(f"there is no room for {rows} more rows among {can.context_rows}", hint="clear a sequence")
        if not isinstance(what, Picture):
            self._check_tokens(what)
            held.add_tokens(what)
        elif what.rows.shape[1] != can.embedding_width or rows > can.block_rows:
            raise ModelError(f"a picture of {list(what.rows.shape)} does not fit", hint="use the projector made for this model")
        elif can.positions == "plane" and what.grid is None:
            raise ModelError("this model wants to know where in the plane a picture's rows lie", hint="give the picture its grid")
        else:
            on_a_line = can.positions == "line"
            held.add_picture(rows if on_a_line else what.plane_length, loose=on_a_line and what.causal)
        self.rows_read += rows

    def fork(self, source: int, target: int) -> None:
        """Let ``target`` hold what ``source`` holds."""
        if not self._capabilities.can_fork:
            raise Refused("this model cannot be forked", hint="read the text again")
        copied = self._of(source).copy()
        self._of(target)
        self._held[target] = copied

    def rollback(self, sequence: int, position: int) -> None:
        """Take off the end of a sequence, from a position on."""
        held, can = self._of(sequence).copy(), self._capabilities
        first_kept = max(0, held.end - can.window_rows) if can.keeps_window else 0
        missing = first_kept > max(0, position - can.window_rows + 1)
        if not can.can_roll_back or (0 < position < held.end and missing):
            raise Refused(f"this model cannot go back to position {position}", hint="read the text again")
        held.cut(position)
        self._held[sequence] = held

    def evict(self, sequence: int, start: int, stop: int) -> None:
        """Take a stretch out of a sequence."""
        if not self._capabilities.can_evict:
            raise Refused("this model cannot move what it holds to other positions", hint="read what is to be kept again")
        held = self._of(sequence).copy()
        held.take_out(start, stop)
        self._held[sequence] = held

    def clear(self, sequence: int) -> None:
        """Empty a sequence."""
        self._of(sequence)
        self._held[sequence] = Held()

    def save(self, sequence: int, path: Path) -> None:
        """Write what a sequence holds to a file."""
        write_atomic(path, [msgspec.msgpack.encode(self._of(sequence))])

    def load(self, sequence: int, path: Path) -> None:
        """Let a sequence hold what was saved."""
        self._of(sequence)
        try:
            self._held[sequence] = msgspec.msgpack.decode(path.read_bytes(), type=Held)
        except (OSError, msgspec.DecodeError) as error:
            raise BundleError(f"{path.name} is no saved sequence: {error}", hint="save it anew") from error

    def probs(self, sequence: int, tokens: Sequence[int]) -> npt.NDArray[np.float64]:
        """The chance of each of these tokens to be next: float64 [n]."""
        self._check_tokens(tokens)
        return self._chances(self._text(sequence))[list(tokens)]

    def nll(self, sequence: int, tokens: Sequence[int]) -> npt.NDArray[np.float64]:
        """How unlikely these tokens would be as what comes next: float64 [n]."""
        self._check_tokens(tokens)
        text = self._text(sequence)
        return np.array([-np.log(self._chances(text + bytes(tokens[:k]))[token]) for k, token in enumerate(tokens)])

    def generate(self, sequence: int, sampling: Sampling) -> Iterator[str]:
        """Go on with a text by the script, a byte at a time."""
        if sampling.grammar:
            raise Refused("a script keeps to no grammar", hint="use a real model")
        stream = TextStream(sampling.stop)
        answer = _after(self._script, self._text(sequence))[: sampling.max_tokens]
        for written, byte in enumerate(answer):
            if written:
                self.extend(sequence, answer[written - 1 : written])
            if piece := stream.feed(bytes([byte])):
                yield piece
            if stream.ended:
                break
        if rest := stream.finish():
            yield rest

    def interrupt(self) -> None:
        """Do nothing: reading takes no time."""

    def __enter__(self) -> ScriptedModel:
        """Return the model itself."""
        return self

    def __exit__(self, *_: Any) -> None:
        """Nothing to let go of."""

    def _of(self, sequence: int) -> Held:
        if not 0 <= sequence < self._capabilities.sequences:
            raise ModelError(f"there is no sequence {sequence}", hint=f"there are {self._capabilities.sequences}")
        return self._held[sequence]

    def _check_tokens(self, tokens: Sequence[int]) -> None:
        for token in tokens:
            if not 0 <= token < self._capabilities.vocabulary:
                raise ModelError(f"the model has no token {token}", hint="tokens are bytes")

    def _text(self, sequence: int) -> bytes:
        held = self._of(sequence)
        if not held.spans:
            raise Refused(f"what comes next in sequence {sequence} is not known", hint="let it read a token first")
        return b"".join("\N{OBJECT REPLACEMENT CHARACTER}".encode() if span.tokens is None else bytes(span.tokens) for span in held.spans)

    def _chances(self, text: bytes) -> npt.NDArray[np.float64]:
        size, after = self._capabilities.vocabulary, _after(self._script, text)
        if not after:
            return np.full(size, 1.0 / size)
        chances = np.full(size, (1.0 - _SURE) / (size - 1))
        chances[after[0]] = _SURE
        return chances


def _after(script: Script, text: bytes) -> bytes:
    return script(text.decode("utf-8", "replace")).encode()
