"""Tobii Pro Glasses 2 and 3, as they lie on the SD card.

    Glasses 2   segments/N/livedata.json.gz, one object a line: ``ts`` in microseconds, ``s`` status (0 good), ``gp`` gaze 0..1, ``gp3``
                gaze in mm (x left, y up), others; the scene camera is in et.tslv.gz. Verified on a real segment.
    Glasses 3   gazedata.gz, one object a line: ``{"type": "gaze", "timestamp": s, "data": {"gaze2d": [x, y], "gaze3d": [x, y, z], ...}}``,
                data empty when gaze is lost; the scene camera is in recording.g3. **Unverified.**

Both give positions from 0 to 1, origin top left, in the scene camera's picture as taken.
"""

from __future__ import annotations

import fnmatch
import math
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from devices.recordings.checks import check_direction
from devices.recordings.optics import camera_from, lens_note, read_json
from devices.recordings.recorded import Recorded, Rows, Source, finish
from devices.recordings.tables import json_lines, unpack
from edge_runtime.errors import GazeFileError
from gaze.camera import Camera

_US = 1_000
_S = 1_000_000_000
_NAN = float("nan")
_G2_KEYS = {"ts", "s", "gidx", "l", "gp", "gp3", "eye", "pc", "pd", "gd", "ac", "gy"} | {
    "pts",
    "pv",
    "vts",
    "epts",
    "evts",
    "ets",
    "type",
    "dir",
    "sig",
}
_G2_FILES = ("livedata.json*", "et.tslv*", "mems.tslv*", "calibration.json", "segment.json", "fullstream.mp4", "eyesstream.mp4", ".*")
_G3_KEYS = ("gaze2d", "gaze3d", "eyeleft", "eyeright")
_CAMERA_ITEM = 300
_CAMERA_BYTES = struct.Struct("<bb2x3f9f2ff2f3f3f2h")


def find_glasses2(folder: Path) -> list[Path]:
    """Gaze files of a recording's or a segment's folder, one a segment."""
    places = [folder, *sorted((folder / "segments").glob("*"))]
    return [file for place in places if (file := _packed(place, "livedata.json"))]


def find_glasses3(folder: Path) -> list[Path]:
    """The gaze file of a recording's folder."""
    return [file] if (file := _packed(folder, "gazedata")) else []


def read_glasses2(path: Path) -> Recorded:
    """Read ``livedata.json.gz`` of one segment.

    Raises:
        GazeFileError: It cannot be unpacked, holds no gaze, positions run against the file's own 3D gaze, or as in
            :func:`~devices.recordings.recorded.finish`.
    """
    rows, notes = Rows(), [f"Tobii Pro Glasses 2 ({path.name})"]
    items, torn = json_lines(path, rows)
    deep = {item["gidx"]: item["gp3"] for item in items if "gp3" in item and isinstance(item.get("gidx"), int) and item.get("s") == 0}
    points: list[tuple[float, float, Any]] = []
    for item in items:
        if "gp" not in item:
            continue
        xy = _numbers(item["gp"], 2)
        if xy is None:
            rows.drop("unreadable")
            continue
        good = item.get("s") == 0
        rows.add(_ns(item.get("ts"), _US), *(xy if good else (_NAN, _NAN)))
        if good:
            gidx = item.get("gidx")
            points.append((xy[0], xy[1], deep.get(gidx) if isinstance(gidx, int) else None))
    _check_turned(points, path)
    if torn:
        notes.append("the file is torn: read as far as it goes")
    starts = [t_ns for item in items if item.get("vts") == 0 and (t_ns := _ns(item.get("ts"), _US)) is not None]
    if starts and rows.kept:
        notes.append(f"the scene video begins {(starts[0] - rows.kept[0].t_ns) / _S:.3f} s after the first sample")
    camera = _tslv_camera(path.parent, notes)
    folder = path.resolve().parent
    root = folder.parents[1] if folder.parent.name == "segments" else folder
    told = read_json(root / "recording.json").get("rec_info")
    name = told.get("Name") if isinstance(told, dict) else None
    keys = sorted({key for item in items for key in item} - _G2_KEYS)
    files = sorted(file.name for file in folder.iterdir() if not any(fnmatch.fnmatchcase(file.name, p) for p in _G2_FILES))
    # a segment unpacked on its own may lie among anything
    unknown = (*keys, *(files if folder.parent.name == "segments" else ()))
    return finish(rows, _source(path, str(name or root.name), "Tobii Pro Glasses 2", notes, True, camera, unknown, rows))


