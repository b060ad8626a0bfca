"""Read the tensors of a PyTorch state dict without running anything in it.

A ``.pth`` file is a pickle: a small program. ``pickle.Unpickler`` runs it; this module does not. It walks the opcodes with
``pickletools.genops``, which only decodes them, and follows the few that a state dict needs. Any other opcode, and any name that is
not on the list, ends the reading. A name is never imported: it is only compared.

The layout is PyTorch's serialisation before version 1.6: five pickles (magic number, protocol, machine, the state dict, the keys of
the storages) and then the storages, each an int64 count and its elements.
"""

from __future__ import annotations

import io
import math
import pickletools
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import BundleError

_MAGIC = 0x1950A86A20F9469CFC6C
_DICT = "collections OrderedDict"
_TENSOR = "torch._utils _rebuild_tensor_v2"
_DTYPES: dict[str, np.dtype[Any]] = {"torch FloatStorage": np.dtype("<f4"), "torch LongStorage": np.dtype("<i8")}
_NAMES = frozenset({_DICT, _TENSOR, *_DTYPES})

_PUSH = frozenset({"BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1", "NONE", "NEWTRUE", "NEWFALSE"})
_CONSTANTS = {"NEWTRUE": True, "NEWFALSE": False}
_FIXED_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_PUT = frozenset({"BINPUT", "LONG_BINPUT"})
_GET = frozenset({"BINGET", "LONG_BINGET"})
_MARK = object()


@dataclass(frozen=True)
class _Name:
    """A global that the file names; it stays a string."""

    name: str


@dataclass(frozen=True)
class _Storage:
    """Where elements will come from."""

    key: str
    dtype: np.dtype[Any]
    size: int


@dataclass(frozen=True)
class _Tensor:
    """A view into a storage; strides in elements. Published weights are not always contiguous."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Reader(io.BufferedReader):
    """A file that gives out no more than it holds: a length that stands in the file must not decide how much memory is taken."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))
        self._size_bytes = path.stat().st_size

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= self._size_bytes - self.tell():
            raise ValueError("it ends early")
        return super().read(size)


