"""Project Aria gaze, as the machine perception services (MPS) write it: CSV files of three schemas and of the second generation.

    combined    tracking_timestamp_us, yaw_rads_cpf, pitch_rads_cpf, depth_m, low and high bounds; with or without session_uid,
                the order of columns differs
    vergence    left_yaw_rads_cpf, right_yaw_rads_cpf, pitch_rads_cpf, depth_m, bounds, eye positions t[xyz]_{left,right}_eye_cpf in m
    gen 2       yaw_rads_cpf, pitch_rads_cpf, and both eyes' own angles and positions

Angles are radians in the central pupil frame (x left, y up, z forward): a gaze of yaw and pitch goes through (tan yaw, tan pitch, 1), as
in projectaria_tools. Verified on files of all of these.

The files do not say where the scene camera is. Without its calibration, which is in the VRS file (:mod:`devices.recordings.aria_vrs`), an
ideal camera is assumed, and said: square, upright, at the central pupil, looking along z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from devices.recordings.checks import check_radians
from devices.recordings.recorded import Recorded, Rows, Source, finish
from devices.recordings.tables import Table, number, read_table, time_ns
from gaze.geometry import deg_to_norm

_US = 1_000
ASSUMED_HFOV_DEG = 110.0
ASSUMED_SIDE_PX = 1408
_PLACES = ("", "eye_gaze", "mps/eye_gaze", "eye_gaze_vergence")
_NAMES = ("personalized_eye_gaze.csv", "general_eye_gaze.csv", "generalized_eye_gaze.csv", "generalized_gaze.csv", "eyegaze.csv")
_KNOWN = (
    "tracking_timestamp_us",
    *(f"{side}{angle}_{bound}" for side in ("", "left_", "right_") for angle in ("yaw", "pitch") for bound in ("rads", "low", "high")),
    *(f"t{axis}_{side}_eye" for axis in "xyz" for side in ("left", "right")),
    "depth_m",
    "session_uid",
)


@dataclass(frozen=True, slots=True)
class Direction:
    """One gaze direction in the central pupil frame.

    Attributes:
        t_ns: Device time.
        yaw_rad: Left positive; NaN without gaze.
        pitch_rad: Up positive; NaN without gaze.
        depth_m: Distance of the gaze point, NaN if not given.
    """

    t_ns: int
    yaw_rad: float
    pitch_rad: float
    depth_m: float


@dataclass(frozen=True)
class Directions:
    """What one gaze CSV says: directions, what was left out, what was not understood, and how it was read."""

    found: list[Direction]
    rows: Rows
    device: str
    notes: list[str]
    not_understood: tuple[str, ...]


def find_csvs(folder: Path) -> list[Path]:
    """Gaze CSVs of a recording's folder, the personalised before the general ones."""
    return [folder / place / name for place in _PLACES for name in _NAMES if (folder / place / name).is_file()]


def combined_yaw(left_rad: float, right_rad: float, left_m: tuple[float, float], right_m: tuple[float, float]) -> tuple[float, bool]:
    """Direction of the point where the two eyes' rays cross, seen from the middle between the eyes.

    Args:
        left_rad: Yaw of the left eye.
        right_rad: Yaw of the right eye.
        left_m: Place of the left eye: x left, z forward.
        right_m: Place of the right eye.

    Returns:
        The yaw, and whether the rays truly meet in front. Rays that part meet behind the eyes; the line through that point still is the
        direction they have in common. Parallel rays have it as their own.
    """
    if not (math.isfinite(left_rad) and math.isfinite(right_rad)):
        return math.nan, False
    left, right = math.tan(left_rad), math.tan(right_rad)
    if abs(right - left) < 1e-9:
        return math.atan((left + right) / 2.0), True
    # left_m + s (left, 1) = right_m + u (right, 1)
    along = (left_m[0] - right_m[0] + (right_m[1] - left_m[1]) * right) / (right - left)
    x, z = left_m[0] + along * left, left_m[1] + along
    return (math.atan(x / z), z > 0.0) if z else (math.nan, False)


