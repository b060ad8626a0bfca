"""Reading a journal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec
import numpy as np

from edge_runtime.errors import JournalError
from edge_runtime.journal.format import Head, Loss, Step, bodies, decode
from edge_runtime.protocol import Looked


class JournalReader:
    """Reads a journal, oldest step first.

    Args:
        folder: Of the journal, or of the run that holds it.

    Attributes:
        heads: Head of every segment.
        torn_bytes: Bytes at the ends of segments that were not whole records; known after reading.

    Raises:
        JournalError: There is no journal, or it is of another major version.
    """

    def __init__(self, folder: Path) -> None:
        inner = folder / "journal"
        self.folder = inner if inner.is_dir() else folder
        self._paths = sorted(self.folder.glob("*.segment")) if self.folder.is_dir() else []
        if not self._paths:
            raise JournalError(f"no journal in {folder}", hint="a journal is the folder that `edge-runtime replay ... --out DIR` writes")
        self.torn_bytes = 0
        self.heads = [self._head(path) for path in self._paths]

    def __iter__(self) -> Iterator[Head | Step]:
        """Heads and steps in order, tokens filled in where they were kept."""
        for path in self._paths:
            loss = Loss()
            tokens_path = path.with_suffix(".tokens")
            with contextlib.ExitStack() as stack:
                tokens = stack.enter_context(tokens_path.open("rb")) if tokens_path.exists() else None
                for body in bodies(path, loss):
                    record = decode(body)
                    if isinstance(record, Step) and isinstance(record.event, Looked) and tokens is not None:
                        record = Step(_with_tokens(record.event, tokens), record.commands)
                    yield record
            self.torn_bytes += loss.nbytes

    def _head(self, path: Path) -> Head:
        body = next(bodies(path, Loss()), None)
        record = decode(body) if body is not None else None
        if not isinstance(record, Head):
            raise JournalError(f"{path.name} does not start with a head", hint="the segment is damaged; remove it to read the rest")
        return record


def _with_tokens(event: Looked, file: IO[bytes]) -> Looked:
    regions = []
    for region in event.regions:
        if region.tokens is not None:
            data = file.read(region.tokens.nbytes)
            if len(data) == region.tokens.nbytes:
                emb = np.frombuffer(data, np.float16).reshape(-1, region.tokens.dim)
                region = msgspec.structs.replace(region, tokens=msgspec.structs.replace(region.tokens, emb=emb))
        regions.append(region)
    return msgspec.structs.replace(event, regions=tuple(regions))
