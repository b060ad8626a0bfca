"""A table of gaze row by row, as it stands: for labelling each row, where :mod:`devices.gaze_csv` is for playing a file.

Understood are the project's own gaze CSV (``t_s`` with ``x_norm,y_norm`` or ``x_deg,y_deg``, and ``valid``, ``confidence``, ``worn``) and
the columns of published recordings: ``gaze_x_deg,gaze_y_deg`` with ``target_x_deg,target_y_deg`` (how the scene moves through the
picture), and ``eye_deg,head_deg`` (horizontal only). Other columns, such as people's labels, are left alone. Rows keep their order: what
stands after a later time came too late for a detector and is left out and counted, never sorted in.

Notes (``#``) that say ``hfov_deg=...`` or ``aspect=...`` give the camera, as ``gaze convert`` writes them.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from devices.gaze_angles import Array, Mask, head_turns, in_picture
from devices.recordings.checks import check_order, check_places, check_times
from edge_runtime.errors import GazeFileError
from gaze.geometry import tangent_scale
from gaze.head import HeadRotation
from gaze.types import GazeSample

FORMS = "t_s,x_norm,y_norm[,confidence,worn] or t_s,x_deg,y_deg,valid"
HFOV_DEG, ASPECT = 90.0, 16 / 9
_S = 1_000_000_000
_FARTHEST_NORM = 1e6
_FEWEST = 2
_HEAD_BYTES = 1 << 14
_CAMERA = re.compile(r"\b(hfov_deg|aspect)=([0-9.]+)")
_WORDS = {"": math.nan, "true": 1.0, "false": 0.0}


class _Form(NamedTuple):
    """Columns that hold a position, and those that hold how the scene moves, if there are any."""

    place: tuple[str, ...]
    scene: tuple[str, ...] = ()
    in_degrees: bool = True


_FORMS = (
    _Form(("x_norm", "y_norm"), in_degrees=False),
    _Form(("x_deg", "y_deg")),
    _Form(("gaze_x_deg", "gaze_y_deg"), ("target_x_deg", "target_y_deg")),
    # the tracker sees the eye in the head; where the head turns the scene moves the other way
    _Form(("eye_deg",), ("head_deg",)),
)


@dataclass(frozen=True, slots=True)
class GazeTable:
    """Gaze, row by row.

    Attributes:
        name: Of the file.
        times: ``t_s`` of each row, as written.
        samples: The sample each row is, ``None`` for a row that is left out; those there are go forward in time.
        dropped: Rows left out, by reason: ``unreadable``, ``no_time``, ``duplicate``, ``backward``.
        hfov_deg: Horizontal field of view that the positions were taken for, degrees.
        aspect: Width over height of that picture.
        notes: What a person should know about how it was read.
        turns: How the head turned since the sample before, one for each sample, if that was asked for.
    """

    name: str
    times: tuple[str, ...]
    samples: tuple[GazeSample | None, ...]
    dropped: dict[str, int] = field(default_factory=dict)
    hfov_deg: float = HFOV_DEG
    aspect: float = ASPECT
    notes: tuple[str, ...] = ()
    turns: list[HeadRotation | None] | None = None

    @property
    def kept(self) -> list[GazeSample]:
        """The samples, in order of time."""
        return [sample for sample in self.samples if sample is not None]


def read_table(path: str | Path, *, hfov_deg: float | None = None, steady: bool = False) -> GazeTable:
    """Read a table of gaze.

    Args:
        path: The file; ``"-"`` reads standard input.
        hfov_deg: Horizontal field of view of the scene camera, degrees; what the file notes if not given, else 90.
        steady: Also read how the head turned, which the file must tell.

    Raises:
        GazeFileError: The file is missing, not text, not gaze, in another unit, out of order, without gaze, or holds a frozen signal.
        ValueError: The camera is impossible.
    """
    name = "standard input" if str(path) == "-" else str(path)
    text = read_text(path, name)
    hfov, aspect = _camera(text, hfov_deg, name)
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not lines:
        raise GazeFileError(f"the gaze file {name} is empty", hint=f"it needs a header and rows: {FORMS}")
    columns = [cell.strip().strip('"') for cell in lines[0].split(",")]
    form = _form(columns, name)
    times, table, dropped = _cells(lines[1:], columns, form)
    t_s, place, scene = table[:, 0], table[:, 1:3], table[:, 3:5]
    kept = _forward(t_s, dropped)
    check_order(dropped.get("backward", 0), int(kept.sum()), name)
    if kept.sum() < _FEWEST:
        left_out = ", ".join(f"{n} {reason}" for reason, n in dropped.items()) or "no others"
        raise GazeFileError(f"{name} has {int(kept.sum())} usable rows of gaze ({left_out})", hint="eye movements need two rows or more")
    t_ns = np.round(np.where(kept, t_s, 0.0) * _S).astype(np.int64)
    check_times(np.diff(t_ns[kept]).tolist(), name)
    seen = kept & np.isfinite(place).all(axis=1) & (table[:, 5] > 0) & (table[:, 7] >= 0.0)
    _check_gaze(place[seen], table[seen, 7], name)
    notes: list[str] = []
    turns = None
    if form.scene and not steady:
        notes.append(f"the head's movement ({', '.join(form.scene)}) is left in; --steady takes it out")
    if steady:
        if not form.scene:
            raise GazeFileError(f"{name} does not tell how the head turns", hint="--steady needs target_x_deg,target_y_deg or head_deg")
        turns = head_turns(scene, kept, head=form.scene == ("head_deg",))
        if not any(turns):
            raise GazeFileError(f"no row of {name} tells how the head turns", hint="leave --steady away")
    if form.in_degrees:
        place, more = in_picture(place, seen, t_s, name, (hfov, aspect))
        notes += more
    check_places([(x, y) for x, y in place[seen & np.isfinite(place).all(axis=1)].tolist()], name, in_pixels=False)
    there = seen & (np.abs(place) < _FARTHEST_NORM).all(axis=1)
    rows = zip(t_ns.tolist(), place.tolist(), kept.tolist(), there.tolist(), table[:, 6:8].tolist(), strict=True)
    samples = tuple(_sample(*row) for row in rows)
    notes = [_count(t_ns[kept], int(kept.sum() - there.sum()), dropped), *notes]
    return GazeTable(name, times, samples, dropped, hfov, aspect, tuple(notes), turns)


def knows(path: str | Path) -> bool:
    """Whether a path is a file whose header is one of a table's forms; one that cannot be read is left for a reader to complain about."""
    try:
        with Path(path).open("rb") as file:
            head = file.read(_HEAD_BYTES).decode("utf-8-sig", errors="replace")
    except OSError:
        return False
    header = next((line for line in head.splitlines() if line.strip() and not line.startswith("#")), "")
    return "t_s" in [cell.strip().strip('"') for cell in header.split(",")]


