"""Pupil Labs exports: Pupil Cloud's for Invisible and Neon, and Pupil Player's for Pupil Core.

    Cloud   gaze.csv: timestamp [ns], gaze x [px], gaze y [px], worn, fixation id, blink id, azimuth [deg], elevation [deg]; beside it
            info.json and scene_camera.json. Verified for Invisible. **Unverified for Neon**: the same columns as published.
    Core    gaze_positions.csv: gaze_timestamp in seconds, confidence, norm_pos_x, norm_pos_y with y UP, base_data, gaze_point_3d_*,
            eye_center*, gaze_normal*; ``world.intrinsics`` of the recording. **Unverified.**

Names of columns differ between devices and versions, so they are matched by how they begin.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from devices.recordings.checks import check_direction
from devices.recordings.neon import SIZE_PX as NEON_PX
from devices.recordings.neon import name_of
from devices.recordings.optics import camera_from, lens_note, read_json
from devices.recordings.recorded import Recorded, Rows, Source, finish
from devices.recordings.tables import Table, number, read_bytes, read_table, time_ns
from edge_runtime.errors import GazeFileError
from gaze.camera import Camera

INVISIBLE_PX = (1088, 1080)
_S = 1_000_000_000
_MOST_APART_DEG = 2.0
_CLOUD = ("section id", "recording id", "timestamp", "gaze x", "gaze y", "worn", "fixation id", "blink id", "azimuth", "elevation")
_CORE = ("gaze_timestamp", "world_index", "confidence", "norm_pos_", "base_data", "gaze_point_3d_", "eye_center", "gaze_normal")


def read_cloud(path: Path) -> Recorded:
    """Read ``gaze.csv`` of a Pupil Cloud export.

    Raises:
        GazeFileError: A column is missing, the picture's size cannot be told, the positions do not go with the file's own angles, or as
            in :func:`~devices.recordings.recorded.finish`.
    """
    table = read_table(path)
    info = read_json(path.with_name("info.json"))
    scene = read_json(path.with_name("scene_camera.json"))
    neon, by = _which(path.parent, info, scene)
    size = NEON_PX if neon else INVISIBLE_PX
    device = "Pupil Neon" if neon else "Pupil Invisible"
    notes = [f"a Pupil Cloud export of {device} ({path.name}; the device by {by})"]
    rows = Rows()
    angles = _cloud_rows(table, rows, size, notes)
    camera = None
    if scene:
        distortion = next((value for key, value in scene.items() if key.startswith("dist")), ())
        camera = camera_from(scene.get("camera_matrix"), distortion, size, str(path.with_name("scene_camera.json")))
        _check_angles(rows, angles, camera, path, notes)
        notes.append(lens_note(camera, [row.x_norm for row in rows.kept], [row.y_norm for row in rows.kept]))
    source = Source(
        path=str(path),
        name=name_of(info) or path.resolve().parent.name,
        device=device,
        notes=notes,
        verified=not neon,
        hfov_deg=camera.hfov_deg if camera is not None else None,
        width_px=size[0],
        height_px=size[1],
        camera=camera,
        not_understood=table.unknown(_CLOUD),
        in_pixels=True,
    )
    return finish(rows, source)


def _cloud_rows(table: Table, rows: Rows, size: tuple[int, int], notes: list[str]) -> list[tuple[float, float]]:
    """Take the rows; returns azimuth and elevation of those taken, NaN where the file has none."""
    at = [table.need("timestamp [ns]"), table.need("gaze x"), table.need("gaze y")]
    more = {name: n for name in ("worn", "blink id", "azimuth", "elevation") if (n := table.find(name)) is not None}
    angles: list[tuple[float, float]] = []
    blinks = 0
    for cells in table.cells(rows, [*at, *more.values()]):
        try:
            t_ns = time_ns(cells[0], 1)
            x, y, *rest = (number(cell) for cell in cells[1:])
        except ValueError:
            rows.drop("unreadable")
            continue
        extra = dict(zip(more, rest, strict=True))
        blink = extra.get("blink id", 0.0) > 0
        blinks += blink
        # behind a closed lid the network goes on guessing
        x, y = (float("nan"), float("nan")) if blink else (x, y)
        rows.add(t_ns, x / size[0], y / size[1], 1.0, not extra.get("worn", 1.0) <= 0)
        if t_ns is not None:
            angles.append((extra.get("azimuth", float("nan")), extra.get("elevation", float("nan"))))
    if blinks:
        notes.append(f"{blinks} samples in blinks that the device found have no point")
    return angles


def _which(folder: Path, info: dict[str, Any], scene: dict[str, Any]) -> tuple[bool, str]:
    """Whether it is a Neon and not an Invisible, and what says so: their pictures differ in size."""
    if "module_serial_number" in info or "frame_name" in info:
        return True, "info.json"
    if "glasses_serial_number" in info:
        return False, "info.json"
    if (folder / "3d_eye_states.csv").is_file() or (folder / "saccades.csv").is_file():
        return True, "files that only Neon has"
    try:
        centre = float(scene["camera_matrix"][0][2])
    except (KeyError, IndexError, TypeError, ValueError):
        centre = 0.0
    for neon, size in ((True, NEON_PX), (False, INVISIBLE_PX)):
        if abs(centre - size[0] / 2) < size[0] / 16:
            return neon, "the principal point in scene_camera.json"
    raise GazeFileError(
        f"nothing beside gaze.csv in {folder} says whether it is of Neon or Invisible, whose pictures differ in size",
        hint="put info.json or scene_camera.json of the export beside it",
    )


def _check_angles(rows: Rows, angles: list[tuple[float, float]], camera: Camera, path: Path, notes: list[str]) -> None:
    """Positions must be where the file's own azimuth (right positive) and elevation (up positive) say."""
    azimuth, elevation = np.array(angles, np.float64).reshape(-1, 2).T
    x_norm, y_norm = np.array([(row.x_norm, row.y_norm) for row in rows.kept], np.float64).reshape(-1, 2).T
    there = np.isfinite(azimuth) & np.isfinite(elevation) & np.isfinite(x_norm)
    if not there.any():
        return
    check_direction(x_norm, azimuth, str(path), "gaze x and azimuth")
    check_direction(y_norm, -elevation, str(path), "gaze y and elevation")
    x_deg, y_deg = camera.px_to_deg(*camera.norm_to_px(x_norm[there], y_norm[there]), strict=False)
    # what the lens model cannot invert lies far outside the picture
    apart = np.nan_to_num(np.hypot(x_deg - azimuth[there], -y_deg - elevation[there]), nan=np.inf)
    apart_deg = float(np.median(apart))
    if apart_deg > _MOST_APART_DEG:
        raise GazeFileError(
            f"positions and angles in {path} are {apart_deg:.3g} degrees apart (median)",
            hint="scene_camera.json or the picture's size is of another device, or the positions are no pixels",
        )
    notes.append(f"positions agree with the file's own angles to {apart_deg:.2f} degrees (median)")


