"""Saved sequences of llama.cpp: a file that says what it belongs to, and whose bytes are checked before the engine sees them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge_runtime.errors import BundleError
from edge_runtime.models.hub import write_atomic
from edge_runtime.models.language_held import Held

_MAGIC = b"edge_runtime sequence 1\n"
_DIGEST = hashlib.sha256().digest_size


@dataclass(frozen=True)
class Origin:
    """What a saved sequence is bound to: it is numbers of one model, laid out by one engine.

    Attributes:
        model: Fingerprint of the model's file.
        engine: Version of llama.cpp.
        layout: How the rows are kept.
    """

    model: str
    engine: str
    layout: str


@dataclass(frozen=True)
class SavedSequence:
    """What a sequence held.

    Attributes:
        held: The account of it.
        logits: float32 [vocabulary] of what comes next, or empty where that was not known.
        state: The engine's own bytes.
    """

    held: Held
    logits: bytes
    state: bytes


def write_saved(path: Path, origin: Origin, saved: SavedSequence) -> None:
    """Write a file that is there whole or not at all.

    Raises:
        DeviceError: It cannot be written.
    """
    body = msgspec.msgpack.encode((origin, saved))
    write_atomic(path, (_MAGIC, hashlib.sha256(body).digest(), body))


def read_saved(path: Path, origin: Origin) -> SavedSequence:
    """Read a file back.

    Raises:
        BundleError: It is missing, damaged, no saved sequence, or of another model, engine or layout.
    """
    hint = "let the model read the text again, and save it anew"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror or error}", hint=hint) from error
    head = len(_MAGIC) + _DIGEST
    if data[: len(_MAGIC)] != _MAGIC:
        raise BundleError(f"{path.name} is no saved sequence", hint=hint)
    if hashlib.sha256(data[head:]).digest() != data[len(_MAGIC) : head]:
        raise BundleError(f"{path.name} is damaged", hint=hint)
    theirs, saved = msgspec.msgpack.decode(data[head:], type=tuple[Origin, SavedSequence])
    for name in ("model", "engine", "layout"):
        if getattr(theirs, name) != getattr(origin, name):
            raise BundleError(f"{path.name} was saved with another {name} ({getattr(theirs, name)})", hint=hint)
    return saved
