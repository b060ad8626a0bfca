"""Pupil Labs Neon, as the phone records it: ``gaze ps1.raw`` and ``.time`` pairs in parts, with ``.dtype`` files that say their layout.

Positions are pixels of the scene camera's picture as taken, 1600 x 1200; times are Unix nanoseconds of the phone. Where the 200 Hz file
computed afterwards (``gaze_200hz``) is there, it is taken, as Pupil Labs' own reader does. Samples in a blink that the device found have
no point: the network goes on guessing behind a closed lid. Verified on a real recording.
"""

from __future__ import annotations

import ast
import fnmatch
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from devices.recordings.optics import camera_from, lens_note, read_json
from devices.recordings.recorded import Recorded, Rows, Source, finish
from devices.recordings.tables import read_bytes, read_text
from edge_runtime.errors import GazeFileError
from gaze.camera import Camera

SIZE_PX = (1600, 1200)
_GAZE = [("x", "<f4"), ("y", "<f4")]
_WORN = [("worn", "u1")]
_BLINK = [("event_type", "<i4"), ("start_timestamp_ns", "<i8"), ("end_timestamp_ns", "<i8")]
_TYPES = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64")
_FILES = (
    *(f"{stream} ps*.{kind}" for stream in ("gaze", "gaze_right", "gaze_left", "worn", "blinks", "fixations") for kind in ("raw", "time")),
    *(f"{stream} ps*.{kind}" for stream in ("eye_state", "imu", "extimu") for kind in ("raw", "time")),
    *(f"Neon {camera} v1 ps*.*" for camera in ("Scene Camera", "Sensor Module")),
    *("gaze_200hz.*", "worn_200hz.*", "*.dtype", "event.*", "calibration.bin", "*.json", "manifest.json.crc", "imu.proto"),
    *("android.log.zip", "Neon*.bin", "Neon*.mp4", "Neon*.time*", ".*"),
)


def is_neon(folder: Path) -> bool:
    """Whether a folder holds a native Neon recording."""
    return (folder / "gaze_200hz.raw").is_file() or bool(_parts(folder, "gaze"))


def read_neon(folder: Path) -> Recorded:
    """Read a native recording.

    Raises:
        GazeFileError: No gaze, a file without its times, a layout that has no x and y, or as in
            :func:`~devices.recordings.recorded.finish`.
    """
    rows, notes, unknown = Rows(), [], [f"{file.name}" for file in sorted(folder.iterdir()) if not _is_known(file.name)]
    late = folder / "gaze_200hz.raw"
    files = [late] if late.is_file() else _parts(folder, "gaze")
    notes.append(f"Pupil Neon, native ({', '.join(file.name for file in files)})")
    layout = _layout(folder / "gaze.dtype", _GAZE)
    names = layout.names or ()
    if not {"x", "y"} <= set(names):
        raise GazeFileError(f"gaze.dtype in {folder} names no x and y", hint=f"it names: {', '.join(names)}")
    unknown += [f"gaze.{name}" for name in names if name not in ("x", "y")]
    blinks = _blinks(folder)
    blinked = 0
    for file in files:
        gaze, t_ns = _values(file, layout, rows), _values(file.with_suffix(".time"), np.dtype("<i8"), rows)
        if len(gaze) != len(t_ns):
            rows.drop("no_time" if len(gaze) > len(t_ns) else "unreadable", abs(len(gaze) - len(t_ns)))
        count = min(len(gaze), len(t_ns))
        worn = _worn(folder, file, count, notes)
        closed = np.zeros(count, bool)
        for start_ns, end_ns in blinks:
            closed |= (t_ns[:count] >= start_ns) & (t_ns[:count] <= end_ns)
        blinked += int(closed.sum())
        x = np.where(closed, np.nan, gaze["x"][:count].astype(np.float64) / SIZE_PX[0])
        y = np.where(closed, np.nan, gaze["y"][:count].astype(np.float64) / SIZE_PX[1])
        for values in zip(t_ns[:count].tolist(), x.tolist(), y.tolist(), worn.tolist(), strict=True):
            rows.add(values[0], values[1], values[2], 1.0, values[3])
    if blinks:
        notes.append(f"{blinked} samples in {len(blinks)} blinks that the device found have no point")
    camera = read_calibration(folder / "calibration.bin")
    if camera is not None:
        notes.append(lens_note(camera, [row.x_norm for row in rows.kept], [row.y_norm for row in rows.kept]))
    info = read_json(folder / "info.json")
    match info.get("gaze_offset"):
        case [int() | float() as right, int() | float() as down] if right or down:
            notes.append(f"the wearer's offset of {right:.0f}, {down:.0f} px, set in the app, is in the positions")
    source = Source(
        path=str(folder),
        name=name_of(info) or folder.resolve().name,
        device="Pupil Neon",
        notes=notes,
        verified=True,
        hfov_deg=camera.hfov_deg if camera is not None else None,
        width_px=SIZE_PX[0],
        height_px=SIZE_PX[1],
        camera=camera,
        not_understood=tuple(unknown),
        in_pixels=True,
    )
    return finish(rows, source)


