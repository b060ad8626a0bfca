"""The head-worn camera of the sample: a pinhole, where it stands, where it points, and what that does to a point in the room."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

WIDTH_PX, HEIGHT_PX, HFOV_DEG = 960, 540, 90.0
FOCAL_PX = WIDTH_PX / 2.0 / float(np.tan(np.radians(HFOV_DEG) / 2.0))
NEAREST_M = 0.05


@dataclass(frozen=True)
class Pose:
    """Where the camera is and how it is turned, in wall coordinates (metres, z out of the wall).

    Attributes:
        x_m: Along the wall.
        y_m: Above the floor.
        z_m: In front of the wall.
        yaw_deg: To the right positive; 0 looks straight at the wall.
        pitch_deg: Up positive.
        roll_deg: Clockwise positive, the head's right ear down.
    """

    x_m: float
    y_m: float
    z_m: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float


def turn(pose: Pose) -> Array:
    """Rotation [3,3] from room axes (right, down, into the wall) to camera axes (right, down, forward)."""
    yaw, pitch, roll = np.radians([pose.yaw_deg, pose.pitch_deg, pose.roll_deg])
    cy, sy, cp, sp, cr, sr = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
    by_yaw = np.array([[cy, 0.0, -sy], [0.0, 1.0, 0.0], [sy, 0.0, cy]])
    by_pitch = np.array([[1.0, 0.0, 0.0], [0.0, cp, sp], [0.0, -sp, cp]])
    by_roll = np.array([[cr, sr, 0.0], [-sr, cr, 0.0], [0.0, 0.0, 1.0]])
    result: Array = by_roll @ by_pitch @ by_yaw
    return result


def project(pose: Pose, points_m: npt.ArrayLike) -> Array:
    """Where points of the room fall in the picture.

    Args:
        pose: The camera.
        points_m: float [N,3], wall coordinates.

    Returns:
        float64 [N,2], normalised to the picture; NaN for a point that is not in front of the camera.
    """
    points = np.asarray(points_m, np.float64).reshape(-1, 3)
    room = np.stack([points[:, 0] - pose.x_m, pose.y_m - points[:, 1], pose.z_m - points[:, 2]], axis=1)
    camera = room @ turn(pose).T
    depth = np.where(camera[:, 2] > NEAREST_M, camera[:, 2], np.nan)
    x_norm = FOCAL_PX * camera[:, 0] / depth / WIDTH_PX + 0.5
    y_norm = FOCAL_PX * camera[:, 1] / depth / HEIGHT_PX + 0.5
    return np.stack([x_norm, y_norm], axis=1)


def wall_homography(pose: Pose, *, left_m: float, top_m: float, ppm: float) -> Array:
    """Map pixels of a picture of the wall to pixels of the frame: float64 [3,3].

    Args:
        pose: The camera.
        left_m: Where the picture's left edge lies along the wall.
        top_m: Height of its upper edge.
        ppm: Its pixels a metre.
    """
    plane = np.array([[1 / ppm, 0.0, left_m - pose.x_m], [0.0, 1 / ppm, pose.y_m - top_m], [0.0, 0.0, pose.z_m]])
    return _onto(pose, plane)


def floor_homography(pose: Pose, *, left_m: float, ppm: float) -> Array:
    """Map pixels of a picture of the floor to pixels of the frame: float64 [3,3]. Its rows start at the wall and lead into the room."""
    plane = np.array([[1 / ppm, 0.0, left_m - pose.x_m], [0.0, 0.0, pose.y_m], [0.0, -1 / ppm, pose.z_m]])
    return _onto(pose, plane)


def _onto(pose: Pose, plane: Array) -> Array:
    """Finish the way of a plane, given in room axes seen from the camera, into the frame."""
    lens = np.array([[FOCAL_PX, 0.0, WIDTH_PX / 2 - 0.5], [0.0, FOCAL_PX, HEIGHT_PX / 2 - 0.5], [0.0, 0.0, 1.0]])
    result: Array = lens @ turn(pose) @ plane
    return result
