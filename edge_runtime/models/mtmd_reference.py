"""llama.cpp's own eyes (mtmd), as a reference: what a prompt with pictures looks like where nothing of this project sees.

For comparisons only. It cuts and resizes pictures in its own way, into several tiles for one picture, and encodes them for every prompt
anew; the runtime reads the tokens of a tower that memory kept.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from edge_runtime.errors import BundleError, ModelError
from edge_runtime.models.language_llama import LlamaModel
from edge_runtime.models.language_llama_library import library
from edge_runtime.models.language_picture import Rows
from edge_runtime.pixels import Picture

MARKER = "<__media__>"
"""Stands in a prompt where a picture goes."""
_TEXT = 0


class MtmdReference:
    """Reads prompts with pictures through mtmd. Close it before the model, or use it as a context manager.

    Args:
        model: The language model.
        mmproj: The tower as GGUF, made for this model.
        threads: Of the processor.

    Raises:
        MissingExtra: llama-cpp-python was built without mtmd.
        BundleError: The file is no tower of this model.
    """

    def __init__(self, model: LlamaModel, mmproj: Path, *, threads: int = 1) -> None:
        self._model = model
        self._library = library()
        self._api = self._library.mtmd()
        params = self._api.mtmd_context_params_default()
        params.use_gpu, params.print_timings, params.warmup, params.n_threads = False, False, False, threads
        params.media_marker = MARKER.encode()
        self._library.complaint()
        self._context = self._api.mtmd_init_from_file(os.fsencode(mmproj), model.pointer, params)
        if not self._context:
            message = f"{mmproj.name} cannot be opened: {self._library.complaint()}"
            raise BundleError(message, hint="take the file that was made with the language model")

    def read(self, sequence: int, prompt: str, images: Sequence[Picture]) -> None:
        """Read a prompt at the end of a sequence; every picture is encoded.

        Args:
            sequence: Where it goes.
            prompt: Names of special tokens in it become those tokens; :data:`MARKER` stands where each picture goes.
            images: uint8 BGR [H,W,3] each, as many as there are markers.

        Raises:
            ModelError: A prompt with another number of markers, or one that cannot be read.
        """
        with self._chunks(prompt, images) as chunks:

            def reader(context: Any, position: int) -> int:
                behind = ctypes.c_int32(position)
                most = self._model.capabilities.block_rows
                self._accept(
                    self._api.mtmd_helper_eval_chunks(self._context, context, chunks, position, sequence, most, True, ctypes.byref(behind))
                )
                return behind.value

            self._model.extend_by(sequence, reader)

    def parts(self, prompt: str, images: Sequence[Picture]) -> list[tuple[int, ...] | Rows]:
        """What :meth:`read` would read: tokens of each stretch of text, and rows float32 [n, width] of each tile, in order.

        Raises:
            ModelError: As :meth:`read`.
        """
        found: list[tuple[int, ...] | Rows] = []
        with self._chunks(prompt, images) as chunks:
            for number in range(self._api.mtmd_input_chunks_size(chunks)):
                chunk = self._api.mtmd_input_chunks_get(chunks, number)
                found.append(self._tokens(chunk) if self._api.mtmd_input_chunk_get_type(chunk) == _TEXT else self._rows(chunk))
        return found

    def close(self) -> None:
        """Let go of the tower."""
        if self._context is not None:
            self._api.mtmd_free(self._context)
        self._context = None

    def __enter__(self) -> MtmdReference:
        """Return the reference itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        """Close it."""
        self.close()

    def _tokens(self, chunk: Any) -> tuple[int, ...]:
        count = ctypes.c_size_t()
        tokens = self._api.mtmd_input_chunk_get_tokens_text(chunk, ctypes.byref(count))
        return tuple(tokens[: count.value])

    def _rows(self, chunk: Any) -> Rows:
        self._accept(self._api.mtmd_encode_chunk(self._context, chunk))
        shape = (self._api.mtmd_input_chunk_get_n_tokens(chunk), self._model.capabilities.embedding_width)
        return np.array(np.ctypeslib.as_array(self._api.mtmd_get_output_embd(self._context), shape), np.float32)

    @contextmanager
    def _chunks(self, prompt: str, images: Sequence[Picture]) -> Iterator[Any]:
        """The prompt taken apart; the library's memory is let go of afterwards."""
        api, bitmaps, chunks = self._api, [self._bitmap(image) for image in images], self._api.mtmd_input_chunks_init()
        try:
            data = prompt.encode()
            text = api.mtmd_input_text(data, len(data), False, True)
            listed = (api.mtmd_bitmap_p_ctypes * len(bitmaps))(*bitmaps)
            self._accept(api.mtmd_tokenize(self._context, chunks, ctypes.byref(text), listed, len(bitmaps)))
            yield chunks
        finally:
            api.mtmd_input_chunks_free(chunks)
            for bitmap in bitmaps:
                api.mtmd_bitmap_free(bitmap)

    def _bitmap(self, image: Picture) -> Any:
        if self._context is None:
            raise ModelError("the reference is closed", hint="open it again")
        rgb = np.ascontiguousarray(image[:, :, ::-1])
        pixels = rgb.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
        return self._api.mtmd_bitmap_init(rgb.shape[1], rgb.shape[0], ctypes.cast(pixels, ctypes.POINTER(ctypes.c_uint8)))

    def _accept(self, result: int) -> None:
        if result:
            hint = f"put {MARKER} into the prompt once for each picture"
            raise ModelError(f"mtmd could not read the prompt: {self._library.complaint()} ({result})", hint=hint)
