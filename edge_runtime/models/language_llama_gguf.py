"""The head of a GGUF file, read without the engine: whether the file is whole, what it is, and how much memory it will take.

The engine is written for files that are right; what is wrong with one is found out here, in words.
"""

from __future__ import annotations

import hashlib
import math
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from edge_runtime.errors import BundleError

_NUMBERS = {0: "<u1", 1: "<i1", 2: "<u2", 3: "<i2", 4: "<u4", 5: "<i4", 6: "<f4", 7: "<u1", 10: "<u8", 11: "<i8", 12: "<f8"}
_BOOL, _STRING, _ARRAY = 7, 8, 9
BLOCKS = {
    **{0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36)},
    **{10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292)},
    **{16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136)},
    **{24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17)},
}
"""Numbers in a block, and its bytes, by ggml's number of the type. One that is not here is newer than the list; its size is not checked."""
_TOKENS = "tokenizer.ggml.tokens"
_MOST_TEXT = 1 << 24
_MOST_ITEMS = 1 << 26
_TAIL = 1 << 20


@dataclass(frozen=True)
class GgufTensor:
    """A tensor of a GGUF file.

    Attributes:
        name: Such as ``"blk.0.ffn_down.weight"``.
        shape: The length of a row first.
        kind: ggml's number of its type.
        offset: Where its numbers begin in the file, bytes.
    """

    name: str
    shape: tuple[int, ...]
    kind: int
    offset: int


@dataclass(frozen=True)
class GgufHead:
    """What the head of a GGUF file says.

    Attributes:
        path: The file.
        values: Metadata. Of a list of strings only its length is kept, of numbers a tuple.
        tensors: Its tensors, in the order of the file.
        weight_bytes: Bytes of the tensors.
        fingerprint: Hash of the head and of the file's last MiB: tells models apart without reading them whole.
    """

    path: Path
    values: dict[str, Any]
    tensors: tuple[GgufTensor, ...]
    weight_bytes: int
    fingerprint: str

    @property
    def architecture(self) -> str:
        """The family of the model, such as ``"llama"``."""
        return str(self.values["general.architecture"])

    @property
    def vocabulary(self) -> int:
        """Tokens of the tokenizer."""
        count = self.values.get(_TOKENS, 0)
        return count if isinstance(count, int) else 0

    def numbers(self, key: str, default: int = 0) -> tuple[int, ...]:
        """Whole numbers of the model's family, by their key without its name: one, or one for each layer.

        Raises:
            BundleError: The file has something else there.
        """
        value = self.values.get(f"{self.architecture}.{key}", default)
        listed = value if isinstance(value, tuple) else (value,)
        if not listed or not all(isinstance(item, int) and item >= 0 for item in listed):
            raise _wrong(self.path, f"is damaged: its {key} is {value!r}")
        return listed

    def cache_bytes(self, rows: int, bytes_each: float) -> int:
        """Bytes that keys and values of so many rows take, in all layers."""
        layers, heads = max(self.numbers("block_count")), max(self.numbers("attention.head_count", 1))
        of_layers = self.numbers("attention.head_count_kv", heads)
        kv_heads = sum(of_layers) if len(of_layers) > 1 else of_layers[0] * layers
        head = max(self.numbers("embedding_length")) // max(1, heads)
        width = max(self.numbers("attention.key_length", head)) + max(self.numbers("attention.value_length", head))
        return math.ceil(rows * kv_heads * width * bytes_each)

    def working_bytes(self, rows: int, outputs: int) -> int:
        """Bytes of what is worked out at once: the widest layers of so many rows, and the chances at the outputs among them."""
        inner, width = max(self.numbers("feed_forward_length")), max(self.numbers("embedding_length"))
        # three of the one and six of the other live at once; chances are worked out and then copied out
        return 4 * (rows * (3 * inner + 6 * width) + 2 * outputs * self.vocabulary)


def read_head(path: Path) -> GgufHead:
    """Read the head of a GGUF file and check that all of its tensors are there.

    Raises:
        BundleError: The file is missing, truncated, no GGUF file, of another version, or names no family.
    """
    try:
        with path.open("rb") as file:
            return _Reader(path, file, os.fstat(file.fileno()).st_size).head()
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror or error}", hint="check the path") from error