def read_core(path: Path) -> Recorded:
    """Read ``gaze_positions.csv`` of a Pupil Player export. Unverified.

    Raises:
        GazeFileError: A column is missing, y runs against the file's own 3D gaze, or as in :func:`~devices.recordings.recorded.finish`.
    """
    table = read_table(path)
    rows = Rows()
    at = [table.need("gaze_timestamp"), table.need("norm_pos_x"), table.need("norm_pos_y"), table.need("confidence")]
    more = [n for name in ("gaze_point_3d_y", "gaze_point_3d_z") if (n := table.find(name)) is not None]
    slopes: list[float] = []
    for cells in table.cells(rows, [*at, *more]):
        try:
            t_ns = time_ns(cells[0], _S)
            x, y, confidence, *deep = (number(cell) for cell in cells[1:])
        except ValueError:
            rows.drop("unreadable")
            continue
        rows.add(t_ns, x, 1.0 - y, confidence)
        if t_ns is not None:
            slopes.append(deep[0] / deep[1] if len(deep) == 2 and deep[1] else float("nan"))
    # 3D gaze points have y down, as OpenCV's camera
    check_direction([row.y_norm for row in rows.kept], slopes, str(path), "norm_pos_y, turned to run down, and gaze_point_3d_y")
    notes = [f"a Pupil Core export ({path.name}), norm_pos_y up"]
    # binocular and single-eye rows of the two eye cameras are interleaved and not quite in order
    in_order = sorted(rows.kept, key=lambda row: row.t_ns)
    moved = sum(a is not b for a, b in zip(in_order, rows.kept, strict=True))
    if moved:
        rows.kept = in_order
        notes.append(f"sorted by time, which moved {moved} rows")
    camera = next((c for folder in (path.parent, *path.resolve().parents[1:3]) if (c := _intrinsics(folder / "world.intrinsics"))), None)
    if camera is not None:
        notes.append(lens_note(camera, [row.x_norm for row in rows.kept], [row.y_norm for row in rows.kept]))
    folder = path.resolve().parent
    source = Source(
        path=str(path),
        name=folder.parents[1].name if folder.parent.name == "exports" else folder.name,
        device="Pupil Core",
        notes=notes,
        verified=False,
        hfov_deg=camera.hfov_deg if camera is not None else None,
        width_px=camera.width_px if camera is not None else None,
        height_px=camera.height_px if camera is not None else None,
        camera=camera,
        not_understood=table.unknown(_CORE),
    )
    return finish(rows, source)


def _intrinsics(path: Path) -> Camera | None:
    """The one radial camera of a ``world.intrinsics`` (MessagePack, keyed by resolution), if it is there."""
    if not path.is_file():
        return None
    try:
        found = msgspec.msgpack.decode(read_bytes(path))
        cameras = [value for value in found.values() if isinstance(value, dict) and value.get("cam_type") == "radial"]
        if len(cameras) != 1:
            return None
        width, height = (int(side) for side in cameras[0]["resolution"])
        return camera_from(cameras[0]["camera_matrix"], cameras[0]["dist_coefs"], (width, height), str(path))
    except (msgspec.DecodeError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise GazeFileError(f"{path} is no camera: {error}", hint="leave it out; the gaze can be read without") from None
