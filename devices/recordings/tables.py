"""Tables of text and packed lines: columns found by the beginning of their names, broken rows counted, torn files read to the tear."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from devices.recordings.recorded import LATEST_NS, Rows
from edge_runtime.errors import GazeFileError

_NOTHING = ("", "nan", "none", "null", "-")
_CHUNK = 1 << 16
_SPOILT = 20
_GZIP = b"\x1f"  # of the two bytes that a gzip file begins with, and no text does


def read_bytes(path: Path) -> bytes:
    """A file whole.

    Raises:
        GazeFileError: It is missing, empty or unreadable.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise GazeFileError(f"there is no {path}", hint="check the path") from None
    except OSError as error:
        raise GazeFileError(f"cannot read {path}: {error.strerror}", hint="it must be a readable file") from error
    if not raw:
        raise GazeFileError(f"{path} is empty", hint="was the recording stopped properly, and copied whole?")
    return raw


def read_text(path: Path) -> str:
    """A UTF-8 file whole. A few bytes that are none spoil their cells only.

    Raises:
        GazeFileError: As :func:`read_bytes`, and for what is not text.
    """
    text = read_bytes(path).decode("utf-8-sig", errors="replace")
    if _SPOILT * text.count("\ufffd") > len(text):
        raise GazeFileError(f"{path} is not a text file", hint="this format is text in UTF-8")
    return text


@dataclass(frozen=True)
class Table:
    """A CSV file.

    Attributes:
        path: Where it lies.
        columns: Names as in the header.
        rows: Cells, one list a line; a line may be short.
    """

    path: Path
    columns: tuple[str, ...]
    rows: list[list[str]]

    def find(self, *prefixes: str) -> int | None:
        """The column called one of these, or else the only one whose name begins with one of them; the case does not matter.

        Raises:
            GazeFileError: Several begin so.
        """
        names = [column.lower() for column in self.columns]
        for prefix in prefixes:
            if prefix in names:
                return names.index(prefix)
        hits = [n for n, name in enumerate(names) if name.startswith(prefixes)]
        if len(hits) > 1:
            several = ", ".join(self.columns[n] for n in hits)
            raise GazeFileError(f"{self.path} has several columns for {prefixes[0]!r}: {several}", hint="leave one of them")
        return hits[0] if hits else None

    def need(self, *prefixes: str) -> int:
        """As :meth:`find`.

        Raises:
            GazeFileError: There is none, or there are several.
        """
        found = self.find(*prefixes)
        if found is None:
            raise GazeFileError(f"{self.path} has no column {prefixes[0]!r}", hint=f"its columns are: {', '.join(self.columns)}")
        return found

    def unknown(self, known: Sequence[str]) -> tuple[str, ...]:
        """Columns that begin like none of the known ones."""
        return tuple(column for column in self.columns if not column.lower().startswith(tuple(known)))

    def cells(self, rows: Rows, at: Sequence[int]) -> Iterator[list[str]]:
        """These cells of each row that has them; the others are counted as ``unreadable``."""
        last = max(at)
        for row in self.rows:
            if len(row) > last:
                yield [row[n] for n in at]
            else:
                rows.drop("unreadable")


def read_table(path: Path) -> Table:
    """Read a CSV file.

    Raises:
        GazeFileError: It is missing, empty, no text, or has no rows.
    """
    # numbers need no quoting, and a stray quote must not swallow the lines after it
    lines = [line.split(",") for line in read_text(path).splitlines() if line.strip(", \t")]
    if len(lines) < 2:
        raise GazeFileError(f"{path} has no rows", hint="a header alone is no recording")
    return Table(path, tuple(cell.strip().strip('"') for cell in lines[0]), lines[1:])


def number(cell: str) -> float:
    """A cell's number; NaN for an empty cell. ``ValueError`` for a word."""
    word = cell.strip().strip('"').lower()
    return math.nan if word in _NOTHING else float(word)


def time_ns(cell: str, unit_ns: int) -> int | None:
    """A cell's time in nanoseconds, to the last digit; ``None`` for an empty or impossible one. ``ValueError`` for a word."""
    word = cell.strip().strip('"').lower()
    if word in _NOTHING:
        return None
    try:
        value = Decimal(word) * unit_ns
        return int(value.to_integral_value()) if abs(value) < LATEST_NS else None
    except (InvalidOperation, OverflowError):
        raise ValueError(f"not a time: {word}") from None


def unpack(path: Path) -> tuple[bytes, bool]:
    """What a gzip file holds, as far as it goes, and whether it is torn; a file that was unpacked already is taken as it is.

    Raises:
        GazeFileError: It is missing or empty, or nothing can be unpacked.
    """
    raw = read_bytes(path)
    if not raw.startswith(_GZIP):
        return raw, False
    out: list[bytes] = []
    torn = False
    while raw.startswith(_GZIP) and not torn:
        member = zlib.decompressobj(wbits=31)
        # in pieces: what precedes a broken piece is kept
        for start in range(0, len(raw), _CHUNK):
            try:
                out.append(member.decompress(raw[start : start + _CHUNK]))
            except zlib.error:
                torn = True
                break
            if member.eof:
                raw = member.unused_data + raw[start + _CHUNK :]
                break
        else:
            torn = True
    if not any(out):
        raise GazeFileError(f"nothing in {path} can be unpacked", hint="the file is torn at its beginning; copy it again from the device")
    return b"".join(out), torn


def json_lines(path: Path, rows: Rows) -> tuple[list[dict[str, Any]], bool]:
    """Objects of a file with one JSON object a line, packed or not, and whether the file is torn.

    Lines that are no object are counted as ``unreadable``, a last one cut off as ``torn``.
    """
    raw, torn = unpack(path)
    lines = raw.split(b"\n")
    found: list[dict[str, Any]] = []
    for n, line in enumerate(lines):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
        except ValueError:
            item = None
        if isinstance(item, dict):
            found.append(item)
        else:
            at_end = n == len(lines) - 1
            torn = torn or at_end
            rows.drop("torn" if at_end else "unreadable")
    return found, torn
