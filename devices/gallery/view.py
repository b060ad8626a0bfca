"""What the sample's camera takes: the wall and the floor in perspective, then what a real camera adds - light, motion blur, noise.

A frame is a function of its time alone: any one can be taken by itself, and taken twice it is the same, byte for byte.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import cv2
import numpy as np
import numpy.typing as npt

from devices.gallery.camera import HEIGHT_PX, WIDTH_PX, Pose, floor_homography, wall_homography
from devices.gallery.layout import WALL_LEFT_M, WALL_TOP_M
from devices.gallery.motion import Track
from devices.gallery.wall import FLOOR_PPM, PPM, paint_floor, paint_wall
from edge_runtime.config import MS, S
from edge_runtime.pixels import Picture

EXPOSURE_NS = 14 * MS
_LONGEST_BLUR_PX = 24.0
_NOISE = 3.0
"""Standard deviation of the sensor's noise, of 255."""
_NOISE_SPARE_PX = 64
_VIGNETTE = 0.16
_CLOUD_S, _CLOUD_FOR_S, _CLOUD_DEPTH = 41.0, 3.0, 0.20
"""A cloud passes over the skylight: when it is darkest, for how long, and how much."""
_CEILING = (196, 202, 204)


class View:
    """The painted gallery, seen along a track.

    Args:
        track: Where the camera is when.
        pictures: Photographs by the name that the layout uses, uint8 BGR [H,W,3].
        seed: Of plaster and noise.

    Raises:
        KeyError: A picture of the layout is missing.
    """

    def __init__(self, track: Track, pictures: Mapping[str, Picture], seed: int) -> None:
        self._track, self._seed = track, seed
        self._wall, self._patches = paint_wall(pictures, seed)
        self._floor = paint_floor(seed)
        self._shown: tuple[bool, ...] = (False,) * len(self._patches)
        self._vignette = _vignette()
        noise = np.random.default_rng([seed, 20]).normal(128.0, _NOISE, (HEIGHT_PX + _NOISE_SPARE_PX, WIDTH_PX + _NOISE_SPARE_PX, 3))
        self._noise = np.clip(noise, 0, 255).astype(np.uint8)

    def render(self, t_ns: int) -> Picture:
        """Take the frame of a moment: uint8 BGR [540,960,3]."""
        pose = self._track.pose(t_ns)
        image = self._seen(t_ns, pose)
        image = _smeared(image, *self._smear_px(t_ns))
        gain = 255.0 * light_at(t_ns)
        lit = cv2.multiply(image, self._vignette, scale=gain / 255.0 / 255.0)
        top, left = np.random.default_rng([self._seed, 21, t_ns]).integers(0, _NOISE_SPARE_PX, 2)
        grain = self._noise[top : top + HEIGHT_PX, left : left + WIDTH_PX]
        return cv2.addWeighted(lit, 1.0, grain, 1.0, -128.0).astype(np.uint8, copy=False)

    def _seen(self, t_ns: int, pose: Pose) -> Picture:
        self._put_up(t_ns)
        image = np.empty((HEIGHT_PX, WIDTH_PX, 3), np.uint8)
        image[:] = _CEILING
        on_floor = floor_homography(pose, left_m=WALL_LEFT_M, ppm=FLOOR_PPM)
        top = _highest_row(on_floor, self._floor.shape[1])
        if top < HEIGHT_PX:
            lift = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, -top], [0.0, 0.0, 1.0]])
            size = (WIDTH_PX, HEIGHT_PX - top)
            image[top:] = cv2.warpPerspective(self._floor, lift @ on_floor, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        # Only the stretch of wall around the camera: the warp takes no picture wider than 32767 pixels.
        left = max(0, round((pose.x_m - 8.0 - WALL_LEFT_M) * PPM))
        near = self._wall[:, left : left + round(16.0 * PPM)]
        on_wall = wall_homography(pose, left_m=WALL_LEFT_M + left / PPM, top_m=WALL_TOP_M, ppm=PPM)
        cv2.warpPerspective(near, on_wall, (WIDTH_PX, HEIGHT_PX), dst=image, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_TRANSPARENT)
        return image

    def _put_up(self, t_ns: int) -> None:
        """Bring the painted wall into the state of that time."""
        there = tuple(patch.thing.there(t_ns) for patch in self._patches)
        for patch, now, before in zip(self._patches, there, self._shown, strict=True):
            if now != before:
                height, width = patch.with_it.shape[:2]
                self._wall[patch.top : patch.top + height, patch.left : patch.left + width] = patch.with_it if now else patch.without
        self._shown = there

    def _smear_px(self, t_ns: int) -> tuple[float, float]:
        """How far the middle of the picture moves over the wall while the shutter is open, pixels right and down."""
        before, after = (self._track.pose(t_ns + part * EXPOSURE_NS // 2) for part in (-1, 1))
        there, here = (wall_homography(pose, left_m=0.0, top_m=0.0, ppm=1.0) for pose in (before, after))
        middle = np.array([WIDTH_PX / 2, HEIGHT_PX / 2, 1.0])
        moved = here @ np.linalg.inv(there) @ middle
        x, y = moved[:2] / moved[2] - middle[:2]
        length = math.hypot(x, y)
        return (0.0, 0.0) if length == 0.0 else (x * min(1.0, _LONGEST_BLUR_PX / length), y * min(1.0, _LONGEST_BLUR_PX / length))


def light_at(t_ns: int) -> float:
    """How bright the room is, about 1: it breathes a little, and once a cloud passes."""
    t_s = t_ns / S
    cloud = _CLOUD_DEPTH * math.exp(-0.5 * ((t_s - _CLOUD_S) / (_CLOUD_FOR_S / 2.0)) ** 2)
    return 1.0 + 0.035 * math.sin(2.0 * math.pi * t_s / 23.0) - cloud


def _smeared(image: Picture, x_px: float, y_px: float) -> Picture:
    """Average along a line: halves of the way, quarters of it, and so on, which together make an even smear."""
    length = math.hypot(x_px, y_px)
    part = 0.5
    while length * part >= 0.5:
        right, down = round(x_px * part), round(y_px * part)
        shift = np.array([[1.0, 0.0, right], [0.0, 1.0, down]])
        moved = cv2.warpAffine(image, shift, (WIDTH_PX, HEIGHT_PX), flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
        image = cv2.addWeighted(image, 0.5, moved, 0.5, 0.0).astype(np.uint8, copy=False)
        part /= 2.0
    return image


def _highest_row(on_floor: npt.NDArray[np.float64], width_px: int) -> int:
    """The first row of the frame that the floor's edge along the wall can reach."""
    # The edge is a straight line in the frame; where both of its ends lie in front of the camera, what is between them does too.
    line = on_floor @ np.array([[0.0, width_px], [0.0, 0.0], [1.0, 1.0]])
    a, b, c = np.cross(line[:, 0], line[:, 1])
    if abs(b) < 1e-9:
        return 0
    rows = [-(c + a * column) / b for column in (0.0, float(WIDTH_PX))]
    return int(min(max(math.floor(min(rows)) - 2, 0), HEIGHT_PX))


def _vignette() -> Picture:
    """Corners get less light: uint8 [540,960,3], 255 in the middle."""
    y, x = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX]
    far = ((x / WIDTH_PX - 0.5) ** 2 + (y / HEIGHT_PX - 0.5) ** 2) / 0.5
    fall = 255.0 * (1.0 - _VIGNETTE * far)
    return np.repeat(fall[..., None], 3, axis=2).astype(np.uint8)
