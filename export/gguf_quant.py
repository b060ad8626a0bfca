"""Language models in fewer bits, by llama.cpp's own quantiser; what it would do in silence is refused, or said.

A type packs numbers in blocks, of 32 or of 256 (K-quants, and most of those named IQ). Where a matrix's rows are no multiple of that,
llama.cpp takes another type instead, and the file is not what its name says. For blocks of 256 that is refused beforehand, with a hint;
for blocks of 32, where at worst a few matrices stay as they were, those are named.
"""

from __future__ import annotations

import ctypes
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal, get_args

import msgspec
import numpy as np
import numpy.typing as npt

from edge_runtime.errors import BundleError, ModelError
from edge_runtime.models.hub import Say, megabytes, quiet, writing
from edge_runtime.models.language_llama_gguf import BLOCKS, GgufTensor, read_head
from edge_runtime.models.language_llama_library import Library, library

Importance = Mapping[str, npt.NDArray[np.float32]]
"""By the name of a matrix, how much each of its columns counts: float32 [columns], as :func:`export.importance.collect` gives it."""

Kind = Literal["f16", "bf16", "q8_0", "q6_k", "q5_k_m", "q4_k_m", "q3_k_m", "q4_0", "q4_1", "iq4_nl", "iq3_xxs", "iq2_xs"]
"""What the matrices of a file can become."""

KINDS: tuple[Kind, ...] = get_args(Kind)
"""Of most bits first within each make."""

# The type of most matrices, where it is not called as the kind is.
_TYPE_OF = {"q5_k_m": "q5_k", "q4_k_m": "q4_k", "q3_k_m": "q3_k"}
_NEEDS_IMPORTANCE = frozenset({"iq3_xxs", "iq2_xs"})
_LARGE_BLOCK = 256
_WHOLE_TYPES = frozenset({"f32", "f16", "bf16"})
_TYPE = "GGML_TYPE_"


class UnsupportedQuantisation(ModelError):
    """A kind that a model's matrices do not fit, or that needs an importance matrix that was not given."""


class Quantised(msgspec.Struct, frozen=True):
    """A file that was quantised, as it was read back.

    Attributes:
        kind: What was asked for.
        types: Tensors of each type, by the type's name.
        unfit: Matrices that stayed as they were, because their rows do not fill blocks.
        size_bytes: Of the file.
    """

    kind: Kind
    types: Mapping[str, int]
    unfit: tuple[str, ...]
    size_bytes: int

    def __str__(self) -> str:
        counted = ", ".join(f"{count} {name}" for name, count in sorted(self.types.items(), key=lambda item: -item[1]))
        kept = f"; rows of {len(self.unfit)} matrices fill no blocks, {self.unfit[0]} among them" if self.unfit else ""
        return f"{self.kind}, {megabytes(self.size_bytes)}: tensors {counted}{kept}"