def read_state(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Read a state dict: name to array, float32 or int64, each contiguous and of its own.

    Raises:
        BundleError: The file is not such a state dict, holds an opcode or a name that is not on the list, or ends early.
    """
    with _Reader(path) as reader:
        try:
            return _read(reader, path)
        # What a file whose opcodes do not fit together runs into; the numbers in it are anybody's.
        except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
            return _refuse(path, f"{error} ({type(error).__name__})")


def _read(reader: _Reader, path: Path) -> dict[str, npt.NDArray[Any]]:
    if _run(reader, path) != _MAGIC:
        _refuse(path, "it does not start with the number that such files start with")
    _run(reader, path)
    machine = _run(reader, path)
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        _refuse(path, "it was not written by a little-endian machine")
    state = _run(reader, path)
    keys = _run(reader, path)
    if not isinstance(state, dict) or not isinstance(keys, list):
        _refuse(path, "it holds no state dict")
    tensors = {name: value for name, value in state.items() if isinstance(value, _Tensor)}
    if len(tensors) != len(state) or not all(isinstance(name, str) for name in state):
        _refuse(path, "it holds something else than named tensors")
    storages = _read_storages(reader, path, keys, {tensor.storage.key: tensor.storage for tensor in tensors.values()})
    return {name: _array(path, name, tensor, storages) for name, tensor in tensors.items()}


def _refuse(path: Path, why: str) -> NoReturn:
    raise BundleError(
        f"{path.name} is not a state dict that can be read: {why}", hint="use the release of the weights that the bundle names"
    )


def _run(reader: _Reader, path: Path) -> Any:
    """Follow one pickle and return what it leaves behind."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    argument: Any
    for opcode, argument, _ in pickletools.genops(reader):
        if opcode.name == "PROTO":
            continue
        if opcode.name == "STOP":
            return stack.pop()
        if opcode.name in _PUT:
            memo[argument] = stack[-1]
        elif opcode.name in _GET:
            stack.append(memo[argument])
        else:
            _step(stack, opcode.name, argument, path)
    return _refuse(path, "it ends early")


def _step(stack: list[Any], name: str, argument: Any, path: Path) -> None:
    if name in _PUSH:
        stack.append(_CONSTANTS.get(name, argument))
    elif name == "MARK":
        stack.append(_MARK)
    elif name == "EMPTY_DICT":
        stack.append({})
    elif name == "EMPTY_LIST":
        stack.append([])
    elif name == "EMPTY_TUPLE":
        stack.append(())
    elif name == "TUPLE":
        stack.append(tuple(_above_mark(stack)))
    elif name in _FIXED_TUPLES:
        count = _FIXED_TUPLES[name]
        stack[-count:] = [tuple(stack[-count:])]
    elif name == "APPENDS":
        items = _above_mark(stack)
        stack[-1].extend(items)
    elif name == "SETITEM":
        value, key = stack.pop(), stack.pop()
        stack[-1][key] = value
    elif name == "SETITEMS":
        pairs = _above_mark(stack)
        stack[-1].update(zip(pairs[::2], pairs[1::2], strict=True))
    elif name == "GLOBAL":
        if argument not in _NAMES:
            _refuse(path, f"it names {argument}, which is not on the list")
        stack.append(_Name(argument))
    elif name == "BINPERSID":
        stack.append(_storage(stack.pop()))
    elif name == "REDUCE":
        arguments, function = stack.pop(), stack.pop()
        stack.append(_reduce(function, arguments))
    elif name == "BUILD":
        # Attributes of the state dict itself (format versions of modules); nothing here needs them.
        if not isinstance(stack.pop(), dict) or not isinstance(stack[-1], dict):
            raise TypeError("attributes of something else than a dict")
    else:
        _refuse(path, f"opcode {name} is not on the list")


def _above_mark(stack: list[Any]) -> list[Any]:
    at = len(stack) - 1 - stack[::-1].index(_MARK)
    items = stack[at + 1 :]
    del stack[at:]
    return items


def _reduce(function: Any, arguments: Any) -> Any:
    if function == _Name(_DICT) and arguments == ():
        return {}
    if function == _Name(_TENSOR):
        storage, offset, shape, strides = arguments[:4]
        if not isinstance(storage, _Storage) or len(shape) != len(strides):
            raise TypeError("a tensor without a storage, or with strides of another shape")
        return _Tensor(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))
    raise TypeError(f"a call of {function}")


def _storage(reference: Any) -> _Storage:
    kind, dtype, key, _location, size, view = reference
    if kind != "storage" or view is not None or not isinstance(key, str):
        raise ValueError("a reference to something else than a whole storage")
    return _Storage(key, _DTYPES[dtype.name], int(size))


def _read_storages(reader: _Reader, path: Path, keys: list[Any], wanted: dict[str, _Storage]) -> dict[str, npt.NDArray[Any]]:
    found: dict[str, npt.NDArray[Any]] = {}
    for key in keys:
        storage = wanted.get(key)
        if storage is None or struct.unpack("<q", reader.read(8))[0] != storage.size:
            _refuse(path, f"storage {key} is not the one announced")
        found[key] = np.frombuffer(reader.read(storage.size * storage.dtype.itemsize), dtype=storage.dtype)
    return found


def _array(path: Path, name: str, tensor: _Tensor, storages: dict[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
    elements = storages.get(tensor.storage.key)
    last = tensor.offset + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides, strict=True))
    in_range = tensor.offset >= 0 and min((*tensor.shape, *tensor.strides), default=1) > 0
    if elements is None or not in_range or last >= elements.size or math.prod(tensor.shape) > elements.size:
        _refuse(path, f"tensor {name} reaches outside its storage")
    width = elements.dtype.itemsize
    view = np.lib.stride_tricks.as_strided(elements[tensor.offset :], tensor.shape, [stride * width for stride in tensor.strides])
    return np.array(view, order="C")
