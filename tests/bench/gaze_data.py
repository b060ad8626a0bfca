"""The labelled recordings beside the project, as samples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gaze import GazeSample, deg_to_norm

SHARED = Path(__file__).resolve().parents[3] / "shared"
SETS = ("lund2013", "hfc2018", "giw", "gazecom", "lookatpoint")
HFOV_DEG, ASPECT = 90.0, 16 / 9
MS = 1_000_000
_FOLD_DEG = 20.0

Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


class Recording(NamedTuple):
    """One labelled file: its lines, times, angles and samples."""

    name: str
    lines: list[str]
    t_ns: Codes
    x_deg: Array
    y_deg: Array
    samples: list[GazeSample]


def table(path: Path) -> tuple[str, list[str], dict[str, Array]]:
    """Header, lines and columns of a CSV file of numbers; an empty cell is NaN."""
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    cells = np.array([[float(cell) if cell else np.nan for cell in line.split(",")] for line in lines])
    return header, lines, dict(zip(header.split(","), cells.T, strict=True))


def to_samples(t_ns: Codes, x_deg: Array, y_deg: Array, sure: Array) -> list[GazeSample]:
    """Angles as samples; NaN is no gaze."""
    x_norm, y_norm = deg_to_norm(x_deg, y_deg, hfov_deg=HFOV_DEG, aspect=ASPECT)
    there = (np.abs(x_norm) < 100.0) & (np.abs(y_norm) < 100.0)
    rows = zip(t_ns.tolist(), x_norm.tolist(), y_norm.tolist(), sure.tolist(), there.tolist(), strict=True)
    return [GazeSample(t, x, y, c) if ok else GazeSample(t, None, None, c) for t, x, y, c, ok in rows]


def read(folder: Path, name: str, hz: float | None) -> Recording:
    """Read a labelled file, thinned to about ``hz``."""
    header, lines, field = table(folder / name)
    if hz is not None:
        every = max(1, round(1.0 / float(np.median(np.diff(field["t_s"]))) / hz))
        lines, field = lines[::every], {column: values[::every] for column, values in field.items()}
    x, y = field["x_deg"], field["y_deg"]
    if name.startswith("giw"):
        # these paths are summed from speeds and wander off by hundreds of degrees; folding keeps every step's size
        x, y = fold(x), fold(y)
    x, y = (np.where(field["valid"] > 0, place, np.nan) for place in (x, y))
    t_ns = np.round(field["t_s"] * 1e9).astype(np.int64)
    sure = field.get("confidence", np.ones(len(t_ns)))
    return Recording(name, [header, *lines], t_ns, x, y, to_samples(t_ns, x, y, sure))


def fold(angle_deg: Array) -> Array:
    """Reflect angles into -20..20 degrees."""
    return np.abs((angle_deg + _FOLD_DEG) % (4.0 * _FOLD_DEG) - 2.0 * _FOLD_DEG) - _FOLD_DEG


def read_sets(sets: Sequence[str], hz: float | None) -> list[Recording]:
    """All recordings of some sets."""
    data = SHARED / "data" / "gaze"
    return [read(data, str(path.relative_to(data)), hz) for name in sets for path in sorted((data / name).glob("*.csv"))]
