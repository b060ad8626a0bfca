"""What cameras and sources of gaze are called: checked without opening anything, so that a slip of the pen is told at once.

A file or a device that is not there yet is no slip: whoever runs for days waits for it.
"""

from __future__ import annotations

import difflib
from pathlib import Path

from edge_runtime.errors import UsageError

CAMERA_FORMS = "0 or /dev/video2, gst:<pipeline>, csi:0, rtsp://host/path, synthetic, gallery, or the path of a video file"
GAZE_FORMS = "own, none, prior, saliency, pointer, aria or pupil:ADDRESS"
_CAMERAS = ("synthetic", "gallery")
_CAMERA_KINDS = ("/dev/", "gst:", "csi:", "rtsp://", "rtsps://")
_GAZE = ("own", "none", "prior", "saliency", "pointer", "aria")


def check_camera(name: str) -> None:
    """Refuse a name that no camera can have.

    Raises:
        UsageError: It is none; the hint has the nearest, and all forms.
    """
    known = name in _CAMERAS or name.isdecimal() or name.startswith(_CAMERA_KINDS)
    if known or "/" in name or "." in name or (name and Path(name).exists()):
        return
    raise _wrong(f"there is no camera called '{name}'", name, _CAMERAS, f"a camera is {CAMERA_FORMS}")


def check_gaze(name: str) -> None:
    """Refuse a name that no source of gaze can have.

    Raises:
        UsageError: It is none; the hint has the nearest, and all forms.
    """
    if name not in _GAZE and not name.startswith("pupil:"):
        raise _wrong(f"there is no gaze called '{name}'", name, _GAZE, f"gaze is {GAZE_FORMS}")


def _wrong(message: str, name: str, known: tuple[str, ...], forms: str) -> UsageError:
    near = difflib.get_close_matches(name, known, n=1)
    return UsageError(message, hint=f"did you mean {near[0]}? {forms}" if near else forms)
