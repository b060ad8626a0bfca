"""The journal: every event in, every command out, in segments bounded in bytes.

A journal is a folder. Each segment is one file: a magic line, a :class:`Head`, then one :class:`Step` for every event fed to the
core. Every record is ``length, crc32`` (little-endian uint32 each) and a MessagePack body, so that a torn tail is noticed and
costs only itself. The head carries a snapshot of the core, so that a journal whose oldest segments are gone, or whose
middle was forgotten, still replays exactly.

No pixels are written unless recording is on: thumbnails keep their size and lose their bytes. Tokens are written beside the
segment (``NNNNNN.tokens``, raw float16 in the order of the looks) and may be missing. What a language model is given of them is not
written again: what it made of them is in the events.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from edge_runtime import codec
from edge_runtime.config import Config
from edge_runtime.errors import JournalError
from edge_runtime.protocol import Append, Command, Event, Generate, Looked, Message
from edge_runtime.records import Row
from edge_runtime.types import LookedRegion, Session, Thumb

M = TypeVar("M", bound=Message)

MAGIC = b"edge-runtime journal 1\n"
_FRAME = struct.Struct("<II")
_MAX_RECORD_BYTES = 1 << 30


class Gap(msgspec.Struct, frozen=True):
    """A span that was forgotten: nothing between the two times is in the journal any more."""

    t_from_ns: int
    t_to_ns: int
    scope: str


class Head(msgspec.Struct, frozen=True, tag="head"):
    """First record of a segment: all that is needed to go on from here."""

    version: str
    segment: int
    config: Config
    session: Session
    snapshot: bytes
    note: str = ""
    width_px: int = 0
    height_px: int = 0
    gap: Gap | None = None
    commands: tuple[Command, ...] = ()
    """What was still said and recorded in the step that forgot: that step itself is gone."""
    anew: bool = False
    """The core was made anew from this head: the run goes on after a restart, or its settings have changed."""


class Step(msgspec.Struct, frozen=True, tag="step"):
    """One event and the commands the core answered with."""

    event: Event
    commands: tuple[Command, ...]


class Loss:
    """Bytes at the end of a segment that are not whole records."""

    def __init__(self) -> None:
        self.nbytes = 0


_record: msgspec.msgpack.Decoder[Head | Step] = codec.decoder(Head | Step)


def framed(body: bytes) -> bytes:
    """A record as it stands in the file: length, checksum, body."""
    return _FRAME.pack(len(body), zlib.crc32(body)) + body


def decode(body: bytes) -> Head | Step:
    """Decode the body of a record.

    Raises:
        JournalError: It is of another version.
    """
    try:
        return _record.decode(body)
    except (msgspec.DecodeError, ValueError) as error:
        raise JournalError(f"a journal record cannot be read: {error}", hint="it was written by another version") from error


def bodies(path: Path, loss: Loss) -> Iterator[bytes]:
    """Bodies of the whole records of a segment, in order, up to the first that is torn or damaged; the rest is added to ``loss``.

    Raises:
        JournalError: The file is no segment of this version.
    """
    with path.open("rb") as file:
        size = path.stat().st_size
        magic = file.read(len(MAGIC))
        if magic != MAGIC:
            if not MAGIC.startswith(magic):
                raise JournalError(f"{path.name} is not a journal of this version", hint="read it with the version that wrote it")
            loss.nbytes += size  # torn before its first line was whole
            return
        while True:
            at = file.tell()
            frame = file.read(_FRAME.size)
            if not frame:
                return
            length, crc = _FRAME.unpack(frame) if len(frame) == _FRAME.size else (0, 0)
            body = file.read(length) if length <= _MAX_RECORD_BYTES else b""
            # No record is empty: a machine that lost its power leaves zeros, which would pass for empty records.
            if not body or len(body) != length or zlib.crc32(body) != crc:
                loss.nbytes += size - at
                return
            yield body


def without_blobs(message: M, *, keep_pixels: bool) -> M:
    """The message as a journal keeps it: tokens without their numbers, and thumbnails without bytes unless pixels are kept."""
    if isinstance(message, Looked):
        return msgspec.structs.replace(message, regions=tuple(_bare_region(region, keep_pixels) for region in message.regions))
    if isinstance(message, Generate):
        return msgspec.structs.replace(message, looks=tuple(_bare_region(region, keep_pixels) for region in message.looks), slab=None)
    if isinstance(message, Append) and not keep_pixels:
        return msgspec.structs.replace(message, rows=tuple(_bare_row(row) for row in message.rows))
    return message


def _bare_region(region: LookedRegion, keep_pixels: bool) -> LookedRegion:
    tokens = None if region.tokens is None else msgspec.structs.replace(region.tokens, emb=None)
    thumb = region.thumb if keep_pixels or region.thumb is None else _bare_thumb(region.thumb)
    return msgspec.structs.replace(region, tokens=tokens, thumb=thumb)


def _bare_row(row: Row) -> Row:
    return msgspec.structs.replace(row, thumbs=tuple(_bare_thumb(thumb) for thumb in row.thumbs))


def _bare_thumb(thumb: Thumb) -> Thumb:
    return Thumb(thumb.id, thumb.nbytes)
