"""Aria gaze in the pictures of Aria's own colour camera, by the calibration inside a VRS file.

Needs the extra ``aria`` (projectaria-tools), which is imported here and nowhere else. Gaze comes from the recording's own stream of eye
gaze (second generation) or else from the CSV that the machine perception services put beside it. Verified on a recording of the first
generation; the on-device stream of the second has not been tried on a real file.

The colour camera lies on its side in the glasses. Positions are given in its picture turned upright, a quarter turn clockwise.
"""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from typing import Any

import numpy as np

from devices.recordings.aria import Direction, find_csvs, read_directions
from devices.recordings.recorded import Recorded, Rows, Source, finish
from edge_runtime.errors import GazeFileError, MissingExtra

_CAMERA = "camera-rgb"
_GAZE = "eyegaze"
_DEPTH_M = 1.0
_MOST_DEPTH_M = 100.0


def read_vrs(path: Path) -> Recorded:
    """Read the gaze of a VRS recording.

    Raises:
        MissingExtra: ``projectaria-tools`` is not installed.
        GazeFileError: The file cannot be opened, holds no colour camera, or no gaze lies in it or beside it.
    """
    tools = _tools()
    try:
        provider = tools.create_vrs_data_provider(str(path)) if path.is_file() else None
    except (RuntimeError, ValueError) as error:
        raise GazeFileError(f"cannot open {path}: {error}", hint="it must be a whole VRS file") from error
    if provider is None:
        raise GazeFileError(f"cannot open {path}", hint="it must be a VRS file")
    device = provider.get_device_calibration()
    camera = device.get_camera_calib(_CAMERA) if device is not None else None
    if camera is None:
        raise GazeFileError(f"{path} has no calibrated camera {_CAMERA!r}", hint="the recording profile must include the colour camera")
    found, rows, notes, unknown, verified = _on_device(provider) or _beside(path)
    width, height = (int(side) for side in camera.get_image_size())
    to_camera = np.linalg.inv(camera.get_transform_device_camera().to_matrix()) @ device.get_transform_device_cpf().to_matrix()
    outside = default = 0
    for direction in found:
        near = direction.depth_m if 0.0 < direction.depth_m < _MOST_DEPTH_M else _DEPTH_M
        seen = _project(camera, to_camera, direction, near)
        # turned upright: rows become columns, counted from the other side
        x_norm, y_norm = (math.nan, math.nan) if seen is None else ((height - 1 - seen[1]) / height, seen[0] / width)
        gazed = math.isfinite(direction.yaw_rad) and math.isfinite(direction.pitch_rad)
        outside += seen is None and gazed
        default += near != direction.depth_m and gazed
        rows.add(direction.t_ns, x_norm, y_norm)
    # turned upright, the picture is as wide as it was high
    hfov_deg = math.degrees(2.0 * math.atan(height / 2.0 / float(camera.get_focal_lengths()[1])))
    notes.append("projected into the colour camera's upright picture by the calibration in the VRS file")
    notes.append(f"hfov is that of a pinhole of the same focal length, {hfov_deg:.1f} degrees; the camera is a fisheye and sees more")
    if default:
        notes.append(f"{default} rows without a usable depth are taken {_DEPTH_M:g} m away")
    if outside:
        notes.append(f"{outside} rows look past the camera's picture and have no point")
    source = Source(
        path=str(path),
        name=path.stem if path.stem != "recording" else path.resolve().parent.name,
        device=f"Aria {_generation(provider)}",
        notes=notes,
        verified=verified,
        hfov_deg=hfov_deg,
        width_px=height,
        height_px=width,
        not_understood=unknown,
    )
    return finish(rows, source)


def _tools() -> Any:
    try:
        return importlib.import_module("projectaria_tools.core.data_provider")
    except ImportError as error:
        hint = "install the extra: pip install 'edge-runtime[aria]'; the gaze CSV beside it can be read without"
        raise MissingExtra("reading VRS files needs the package projectaria-tools, which is not installed", hint=hint) from error


def _on_device(provider: Any) -> tuple[list[Direction], Rows, list[str], tuple[str, ...], bool] | None:
    """Gaze of the recording's own stream, if there is one."""
    stream = provider.get_stream_id_from_label(_GAZE)
    if stream is None:
        return None
    found = []
    for n in range(provider.get_num_data(stream)):
        gaze = provider.get_eye_gaze_data_by_index(stream, n)
        t_ns = round(gaze.tracking_timestamp.total_seconds() * 1e6) * 1000
        valid = getattr(gaze, "combined_gaze_valid", True)
        found.append(Direction(t_ns, gaze.yaw if valid else math.nan, gaze.pitch if valid else math.nan, gaze.depth))
    return found, Rows(), ["Aria recording (VRS) with gaze computed on the device"], (), False


def _beside(path: Path) -> tuple[list[Direction], Rows, list[str], tuple[str, ...], bool]:
    """Gaze of the CSV that lies beside the recording."""
    folders = [path.parent, path.parent / f"mps_{path.stem}_vrs"]
    csvs = [csv for folder in folders for csv in find_csvs(folder)]
    if not csvs:
        hint = "run the machine perception services (MPS) on it, and put their eye_gaze folder beside the file"
        raise GazeFileError(f"{path} has no stream {_GAZE!r}, and no gaze CSV lies beside it", hint=hint)
    read = read_directions(csvs[0])
    return read.found, read.rows, [f"Aria recording (VRS) with {read.notes[0]}", *read.notes[1:]], read.not_understood, True


def _project(camera: Any, to_camera: Any, direction: Direction, depth_m: float) -> tuple[float, float] | None:
    """Pixel of a gaze point in the camera's picture as taken, ``None`` if it sees nothing there."""
    if not (math.isfinite(direction.yaw_rad) and math.isfinite(direction.pitch_rad)):
        return None
    ray = np.array([math.tan(direction.yaw_rad), math.tan(direction.pitch_rad), 1.0])
    point = to_camera @ np.append(ray / np.linalg.norm(ray) * depth_m, 1.0)
    seen = camera.project(point[:3])
    return None if seen is None else (float(seen[0]), float(seen[1]))


def _generation(provider: Any) -> str:
    return str(provider.get_device_version()).rsplit(".", 1)[-1].lower().replace("gen", "gen ")
