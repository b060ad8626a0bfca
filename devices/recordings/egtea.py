"""EGTEA Gaze+ (SMI glasses), text files as BeGaze exports them. **Unverified**: by the published reader of the data set.

A block of lines that begin with ``##``, one line of column names, then rows in one of two versions, told apart by their length:

    7 columns     x, y in the fourth and fifth; the frame's number in the sixth; the kind of movement in the last
    26 columns    x, y in the sixth and seventh; the frame as HH:MM:SS:FF in the second last; the kind in the last

Positions are pixels of 1280 x 960, frames are 24 a second. Several samples fall on one frame and are averaged: the file has no finer
time that is documented. BeGaze's own kinds of movement are not used, except that a blink has no point; nor has the place (0, 0).
"""

from __future__ import annotations

import math
from pathlib import Path

from devices.recordings.recorded import Recorded, Rows, Source, finish
from devices.recordings.tables import read_text
from edge_runtime.errors import GazeFileError

SIZE_PX = (1280, 960)
FRAMES_PER_S = 24
_S = 1_000_000_000
_MOST_FRAMES = 10**8
_VERSIONS = {7: (3, 4, 5), 26: (5, 6, 24)}


def is_egtea(head: str) -> bool:
    """Whether the beginning of a file is that of a BeGaze export."""
    return head.startswith("## [BeGaze]") or "## Number of Samples" in head


def read_egtea(path: Path) -> Recorded:
    """Read one BeGaze text.

    Raises:
        GazeFileError: No row is of one of the two versions, or as in :func:`~devices.recordings.recorded.finish`.
    """
    lines = [line.split() for line in read_text(path).splitlines() if line.strip() and not line.startswith("#")]
    if lines and not lines[0][0][:1].isdigit():
        lines = lines[1:]
    version = next((len(cells) for cells in lines if len(cells) in _VERSIONS), None)
    if version is None:
        lengths = sorted({len(cells) for cells in lines})
        raise GazeFileError(
            f"{path} has no rows of 7 or 26 columns", hint=f"its rows have {lengths or 'no'} columns; which BeGaze wrote it?"
        )
    rows = Rows()
    frames = _frames(lines, version, rows)
    lumped = 0
    for frame in sorted(frames):
        points = [point for point in frames[frame] if point is not None]
        lumped += len(frames[frame]) > 1
        x, y = (sum(axis) / len(points) for axis in zip(*points, strict=True)) if points else (math.nan, math.nan)
        rows.add(frame * _S // FRAMES_PER_S, x / SIZE_PX[0], y / SIZE_PX[1])
    notes = [f"EGTEA Gaze+ by BeGaze, {version} columns ({path.name})", f"times are of frames at {FRAMES_PER_S} a second"]
    if lumped:
        notes.append(f"several samples on {lumped} of {len(frames)} frames, averaged")
    source = Source(
        path=str(path),
        name=path.stem,
        device="SMI eye tracking glasses",
        notes=notes,
        verified=False,
        width_px=SIZE_PX[0],
        height_px=SIZE_PX[1],
        in_pixels=True,
    )
    return finish(rows, source)


def _frames(lines: list[list[str]], version: int, rows: Rows) -> dict[int, list[tuple[float, float] | None]]:
    """Points by frame, ``None`` where there is no gaze."""
    x_at, y_at, frame_at = _VERSIONS[version]
    frames: dict[int, list[tuple[float, float] | None]] = {}
    for cells in lines:
        if len(cells) != version:
            rows.drop("unreadable")
            continue
        try:
            x, y, frame = float(cells[x_at]), float(cells[y_at]), _frame(cells[frame_at])
        except ValueError:
            rows.drop("unreadable")
            continue
        if not 0 <= frame < _MOST_FRAMES:
            rows.drop("no_time")
            continue
        lost = cells[-1].lower() == "blink" or (x == 0.0 and y == 0.0)
        frames.setdefault(frame, []).append(None if lost else (x, y))
    return frames


def _frame(cell: str) -> int:
    """A frame's number, written as such or as HH:MM:SS:FF. ``ValueError`` for anything else."""
    parts = [int(part) for part in cell.split(":")]
    if len(parts) == 1:
        return parts[0]
    hours, minutes, seconds, frames = parts
    return ((hours * 60 + minutes) * 60 + seconds) * FRAMES_PER_S + frames
