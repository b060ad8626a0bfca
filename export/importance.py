"""What each column of a language model's matrices counts: the mean square of what is multiplied with it, over text and pictures read.

llama.cpp's quantiser weighs the errors of a row by it ("importance matrix"). It is collected the way llama.cpp's own tool does: the engine
shows each node of its graph once it is worked out, and where that is a product with a weight, the other factor is looked at. The engine
hands out a pointer to a struct of C, and the struct's layout is that of one release, so another release is refused.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import BundleError, MissingExtra, ModelError
from edge_runtime.models.hub import Say, quiet
from edge_runtime.models.language_llama import OUTPUTS
from edge_runtime.models.language_llama_batch import Batch
from edge_runtime.models.language_llama_gguf import read_head
from edge_runtime.models.language_llama_library import Library, library
from edge_runtime.models.language_llama_open import LlamaSettings, open_llama
from edge_runtime.models.language_picture import Picture, plane_positions
from edge_runtime.models.onnx_session import open_session
from export.gguf_source import CONVERTER
from export.parity_texts import QUESTIONS, READINGS
from export.spec import ModelSpec

Array = npt.NDArray[np.float32]
Passage = Sequence[Sequence[int] | Picture]
"""What is read at one go, tokens and pictures in turn."""

_F32 = 0
_PLANE = (8, 40)
_SAID_EVERY = 50


class _Tensor(ctypes.Structure):
    """``struct ggml_tensor``, up to its name."""


_Tensor._fields_ = [
    ("type", ctypes.c_int),
    ("buffer", ctypes.c_void_p),
    ("shape", ctypes.c_int64 * 4),
    ("strides", ctypes.c_size_t * 4),
    ("operation", ctypes.c_int),
    ("parameters", ctypes.c_int32 * 16),
    ("flags", ctypes.c_int32),
    ("sources", ctypes.POINTER(_Tensor) * 10),
    ("viewed", ctypes.c_void_p),
    ("view_offset", ctypes.c_size_t),
    ("data", ctypes.c_void_p),
    ("name", ctypes.c_char * 64),
]


class _Squares:
    """Sums of squares, by the name of the matrix. The engine calls it for each node of its graph."""

    def __init__(self) -> None:
        self._sums: dict[str, npt.NDArray[np.float64]] = {}
        self._rows: dict[str, int] = {}

    def seen(self, address: int, asking: bool, _: int | None) -> bool:
        """Whether a node is of interest, when the engine asks; afterwards, take it in and let the engine go on."""
        node = _Tensor.from_address(address)
        # Nothing may be raised here: the caller is C.
        if not (node.sources[0] and node.sources[1]):
            return not asking
        weight, factor = node.sources[0].contents, node.sources[1].contents
        name = bytes(weight.name)
        product = factor.type == _F32 and factor.shape[0] == weight.shape[0] and node.shape[0] == weight.shape[1]
        if asking:
            return product and name.endswith(b".weight")
        self._add(name.decode("utf-8", "replace"), _rows(factor))
        return True

    def _add(self, name: str, rows: Array) -> None:
        self._sums[name] = self._sums.get(name, np.zeros(rows.shape[1])) + np.square(rows, dtype=np.float64).sum(axis=0)
        self._rows[name] = self._rows.get(name, 0) + len(rows)

    def means(self) -> dict[str, Array]:
        return {name: (total / self._rows[name]).astype(np.float32) for name, total in self._sums.items()}


def _rows(tensor: Any) -> Array:
    """The numbers of a tensor where they lie, float32 [n, columns]."""
    size = 1 + sum((count - 1) * stride for count, stride in zip(tensor.shape, tensor.strides, strict=True)) // 4
    flat = np.ctypeslib.as_array(ctypes.cast(tensor.data, ctypes.POINTER(ctypes.c_float)), (size,))
    whole = np.lib.stride_tricks.as_strided(flat, tuple(tensor.shape)[::-1], tuple(tensor.strides)[::-1])
    return whole.reshape(-1, tensor.shape[0])


def collect(model: Path, passages: Iterable[Passage], *, context_rows: int = 1024, threads: int = 2, say: Say = quiet) -> dict[str, Array]:
    """Let a language model read, and sum up what its matrices are multiplied with.

    Args:
        model: GGUF, before it is quantised.
        passages: What it reads, each by itself; what goes beyond ``context_rows`` is refused.
        context_rows: Rows of the longest passage.
        threads: Of the processor.
        say: Called with one line at a time.

    Returns:
        Of each matrix, by its name: float32 [columns], finite. A matrix that was never used is not there.

    Raises:
        MissingExtra: llama-cpp-python is not installed, or is another release.
        BundleError: The model cannot be loaded.
        ModelError: There is nothing to read, a passage is too long, or the model's numbers are not finite.
    """
    loaded = library()
    if not loaded.version.endswith(f" {CONVERTER.version})"):
        message = f"importance can be collected with llama-cpp-python {CONVERTER.version}, and this is {loaded.version}"
        raise MissingExtra(message, hint="build and install that release: scripts/llm_wheel")
    read_head(model)
    squares = _Squares()
    with _opened(loaded, model, squares, context_rows, threads) as (handle, context):
        reader = _Reader(loaded, handle, context, context_rows)
        count = 0
        for count, passage in enumerate(passages, 1):
            reader.read(passage)
            if count % _SAID_EVERY == 0:
                say(f"  {count} passages read")
    means = squares.means()
    if not means:
        raise ModelError("there was nothing to read", hint="give passages of tokens or pictures")
    if bad := [name for name, values in means.items() if not np.isfinite(values).all()]:
        raise ModelError(f"what {bad[0]} is multiplied with is not finite", hint="its weights are damaged: convert the model again")
    say(f"importance of {len(means)} matrices, by {count} passages")
    return means


def own_passages(model: Path, spec: ModelSpec, tower: Path, images: Iterable[Array]) -> Iterator[Passage]:
    """What a vision-language model reads at work: turns with a picture of our own and a question, and plain text.

    Args:
        model: GGUF.
        spec: Of the checkpoint.
        tower: ONNX in float32.
        images: Pictures as the tower takes them, float32 [1,3,S,S] each.

    Raises:
        MissingExtra: llama-cpp-python or ONNX Runtime is not installed.
        BundleError: A file cannot be read.
    """
    shape, side = spec.family.prompt, round(spec.tokens_per_tile**0.5)
    with open_llama(model, LlamaSettings(context_rows=OUTPUTS, sequences=1)) as opened, open_session(tower, threads=1) as session:
        for text in READINGS:
            yield (opened.tokenize(text),)
        before = opened.tokenize(shape.before + shape.picture_before, special=True)
        for image, question in zip(images, cycle(QUESTIONS)):
            behind = opened.tokenize(shape.picture_after + question + shape.after, special=True)
            yield before, Picture(session.run(image)[0], grid=(side, side)), behind


class _Reader:
    """Reads passages, one after the other, each in an empty memory."""

    def __init__(self, loaded: Library, handle: Any, context: Any, context_rows: int) -> None:
        self._loaded, self._api, self._context = loaded, loaded.api, context
        self._memory = self._api.llama_get_memory(context)
        self._in_the_plane = self._api.llama_model_rope_type(handle) in _PLANE
        self._batch = Batch(self._api, context_rows, self._api.llama_model_n_embd_inp(handle))

    def read(self, passage: Passage) -> None:
        self._api.llama_memory_clear(self._memory, True)
        position = 0
        for part in passage:
            count = len(part.rows) if isinstance(part, Picture) else len(part)
            if count > self._batch.most:
                hint = "cut it into shorter ones, or allow more rows"
                raise ModelError(f"a passage of {count} rows or more; {self._batch.most} are the most", hint=hint)
            if isinstance(part, Picture):
                in_line = np.arange(position, position + count, dtype=np.int32)
                places = plane_positions(part, position) if self._in_the_plane else in_line
                self._decode(self._batch.of_rows(0, part.rows, places))
                position += part.plane_length if self._in_the_plane else count
            elif count:
                # All chances are wanted, so that what the output layer is multiplied with is seen too.
                self._decode(self._batch.of_tokens(0, part, position, slice(None)))
                position += count

    def _decode(self, batch: Any) -> None:
        if result := self._api.llama_decode(self._context, batch):
            hint = "check the tokens, and that a passage has no more rows than allowed"
            raise ModelError(f"the model could not read: {self._loaded.complaint()} ({result})", hint=hint)


@contextmanager
def _opened(loaded: Library, model: Path, squares: _Squares, context_rows: int, threads: int) -> Iterator[tuple[Any, Any]]:
    """The model and a context that shows its nodes, on the processor alone: there the numbers lie where we can read them."""
    api = loaded.api
    params = api.llama_model_default_params()
    params.use_extra_bufts, params.n_gpu_layers = False, 0
    loaded.complaint()
    handle = api.llama_model_load_from_file(os.fsencode(model), params)
    if not handle:
        raise BundleError(f"{model.name} cannot be loaded: {loaded.complaint()}", hint="take a model that this llama.cpp knows, whole")
    try:
        listener = api.ggml_backend_sched_eval_callback(squares.seen)
        settings = api.llama_context_default_params()
        settings.n_ctx = settings.n_batch = settings.n_ubatch = settings.n_outputs_max = context_rows
        settings.n_threads = settings.n_threads_batch = threads
        settings.op_offload = settings.offload_kqv = False
        settings.cb_eval = listener
        context = api.llama_init_from_model(handle, settings)
        if not context:
            raise BundleError(f"the model cannot be set up: {loaded.complaint()}", hint="allow fewer rows, or take another model")
        try:
            yield handle, context
        finally:
            api.llama_free(context)
    finally:
        api.llama_model_free(handle)
