"""The project's own gaze CSV (:mod:`devices.gaze_csv`) as a recording."""

from __future__ import annotations

import itertools
from pathlib import Path

from devices.gaze_csv import read_gaze_csv
from devices.recordings.recorded import Recorded, rate_hz
from edge_runtime.errors import GazeFileError
from gaze.types import GazeSample

ASSUMED_HFOV_DEG = 90.0
ASSUMED_PX = (1600, 900)


def read_generic(path: Path, *, in_degrees: bool = False, hfov_deg: float | None = None) -> Recorded:
    """Read a gaze CSV.

    Args:
        path: The file; ``-`` reads standard input.
        in_degrees: Whether its positions are field angles; then a camera must be assumed to turn them into positions.
        hfov_deg: Of that camera; 90 degrees if not given.

    Raises:
        GazeFileError: As :func:`~devices.gaze_csv.read_gaze_csv`.
        ValueError: The field of view is impossible for a pinhole camera.
    """
    hfov = ASSUMED_HFOV_DEG if hfov_deg is None else hfov_deg
    read = read_gaze_csv(path, hfov_deg=hfov, aspect=ASSUMED_PX[0] / ASSUMED_PX[1])
    if not read.samples:
        raise GazeFileError(f"{path} has no rows", hint="it needs at least one")
    origin_ns = read.samples[0].t_ns
    samples = tuple(GazeSample(s.t_ns - origin_ns, s.x_norm, s.y_norm, s.confidence, s.worn) for s in read.samples)
    steps = [b.t_ns - a.t_ns for a, b in itertools.pairwise(samples)]
    notes = ["taken for a gaze CSV", read.note]
    piped = str(path) == "-"
    if in_degrees or piped:
        condition = "if positions are degrees, " if piped else ""
        notes.append(f"{condition}camera assumed, not known: a pinhole {hfov:g} degrees wide, {ASSUMED_PX[0]} x {ASSUMED_PX[1]} px")
    return Recorded(
        samples=samples,
        t_origin_ns=origin_ns,
        name="standard input" if piped else path.stem,
        device="unknown (CSV)",
        rate_hz=rate_hz(steps),
        hfov_deg=hfov if in_degrees else None,
        width_px=ASSUMED_PX[0] if in_degrees else None,
        height_px=ASSUMED_PX[1] if in_degrees else None,
        dropped=dict(read.dropped),
        not_understood=read.ignored_columns,
        verified=True,
        note="; ".join(notes),
    )
