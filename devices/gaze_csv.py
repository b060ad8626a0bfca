"""Gaze from a CSV file or from standard input.

Two forms, told apart by the header; the order of columns is free:

    t_s,x_norm,y_norm[,confidence][,worn][,valid]    0..1 over the picture, origin top left
    t_s,x_deg,y_deg[,confidence][,worn][,valid]      field angles, right and down positive

An empty cell or ``nan`` in a position or a confidence means that there was no gaze at that time. Lines that begin with ``#`` are notes.
"""

from __future__ import annotations

import difflib
import itertools
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import NamedTuple

from edge_runtime.errors import GazeFileError
from gaze.geometry import deg_to_norm
from gaze.types import GazeSample

FORMS = "t_s,x_norm,y_norm[,confidence,worn] or t_s,x_deg,y_deg,valid"
_PLACES = (("x_norm", "y_norm"), ("x_deg", "y_deg"))
_KNOWN = ("t_s", "x_norm", "y_norm", "x_deg", "y_deg", "confidence", "worn", "valid")
_NS = 1_000_000_000
_MOST_DEG = 90.0
_MOST_NORM = 2.5
_FARTHEST_NORM = 1e6
_WORDS = {"": math.nan, "true": 1.0, "false": 0.0}
_TIME_UNITS = ((5e5, "nanoseconds", 1e9), (5e2, "microseconds", 1e6), (0.9, "milliseconds", 1e3))


@dataclass(frozen=True, slots=True)
class GazeFile:
    """What a gaze file holds.

    Attributes:
        samples: In order of time, no time twice; rows without gaze are samples without a point.
        dropped: Rows left out, by reason: ``unreadable`` (too few cells, or a word for a number), ``no_time``, ``duplicate`` (the first
            of a time is kept).
        without_gaze: Samples without a point.
        reordered: Rows that stood after a later time and were sorted in.
        ignored_columns: Columns that were not understood and are not needed.
    """

    samples: tuple[GazeSample, ...]
    dropped: dict[str, int]
    without_gaze: int
    reordered: int
    ignored_columns: tuple[str, ...]

    @property
    def note(self) -> str:
        """What a person should know about the file and how it was read, one line."""
        said = [f"{len(self.samples)} gaze samples over {(self.samples[-1].t_ns - self.samples[0].t_ns) / _NS:.1f} s"]
        if self.without_gaze:
            said.append(f"{self.without_gaze} of them without gaze")
        if self.reordered:
            said.append(f"{self.reordered} rows were out of order and have been sorted by time")
        said += [f"{count} rows left out ({reason})" for reason, count in self.dropped.items()]
        if self.ignored_columns:
            said.append(f"columns not used: {', '.join(self.ignored_columns)}")
        return "; ".join(said)


class _Row(NamedTuple):
    t_s: float
    x: float
    y: float
    confidence: float
    seen: bool
    worn: bool


def read_gaze_csv(path: str | Path, *, hfov_deg: float = 90.0, aspect: float = 16 / 9) -> GazeFile:
    """Read a gaze file whole.

    Args:
        path: The file; ``"-"`` reads standard input.
        hfov_deg: Horizontal field of view of the scene camera, degrees; turns ``_deg`` columns into picture positions.
        aspect: Width over height of its picture.

    Raises:
        GazeFileError: The file is missing, empty, not text, has an unknown header, another unit, or no row with gaze.
        ValueError: The camera is impossible.
    """
    name = "standard input" if str(path) == "-" else str(path)
    lines = _lines(path, name)
    columns = _columns(lines[0], name)
    rows, dropped = _rows(lines[1:], columns)
    if not rows:
        left_out = ", ".join(f"{n} {reason}" for reason, n in dropped.items()) or "there are none"
        raise GazeFileError(f"{name} has a header but no usable rows: {left_out}", hint=f"each row is numbers: {','.join(columns)}")
    latest = itertools.accumulate((row.t_s for row in rows), max)
    reordered = sum(row.t_s < t_s for row, t_s in zip(rows, latest, strict=True))
    rows.sort(key=lambda row: row.t_s)
    in_degrees = "x_deg" in columns
    _check_time(rows, name)
    _check_place(rows, name, in_degrees)
    samples = _samples(rows, dropped, (hfov_deg, aspect) if in_degrees else None)
    empty = sum(sample.x_norm is None for sample in samples)
    if empty == len(samples):
        raise GazeFileError(f"none of the {len(rows)} rows of {name} has gaze", hint="positions must be numbers; valid=0 means no gaze")
    return GazeFile(samples, dropped, empty, reordered, tuple(c for c in columns if c not in _KNOWN))


def _lines(path: str | Path, name: str) -> list[str]:
    """Lines with content, notes left out; at least one."""
    try:
        raw = sys.stdin.buffer.read() if str(path) == "-" else Path(path).read_bytes()
    except FileNotFoundError:
        raise GazeFileError(f"there is no gaze file {name}", hint="check the path; '-' reads standard input") from None
    except OSError as error:
        raise GazeFileError(f"cannot read the gaze file {name}: {error.strerror}", hint="it must be a readable file") from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise GazeFileError(f"{name} is not a text file", hint=f"gaze is CSV in UTF-8: {FORMS}") from None
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not lines:
        raise GazeFileError(f"the gaze file {name} is empty", hint=f"it needs a header and rows: {FORMS}")
    return lines


