"""Small state dicts in PyTorch's old file format, put together opcode by opcode."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

MACHINE = b"}X\x0d\x00\x00\x00little_endian\x88s"


@dataclass(frozen=True)
class Tensor:
    """A tensor in a storage of its own; ``announced`` is the size that the pickle claims for the storage."""

    elements: npt.NDArray[Any]
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0
    announced: int | None = None


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<i", len(data)) + data


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def tuple_of(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


def dict_of(items: Mapping[str, bytes]) -> bytes:
    return b"}(" + b"".join(text(name) + value for name, value in items.items()) + b"u"


def storage(key: str, elements: npt.NDArray[Any], announced: int | None = None) -> bytes:
    kind = {"f": b"ctorch\nFloatStorage\n", "i": b"ctorch\nLongStorage\n"}[elements.dtype.kind]
    size = number(elements.size if announced is None else announced)
    return tuple_of(text("storage"), kind, text(key), text("cpu"), size, b"N") + b"Q"


def _tensor(key: str, tensor: Tensor) -> bytes:
    arguments = (
        storage(key, tensor.elements, tensor.announced),
        number(tensor.offset),
        tuple_of(*map(number, tensor.shape)),
        tuple_of(*map(number, tensor.strides)),
        b"\x89",
        b"ccollections\nOrderedDict\n)R",
    )
    return b"ctorch._utils\n_rebuild_tensor_v2\n" + tuple_of(*arguments) + b"R"


def pth(tensors: Mapping[str, Tensor], *, state: bytes | None = None, machine: bytes = MACHINE) -> bytes:
    """A whole file; ``state`` replaces the opcodes of the state dict."""
    if state is None:
        items = {name: _tensor(str(index), tensor) for index, (name, tensor) in enumerate(tensors.items())}
        state = b"ccollections\nOrderedDict\n)R(" + b"".join(text(name) + value for name, value in items.items()) + b"u"
    magic = b"\x8a\x0a" + (0x1950A86A20F9469CFC6C).to_bytes(10, "little")
    keys = b"](" + b"".join(text(str(index)) for index in range(len(tensors))) + b"e"
    pickles = [magic, b"M\xe9\x03", machine, state, keys]
    body = b"".join(struct.pack("<q", tensor.elements.size) + tensor.elements.tobytes() for tensor in tensors.values())
    return b"".join(b"\x80\x02" + opcodes + b"." for opcodes in pickles) + body


SMALL = pth({"w": Tensor(np.arange(6, dtype="<f4"), (2, 3), (3, 1)), "n": Tensor(np.array([1], dtype="<i8"), (), ())})
