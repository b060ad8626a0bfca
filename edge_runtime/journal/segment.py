"""One segment of a journal on disk: begun and written to while it is the newest, later found again, cut short, removed."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import IO

import numpy as np

from edge_runtime import codec
from edge_runtime.errors import DeviceError, JournalError
from edge_runtime.journal.format import MAGIC, Head, Loss, Step, bodies, decode, framed
from edge_runtime.journal.whole_file import sync_folder, write_whole
from edge_runtime.protocol import Looked


class Segment:
    """A segment: its files, and what they weigh.

    What it takes to read a segment in order to know is read when it is first asked for: a run that goes on after a crash must not
    wait until all of its journal has been read.

    Args:
        folder: Of the journal.
        number: Counts up over the journal.

    Attributes:
        nbytes: Of its files.
        head_nbytes: Of its head, if it was begun here.
    """

    def __init__(self, folder: Path, number: int) -> None:
        self.number = number
        self.path = folder / f"{number:06d}.segment"
        self.tokens_path = folder / f"{number:06d}.tokens"
        self.nbytes = sum(path.stat().st_size for path in (self.path, self.tokens_path) if path.exists())
        self.head_nbytes = 0
        self._steps: int | None = None
        self._t_first_ns: int | None = None
        self._file: IO[bytes] | None = None
        self._tokens: IO[bytes] | None = None

    @property
    def steps(self) -> int:
        """How many steps can be read: none of a segment of another version."""
        if self._steps is None:
            try:
                self._steps = max(0, sum(1 for _ in bodies(self.path, Loss())) - 1)
            except JournalError:
                self._steps = 0
        return self._steps

    @property
    def t_first_ns(self) -> int | None:
        """When its first step was; ``None`` if it has none."""
        if self._t_first_ns is None and self._file is None:
            steps = (record for record in map(decode, bodies(self.path, Loss())) if isinstance(record, Step))
            first = next(steps, None)
            self._t_first_ns = None if first is None else first.event.t_ns
        return self._t_first_ns

    # ------------------------------------------------------------ writing

    def begin(self, head: Head) -> None:
        """Make its file. It gets its name when its head has reached the disk: after a crash there is always one to go on from.

        Raises:
            OSError: The disk refuses; nothing is left of it.
        """
        fresh = self.path.with_suffix(".fresh")
        self._file = fresh.open("wb")
        try:
            self._file.write(MAGIC)
            self._write(framed(codec.encode(head)))
            self.sync()
            fresh.replace(self.path)
            sync_folder(self.path.parent)
        except OSError:
            fresh.unlink(missing_ok=True)
            self.unlink()
            raise
        self.nbytes = self.head_nbytes = self.path.stat().st_size
        self._steps = 0

    def write(self, step: Step) -> None:
        """Append a step; it survives the process when this returns, and the power after :meth:`sync`.

        Raises:
            OSError: The disk refuses.
            DeviceError: The segment is not open.
        """
        record = framed(codec.encode(step))
        self._write(record)
        self.nbytes += len(record)
        self._t_first_ns = step.event.t_ns if self._t_first_ns is None else self._t_first_ns
        self._steps = self.steps + 1

    def write_tokens(self, event: Looked) -> None:
        """Append the numbers in the tokens of a look, float16, to the file beside.

        Raises:
            OSError: The disk refuses.
        """
        for region in event.regions:
            if region.tokens is None or region.tokens.emb is None:
                continue
            if self._tokens is None:
                self._tokens = self.tokens_path.open("wb")
            data = np.ascontiguousarray(region.tokens.emb, dtype="<f2").tobytes()
            self._tokens.write(data)
            self._tokens.flush()
            self.nbytes += len(data)

    def sync(self) -> None:
        """Have the disk take all that was written, so that not even a lost power takes it back. Tokens may be missing.

        Raises:
            OSError: The disk refuses.
        """
        if self._file is not None:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close its files; may be called twice.

        Raises:
            OSError: The disk refuses what was still to be written.
        """
        file, tokens = self._file, self._tokens
        self._file = self._tokens = None
        for opened in (file, tokens):
            if opened is not None:
                opened.close()

    def _write(self, record: bytes) -> None:
        if self._file is None:
            raise DeviceError("the journal is closed", hint="open a new one")
        self._file.write(record)
        self._file.flush()  # a buffered file writes all or raises; unbuffered it may write half and say so in a number nobody reads

    # ------------------------------------------------------------ forgetting

    def unlink(self) -> None:
        """Remove its files.

        Raises:
            OSError: The disk refuses.
        """
        with contextlib.suppress(OSError):  # what it could not take any more goes with the rest
            self.close()
        self.path.unlink(missing_ok=True)
        self.tokens_path.unlink(missing_ok=True)

    def cut(self, t_from_ns: int) -> None:
        """Keep only what came before ``t_from_ns``; the tokens, being in order, are cut with it.

        Raises:
            OSError: The disk refuses.
        """
        kept, tokens, self._steps = bytearray(MAGIC), 0, 0
        for body in bodies(self.path, Loss()):
            record = decode(body)
            if isinstance(record, Step):
                if record.event.t_ns >= t_from_ns:
                    break
                self._steps += 1
                if isinstance(record.event, Looked):
                    tokens += sum(region.tokens.nbytes for region in record.event.regions if region.tokens is not None)
            kept += framed(body)
        write_whole(self.path, bytes(kept))
        if self.tokens_path.exists():
            with self.tokens_path.open("r+b") as file:
                file.truncate(min(tokens, self.tokens_path.stat().st_size))
        self.nbytes = len(kept) + (self.tokens_path.stat().st_size if self.tokens_path.exists() else 0)


def find_segments(folder: Path) -> list[Segment]:
    """The segments that a run has left in a folder, oldest first.

    Raises:
        OSError: One cannot be read.
    """
    return [Segment(folder, int(path.stem)) for path in segment_paths(folder)]


def segment_paths(folder: Path) -> list[Path]:
    """Files of the segments in the folder of a journal, oldest first."""
    return sorted(path for path in folder.glob("*.segment") if path.stem.isdecimal())
