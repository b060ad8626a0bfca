"""A scene camera with a lens: pixels, normalised places, directions and degrees, there and back.

The model is the pinhole with radial and tangential distortion of Brown (1966) in the form that OpenCV and the makers of eye trackers
write down: ``k1, k2, p1, p2, k3`` and, for wide lenses, ``k4, k5, k6``. A pixel place is continuous: 0 is the left or upper edge of
the picture and ``width_px`` the other, so ``x_norm = x_px / width_px``.

A lens model is a polynomial and holds only so far from the axis: beyond the radius where it turns back, two directions would
share a pixel. Places and directions out there are refused, or are NaN if that is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from gaze.geometry import Array, Values

_WIDEST_DEG = 89.0
_TABLE = 2048
_STEPS = 20
_CLOSE = 1e-12


class NotOnPicture(ValueError):
    """A place that no direction leads to, or a direction that the camera cannot picture."""


@dataclass(frozen=True)
class Camera:
    """A calibrated scene camera.

    Attributes:
        width_px: Of the picture.
        height_px: Of the picture.
        fx_px: Focal length in pixels, horizontally.
        fy_px: Focal length in pixels, vertically.
        cx_px: Where the optical axis meets the picture.
        cy_px: Where the optical axis meets the picture.
        distortion: ``(k1, k2, p1, p2, k3, k4, k5, k6)`` in OpenCV's order; shorter lists are filled with zeros.

    Raises:
        ValueError: Sizes or focal lengths that are not positive and finite, or coefficients that are not understood.
    """

    width_px: int
    height_px: int
    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float
    distortion: tuple[float, ...] = ()
    _lens: _Lens = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("width_px", "height_px", "fx_px", "fy_px"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} of a camera is positive, got {value}")
        if not (math.isfinite(self.cx_px) and math.isfinite(self.cy_px)):
            raise ValueError(f"the optical axis meets the picture at a finite place, got {self.cx_px}, {self.cy_px}")
        object.__setattr__(self, "_lens", _Lens(self.distortion))

    @classmethod
    def of_matrix(cls, matrix: npt.ArrayLike, distortion: Sequence[float], width_px: int, height_px: int) -> Camera:
        """From a 3 x 3 camera matrix and OpenCV's list of coefficients, as makers of eye trackers publish them.

        Raises:
            ValueError: No such matrix, one with skew, or more coefficients than the model has.
        """
        k = np.asarray(matrix, np.float64)
        if k.shape != (3, 3) or abs(k[0, 1]) > 1e-9 or not np.allclose(k[2], (0.0, 0.0, 1.0)) or abs(k[1, 0]) > 1e-9:
            raise ValueError(f"a camera matrix is [[fx, 0, cx], [0, fy, cy], [0, 0, 1]], got {k.tolist()}")
        fx, fy, cx, cy = (float(k[at]) for at in ((0, 0), (1, 1), (0, 2), (1, 2)))
        return cls(width_px, height_px, fx, fy, cx, cy, tuple(float(c) for c in distortion))

    @classmethod
    def pinhole(cls, width_px: int, height_px: int, hfov_deg: float) -> Camera:
        """A camera without distortion, looking through the middle of its picture.

        Raises:
            ValueError: A size that is not positive, or a field of view outside 0..180 degrees.
        """
        if not 0.0 < hfov_deg < 180.0:
            raise ValueError(f"a pinhole camera's horizontal field of view lies between 0 and 180 degrees, got {hfov_deg}")
        f_px = width_px / 2.0 / math.tan(math.radians(hfov_deg) / 2.0)
        return cls(width_px, height_px, f_px, f_px, width_px / 2.0, height_px / 2.0)

    @property
    def hfov_deg(self) -> float:
        """Horizontal field of view by the focal length alone, ``2 atan(width / 2 fx)``; what the lens adds is left out."""
        return math.degrees(2.0 * math.atan(self.width_px / 2.0 / self.fx_px))

    def px_to_plane(self, x_px: Values, y_px: Values, *, strict: bool = True) -> tuple[Array, Array]:
        """Undistorted places in the plane one unit in front of the camera; everything else is built on this.

        Args:
            x_px: float [...], right positive.
            y_px: float [...], down positive.
            strict: Whether a place that cannot be inverted is an error; else it becomes NaN. NaN given is NaN returned either way.

        Returns:
            ``(x, y)``, float64 [...].

        Raises:
            NotOnPicture: A place that lies beyond what the lens model can invert.
        """
        x, y = np.broadcast_arrays(np.asarray(x_px, np.float64), np.asarray(y_px, np.float64))
        given = np.stack([(x - self.cx_px) / self.fx_px, (y - self.cy_px) / self.fy_px], axis=-1)
        plane = self._lens.undistort(given)
        _refuse(np.isfinite(given).all(axis=-1) & np.isnan(plane[..., 0]), strict, x, y, "pixel", "the lens model turns back before it")
        return plane[..., 0], plane[..., 1]

    def plane_to_px(self, x: Values, y: Values, *, strict: bool = True) -> tuple[Array, Array]:
        """Pixels of places in the plane one unit in front of the camera, which may lie outside the picture.

        Raises:
            NotOnPicture: A place beyond the radius where the lens model turns back.
        """
        px, py = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(y, np.float64))
        place = np.stack([px, py], axis=-1)
        bent = self._lens.distort(place)
        _refuse(np.isfinite(place).all(axis=-1) & np.isnan(bent[..., 0]), strict, px, py, "place", "the lens model turns back before it")
        return bent[..., 0] * self.fx_px + self.cx_px, bent[..., 1] * self.fy_px + self.cy_px

    def px_to_ray(self, x_px: Values, y_px: Values, *, strict: bool = True) -> Array:
        """Unit directions of pixels, float64 [..., 3]: x right, y down, z forward, camera frame. As :meth:`px_to_plane`."""
        x, y = self.px_to_plane(x_px, y_px, strict=strict)
        ray = np.stack([x, y, np.ones_like(x)], axis=-1)
        unit: Array = ray / np.linalg.norm(ray, axis=-1, keepdims=True)
        return unit

    def ray_to_px(self, ray: npt.ArrayLike, *, strict: bool = True) -> tuple[Array, Array]:
        """Pixels of directions, float [..., 3] of any length.

        Raises:
            NotOnPicture: A direction to the side of the camera or behind it, or beyond the lens model.
        """
        given = np.asarray(ray, np.float64)
        ahead = given[..., 2] > 0.0
        _refuse(np.isfinite(given).all(axis=-1) & ~ahead, strict, given[..., 0], given[..., 1], "direction", "it does not point ahead")
        depth = np.where(ahead, given[..., 2], np.nan)
        return self.plane_to_px(given[..., 0] / depth, given[..., 1] / depth, strict=strict)

    def px_to_deg(self, x_px: Values, y_px: Values, *, strict: bool = True) -> tuple[Array, Array]:
        """Field angles of pixels, right and down positive, as in :mod:`gaze.geometry`. As :meth:`px_to_plane`."""
        x, y = self.px_to_plane(x_px, y_px, strict=strict)
        return np.degrees(np.arctan(x)), np.degrees(np.arctan(y))

    def deg_to_px(self, x_deg: Values, y_deg: Values, *, strict: bool = True) -> tuple[Array, Array]:
        """Pixels of field angles.

        Raises:
            NotOnPicture: An angle of 90 degrees or more, or beyond the lens model.
        """
        x, y = np.broadcast_arrays(np.asarray(x_deg, np.float64), np.asarray(y_deg, np.float64))
        ahead = (np.abs(x) < 90.0) & (np.abs(y) < 90.0)
        _refuse(np.isfinite(x) & np.isfinite(y) & ~ahead, strict, x, y, "angle", "it does not point ahead")
        x, y = np.where(ahead, x, np.nan), np.where(ahead, y, np.nan)
        return self.plane_to_px(np.tan(np.radians(x)), np.tan(np.radians(y)), strict=strict)

    def px_to_norm(self, x_px: Values, y_px: Values) -> tuple[Array, Array]:
        """Normalised places, 0..1 over the picture as it is, with its distortion."""
        return np.asarray(x_px, np.float64) / self.width_px, np.asarray(y_px, np.float64) / self.height_px

    def norm_to_px(self, x_norm: Values, y_norm: Values) -> tuple[Array, Array]:
        """Pixels of normalised places."""
        return np.asarray(x_norm, np.float64) * self.width_px, np.asarray(y_norm, np.float64) * self.height_px


class _Lens:
    """Distortion in the plane one unit in front of the camera, and its inverse."""

    def __init__(self, coefficients: Sequence[float]) -> None:
        if not all(math.isfinite(c) for c in coefficients):
            raise ValueError(f"distortion coefficients are finite, got {list(coefficients)}")
        if len(coefficients) > 8 and any(coefficients[8:]):
            raise ValueError(f"{len(coefficients)} distortion coefficients: thin prism and tilt are not part of this model (k1 .. k6 are)")
        padded = [*coefficients[:8], *[0.0] * (8 - len(coefficients[:8]))]
        k1, k2, self._p1, self._p2, k3, k4, k5, k6 = padded
        self._up, self._down = (k1, k2, k3), (k4, k5, k6)
        radius = np.tan(np.radians(np.linspace(0.0, _WIDEST_DEG, _TABLE)))
        bent = radius * self._factor(radius**2)[0]
        # the first place where the picture stops growing outwards, or the rational model has a pole
        good = np.isfinite(bent) & np.append(True, np.diff(bent) > 0.0) & (self._denominator(radius**2) > 0.0)
        count = len(good) if good.all() else int(np.argmin(good))
        self._radius, self._bent = radius[:count], bent[:count]

    def distort(self, place: Array) -> Array:
        """[..., 2] undistorted -> distorted; NaN beyond the last radius that can be undone."""
        bent, det = self._bend(place)[:2]
        inside = (np.hypot(place[..., 0], place[..., 1]) <= self._radius[-1]) & (det > 0.0)
        return np.asarray(np.where(inside[..., None], bent, np.nan), np.float64)

    def undistort(self, bent: Array) -> Array:
        """[..., 2] distorted -> undistorted, by Newton's iteration from the radial solution; NaN where there is none."""
        far = np.hypot(bent[..., 0], bent[..., 1])
        start = np.interp(far, self._bent, self._radius)
        place = bent * np.where(far > 0.0, start / np.where(far > 0.0, far, 1.0), 1.0)[..., None]
        for _ in range(_STEPS):
            got, det, (a, b, c, d) = self._bend(place)
            ex, ey = bent[..., 0] - got[..., 0], bent[..., 1] - got[..., 1]
            with np.errstate(divide="ignore", invalid="ignore"):
                step = np.stack([(d * ex - b * ey) / det, (a * ey - c * ex) / det], axis=-1)
            place = place + np.where(np.isfinite(step), step, 0.0)
            if not np.any(np.abs(step) > _CLOSE):
                break
        got, det, _ = self._bend(place)
        # within a millionth of the focal length, on the branch that leads out from the axis
        found = (np.abs(got - bent).max(axis=-1) < 1e-6) & (det > 0.0) & (np.hypot(place[..., 0], place[..., 1]) <= self._radius[-1])
        return np.asarray(np.where(found[..., None], place, np.nan), np.float64)

    def _denominator(self, r2: Array) -> Array:
        k4, k5, k6 = self._down
        return np.asarray(1.0 + r2 * (k4 + r2 * (k5 + r2 * k6)), np.float64)

    def _factor(self, r2: Array) -> tuple[Array, Array]:
        """Radial factor, and its derivative by the squared radius."""
        (k1, k2, k3), (k4, k5, k6) = self._up, self._down
        top, low = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3)), self._denominator(r2)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            factor = top / low
            slope = (k1 + r2 * (2.0 * k2 + 3.0 * r2 * k3) - factor * (k4 + r2 * (2.0 * k5 + 3.0 * r2 * k6))) / low
        return np.asarray(factor, np.float64), np.asarray(slope, np.float64)

    def _bend(self, place: Array) -> tuple[Array, Array, tuple[Array, Array, Array, Array]]:
        """The distorted place, the determinant of the derivative, and the derivative by rows."""
        x, y = place[..., 0], place[..., 1]
        p1, p2 = self._p1, self._p2
        with np.errstate(invalid="ignore", over="ignore"):
            r2 = x * x + y * y
            f, df = self._factor(r2)
            bent = np.stack(
                [x * f + 2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x), y * f + p1 * (r2 + 2.0 * y * y) + 2.0 * p2 * x * y], axis=-1
            )
            a = f + 2.0 * x * x * df + 2.0 * p1 * y + 6.0 * p2 * x
            d = f + 2.0 * y * y * df + 6.0 * p1 * y + 2.0 * p2 * x
            b = 2.0 * x * y * df + 2.0 * p1 * x + 2.0 * p2 * y
            return bent, np.asarray(a * d - b * b, np.float64), (a, b, b, d)


def _refuse(bad: npt.NDArray[np.bool_], strict: bool, x: Array, y: Array, what: str, why: str) -> None:
    if strict and bad.any():
        first = np.unravel_index(int(np.argmax(bad)), bad.shape)
        raise NotOnPicture(
            f"{int(bad.sum())} of {bad.size} cannot be converted, first the {what} ({float(x[first]):g}, {float(y[first]):g}): {why}; "
            "ask for NaN with strict=False"
        )