def read_directions(path: Path) -> Directions:
    """Read a gaze CSV of any of the schemas, in the central pupil frame.

    Raises:
        GazeFileError: It is none of them, has no usable rows, or its angles are not radians.
    """
    table = read_table(path)
    rows, found, parting = Rows(), [], 0
    yaw = table.find("yaw_rads")
    eyes = None if yaw is not None else _eyes(table)
    at = [table.need("tracking_timestamp_us"), table.need("pitch_rads"), *(eyes if eyes is not None else [table.need("yaw_rads")])]
    depth = table.find("depth_m")
    for cells in table.cells(rows, [*at, *([depth] if depth is not None else [])]):
        try:
            t_ns = time_ns(cells[0], _US)
            pitch_rad, *rest = (number(cell) for cell in cells[1:])
        except ValueError:
            rows.drop("unreadable")
            continue
        if t_ns is None:
            rows.drop("no_time")
            continue
        yaw_rad = rest[0]
        if eyes is not None:
            yaw_rad, meet = combined_yaw(rest[0], rest[1], (rest[2], rest[3]), (rest[4], rest[5]))
            parting += not meet and math.isfinite(yaw_rad)
        found.append(Direction(t_ns, yaw_rad, pitch_rad, rest[-1] if depth is not None else math.nan))
    check_radians([d.yaw_rad for d in found], [d.pitch_rad for d in found], str(path))
    second = table.find("left_pitch_rads") is not None
    schema = "both eyes and combined" if second else "combined" if eyes is None else "vergence"
    device = f"Aria gen {2 if second else 1}"
    notes = [f"{device} gaze by MPS ({path.name}, schema: {schema})"]
    if eyes is not None:
        notes.append(f"yaw is that of the point where both eyes' rays cross; they part instead in {parting} of {len(found)} rows")
    return Directions(found, rows, device, notes, table.unknown(_KNOWN))


def read_aria(path: Path, *, hfov_deg: float | None = None, others: tuple[Path, ...] = ()) -> Recorded:
    """Read a gaze CSV through an assumed camera.

    Args:
        path: The CSV.
        hfov_deg: Of the camera to assume, degrees; 110 if not given, as wide as Aria's own.
        others: Gaze files of the same recording that were passed over, to be named.

    Raises:
        GazeFileError: As :func:`read_directions`, or as :func:`~devices.recordings.recorded.finish`.
        ValueError: The field of view is impossible for a pinhole camera.
    """
    read = read_directions(path)
    hfov = ASSUMED_HFOV_DEG if hfov_deg is None else hfov_deg
    x, y = deg_to_norm(
        [-math.degrees(d.yaw_rad) for d in read.found], [-math.degrees(d.pitch_rad) for d in read.found], hfov_deg=hfov, aspect=1.0
    )
    for direction, x_norm, y_norm in zip(read.found, x.tolist(), y.tolist(), strict=True):
        read.rows.add(direction.t_ns, x_norm, y_norm)
    assumed = (
        f"camera assumed, not known: a pinhole at the central pupil looking straight ahead, {hfov:g} degrees wide, "
        f"{ASSUMED_SIDE_PX} x {ASSUMED_SIDE_PX} px; Aria's own looks lower and is a fisheye, and only the VRS file describes it"
    )
    passed = [f"passed over: {', '.join(other.name for other in others)}"] if others else []
    source = Source(
        path=str(path),
        name=recording_name(path),
        device=read.device,
        notes=[*read.notes, assumed, *passed],
        verified=True,
        hfov_deg=hfov,
        width_px=ASSUMED_SIDE_PX,
        height_px=ASSUMED_SIDE_PX,
        not_understood=read.not_understood,
    )
    return finish(read.rows, source)


def recording_name(path: Path) -> str:
    """The folder of a recording that MPS folders lie in."""
    folder = path.resolve().parent
    while folder.name in ("eye_gaze", "mps", "eye_gaze_vergence"):
        folder = folder.parent
    return folder.name


def _eyes(table: Table) -> list[int] | None:
    """Columns of the vergence schema: both yaws, then x and z of the left and of the right eye."""
    if table.find("left_yaw_rads") is None:
        return None
    names = ("left_yaw_rads", "right_yaw_rads", "tx_left_eye", "tz_left_eye", "tx_right_eye", "tz_right_eye")
    return [table.need(name) for name in names]
