"""Opens a camera by what is written on the command line."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

from devices import gallery
from devices.cameras import pipeline, rtsp, synthetic, webcam
from devices.cameras.camera import Camera
from devices.cameras.masked import masked
from devices.cameras.player import Player
from devices.recording import Recording
from devices.source_names import CAMERA_FORMS
from devices.video import open_video
from edge_runtime.errors import UsageError

FORMS = CAMERA_FORMS
"""What a camera can be called, for hints and help."""
_FILM_HFOV_DEG = 90.0


def _quiet(words: str) -> None:
    """Say nothing."""


def open_camera(spec: str, *, offered_hz: float, hfov_deg: float | None = None, say: Callable[[str], None] = _quiet) -> Camera:
    """Find the camera that a word means. A film is looked into at once; a device is opened when its pictures are asked for.

    So a camera that is not there yet is a matter of the feed, which tries until it is; only what can never work is an error here.

    Args:
        spec: One of :data:`FORMS`. Passwords in it are never repeated, neither in errors nor in names and notes.
        offered_hz: Pictures handed over a second, at most; the gallery has its own rate.
        hfov_deg: Horizontal field of view; ``None`` takes what is usual for the kind, and the camera's note says so.
        say: Told in words what is downloaded, and that a film starts again.

    Raises:
        UsageError: It means no camera, or a field of view is given to one that has its own.
        VideoError: The film is none.
        Unreachable: The gallery's photographs cannot be fetched.
    """
    if hfov_deg is not None and not 0.0 < hfov_deg < 180.0:
        raise UsageError(f"{hfov_deg:g} degrees is no field of view", hint="between 0 and 180; leave it out for the usual")
    if hfov_deg is not None and spec in ("gallery", "synthetic"):
        raise UsageError(f"the camera {spec} has a field of view of its own", hint="leave the field of view out")
    if spec.isdecimal() and spec.isascii():
        return webcam.Webcam(int(spec), offered_hz=offered_hz, hfov_deg=hfov_deg)
    if spec.startswith("/dev/"):
        return webcam.Webcam(spec, offered_hz=offered_hz, hfov_deg=hfov_deg)
    if spec.startswith("gst:"):
        return pipeline.Pipeline(spec.removeprefix("gst:"), offered_hz=offered_hz, hfov_deg=hfov_deg)
    if (sensor := re.fullmatch(r"csi:(\d{1,2})", spec, re.ASCII)) is not None:
        return pipeline.csi_sensor(int(sensor[1]), offered_hz=offered_hz, hfov_deg=hfov_deg)
    if spec.startswith(("rtsp://", "rtsps://")):
        return rtsp.Rtsp(spec, offered_hz=offered_hz, hfov_deg=hfov_deg)
    if spec == "synthetic":
        return synthetic.Synthetic(rate_hz=offered_hz)
    if spec == "gallery":
        gallery.prepare(say)
        return Player(gallery.sample(), on_round=say)
    if spec and Path(spec).exists():
        return Player(_film(Path(spec), offered_hz, hfov_deg), on_round=say)
    raise UsageError(f"there is no camera or file called '{masked(spec)}'", hint=f"a camera is {FORMS}")


def _film(path: Path, offered_hz: float, hfov_deg: float | None) -> Recording:
    known = _FILM_HFOV_DEG if hfov_deg is None else hfov_deg
    film = open_video(path, offered_hz=offered_hz, hfov_deg=known)
    view = "assumed" if hfov_deg is None else "as given"
    return dataclasses.replace(film, note=f"{film.note} Its field of view is {view}: {known:g} degrees.")
