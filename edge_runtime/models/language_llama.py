"""Language models in GGUF files, run by llama.cpp through its low-level interface.

That interface, and not the package's ``Llama`` class, because the runtime needs what only it offers: pictures as numbers, several
sequences, copies of them, and a way back. What it does in silence when asked for the impossible is refused here.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import ModelError
from edge_runtime.models.language import (
    ContextFull,
    Interrupted,
    LanguageCapabilities,
    Refused,
    Sampling,
)
from edge_runtime.models.language_held import Held
from edge_runtime.models.language_llama_batch import Batch, Part, runs
from edge_runtime.models.language_llama_embeddings import TokenRows
from edge_runtime.models.language_llama_library import Library
from edge_runtime.models.language_llama_sampler import Logits, Sampler
from edge_runtime.models.language_llama_saved import Origin, SavedSequence, read_saved, write_saved
from edge_runtime.models.language_llama_vocabulary import Vocabulary
from edge_runtime.models.language_picture import Picture, plane_positions
from edge_runtime.models.language_stream import TextStream

OUTPUTS = 32
"""Rows of one decode after which chances can be had. Every one costs a number for each token of the vocabulary."""
_FULL, _STOPPED = 1, 2


class LlamaModel:
    """A language model in llama.cpp; made by :func:`~edge_runtime.models.language_llama_open.open_llama`. Keeps :class:`LanguageModel`.

    Close it, or use it as a context manager, to let go of its memory.

    Args:
        library: llama.cpp.
        model: The model, a pointer of the library.
        context: Its context, with one sequence more than ``capabilities`` says, which is used for trying things out.
        capabilities: What it can do.
        origin: What its saved sequences are bound to.
        stopped: Two bytes that the context's abort callback looks at.
        token_rows: Looks up the rows of tokens, to read them in one call with pictures; ``None`` to read them apart.
    """

    def __init__(
        self,
        library: Library,
        model: Any,
        context: Any,
        capabilities: LanguageCapabilities,
        origin: Origin,
        stopped: ctypes.Array[ctypes.c_char],
        token_rows: TokenRows | None = None,
    ) -> None:
        self._library, self._api = library, library.api
        self._model, self._context = model, context
        self._memory = self._api.llama_get_memory(context)
        self._vocabulary = Vocabulary(self._api, model)
        self._capabilities, self._origin, self._stopped = capabilities, origin, stopped
        self._token_rows = token_rows
        self._batch = Batch(self._api, capabilities.block_rows, capabilities.embedding_width)
        self._scratch = capabilities.sequences
        self._held = [Held() for _ in range(capabilities.sequences + 1)]
        self._logits: list[Logits | None] = [None] * len(self._held)
        # Sequences of one family may hold rows in common.
        self._family = list(range(len(self._held)))
        self._reading = False

    @property
    def capabilities(self) -> LanguageCapabilities:
        """What it can do."""
        return self._capabilities

    def tokenize(self, text: str, *, special: bool = False) -> tuple[int, ...]:
        """Take text apart into tokens, with nothing before or behind them; see :class:`LanguageModel`."""
        self._open()
        return self._vocabulary.tokenize(text, special=special)

    def special(self, text: str) -> int:
        """The token that stands for exactly this text; see :class:`LanguageModel`."""
        self._open()
        return self._vocabulary.special(text)

    def end(self, sequence: int) -> int:
        """The position that comes next; 0 in an empty sequence."""
        return self._of(sequence).end

    def common(self, sequence: int, tokens: Sequence[int]) -> int:
        """How many of these tokens the sequence begins with."""
        return self._of(sequence).common(tokens)

    def extend(self, sequence: int, *what: Sequence[int] | Picture) -> None:
        """Read tokens and pictures, one after the other, at the end of a sequence; see :class:`LanguageModel`."""
        parts = [part for part in what if isinstance(part, Picture) or part]
        for part in parts:
            self._check(part)
        after = self._of(sequence).copy()
        if not parts:
            return
        with self._all_or_nothing(sequence):
            for run in runs(parts, self._batch.most if self._token_rows is not None else 0):
                self._read_run(sequence, after, run)
            self._logits[sequence] = self._chances(-1)
        self._held[sequence] = after

    def _check(self, part: Part) -> None:
        can = self._capabilities
        if not isinstance(part, Picture):
            self._vocabulary.check(part)
        elif part.rows.shape[1] != can.embedding_width or len(part.rows) > can.block_rows:
            hint = "use the projector made for this model; open it with more rows to a block"
            limits = f"{can.embedding_width} numbers in a row and {can.block_rows} rows"
            raise ModelError(f"a picture of {list(part.rows.shape)} does not fit {limits}", hint=hint)

    def _read_run(self, sequence: int, after: Held, run: Sequence[Part]) -> None:
        """Read behind ``after`` what one call reads, and note it there."""
        texts = [part for part in run if not isinstance(part, Picture)]
        if len(texts) == len(run):
            tokens = texts[0] if len(texts) == 1 else tuple(token for text in texts for token in text)
            self._read(sequence, tokens, after.end, lambda count: slice(count - 1, count))
            after.add_tokens(tokens)
        elif len(run) == 1 and isinstance(run[0], Picture):
            self._read_picture(sequence, after, run[0])
        else:
            assert self._token_rows is not None  # noqa: S101  else nothing is put together with a picture
            rows = np.concatenate([part.rows if isinstance(part, Picture) else self._token_rows.of(part) for part in run])
            self._decode(self._batch.of_rows(sequence, rows, np.arange(after.end, after.end + len(rows), dtype=np.int32)))
            for part in run:
                if isinstance(part, Picture):
                    after.add_picture(len(part.rows), loose=True)
                else:
                    after.add_tokens(part)

    def _read_picture(self, sequence: int, after: Held, picture: Picture) -> None:
        can, start = self._capabilities, after.end
        positions, length = np.arange(start, start + len(picture.rows), dtype=np.int32), len(picture.rows)
        if can.positions == "plane":
            positions, length = plane_positions(picture, start), picture.plane_length
        self._api.llama_set_causal_attn(self._open(), picture.causal)
        try:
            self._decode(self._batch.of_rows(sequence, picture.rows, positions))
        finally:
            self._api.llama_set_causal_attn(self._context, True)
        after.add_picture(length, loose=can.positions == "line" and picture.causal)

    @property
    def pointer(self) -> Any:
        """The library's own model, for other parts of llama.cpp."""
        self._open()
        return self._model

    def extend_by(self, sequence: int, reader: Callable[[Any, int], int]) -> None:
        """Let another part of llama.cpp read at the end of a sequence; for comparisons. The account keeps it as one picture.

        Args:
            sequence: Where it goes.
            reader: Called with the library's context and the position that comes next; returns the position behind what it read.
        """
        held, context = self._of(sequence), self._open()
        with self._all_or_nothing(sequence):
            behind = reader(context, held.end)
            self._logits[sequence] = self._chances(-1)
        held.add_picture(behind - held.end)

    def fork(self, source: int, target: int) -> None:
        """Let ``target`` hold what ``source`` holds; see :class:`LanguageModel`."""
        self._of(source)
        self._of(target)
        if source != target:
            self._copy(source, target)

    def _copy(self, source: int, target: int) -> None:
        self._empty(target)
        self._api.llama_memory_seq_cp(self._memory, source, target, -1, -1)
        self._held[target], self._logits[target] = self._held[source].copy(), self._logits[source]
        self._family[target] = self._family[source]

    def rollback(self, sequence: int, position: int) -> None:
        """Take off the end of a sequence, from a position on; see :class:`LanguageModel`."""
        held = self._of(sequence)
        if position == held.end:
            return
        shortened = held.copy()
        shortened.cut(position)
        if position == 0:
            self._empty(sequence)
            return
        if self._misses_rows(sequence, position):
            hint = "read the sequence again from its beginning, or open the model with the whole window kept"
            raise Refused(
                f"rows that position {position} looks back at have left the window of {self._capabilities.window_rows}", hint=hint
            )
        if not self._capabilities.can_roll_back or not self._api.llama_memory_seq_rm(self._memory, sequence, position, -1):
            raise Refused(f"{self._capabilities.architecture} models cannot go back", hint="read the sequence again from its beginning")
        self._held[sequence], self._logits[sequence] = shortened, None

    def _misses_rows(self, sequence: int, position: int) -> bool:
        window = self._capabilities.window_rows
        return window > 0 and self._api.llama_memory_seq_pos_min(self._memory, sequence) > max(0, position - window + 1)

    def evict(self, sequence: int, start: int, stop: int) -> None:
        """Take ``start`` up to ``stop`` out of a sequence; see :class:`LanguageModel`."""
        held = self._of(sequence)
        if not self._capabilities.can_evict:
            raise Refused("this model cannot move what it holds to other positions", hint="read what is to be kept again")
        # A row has one position, whoever holds it: to move it here would move it in the fork.
        relatives = [
            k for k, family in enumerate(self._family) if family == self._family[sequence] and k != sequence and self._held[k].spans
        ]
        if relatives:
            raise Refused(f"sequence {sequence} has rows in common with sequence {relatives[0]}", hint="clear the fork first")
        shortened = held.copy()
        shortened.take_out(start, stop)
        self._api.llama_memory_seq_rm(self._memory, sequence, start, stop)
        self._api.llama_memory_seq_add(self._memory, sequence, stop, -1, start - stop)
        self._held[sequence] = shortened

    def clear(self, sequence: int) -> None:
        """Empty a sequence."""
        self._of(sequence)
        self._empty(sequence)

    def _empty(self, sequence: int) -> None:
        self._api.llama_memory_seq_rm(self._memory, sequence, -1, -1)
        self._held[sequence], self._logits[sequence] = Held(), None
        self._family[sequence] = max(self._family) + 1

    def save(self, sequence: int, path: Path) -> None:
        """Write what a sequence holds to a file; see :class:`LanguageModel`."""
        held, context = self._of(sequence), self._open()
        size = self._api.llama_state_seq_get_size(context, sequence)
        state = (ctypes.c_uint8 * size)()
        written = self._api.llama_state_seq_get_data(context, state, size, sequence)
        logits = self._logits[sequence]
        write_saved(path, self._origin, SavedSequence(held, b"" if logits is None else logits.tobytes(), bytes(state)[:written]))

    def load(self, sequence: int, path: Path) -> None:
        """Let a sequence hold what was saved; see :class:`LanguageModel`."""
        self._of(sequence)
        saved = read_saved(path, self._origin)
        self._empty(sequence)
        if not saved.held.spans:
            return
        state = (ctypes.c_uint8 * len(saved.state)).from_buffer_copy(saved.state)
        if not self._api.llama_state_seq_set_data(self._open(), state, len(saved.state), sequence):
            raise ContextFull(f"{path.name} does not fit beside what is held: {self._library.complaint()}", hint="clear a sequence")
        self._held[sequence] = saved.held
        self._logits[sequence] = np.frombuffer(saved.logits, np.float32) if saved.logits else None

    def probs(self, sequence: int, tokens: Sequence[int]) -> npt.NDArray[np.float64]:
        """The chance of each of these tokens to be next: float64 [n]; see :class:`LanguageModel`."""
        self._vocabulary.check(tokens)
        return np.exp(_log_chances(self._next(sequence))[list(tokens)])

    def logits(self, sequence: int) -> Logits:
        """What the model says of every token to be next, before it is made into chances: float32 [vocabulary]; for comparisons.

        Raises:
            Refused: As :meth:`probs`.
        """
        return np.array(self._next(sequence), np.float32)

    def nll(self, sequence: int, tokens: Sequence[int]) -> npt.NDArray[np.float64]:
        """How unlikely these tokens would be as what comes next: float64 [n]; see :class:`LanguageModel`."""
        self._vocabulary.check(tokens)
        logits = self._next(sequence)
        if not tokens:
            return np.zeros(0)
        out = [-_log_chances(logits)[tokens[0]]]
        self._copy(sequence, self._scratch)
        try:
            for first in range(0, len(tokens) - 1, OUTPUTS):
                part = tokens[first : min(first + OUTPUTS, len(tokens) - 1)]
                with self._all_or_nothing(self._scratch):
                    self._read(self._scratch, part, self._held[self._scratch].end, lambda count: slice(0, count))
                self._held[self._scratch].add_tokens(part)
                out += [-_log_chances(self._chances(k))[tokens[first + k + 1]] for k in range(len(part))]
        finally:
            self._empty(self._scratch)
        return np.array(out)

    def generate(self, sequence: int, sampling: Sampling) -> Iterator[str]:
        """Go on with a text, piece by piece; see :class:`LanguageModel`."""
        stream, token = TextStream(sampling.stop), -1
        with Sampler(self._library, self._vocabulary.pointer, self._vocabulary.size, sampling) as sampler:
            for written in range(sampling.max_tokens):
                if written:
                    self.extend(sequence, (token,))
                token = sampler.choose(self._next(sequence))
                if self._vocabulary.ends(token):
                    break
                if piece := stream.feed(self._vocabulary.piece(token)):
                    yield piece
                if stream.ended:
                    break
        if rest := stream.finish():
            yield rest

    def interrupt(self) -> None:
        """Stop reading that is under way, from any thread; where none is, nothing happens."""
        if self._reading:
            self._stopped[0] = b"\1"

    def close(self) -> None:
        """Let go of the model. Whatever is asked of it afterwards is refused."""
        if self._context is not None:
            self._api.llama_free(self._context)
            self._api.llama_model_free(self._model)
        self._context = self._model = self._memory = self._token_rows = None

    def __enter__(self) -> LlamaModel:
        """Return the model itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        """Close it."""
        self.close()

    def _open(self) -> Any:
        if self._context is None:
            raise ModelError("the language model is closed", hint="open it again")
        return self._context

    def _of(self, sequence: int) -> Held:
        self._open()
        # The library ends the process over a sequence that it does not have.
        if not 0 <= sequence < self._scratch:
            raise ModelError(f"there is no sequence {sequence}", hint=f"the model was opened with {self._capabilities.sequences}")
        return self._held[sequence]

    def _next(self, sequence: int) -> Logits:
        self._of(sequence)
        logits = self._logits[sequence]
        if logits is None:
            raise Refused(f"what comes next in sequence {sequence} is not known", hint="let it read a token first")
        return logits

    def _chances(self, row: int) -> Logits:
        theirs = np.ctypeslib.as_array(self._api.llama_get_logits_ith(self._context, row), (self._capabilities.vocabulary,))
        if np.isnan(theirs.max()):
            raise ModelError("the model answers with numbers that are none", hint="its weights are damaged: compare the file's sha256")
        return np.array(theirs, np.float32)

    def _read(self, sequence: int, tokens: Sequence[int], start: int, wanted: Callable[[int], slice]) -> None:
        for first in range(0, len(tokens), self._batch.most):
            part = tokens[first : first + self._batch.most]
            last = first + len(part) == len(tokens)
            self._decode(self._batch.of_tokens(sequence, part, start + first, wanted(len(part)) if last else slice(0)))

    @contextmanager
    def _all_or_nothing(self, sequence: int) -> Iterator[None]:
        """Undo what was read in part, or empty the sequence where that cannot be undone."""
        self._stopped[0], self._reading = b"\0", True
        try:
            yield
        except BaseException:
            end = self._held[sequence].end
            if end == 0 or self._misses_rows(sequence, end) or not self._api.llama_memory_seq_rm(self._memory, sequence, end, -1):
                self._empty(sequence)
            raise
        finally:
            self._reading = False

    def _decode(self, batch: Any) -> None:
        result = self._api.llama_decode(self._open(), batch)
        if result == 0:
            return
        if result == _FULL:
            self._library.complaint()
            hint = "clear a sequence or roll it back, or open the model with more rows"
            raise ContextFull(f"there is no room for {batch.n_tokens} more rows among {self._capabilities.context_rows}", hint=hint)
        if result == _STOPPED:
            raise Interrupted("reading was stopped", hint="read it again")
        raise ModelError(f"the model could not read: {self._library.complaint()} ({result})", hint="report this, with what was read")


def _log_chances(logits: Logits) -> npt.NDArray[np.float64]:
    """Logarithms of the chances: float64 [vocabulary]."""
    shifted = logits.astype(np.float64) - float(logits.max())
    return np.asarray(shifted - np.log(np.exp(shifted).sum()))
