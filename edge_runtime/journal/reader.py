"""Reading a journal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

import msgspec
import numpy as np

from edge_runtime.errors import JournalError
from edge_runtime.journal.format import Head, Loss, Step, bodies, decode
from edge_runtime.protocol import Looked


class Hole(msgspec.Struct, frozen=True):
    """Records that a journal has lost: those of one segment from the first that is torn or damaged up to the segment's end.

    Attributes:
        segment: Number of the segment, as in its file's name.
        nbytes: Bytes that cannot be read.
        t_from_ns: When the last step before it was; ``None`` where there is none.
        t_to_ns: When the first step after it is; ``None`` where the journal ends in it.
    """

    segment: int
    nbytes: int
    t_from_ns: int | None
    t_to_ns: int | None


class JournalReader:
    """Reads a journal, oldest step first.

    Args:
        folder: Of the journal, or of the run that holds it.

    Attributes:
        heads: Head of every segment that has one; where the head itself is damaged, the whole segment is a hole.
        holes: What is torn or damaged, oldest first.
        t_last_ns: The latest moment it tells of: its last step, or the end of its last gap; ``None`` if there is neither.

    Raises:
        JournalError: There is no journal, it is of another major version, or nothing of it can be read.
    """

    def __init__(self, folder: Path) -> None:
        inner = folder / "journal"
        self.folder = inner if inner.is_dir() else folder
        paths = sorted(path for path in self.folder.glob("*.segment") if path.stem.isdecimal())
        if not paths:
            raise JournalError(f"no journal in {folder}", hint="a journal is the folder that `edge-runtime replay ... --out DIR` writes")
        surveys = [_survey(path) for path in paths]
        self.heads = [survey.head for survey in surveys if survey.head is not None]
        self._paths = [survey.path for survey in surveys if survey.head is not None]
        self.holes = tuple(_holes(surveys))
        ends = [survey.t_last_ns for survey in surveys if survey.t_last_ns is not None]
        self.t_last_ns = max([*ends, *(head.gap.t_to_ns for head in self.heads if head.gap is not None)], default=None)
        if not self.heads:
            raise JournalError(f"the journal in {folder} is damaged throughout", hint="nothing of it can be read; record another one")

    @property
    def torn_bytes(self) -> int:
        """Bytes that cannot be read, of all holes."""
        return sum(hole.nbytes for hole in self.holes)

    def __iter__(self) -> Iterator[Head | Step]:
        """Heads and steps in order, tokens filled in where they were kept; what lies in a hole is left out."""
        for path in self._paths:
            tokens_path = path.with_suffix(".tokens")
            with contextlib.ExitStack() as stack:
                tokens = stack.enter_context(tokens_path.open("rb")) if tokens_path.exists() else None
                for body in bodies(path, Loss()):
                    record = decode(body)
                    if isinstance(record, Step) and isinstance(record.event, Looked) and tokens is not None:
                        record = Step(_with_tokens(record.event, tokens), record.commands)
                    yield record


class _Survey(NamedTuple):
    """A segment as its checksums show it."""

    path: Path
    head: Head | None
    t_first_ns: int | None
    t_last_ns: int | None
    lost_bytes: int


def _survey(path: Path) -> _Survey:
    loss = Loss()
    records = bodies(path, loss)
    first = next(records, None)
    if first is None:
        return _Survey(path, None, None, None, loss.nbytes)
    head = decode(first)
    if not isinstance(head, Head):
        raise JournalError(f"{path.name} does not start with a head", hint="the segment is damaged; remove it to read the rest")
    earliest = latest = next(records, None)
    for body in records:
        latest = body
    return _Survey(path, head, _time_ns(earliest), _time_ns(latest), loss.nbytes)


def _time_ns(body: bytes | None) -> int | None:
    record = decode(body) if body is not None else None
    return record.event.t_ns if isinstance(record, Step) else None


def _holes(surveys: Sequence[_Survey]) -> Iterator[Hole]:
    before_ns: int | None = None
    for index, survey in enumerate(surveys):
        before_ns = before_ns if survey.t_last_ns is None else survey.t_last_ns
        if survey.lost_bytes or survey.head is None:
            after_ns = next((later.t_first_ns for later in surveys[index + 1 :] if later.t_first_ns is not None), None)
            yield Hole(int(survey.path.stem), survey.lost_bytes, before_ns, after_ns)


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
