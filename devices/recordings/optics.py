"""The scene camera that a recording describes: read, checked, and how far a plain pinhole is from it.

The runtime takes every scene camera as a centred pinhole. The field of view given for it is that of the focal length, not that of the
picture's edges: a wide lens squeezes its edges together, and a pinhole stretched to them would see every eye movement in the middle, where
the eyes mostly are, by a third too large.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import GazeFileError
from gaze.camera import Camera
from gaze.geometry import norm_to_ray, ray_angle_deg


def camera_from(matrix: Any, distortion: Any, size_px: tuple[int, int], path: str) -> Camera:
    """A camera from a 3 x 3 matrix without skew and a list of OpenCV's coefficients, nested or not.

    Raises:
        GazeFileError: They are no camera.
    """
    try:
        k, coefficients = np.asarray(matrix, np.float64).reshape(3, 3), np.asarray(distortion, np.float64).ravel()
        return Camera.of_matrix(k, coefficients.tolist(), *size_px)
    except (TypeError, ValueError) as error:
        raise GazeFileError(
            f"the camera in {path} cannot be used: {error}", hint="leave the file out; the gaze can be read without"
        ) from None


def lens_note(camera: Camera, x_norm: npt.ArrayLike, y_norm: npt.ArrayLike) -> str:
    """What a person should know before taking this camera for a centred pinhole, one phrase.

    Args:
        camera: The scene camera.
        x_norm: [n] the recording's gaze, NaN where there is none.
        y_norm: [n].
    """
    x, y = np.asarray(x_norm, np.float64), np.asarray(y_norm, np.float64)
    true = camera.px_to_ray(*camera.norm_to_px(x, y), strict=False)
    plain = norm_to_ray(x, y, hfov_deg=camera.hfov_deg, aspect=camera.width_px / camera.height_px)
    apart = ray_angle_deg(true, plain)
    off = f", which is off by {np.nanmedian(apart):.1f} degrees at this gaze (median)" if np.isfinite(apart).any() else ""
    edges, _ = camera.px_to_deg([0.0, float(camera.width_px)], [camera.height_px / 2.0] * 2, strict=False)
    width_deg = float(edges[1] - edges[0])
    across = f", edge to edge {width_deg:.0f}" if math.isfinite(width_deg) else ""
    return f"hfov is that of a centred pinhole of the same focal length, {camera.hfov_deg:.1f} degrees{across}{off}"


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object beside a recording; empty if there is no such file.

    Raises:
        GazeFileError: It is there and is no JSON object.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise GazeFileError(
            f"cannot read {path}: {error}", hint="it must be JSON; without the file the recording can be read too"
        ) from None
    if not isinstance(found, dict):
        raise GazeFileError(f"{path} is not a JSON object", hint="is it the file of this device?")
    return found
