"""The tokens of a model in llama.cpp: texts to tokens, tokens to bytes, and numbers that are no tokens refused."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

from edge_runtime.errors import BundleError, ModelError

_LONG_PIECE = 256


class Vocabulary:
    """The tokens of one model.

    Args:
        api: The functions of llama.cpp.
        model: The model, a pointer of the library; it must stay open.

    Attributes:
        pointer: The library's own vocabulary.
        size: How many tokens there are.
    """

    def __init__(self, api: Any, model: Any) -> None:
        self._api = api
        self.pointer = api.llama_model_get_vocab(model)
        self.size = int(api.llama_vocab_n_tokens(self.pointer))

    def tokenize(self, text: str, *, special: bool) -> tuple[int, ...]:
        """Take text apart into tokens, with nothing before or behind them.

        Raises:
            ModelError: The tokenizer refuses.
        """
        data = text.encode()
        # no token is shorter than a byte, and some tokenizers put a space before
        tokens = (ctypes.c_int32 * (len(data) + 8))()
        count = self._api.llama_tokenize(self.pointer, data, len(data), tokens, len(tokens), False, special)
        if count < 0:
            raise ModelError(f"a text of {len(data)} bytes cannot be taken apart", hint="check the model's tokenizer")
        return tuple(tokens[:count])

    def special(self, text: str) -> int:
        """The token that stands for exactly this text.

        Raises:
            BundleError: There is none.
        """
        tokens = self.tokenize(text, special=True)
        if len(tokens) != 1:
            raise BundleError(f"the model has no token {text!r}", hint="use the tokenizer that the model was trained with")
        return tokens[0]

    def check(self, tokens: Sequence[int]) -> None:
        """Refuse numbers that are no tokens.

        Raises:
            ModelError: One is none.
        """
        for token in tokens:
            if not 0 <= token < self.size:
                hint = f"tokens are numbers from 0 to {self.size - 1}; -1 often stands for one that is missing"
                raise ModelError(f"the model has no token {token}", hint=hint)

    def ends(self, token: int) -> bool:
        """Whether a token ends a text, or a turn."""
        return bool(self._api.llama_vocab_is_eog(self.pointer, token))

    def piece(self, token: int) -> bytes:
        """The bytes that a token stands for; none for a special token. They may be part of a letter."""
        buffer = ctypes.create_string_buffer(_LONG_PIECE)
        size = self._api.llama_token_to_piece(self.pointer, token, buffer, len(buffer), 0, False)
        if size < 0:
            buffer = ctypes.create_string_buffer(-size)
            size = self._api.llama_token_to_piece(self.pointer, token, buffer, len(buffer), 0, False)
        return buffer.raw[:size]