def read_text(path: str | Path, name: str) -> str:
    """A file's or standard input's text.

    Raises:
        GazeFileError: It is missing, cannot be read, or is not text.
    """
    try:
        raw = sys.stdin.buffer.read() if str(path) == "-" else Path(path).read_bytes()
        return raw.decode("utf-8-sig")
    except FileNotFoundError:
        raise GazeFileError(f"there is no gaze file {name}", hint="check the path; '-' reads standard input") from None
    except OSError as error:
        raise GazeFileError(f"cannot read the gaze file {name}: {error.strerror}", hint="it must be a readable file") from error
    except UnicodeDecodeError:
        raise GazeFileError(f"{name} is not a text file", hint=f"gaze is CSV in UTF-8: {FORMS}") from None


def _camera(text: str, hfov_deg: float | None, name: str) -> tuple[float, float]:
    """Field of view and aspect: as asked for, else as the file notes, else the usual."""
    said = {key: value for line in text.splitlines() if line.startswith("#") for key, value in _CAMERA.findall(line)}
    try:
        hfov, aspect = float(said.get("hfov_deg", HFOV_DEG)), float(said.get("aspect", ASPECT))
        tangent_scale(hfov, aspect)
    except ValueError as error:
        raise GazeFileError(
            f"the camera noted in {name} is none: {error}", hint="mend or remove the note '# hfov_deg=... aspect=...'"
        ) from None
    if hfov_deg is not None:
        tangent_scale(hfov_deg, aspect)
        hfov = hfov_deg
    return hfov, aspect