def read_glasses3(path: Path) -> Recorded:
    """Read ``gazedata.gz``. Unverified.

    Raises:
        GazeFileError: As :func:`read_glasses2`.
    """
    rows, notes = Rows(), [f"Tobii Pro Glasses 3 ({path.name})"]
    items, torn = json_lines(path, rows)
    points: list[tuple[float, float, Any]] = []
    unknown: set[str] = set()
    for item in items:
        if item.get("type") != "gaze":
            unknown.add(f"type {item.get('type')}")
            continue
        data = item.get("data")
        data = data if isinstance(data, dict) else {}
        unknown.update(key for key in data if key not in _G3_KEYS)
        xy = _numbers(data.get("gaze2d"), 2)
        rows.add(_ns(item.get("timestamp"), _S), *(xy or (_NAN, _NAN)))
        if xy:
            points.append((xy[0], xy[1], data.get("gaze3d")))
    _check_turned(points, path)
    if torn:
        notes.append("the file is torn: read as far as it goes")
    told = read_json(path.with_name("recording.g3"))
    camera = _g3_camera(told, path)
    name = told.get("name") or path.resolve().parent.name
    return finish(rows, _source(path, str(name), "Tobii Pro Glasses 3", notes, False, camera, tuple(sorted(unknown)), rows))


def _source(
    path: Path, name: str, device: str, notes: list[str], verified: bool, camera: Camera | None, unknown: tuple[str, ...], rows: Rows
) -> Source:
    if camera is not None:
        notes.append(lens_note(camera, [row.x_norm for row in rows.kept], [row.y_norm for row in rows.kept]))
    return Source(
        path=str(path),
        name=name,
        device=device,
        notes=notes,
        verified=verified,
        hfov_deg=camera.hfov_deg if camera is not None else None,
        width_px=camera.width_px if camera is not None else None,
        height_px=camera.height_px if camera is not None else None,
        camera=camera,
        not_understood=unknown,
    )


def _check_turned(points: Iterable[tuple[float, float, Any]], path: Path) -> None:
    """Positions must run against the 3D gaze point, whose x points left and y up."""
    sound = [(x, y, p[0] / p[2], p[1] / p[2]) for x, y, deep in points if (p := _numbers(deep, 3)) and p[2]]
    if sound:
        x, y, left, up = zip(*sound, strict=True)
        check_direction(x, [-value for value in left], str(path), "2D and 3D gaze, left to right,")
        check_direction(y, [-value for value in up], str(path), "2D and 3D gaze, top to bottom,")


def _ns(value: Any, unit_ns: int) -> int | None:
    """A time in nanoseconds, ``None`` if it is no finite number."""
    return round(value * unit_ns) if isinstance(value, (int, float)) and math.isfinite(value) else None


def _numbers(value: Any, count: int) -> list[float] | None:
    if not isinstance(value, list) or len(value) != count or not all(isinstance(v, (int, float)) for v in value):
        return None
    return [float(v) for v in value]


def _packed(folder: Path, name: str) -> Path | None:
    return next((file for file in (folder / f"{name}.gz", folder / name) if file.is_file()), None)


def _tslv_camera(folder: Path, notes: list[str]) -> Camera | None:
    """The scene camera in the eye tracking stream: item 300 of type, status, length and a payload padded to four bytes, after the name."""
    file = _packed(folder, "et.tslv")
    if file is None:
        return None
    raw, _ = unpack(file)
    at = 0
    while at + 8 <= len(raw):
        kind, _, length = struct.unpack_from("<hhi", raw, at)
        at += 8
        if kind == _CAMERA_ITEM and at + _CAMERA_BYTES.size <= len(raw):
            _, _, *values = _CAMERA_BYTES.unpack_from(raw, at)
            fx, fy, skew, cx, cy, k1, k2, k3, p1, p2, _, width, height = values[12:]
            if skew:
                notes.append(f"a skew of {skew:g} px is left out of the camera")
            return camera_from([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], [k1, k2, p1, p2, k3], (width, height), str(file))
        if length < 0:
            break
        at += (length + 3) // 4 * 4
    notes.append(f"no scene camera in {file.name}")
    return None


def _g3_camera(told: dict[str, Any], path: Path) -> Camera | None:
    """The scene camera of ``recording.g3``, if it describes one."""
    scene = told.get("scenecamera")
    camera = scene.get("camera-calibration") if isinstance(scene, dict) else None
    if not isinstance(camera, dict):
        return None
    where = str(path.with_name("recording.g3"))
    focal, centre, size = (_numbers(camera.get(key), 2) for key in ("focal-length", "principal-point", "resolution"))
    radial, sideways = _numbers(camera.get("radial-distortion"), 3), _numbers(camera.get("tangential-distortion"), 2)
    if not (focal and centre and size and radial and sideways):
        raise GazeFileError(f"the camera in {where} is not complete", hint="leave the file out; the gaze can be read without")
    matrix = [[focal[0], 0, centre[0]], [0, focal[1], centre[1]], [0, 0, 1]]
    return camera_from(matrix, [*radial[:2], *sideways, radial[2]], (int(size[0]), int(size[1])), where)
