"""One segment of a journal on disk: found again, cut short, removed."""

from __future__ import annotations

from pathlib import Path

from edge_runtime.journal.format import MAGIC, Loss, Step, bodies, decode, framed
from edge_runtime.protocol import Looked


class Segment:
    """A segment on disk: its files, and what they weigh.

    Args:
        folder: Of the journal.
        number: Counts up over the journal.
    """

    def __init__(self, folder: Path, number: int) -> None:
        self.number = number
        self.path = folder / f"{number:06d}.segment"
        self.tokens_path = folder / f"{number:06d}.tokens"
        self.nbytes = 0
        self.head_nbytes = 0
        self.steps = 0
        self.t_first_ns: int | None = None

    def unlink(self) -> None:
        """Remove its files."""
        self.path.unlink(missing_ok=True)
        self.tokens_path.unlink(missing_ok=True)

    def cut(self, t_from_ns: int) -> None:
        """Keep only what came before ``t_from_ns``; the tokens, being in order, are cut with it."""
        kept, tokens, self.steps = bytearray(MAGIC), 0, 0
        for body in bodies(self.path, Loss()):
            record = decode(body)
            if isinstance(record, Step):
                if record.event.t_ns >= t_from_ns:
                    break
                self.steps += 1
                if isinstance(record.event, Looked):
                    tokens += sum(region.tokens.nbytes for region in record.event.regions if region.tokens is not None)
            kept += framed(body)
        fresh = self.path.with_suffix(".fresh")
        fresh.write_bytes(kept)
        fresh.replace(self.path)
        if self.tokens_path.exists():
            with self.tokens_path.open("r+b") as file:
                file.truncate(min(tokens, self.tokens_path.stat().st_size))
        self.nbytes = len(kept) + (self.tokens_path.stat().st_size if self.tokens_path.exists() else 0)


def find_segments(folder: Path) -> list[Segment]:
    """The segments that a run has left in a folder, oldest first.

    Raises:
        JournalError: One is of another version.
        OSError: One cannot be read.
    """
    found = []
    for path in sorted(path for path in folder.glob("*.segment") if path.stem.isdecimal()):
        segment = Segment(folder, int(path.stem))
        for body in bodies(path, Loss()):
            record = decode(body)
            if isinstance(record, Step):
                segment.steps += 1
                segment.t_first_ns = record.event.t_ns if segment.t_first_ns is None else segment.t_first_ns
            else:
                segment.head_nbytes = len(MAGIC) + len(framed(body))
        tokens = segment.tokens_path
        segment.nbytes = path.stat().st_size + (tokens.stat().st_size if tokens.exists() else 0)
        found.append(segment)
    return found