class _Reader:
    def __init__(self, path: Path, file: IO[bytes], size: int) -> None:
        self._path, self._file, self._size = path, file, size
        self._hash = hashlib.sha256()

    def head(self) -> GgufHead:
        if self._bytes(4) != b"GGUF":
            raise self._wrong("is no GGUF file")
        version = self._number("<I")
        if version not in (2, 3):
            raise self._wrong(f"is GGUF version {version}, which is not known")
        tensors, count = self._number("<Q"), self._number("<Q")
        values = {}
        for _ in range(self._few(count)):
            key = self._text()
            values[key] = self._value(key, self._number("<I"))
        if not isinstance(values.get("general.architecture"), str):
            raise self._wrong("does not say what family of models it is of")
        alignment = values.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment < 1:
            raise self._wrong(f"is damaged: tensors aligned to {alignment}")
        table = [self._tensor() for _ in range(self._few(tensors))]
        start = math.ceil(self._file.tell() / alignment) * alignment
        end = start + max((end for _, end in table), default=0)
        if end > self._size:
            raise self._wrong(f"is cut off: {end - self._size} of its {end} bytes are missing")
        placed = tuple(replace(tensor, offset=start + tensor.offset) for tensor, _ in table)
        return GgufHead(self._path, values, placed, self._size - start, self._fingerprint())

    def _fingerprint(self) -> str:
        self._file.seek(max(0, self._size - _TAIL))
        self._hash.update(self._file.read())
        return self._hash.hexdigest()

    def _tensor(self) -> tuple[GgufTensor, int]:
        """A tensor, and where its numbers end, both from where the first tensor begins."""
        name = self._text()
        shape = tuple(self._number("<Q") for _ in range(self._few(self._number("<I"))))
        kind, offset = self._number("<I"), self._number("<Q")
        numbers, size = BLOCKS.get(kind, (1, 0))
        return GgufTensor(name, shape, kind, offset), offset + math.prod(shape) // numbers * size

    def _value(self, key: str, kind: int) -> Any:
        if kind == _STRING:
            return self._text()
        if kind == _ARRAY:
            item, count = self._number("<I"), self._few(self._number("<Q"))
            if item == _STRING:
                texts = {self._letters() for _ in range(count)}
                # The engine ends the process over a token that is there twice.
                if key == _TOKENS and len(texts) < count:
                    raise self._wrong(f"has {count - len(texts)} of its {count} tokens twice")
                return count
            return tuple(self._numbers(item, count))
        value = self._numbers(kind, 1)[0]
        return bool(value) if kind == _BOOL else value

    def _numbers(self, kind: int, count: int) -> Sequence[Any]:
        if kind not in _NUMBERS:
            raise self._wrong(f"holds a value of a kind that is not known ({kind})")
        dtype = np.dtype(_NUMBERS[kind])
        values: list[Any] = np.frombuffer(self._bytes(count * dtype.itemsize), dtype).tolist()
        return values

    def _text(self) -> str:
        return self._letters().decode("utf-8", "replace")

    def _letters(self) -> bytes:
        size = self._number("<Q")
        if size > _MOST_TEXT:
            raise self._wrong(f"is damaged: a text of {size} bytes in its head")
        return self._bytes(size)

    def _number(self, code: str) -> int:
        return int(struct.unpack(code, self._bytes(struct.calcsize(code)))[0])

    def _few(self, count: int) -> int:
        if count > _MOST_ITEMS:
            raise self._wrong(f"is damaged: {count} items in its head")
        return count

    def _bytes(self, size: int) -> bytes:
        got = self._file.read(size)
        if len(got) < size:
            raise self._wrong("is cut off in its head")
        self._hash.update(got)
        return got

    def _wrong(self, what: str) -> BundleError:
        return _wrong(self._path, what)


def _wrong(path: Path, what: str) -> BundleError:
    return BundleError(f"{path.name} {what}", hint="fetch it again, and compare its sha256")
