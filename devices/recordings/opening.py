"""Which format is it? Told by names and headers, said in the recording's note, and never guessed: none or several is an error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from devices.recordings.aria import find_csvs, read_aria
from devices.recordings.aria_vrs import read_vrs
from devices.recordings.ego4d import read_ego4d
from devices.recordings.egtea import is_egtea, read_egtea
from devices.recordings.generic import read_generic
from devices.recordings.neon import is_neon, read_neon
from devices.recordings.pupil import read_cloud, read_core
from devices.recordings.recorded import Recorded
from devices.recordings.tobii import find_glasses2, find_glasses3, read_glasses2, read_glasses3
from edge_runtime.errors import GazeFileError

_HEAD_BYTES = 1 << 16
LOOKED_FOR = (
    "Aria: a CSV with tracking_timestamp_us, or a .vrs file",
    "Pupil Neon: 'gaze ps1.raw' or gaze_200hz.raw",
    "Pupil Cloud export: gaze.csv with 'timestamp [ns]' and 'gaze x [px]'",
    "Pupil Core export: gaze_positions.csv with gaze_timestamp",
    "Tobii Glasses 2: livedata.json.gz, also under segments/",
    "Tobii Glasses 3: gazedata.gz",
    "EGTEA Gaze+: a BeGaze text",
    "Ego4D: a CSV with canonical_timestamp_s",
    "a gaze CSV: t_s,x_norm,y_norm or t_s,x_deg,y_deg",
)


@dataclass(frozen=True)
class _Found:
    """A recording of one format, not yet read."""

    what: str
    file: Path
    read: Callable[[], Recorded]


def open_gaze(path: Path, *, hfov_deg: float | None = None) -> Recorded:
    """Read the gaze of a recording, whatever device it is of.

    Args:
        path: A recording's folder or a file of it; ``-`` reads a gaze CSV from standard input.
        hfov_deg: Horizontal field of view of the camera to assume where the file gives angles and no camera, degrees.

    Raises:
        GazeFileError: Nothing known lies there (the hint lists what was looked for), several formats do, or the file is not usable.
        MissingExtra: A VRS file, and ``projectaria-tools`` is not installed.
        ValueError: The field of view is impossible for a pinhole camera.
    """
    if str(path) == "-":
        return read_generic(path, hfov_deg=hfov_deg)
    if path.is_dir():
        found = _in_folder(path, hfov_deg)
    elif path.exists():
        found = [one] if (one := _of_file(path, hfov_deg)) else []
    else:
        raise GazeFileError(f"there is no {path}", hint="check the path; '-' reads standard input")
    if not found:
        raise GazeFileError(f"no gaze recording is recognised in {path}{_contents(path)}", hint=f"looked for {'; '.join(LOOKED_FOR)}")
    if len(found) > 1:
        several = ", ".join(f"{one.file.relative_to(path)} ({one.what})" for one in found)
        raise GazeFileError(f"{path} holds several gaze recordings: {several}", hint="name the one to read")
    return found[0].read()


def _in_folder(folder: Path, hfov_deg: float | None) -> list[_Found]:
    found = [_Found("Tobii Glasses 2", file, _reader(read_glasses2, file)) for file in find_glasses2(folder)]
    found += [_Found("Tobii Glasses 3", file, _reader(read_glasses3, file)) for file in find_glasses3(folder)]
    if is_neon(folder):
        found.append(_Found("Pupil Neon, native", folder, _reader(read_neon, folder)))
    for place in (folder, *sorted((folder / "exports").glob("*"))):
        for name in ("gaze.csv", "gaze_positions.csv"):
            if (place / name).is_file() and (one := _of_file(place / name, hfov_deg)):
                found.append(one)
    csvs = find_csvs(folder)
    if csvs:
        # the versions of one recording's gaze: the best first, the others named
        others = (*csvs[1:], *sorted(folder.glob("*.vrs")))
        found.append(_Found("Aria", csvs[0], lambda: read_aria(csvs[0], hfov_deg=hfov_deg, others=others)))
    else:
        found += [_Found("Aria VRS", file, _reader(read_vrs, file)) for file in sorted(folder.glob("*.vrs"))]
    return found


def _of_file(file: Path, hfov_deg: float | None) -> _Found | None:
    """A file's format by its name, or else by its header."""
    name = file.name.lower()
    if name.endswith(".vrs"):
        return _Found("Aria VRS", file, _reader(read_vrs, file))
    if name in ("livedata.json.gz", "livedata.json"):
        return _Found("Tobii Glasses 2", file, _reader(read_glasses2, file))
    if name in ("gazedata.gz", "gazedata"):
        return _Found("Tobii Glasses 3", file, _reader(read_glasses3, file))
    if name.endswith((".raw", ".time")) and name.startswith("gaze"):
        return _Found("Pupil Neon, native", file, _reader(read_neon, file.parent))
    head = _head(file)
    if is_egtea(head):
        return _Found("EGTEA Gaze+", file, _reader(read_egtea, file))
    header = next((line for line in head.splitlines() if line.strip() and not line.startswith("#")), "").lower()
    columns = [cell.strip().strip('"') for cell in header.split(",")]

    def has(*prefixes: str) -> bool:
        return all(any(column.startswith(prefix) for column in columns) for prefix in prefixes)

    if has("tracking_timestamp_us"):
        return _Found("Aria", file, lambda: read_aria(file, hfov_deg=hfov_deg))
    if has("timestamp [ns]", "gaze x"):
        return _Found("Pupil Cloud export", file, _reader(read_cloud, file))
    if has("gaze_timestamp", "norm_pos_x"):
        return _Found("Pupil Core export", file, _reader(read_core, file))
    if has("canonical_timestamp", "norm_pos_x"):
        return _Found("Ego4D", file, _reader(read_ego4d, file))
    if "t_s" in columns:
        in_degrees = "x_deg" in columns
        return _Found("gaze CSV", file, lambda: read_generic(file, in_degrees=in_degrees, hfov_deg=hfov_deg))
    return None


def _reader(read: Callable[[Path], Recorded], file: Path) -> Callable[[], Recorded]:
    return lambda: read(file)


def _head(file: Path) -> str:
    """The beginning of a file, as text as far as it is."""
    try:
        with file.open("rb") as opened:
            raw = opened.read(_HEAD_BYTES)
    except OSError as error:
        raise GazeFileError(f"cannot read {file}: {error.strerror}", hint="it must be a readable file") from error
    if not raw:
        raise GazeFileError(f"{file} is empty", hint="was the recording stopped properly, and copied whole?")
    return raw.decode("utf-8-sig", errors="replace")


def _contents(path: Path) -> str:
    if not path.is_dir():
        return ""
    names = sorted(file.name for file in path.iterdir())
    shown = ", ".join(names[:8]) + (" ..." if len(names) > 8 else "")
    return f", which holds: {shown}" if names else ", which is empty"
