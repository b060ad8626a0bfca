"""Writing a journal."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import msgspec
import numpy as np

from edge_runtime import codec
from edge_runtime.config import JournalConfig
from edge_runtime.errors import DeviceError
from edge_runtime.journal.format import MAGIC, Gap, Head, Loss, Step, bodies, decode, framed, without_blobs
from edge_runtime.journal.segment import Segment, find_segments
from edge_runtime.protocol import Command, Event, Looked
from edge_runtime.records import Scope


class Journal:
    """Writes a journal. A context manager; one writer a folder.

    Args:
        folder: Created if absent; segments of an earlier run in it are an error.
        head: First head; ``segment`` and ``snapshot`` of later ones follow from it.
        snapshot: Gives the core's snapshot whenever a new segment starts.
        again: Take up the journal of a run that has ended, to :meth:`forget` in it; steps can be written after that.

    Attributes:
        nbytes: Bytes on disk, tokens included; never more than ``journal_bytes`` after a step.
        dropped_steps: Steps that made room for newer ones.
        stopped: The core's snapshot alone is larger than ``journal_bytes``: nothing is written any more.

    Raises:
        DeviceError: The folder cannot be written.
    """

    def __init__(self, folder: Path, head: Head, snapshot: Callable[[], bytes], *, again: bool = False) -> None:
        self._folder = folder
        self._head = head
        self._snapshot = snapshot
        self._config: JournalConfig = head.config.journal
        self._segments: list[Segment] = []
        self._next_number = 0
        self.dropped_steps = 0
        self.stopped = False
        self._last_ns = 0
        self._file: IO[bytes] | None = None
        self._tokens: IO[bytes] | None = None
        with _disk(folder):
            if again:
                self._segments = find_segments(folder)
                self._next_number = max((segment.number for segment in self._segments), default=-1) + 1
                return
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.glob("*.segment")):
                raise DeviceError(f"{folder} already holds a journal", hint="choose another --out folder or remove it")
            self._open(None)

    def __enter__(self) -> Journal:
        """Return itself."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Close the files."""
        self.close()

    @property
    def nbytes(self) -> int:
        """Bytes on disk, tokens included."""
        return sum(segment.nbytes for segment in self._segments)

    def step(self, event: Event, commands: tuple[Command, ...]) -> None:
        """Write one event with its commands.

        Raises:
            DeviceError: The disk refuses.
        """
        if self.stopped:
            self.dropped_steps += 1
            return
        keep = self._config.record_pixels
        body = codec.encode(Step(without_blobs(event, keep_pixels=keep), tuple(without_blobs(c, keep_pixels=keep) for c in commands)))
        with _disk(self._folder):
            self._roll_if_due(event.t_ns, len(body))
            segment = self._segments[-1]
            segment.nbytes += _write(self._file, body)
            if self._config.keep_tokens and isinstance(event, Looked):
                segment.nbytes += self._write_tokens(event)
            segment.steps += 1
            segment.t_first_ns = event.t_ns if segment.t_first_ns is None else segment.t_first_ns
            self._last_ns = event.t_ns
            self._make_room()

    def forget(self, t_from_ns: int, t_now_ns: int, scope: Scope, commands: tuple[Command, ...] = ()) -> int:
        """Erase everything from ``t_from_ns`` on, and go on in a new segment that says so.

        A thing that is forgotten by name takes the journal back to the first step that names it. ``commands`` are those of
        the step that forgot, as far as they may be kept; a replay repeats them.

        Returns:
            The time from which on the journal is now empty.

        Raises:
            DeviceError: The disk refuses.
        """
        name = scope.name.lower().encode()
        with _disk(self._folder):
            self._close_files()
            if scope.kind == "thing" and name:
                t_from_ns = min(t_from_ns, self._first_naming(name, t_from_ns))
            for segment in reversed(list(self._segments)):
                if segment.t_first_ns is not None and segment.t_first_ns < t_from_ns:
                    segment.cut(t_from_ns)
                    break
                self._segments.remove(segment)
                segment.unlink()
            self._last_ns = t_now_ns
            self._open(Gap(t_from_ns, t_now_ns, scope.kind), commands)
        return t_from_ns

    def close(self) -> None:
        """Close the files; nothing more can be written.

        Raises:
            DeviceError: The disk refuses what was still to be written.
        """
        with _disk(self._folder):
            self._close_files()

    # ------------------------------------------------------------ inside

    def _open(self, gap: Gap | None, commands: tuple[Command, ...] = ()) -> None:
        number = self._next_number
        self._next_number += 1
        self._head = msgspec.structs.replace(self._head, segment=number, snapshot=self._snapshot(), gap=gap, commands=commands)
        head = codec.encode(self._head)
        segment = Segment(self._folder, number)
        self._segments.append(segment)
        self._file = segment.path.open("wb")
        self._file.write(MAGIC)
        segment.nbytes = segment.head_nbytes = len(MAGIC) + _write(self._file, head)

    def _close_files(self) -> None:
        for file in (self._file, self._tokens):
            if file is not None:
                file.close()
        self._file = self._tokens = None

    def _roll_if_due(self, t_ns: int, more: int) -> None:
        segment = self._segments[-1]
        bound = min(self._config.segment_bytes, self._config.journal_bytes // 4)
        written = segment.nbytes - segment.head_nbytes
        # A head as large as what follows it would spend the journal on snapshots: a segment is at least as long as its head.
        full = segment.nbytes + more > bound and written >= segment.head_nbytes
        old = self._config.segment_ns and segment.t_first_ns is not None and t_ns - segment.t_first_ns >= self._config.segment_ns
        if segment.steps and (full or (old and written >= segment.head_nbytes)):
            self._close_files()
            self._open(None)

    def _make_room(self) -> None:
        while self.nbytes > self._config.journal_bytes and len(self._segments) > 1:
            oldest = self._segments.pop(0)
            self.dropped_steps += oldest.steps
            oldest.unlink()
        if self.nbytes > self._config.journal_bytes:
            # One segment alone is too much: begin again, and if the snapshot itself does not fit, keep no journal.
            self._close_files()
            last = self._segments.pop()
            self.dropped_steps += last.steps
            last.unlink()
            self._open(None)
            if self.nbytes > self._config.journal_bytes:
                self._close_files()
                self._segments.pop().unlink()
                self.stopped = True

    def _write_tokens(self, event: Looked) -> int:
        written = 0
        for region in event.regions:
            if region.tokens is None or region.tokens.emb is None:
                continue
            if self._tokens is None:
                self._tokens = self._segments[-1].tokens_path.open("wb")
            data = np.ascontiguousarray(region.tokens.emb, dtype="<f2").tobytes()
            self._tokens.write(data)
            self._tokens.flush()
            written += len(data)
        return written

    def _first_naming(self, name: bytes, otherwise_ns: int) -> int:
        for segment in self._segments:
            for body in bodies(segment.path, Loss()):
                if name in body.lower():
                    record = decode(body)
                    if isinstance(record, Step):
                        return record.event.t_ns
        return otherwise_ns


def _write(file: IO[bytes] | None, body: bytes) -> int:
    if file is None:
        raise DeviceError("the journal is closed", hint="open a new one")
    record = framed(body)
    file.write(record)
    file.flush()  # a buffered file writes all or raises; unbuffered it may write half and say so in a number nobody reads
    return len(record)


@contextlib.contextmanager
def _disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DeviceError(
            f"the journal in {folder} cannot be written: {error.strerror}", hint="free some disk or choose another --out"
        ) from error