def _form(columns: Sequence[str], name: str) -> _Form:
    found = [form for form in _FORMS if set(form.place) <= set(columns)] if "t_s" in columns else []
    if len(found) == 1 and len(set(columns)) == len(columns):
        return found[0]
    problem = (
        "has a column twice" if found and len(set(columns)) < len(columns) else "gives positions twice" if found else "is not understood"
    )
    raise GazeFileError(f"the header of {name} {problem}: {','.join(columns)!r}", hint=f"known: {FORMS}")


def _cells(lines: Sequence[str], columns: Sequence[str], form: _Form) -> tuple[tuple[str, ...], Array, dict[str, int]]:
    """Times as written; [n, 8] of time, x, y, scene x, scene y, valid, worn, confidence; rows that are no numbers have no time."""
    at = {column: k for k, column in enumerate(columns)}
    places, scenes = ([at.get(c) for c in (*names, "", "")[:2]] for names in (form.place, form.scene))
    order = [at["t_s"], *places, *scenes, at.get("valid"), at.get("worn"), at.get("confidence")]
    defaults = [0.0] * 5 + [1.0] * 3
    rows: list[list[float]] = []
    times: list[str] = []
    dropped: dict[str, int] = {}
    for line in lines:
        # numbers need no quoting, and a stray quote must not swallow the lines after it
        cells = [cell.strip() for cell in line.replace('"', "").split(",")]
        times.append(cells[at["t_s"]] if at["t_s"] < len(cells) else "")
        try:
            row = [number(cells[k]) if k is not None else default for k, default in zip(order, defaults, strict=True)]
        except (IndexError, ValueError):
            row = [math.nan] * 8
            dropped["unreadable"] = dropped.get("unreadable", 0) + 1
        else:
            if not math.isfinite(row[0]):
                dropped["no_time"] = dropped.get("no_time", 0) + 1
        rows.append(row)
    return tuple(times), np.array(rows, np.float64).reshape(-1, 8), dropped


def number(cell: str) -> float:
    """The number in a cell; an empty one is none (NaN).

    Raises:
        ValueError: It holds a word.
    """
    word = cell.lower()
    return _WORDS[word] if word in _WORDS else float(word)


def _forward(t_s: Array, dropped: dict[str, int]) -> Mask:
    """Which rows have a time that goes on from the one before; the others are counted."""
    kept = np.zeros(len(t_s), np.bool_)
    last = -math.inf
    for k, t in enumerate(t_s.tolist()):
        if not math.isfinite(t):
            continue
        if t <= last:
            reason = "duplicate" if t == last else "backward"
            dropped[reason] = dropped.get(reason, 0) + 1
            continue
        kept[k], last = True, t
    return kept


def _check_gaze(place: Array, confidence: Array, name: str) -> None:
    if not len(place):
        raise GazeFileError(f"no row of {name} has gaze", hint="positions must be numbers; valid=0 means no gaze")
    if float(np.max(confidence)) > 1.0:
        raise GazeFileError(f"a confidence in {name} is {float(np.max(confidence)):g}", hint="confidence runs from 0 to 1")
    if (place == place[0]).all():
        where = f"({place[0, 0]:g}, {place[0, 1]:g})"
        raise GazeFileError(
            f"gaze never moves in {name}: all {len(place)} positions are {where}", hint="no eye holds so still; was it recorded?"
        )


def _sample(t_ns: int, place: Sequence[float], kept: bool, there: bool, worn: Sequence[float]) -> GazeSample | None:
    if not kept:
        return None
    on_head, confidence = not worn[0] <= 0.0, worn[1]
    return GazeSample(t_ns, place[0], place[1], confidence, on_head) if there else GazeSample(t_ns, None, None, 0.0, on_head)


def _count(t_ns: npt.NDArray[np.int64], empty: int, dropped: dict[str, int]) -> str:
    said = [f"{len(t_ns)} rows over {(int(t_ns[-1]) - int(t_ns[0])) / _S:.1f} s"]
    if empty:
        said.append(f"{empty} of them without gaze")
    return "; ".join([*said, *(f"{count} more rows left out ({reason})" for reason, count in dropped.items())])