def quantise(
    source: Path,
    target: Path,
    kind: Kind,
    *,
    overrides: Mapping[str, str] = MappingProxyType({}),
    importance: Importance = MappingProxyType({}),
    threads: int = 2,
    say: Say = quiet,
) -> Quantised:
    """Quantise a GGUF file: a language model, or an mmproj.

    Args:
        source: GGUF in f32, f16 or bf16.
        target: The file to write; an older one is replaced only when all went well.
        kind: What its matrices become. llama.cpp gives a few of them more bits, as is usual for the kind.
        overrides: Types of single matrices, by a regular expression over names: ``{"ffn_down": "q8_0"}``.
        importance: What each column counts; nothing lets all count the same.
        threads: Of the processor.
        say: Called with one line at a time.

    Raises:
        MissingExtra: llama-cpp-python is not installed.
        UnsupportedQuantisation: The kind, or an override, does not fit the model's matrices, or needs an importance matrix.
        BundleError: The source is damaged, or in fewer bits already.
        ModelError: llama.cpp gave up; in its own words.
        DeviceError: The file cannot be written.
    """
    loaded = library()
    numbers = _type_numbers(loaded)
    names = {number: name for name, number in numbers.items()}
    tensors = read_head(source).tensors
    if any(names.get(tensor.kind) not in _WHOLE_TYPES for tensor in tensors):
        raise BundleError(f"{source.name} is in fewer bits already", hint="quantise the file as it was converted: f32, f16 or bf16")
    matrices = [tensor for tensor in tensors if _is_matrix(tensor)]
    if kind in _NEEDS_IMPORTANCE and not importance:
        raise UnsupportedQuantisation(f"{kind} needs an importance matrix", hint="collect one, or take q4_0 or iq4_nl")
    own_type = numbers[_TYPE_OF.get(kind, kind)]
    unfit = _unfit(matrices, own_type)
    if unfit and BLOCKS[own_type][0] == _LARGE_BLOCK:
        raise _does_not_fit(kind, unfit)
    for pattern, type_name in overrides.items():
        if type_name not in numbers:
            raise UnsupportedQuantisation(f"llama.cpp has no type {type_name}", hint=f"one of: {', '.join(sorted(numbers))}")
        if bad := _unfit((tensor for tensor in matrices if re.search(pattern, tensor.name)), numbers[type_name]):
            raise _does_not_fit(type_name, bad)
    say(f"quantising {source.name} to {kind}")
    part = target.with_name(f".{target.name}.part")
    try:
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(loaded, source, part, kind, {pattern: numbers[name] for pattern, name in overrides.items()}, importance, threads)
            types = Counter(names.get(tensor.kind, f"type {tensor.kind}") for tensor in read_head(part).tensors)
            done = Quantised(kind, dict(types), tuple(tensor.name for tensor in unfit), part.stat().st_size)
            part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    say(f"{target.name}: {done}")
    return done


def _type_numbers(loaded: Library) -> dict[str, int]:
    """Numbers that ggml has given the types whose blocks are known."""
    found = {name.removeprefix(_TYPE).lower(): value for name, value in vars(loaded.api).items() if name.startswith(_TYPE)}
    return {name: number for name, number in found.items() if number in BLOCKS}


def _is_matrix(tensor: GgufTensor) -> bool:
    """Whether llama.cpp quantises it."""
    return len(tensor.shape) == 2 and tensor.name.endswith("weight") and not tensor.name.endswith("_norm.weight")


def _unfit(matrices: Iterable[GgufTensor], type_number: int) -> list[GgufTensor]:
    block = BLOCKS[type_number][0]
    return [tensor for tensor in matrices if tensor.shape[0] % block]


def _does_not_fit(kind: str, unfit: list[GgufTensor]) -> UnsupportedQuantisation:
    rows = ", ".join(str(row) for row in sorted({tensor.shape[0] for tensor in unfit}))
    message = f"{kind} packs rows in blocks of {_LARGE_BLOCK}, and {len(unfit)} matrices have rows of {rows}"
    return UnsupportedQuantisation(message, hint="take q8_0, or q4_0 where memory is short: they pack blocks of 32")


def _write(
    loaded: Library, source: Path, part: Path, kind: Kind, overrides: Mapping[str, int], importance: Importance, threads: int
) -> None:
    api = loaded.api
    params = api.llama_model_quantize_default_params()
    params.ftype = getattr(api, f"LLAMA_FTYPE_MOSTLY_{kind.upper()}")
    params.nthread = threads
    # Each list ends with an entry of zeros. They live until the call is over.
    types = (api.llama_model_tensor_override * (len(overrides) + 1))()
    for entry, (pattern, number) in zip(types, overrides.items(), strict=False):
        entry.pattern, entry.type = pattern.encode(), number
    columns = {name: np.ascontiguousarray(values, np.float32) for name, values in importance.items()}
    weights = (api.llama_model_imatrix_data * (len(columns) + 1))()
    for entry, (name, values) in zip(weights, columns.items(), strict=False):
        entry.name, entry.size = name.encode(), values.size
        entry.data = values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    if overrides:
        params.tt_overrides = types
    if columns:
        params.imatrix = weights
    loaded.complaint()
    if api.llama_model_quantize(os.fsencode(source), os.fsencode(part), ctypes.byref(params)):
        raise ModelError(
            f"{source.name} cannot be quantised to {kind}: {loaded.complaint()}", hint="take another kind, or convert it again"
        )