def _columns(header: str, name: str) -> list[str]:
    """Column names, if they make one of the two forms and none of them looks like a slip."""
    columns = [cell.strip().strip('"') for cell in header.split(",")]
    if all(_is_number(cell) for cell in columns):
        raise GazeFileError(f"{name} has no header: its first line is {header.strip()!r}", hint=f"name the columns: {FORMS}")
    complete = [place for place in _PLACES if set(place) <= set(columns)] if "t_s" in columns else []
    if len(complete) == 2:
        raise GazeFileError(f"{name} gives positions twice, in _norm and in _deg", hint="keep one of the two forms")
    twice = sorted({c for c in columns if columns.count(c) > 1})
    if twice:
        raise GazeFileError(f"{name} has a column twice: {', '.join(twice)}", hint="name each column once")
    foreign = [c for c in columns if c not in _KNOWN]
    missing = [c for c in _KNOWN if c not in columns]
    # a column that is not needed may be called anything, unless it is nearly one we know
    cutoff = 0.85 if complete else 0.5
    near = {c: match[0] for c in foreign if (match := difflib.get_close_matches(c.lower(), missing, 1, cutoff))}
    meant = "".join(f"did you mean {right} where it says {wrong}? " for wrong, right in near.items())
    if not complete:
        problem = f"not understood: {', '.join(foreign)}" if foreign else "a column is missing"
        raise GazeFileError(f"the header of {name} is {header.strip()!r}; {problem}", hint=f"{meant}known: {FORMS}")
    if near:
        raise GazeFileError(f"the header of {name} has a column that looks misspelt: {', '.join(near)}", hint=meant.strip())
    return columns


def _rows(lines: list[str], columns: list[str]) -> tuple[list[_Row], dict[str, int]]:
    x_name, y_name = _PLACES[1] if "x_deg" in columns else _PLACES[0]
    rows: list[_Row] = []
    dropped: dict[str, int] = {}
    for line in lines:
        # numbers need no quoting, and a stray quote must not swallow the lines after it
        row = dict(zip(columns, line.replace('"', "").split(","), strict=False))
        try:
            place = _number(row["t_s"]), _number(row[x_name]), _number(row[y_name])
            confidence, seen, worn = (_number(row[c]) if c in columns else 1.0 for c in ("confidence", "valid", "worn"))
        except (KeyError, ValueError):
            dropped["unreadable"] = dropped.get("unreadable", 0) + 1
            continue
        if not math.isfinite(place[0]):
            dropped["no_time"] = dropped.get("no_time", 0) + 1
            continue
        rows.append(_Row(*place, confidence, seen > 0, worn > 0))
    return rows, dropped


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _number(cell: str) -> float:
    word = cell.strip().lower()
    return _WORDS[word] if word in _WORDS else float(word)


def _check_time(rows: list[_Row], name: str) -> None:
    """No eye tracker takes a second or longer from sample to sample: then the unit is another one."""
    steps = [b.t_s - a.t_s for a, b in itertools.pairwise(rows) if b.t_s > a.t_s]
    typical_s = median(steps) if steps else 0.0
    for least, unit, factor in _TIME_UNITS:
        if typical_s >= least:
            raise GazeFileError(
                f"t_s of {name} looks like {unit}: rows are {typical_s:g} apart", hint=f"t_s is in seconds; divide it by {factor:.0f}"
            )


def _check_place(rows: list[_Row], name: str, in_degrees: bool) -> None:
    """Most positions lie in or near the picture; else the unit is another one."""
    sizes = sorted(max(abs(row.x), abs(row.y)) for row in rows if row.seen and math.isfinite(row.x) and math.isfinite(row.y))
    if not sizes:
        return
    usual = sizes[len(sizes) // 2]
    form = "x_deg, y_deg" if in_degrees else "x_norm, y_norm"
    if usual > _MOST_DEG:
        hint = "divide x by the picture's width and y by its height, and call them x_norm, y_norm"
        raise GazeFileError(f"{form} of {name} look like pixels: half of the rows exceed {usual:g}", hint=hint)
    if not in_degrees and usual > _MOST_NORM:
        hint = "x_norm and y_norm run from 0 to 1 over the picture; if these are degrees, call the columns x_deg, y_deg"
        raise GazeFileError(f"{form} of {name} look like degrees or pixels: half of the rows exceed {usual:g}", hint=hint)
    wrong = next((row for row in rows if row.confidence < 0.0 or row.confidence > 1.0), None)
    if wrong is not None:
        raise GazeFileError(f"confidence in {name} is {wrong.confidence:g} at {wrong.t_s:g} s", hint="confidence runs from 0 to 1")


def _samples(rows: list[_Row], dropped: dict[str, int], camera: tuple[float, float] | None) -> tuple[GazeSample, ...]:
    """Rows in order of time as samples; the first of a time wins."""
    xs: list[float] = [row.x for row in rows]
    ys: list[float] = [row.y for row in rows]
    if camera is not None:
        x_norm, y_norm = deg_to_norm(xs, ys, hfov_deg=camera[0], aspect=camera[1])
        xs, ys = x_norm.tolist(), y_norm.tolist()
    samples: list[GazeSample] = []
    for row, x, y in zip(rows, xs, ys, strict=True):
        t_ns = round(row.t_s * _NS)
        if samples and samples[-1].t_ns == t_ns:
            dropped["duplicate"] = dropped.get("duplicate", 0) + 1
            continue
        # NaN fails every comparison, so a missing number is no gaze
        there = row.seen and abs(x) < _FARTHEST_NORM and abs(y) < _FARTHEST_NORM and row.confidence >= 0.0
        confidence = row.confidence if there else 0.0
        samples.append(GazeSample(t_ns, x if there else None, y if there else None, confidence, row.worn))
    return tuple(samples)
