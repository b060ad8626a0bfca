"""What one call of llama.cpp decodes: a ``llama_batch`` over arrays that are ours.

``llama_batch_init`` is not used: reading a field of its struct gives a view, and putting arrays of one's own in its place makes
``llama_batch_free`` free the wrong ones.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.models.language_picture import Picture, Positions, Rows

_PLANES = 4
Part = Sequence[int] | Picture
"""Tokens or a picture."""


def runs(parts: Sequence[Part], most: int) -> Iterator[list[Part]]:
    """Put together what one call decodes: texts that follow one another, and with them pictures, up to so many rows.

    A picture that sees itself whole is decoded alone.

    Args:
        parts: Tokens and pictures, in order.
        most: Rows of a call in which there are pictures beside others; 0 where each is decoded alone.
    """
    run: list[Part] = []
    for part in parts:
        if run and not (_only_words([*run, part]) or _fits([*run, part], most)):
            yield run
            run = []
        run.append(part)
    if run:
        yield run


def _only_words(run: Sequence[Part]) -> bool:
    return not any(isinstance(part, Picture) for part in run)


def _fits(run: Sequence[Part], most: int) -> bool:
    whole = sum(len(part.rows) if isinstance(part, Picture) else len(part) for part in run)
    return whole <= most and all(part.causal for part in run if isinstance(part, Picture))


class Batch:
    """Room for the rows of one decode.

    Args:
        api: The functions of llama.cpp.
        most: Rows that it holds at the most.
        width: Numbers in one row of a picture.
    """

    def __init__(self, api: Any, most: int, width: int) -> None:
        self.most = most
        self._tokens = np.zeros(most, np.int32)
        self._rows = np.zeros((most, width), np.float32)
        self._positions = np.zeros(_PLANES * most, np.int32)
        self._wanted = np.zeros(most, np.int8)
        self._counts = np.ones(most, np.int32)
        self._sequence = ctypes.c_int32(0)
        one = ctypes.pointer(self._sequence)
        self._sequences = (ctypes.POINTER(ctypes.c_int32) * most)(*[one] * most)
        self._struct = api.llama_batch()
        self._struct.pos = _pointer(self._positions, ctypes.c_int32)
        self._struct.n_seq_id = _pointer(self._counts, ctypes.c_int32)
        self._struct.seq_id = self._sequences
        self._struct.logits = _pointer(self._wanted, ctypes.c_int8)

    def of_tokens(self, sequence: int, tokens: Sequence[int], start: int, wanted: slice) -> Any:
        """Fill it with tokens at consecutive positions.

        Args:
            sequence: Where they go.
            tokens: At most :attr:`most`.
            start: Position of the first.
            wanted: The tokens after which the chances are wanted.

        Returns:
            The struct; it holds until the batch is filled again.
        """
        count = len(tokens)
        self._tokens[:count] = tokens
        self._positions[:count] = np.arange(start, start + count)
        return self._filled(sequence, count, wanted, token=_pointer(self._tokens, ctypes.c_int32), embd=None)

    def of_rows(self, sequence: int, rows: Rows, positions: Positions) -> Any:
        """Fill it with rows of a picture; the chances are wanted after the last.

        Args:
            sequence: Where they go.
            rows: float32 [n, width], at most :attr:`most`.
            positions: int32 [n], or [4, n] with positions in the plane, which lie one section after the other.

        Returns:
            The struct; it holds until the batch is filled again.
        """
        count = len(rows)
        self._rows[:count] = rows
        self._positions[: positions.size] = positions.reshape(-1)
        return self._filled(sequence, count, slice(count - 1, count), token=None, embd=_pointer(self._rows, ctypes.c_float))

    def _filled(self, sequence: int, count: int, wanted: slice, *, token: Any, embd: Any) -> Any:
        self._sequence.value = sequence
        self._wanted[:count] = 0
        self._wanted[:count][wanted] = 1
        self._struct.n_tokens = count
        self._struct.token = token
        self._struct.embd = embd
        return self._struct


def _pointer(array: npt.NDArray[Any], kind: Any) -> Any:
    return array.ctypes.data_as(ctypes.POINTER(kind))
