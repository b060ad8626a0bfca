"""Which token comes next: llama.cpp's samplers over chances that are ours, and a grammar that must allow the choice."""

from __future__ import annotations

import ctypes
import math
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import ModelError
from edge_runtime.models.language import Sampling
from edge_runtime.models.language_llama_library import Library

Logits = npt.NDArray[np.float32]
_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])
"""``llama_token_data``."""


class Sampler:
    """Chooses tokens. Close it, or use it as a context manager, to let go of its memory.

    Args:
        library: llama.cpp.
        vocab: The model's vocabulary, a pointer of the library.
        size: Tokens in it.
        sampling: How to choose.

    Raises:
        ModelError: The grammar cannot be read.
    """

    def __init__(self, library: Library, vocab: Any, size: int, sampling: Sampling) -> None:
        self._api = api = library.api
        self._ids = np.arange(size, dtype=np.int32)
        self._candidates = np.zeros(size, _CANDIDATE)
        self._one = np.zeros(1, _CANDIDATE)
        self._grammar: Any = None
        if sampling.grammar:
            self._grammar = api.llama_sampler_init_grammar(vocab, sampling.grammar.encode(), b"root")
            if not self._grammar:
                raise ModelError(f"the grammar cannot be read: {library.complaint()}", hint="GBNF, with a rule called root")
        self._chain: Any = None
        if sampling.temperature > 0.0:
            self._chain = api.llama_sampler_chain_init(api.llama_sampler_chain_default_params())
            api.llama_sampler_chain_add(self._chain, api.llama_sampler_init_top_p(sampling.top_p, 1))
            api.llama_sampler_chain_add(self._chain, api.llama_sampler_init_temp(sampling.temperature))
            api.llama_sampler_chain_add(self._chain, api.llama_sampler_init_dist(sampling.seed))

    def choose(self, logits: Logits) -> int:
        """Choose the next token and take note of it.

        Args:
            logits: float32 [vocabulary].

        Raises:
            ModelError: The grammar allows no token here.
        """
        token = self._draw(logits)
        # To ask the grammar about one token is quick, about all of them slow: so only when the first choice is not allowed.
        if self._grammar and not self._allowed(token):
            token = self._draw(self._only_allowed(logits))
        if self._grammar:
            self._api.llama_sampler_accept(self._grammar, token)
        if self._chain:
            self._api.llama_sampler_accept(self._chain, token)
        return token

    def _draw(self, logits: Logits) -> int:
        # Half a million numbers are not laid out as candidates only to find the largest.
        if not self._chain:
            return int(np.argmax(logits))
        array = self._all(logits)
        self._api.llama_sampler_apply(self._chain, ctypes.byref(array))
        return int(array.data[array.selected].id)

    def _only_allowed(self, logits: Logits) -> Logits:
        array = self._all(logits)
        self._api.llama_sampler_apply(self._grammar, ctypes.byref(array))
        left: Logits = self._candidates["logit"].copy()
        if not np.isfinite(left).any():
            raise ModelError("the grammar allows no token here", hint="check that the grammar can be written with the model's tokens")
        return left

    def _all(self, logits: Logits) -> Any:
        # samplers may have put them in another order
        self._candidates["id"] = self._ids
        self._candidates["logit"] = logits
        return self._array(self._candidates)

    def _allowed(self, token: int) -> bool:
        self._one[0] = (token, 0.0, 0.0)
        array = self._array(self._one)
        self._api.llama_sampler_apply(self._grammar, ctypes.byref(array))
        return math.isfinite(float(self._one["logit"][0]))

    def _array(self, candidates: npt.NDArray[Any]) -> Any:
        data = candidates.ctypes.data_as(ctypes.POINTER(self._api.llama_token_data))
        return self._api.llama_token_data_array(data=data, size=len(candidates), selected=-1, sorted=False)

    def close(self) -> None:
        """Let go of the samplers."""
        for part in (self._chain, self._grammar):
            if part:
                self._api.llama_sampler_free(part)
        self._chain = self._grammar = None

    def __enter__(self) -> Sampler:
        """Return the sampler itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        """Close it."""
        self.close()