def read_calibration(path: Path) -> Camera | None:
    """The scene camera of a ``calibration.bin``; ``None`` without the file.

    Raises:
        GazeFileError: The file has another layout.
    """
    if not path.is_file():
        return None
    raw = read_bytes(path)
    if len(raw) < 137:
        raise GazeFileError(f"{path} is {len(raw)} bytes long, too short for a camera", hint="copy it again, or leave it out")
    # the scene camera comes first: version, serial, matrix, distortion
    matrix = np.frombuffer(raw, "<f8", 9, offset=7)
    distortion = np.frombuffer(raw, "<f8", 8, offset=79)
    return camera_from(matrix, distortion, SIZE_PX, str(path))


def name_of(info: dict[str, Any]) -> str | None:
    """The recording's name in an ``info.json`` of the Companion app."""
    template = info.get("template_data")
    name = template.get("recording_name") if isinstance(template, dict) else None
    return name if isinstance(name, str) and name else None


def _parts(folder: Path, stream: str) -> list[Path]:
    """``gaze ps1.raw``, ``gaze ps2.raw`` ..., ``gaze ps10.raw`` after ``ps9``."""
    numbered = [(int(hit[1]), file) for file in folder.glob("*.raw") if (hit := re.fullmatch(rf"{stream} ps(\d+)\.raw", file.name))]
    return [file for _, file in sorted(numbered)]


def _is_known(name: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in _FILES)


def _layout(path: Path, published: list[tuple[str, str]]) -> np.dtype[Any]:
    """The layout that a ``.dtype`` file states, or the published one where there is none."""
    if not path.is_file():
        return np.dtype(published)
    try:
        fields = [(str(name), str(kind)) for name, kind in ast.literal_eval(read_text(path).strip())]
        odd = sorted({kind for _, kind in fields if kind not in _TYPES})
        if odd or not fields:
            raise ValueError(f"unknown types {odd}")
        return np.dtype([(name, np.dtype(kind).newbyteorder("<")) for name, kind in fields])
    except (ValueError, TypeError, SyntaxError) as error:
        raise GazeFileError(f"{path} is not a layout: {error}", hint='it lists names and types: [("x", "float32"), ...]') from None


def _values(path: Path, layout: np.dtype[Any], rows: Rows) -> npt.NDArray[Any]:
    raw = read_bytes(path)
    whole = len(raw) // layout.itemsize
    rows.drop("torn", int(whole * layout.itemsize != len(raw)))
    return np.frombuffer(raw, layout, whole)


def _worn(folder: Path, gaze: Path, count: int, notes: list[str]) -> npt.NDArray[np.bool_]:
    """Worn or not, sample by sample; taken as worn where the file does not go with the gaze."""
    file = gaze.with_name(gaze.name.replace("gaze", "worn", 1))
    if file.is_file():
        flags = _values(file, _layout(folder / "worn.dtype", _WORN), Rows())
        if len(flags) == count:
            return np.asarray(flags["worn"] > 0, np.bool_)
        notes.append(f"{file.name} has {len(flags)} values for {count} gaze samples and is not used")
    return np.ones(count, np.bool_)


def _blinks(folder: Path) -> list[tuple[int, int]]:
    """Start and end of the blinks that the device found, Unix nanoseconds."""
    layout = _layout(folder / "blinks.dtype", _BLINK)
    if not {"start_timestamp_ns", "end_timestamp_ns"} <= set(layout.names or ()):
        return []
    found: list[tuple[int, int]] = []
    for file in _parts(folder, "blinks"):
        if file.stat().st_size:
            values = _values(file, layout, Rows())
            found += zip(values["start_timestamp_ns"].tolist(), values["end_timestamp_ns"].tolist(), strict=True)
    return found
