"""Structs to bytes and back: MessagePack with numpy arrays as an extension type. One place for the journal, the log and the wire."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
import numpy as np

_ARRAY = 1
_DTYPES: dict[bytes, np.dtype[Any]] = {b"f4": np.dtype("<f4"), b"f2": np.dtype("<f2"), b"i4": np.dtype("<i4"), b"i8": np.dtype("<i8")}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}

T = TypeVar("T")


def _enc_hook(value: object) -> object:
    if isinstance(value, np.ndarray) and value.dtype.newbyteorder("<") in _NAMES:
        name = _NAMES[value.dtype.newbyteorder("<")]
        shape = ",".join(map(str, value.shape)).encode()
        return msgspec.msgpack.Ext(_ARRAY, name + b":" + shape + b":" + value.astype(_DTYPES[name], copy=False).tobytes())
    kind = f"an array of {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
    raise TypeError(f"{kind} has no place in a message; arrays are float32, float16, int32 or int64")


def _ext_hook(code: int, data: memoryview) -> object:
    if code != _ARRAY:
        raise ValueError(f"unknown extension type {code}")
    name, shape, body = bytes(data).split(b":", 2)
    dims = tuple(int(n) for n in shape.split(b",") if n)
    array = np.frombuffer(body, dtype=_DTYPES[name]).reshape(dims)
    return array


_encoder = msgspec.msgpack.Encoder(enc_hook=_enc_hook)


def encode(value: object) -> bytes:
    """Encode a struct. Arrays are float32, float16, int32 or int64; they come back read-only."""
    return _encoder.encode(value)


def decoder(kind: Any) -> msgspec.msgpack.Decoder[Any]:
    """Make a decoder for ``kind``, a struct or a union of tagged structs.

    Raises (on use):
        msgspec.DecodeError: The bytes are not MessagePack or not of that kind.
    """
    return msgspec.msgpack.Decoder(kind, ext_hook=_ext_hook)


def decode(data: bytes, kind: type[T]) -> T:
    """Decode one value of ``kind``; for many, keep a :func:`decoder`."""
    value: T = decoder(kind).decode(data)
    return value
