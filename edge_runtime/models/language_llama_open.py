"""Opening a language model: what can be found out beforehand is, so that a file or a machine that will not do is refused in words."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from edge_runtime.errors import BundleError, ConfigError, DeviceError, HashMismatch
from edge_runtime.models.hub import megabytes, sha256_of
from edge_runtime.models.language import LanguageCapabilities
from edge_runtime.models.language_llama import OUTPUTS, LlamaModel
from edge_runtime.models.language_llama_embeddings import token_rows
from edge_runtime.models.language_llama_gguf import GgufHead, read_head
from edge_runtime.models.language_llama_library import Library, library
from edge_runtime.models.language_llama_saved import Origin

_MEMINFO = Path("/proc/meminfo")
_CACHE_TYPES = {"f32": 0, "f16": 1}
_BYTES = {"f32": 4.0, "f16": 2.0}
_NO_FLASH = 0
_MROPE, _IMROPE = 8, 40
# What the engine takes beside: buffers of its own, tables of the tokenizer.
_ENGINE_BYTES = 48 << 20
_TOKEN_BYTES = 200
# Families whose pictures were trained to see themselves whole.
_WHOLE_PICTURES = frozenset({"gemma3", "gemma4"})


@dataclass(frozen=True)
class LlamaSettings:
    """How a model is opened.

    Attributes:
        context_rows: Rows that all sequences together may hold.
        sequences: How many there are.
        threads: Of the processor.
        block_rows: Rows that are worked out at once: the longest picture, and the size of the working memory.
        gpu_layers: Layers that run on a GPU; -1 for all of them where llama.cpp finds one, else none.
        keeps_window: Whether rows that have left the window of a windowed model are dropped: room for one window a sequence, and no way
            back beyond it. What forks share is not dropped while both are there.
        cache: Precision of keys and values. ``"f32"`` also leaves out flash attention: for comparisons.
        sha256: Of the file; ``""`` if it was checked before.
        special: Texts that must be tokens of their own.
        room_bytes: Memory that it may take; what the machine has left if not given.
    """

    context_rows: int = 2048
    sequences: int = 4
    threads: int = 2
    block_rows: int = 256
    gpu_layers: int = -1
    keeps_window: bool = False
    cache: Literal["f16", "f32"] = "f16"
    sha256: str = ""
    special: Sequence[str] = ()
    room_bytes: int | None = None


def open_llama(path: Path, settings: LlamaSettings | None = None) -> LlamaModel:
    """Open a language model; close it, or use it as a context manager.

    Args:
        path: A GGUF file.
        settings: How; the defaults if not given.

    Raises:
        MissingExtra: llama-cpp-python is not installed.
        HashMismatch: The file is not the one that was meant.
        BundleError: The file is truncated or damaged, of a family that the engine does not know, or lacks a special token.
        ConfigError: The model was trained on fewer rows than it is opened with, or there is no GPU for the layers that shall run on one.
        DeviceError: It would take more memory than there is.
    """
    settings = settings or LlamaSettings()
    if settings.sha256 and path.is_file() and (got := sha256_of(path)) != settings.sha256:
        raise HashMismatch(f"{path.name}: expected sha256 {settings.sha256}, got {got}", hint="fetch it again")
    head = read_head(path)
    _check_end(head)
    _check_settings(head, settings)
    _check_room(head, settings)
    loaded = library()
    api = loaded.api
    gpu_layers = _gpu_layers(loaded, head, settings)
    model = _load(loaded, head, gpu_layers)
    # Python frees nothing of this by itself.
    context, stopped = None, ctypes.create_string_buffer(2)
    try:
        context = _context(loaded, model, settings, stopped)
        rows = token_rows(loaded, head)
        can = replace(_capabilities(api, model, context, head, settings), gpu_layers=gpu_layers, can_mix=rows is not None)
        opened = LlamaModel(loaded, model, context, can, _origin(loaded, head, settings), stopped, rows)
        for text in settings.special:
            opened.special(text)
    except BaseException:
        if context:
            api.llama_free(context)
        api.llama_model_free(model)
        raise
    return opened


def needed_bytes(head: GgufHead, settings: LlamaSettings) -> int:
    """Estimate of the memory that a model will take: its weights, what it holds, what it works out at once, and the engine."""
    # Every layer as if it saw everything: with a window it is less.
    cache = head.cache_bytes(settings.context_rows, _BYTES[settings.cache])
    working = head.working_bytes(settings.block_rows, OUTPUTS)
    return head.weight_bytes + cache + working + head.vocabulary * _TOKEN_BYTES + _ENGINE_BYTES


def _check_end(head: GgufHead) -> None:
    # Where the file names none, the engine takes a number that may stand for anything, and answers never end.
    named = [head.values.get(f"tokenizer.ggml.{name}_token_id") for name in ("eos", "eot")]
    if not any(isinstance(token, int) and token < head.vocabulary for token in named):
        raise BundleError(f"{head.path.name} names no token that ends a text", hint="convert it again, with its tokenizer's special tokens")


def _check_settings(head: GgufHead, settings: LlamaSettings) -> None:
    trained = max(head.numbers("context_length"))
    if trained and settings.context_rows > trained:
        raise ConfigError(f"{head.path.name} was trained on {trained} rows, not {settings.context_rows}", hint="set fewer context rows")
    least = {"context_rows": 1, "sequences": 1, "threads": 1, "block_rows": OUTPUTS, "gpu_layers": -1}
    for name, bound in least.items():
        if getattr(settings, name) < bound:
            raise ConfigError(f"{name} is {getattr(settings, name)}", hint=f"set it to {bound} or more")


def _check_room(head: GgufHead, settings: LlamaSettings) -> None:
    room = available_bytes() if settings.room_bytes is None else settings.room_bytes
    needed = needed_bytes(head, settings)
    if room is not None and needed > room:
        hint = "set fewer context rows, take a smaller model, or end other programs"
        raise DeviceError(f"{head.path.name} would take about {megabytes(needed)}, and {megabytes(room)} are free", hint=hint)


def available_bytes() -> int | None:
    """Memory that the machine has left; ``None`` where it does not say."""
    try:
        lines = _MEMINFO.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)


def _gpu_layers(loaded: Library, head: GgufHead, settings: LlamaSettings) -> int:
    if not loaded.offloads:
        if settings.gpu_layers > 0:
            hint = "set models.gpu_layers to 0 or -1, or build llama.cpp for your GPU: CMAKE_ARGS=-DGGML_CUDA=ON scripts/llm_wheel"
            raise ConfigError(f"{settings.gpu_layers} layers shall run on a GPU, and llama.cpp finds none", hint=hint)
        return 0
    every = max(head.numbers("block_count")) + 1  # what makes chances of the last one counts as a layer too
    return every if settings.gpu_layers < 0 else min(settings.gpu_layers, every)


def _load(loaded: Library, head: GgufHead, gpu_layers: int) -> Any:
    params = loaded.api.llama_model_default_params()
    params.n_gpu_layers = gpu_layers
    params.use_extra_bufts = loaded.repacks
    loaded.complaint()
    model = loaded.api.llama_model_load_from_file(os.fsencode(head.path), params)
    if not model:
        raise BundleError(f"{head.path.name} cannot be loaded: {loaded.complaint()}", hint="take a model that this llama.cpp knows, whole")
    return model


def _context(loaded: Library, model: Any, settings: LlamaSettings, stopped: ctypes.Array[ctypes.c_char]) -> Any:
    api = loaded.api
    params = api.llama_context_default_params()
    params.n_ctx = settings.context_rows
    params.n_batch = params.n_ubatch = settings.block_rows
    params.n_seq_max = settings.sequences + 1
    params.n_outputs_max = OUTPUTS
    params.n_threads = params.n_threads_batch = settings.threads
    params.type_k = params.type_v = _CACHE_TYPES[settings.cache]
    if settings.cache == "f32":
        params.flash_attn_type = _NO_FLASH
    params.swa_full = not settings.keeps_window
    # One store of rows for all sequences, so that a single one can use all of it, and a fork costs nothing.
    params.kv_unified = True
    # The engine asks after every node of its graph, so the answer must not need Python: the length of a text of one letter at most.
    params.abort_callback = ctypes.cast(ctypes.CDLL(None).strlen, api.ggml_abort_callback)
    params.abort_callback_data = ctypes.cast(stopped, ctypes.c_void_p)
    context = api.llama_init_from_model(model, params)
    if not context:
        raise BundleError(f"the model cannot be set up: {loaded.complaint()}", hint="open it with other settings, or take another model")
    return context


def _capabilities(api: Any, model: Any, context: Any, head: GgufHead, settings: LlamaSettings) -> LanguageCapabilities:
    if not api.llama_model_has_decoder(model) or api.llama_model_has_encoder(model):
        raise BundleError(f"{head.path.name} is no model that goes on with a text", hint="take a decoder-only model")
    goes_back = not (api.llama_model_is_recurrent(model) or api.llama_model_is_hybrid(model))
    template = api.llama_model_chat_template(model, None)
    return LanguageCapabilities(
        architecture=head.architecture,
        positions="plane" if api.llama_model_rope_type(model) in (_MROPE, _IMROPE) else "line",
        block_attention=head.architecture in _WHOLE_PICTURES,
        context_rows=api.llama_n_ctx(context),
        block_rows=api.llama_n_ubatch(context),
        sequences=settings.sequences,
        vocabulary=api.llama_vocab_n_tokens(api.llama_model_get_vocab(model)),
        embedding_width=api.llama_model_n_embd_inp(model),
        window_rows=api.llama_model_n_swa(model),
        keeps_window=settings.keeps_window,
        can_evict=goes_back and bool(api.llama_memory_can_shift(api.llama_get_memory(context))),
        can_roll_back=goes_back,
        chat_template=template.decode("utf-8", "replace") if template else "",
    )


def _origin(loaded: Library, head: GgufHead, settings: LlamaSettings) -> Origin:
    return Origin(head.fingerprint, loaded.version, f"{settings.cache}, {'window' if settings.keeps_window else 'whole'}")
