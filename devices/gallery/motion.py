"""How the wearer's head moves in the sample: walking, swaying, and turning towards what is looked at.

The head follows the eyes part of the way and a little later (Freedman, 2008, on eye-head coordination). Everything is smooth and a
function of time alone: any moment can be asked for by itself.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from devices.gallery.camera import Pose, project
from devices.gallery.gaze import closed, looked_at, stand_at
from devices.gallery.walk import DURATION_NS
from edge_runtime.config import MS, S
from gaze.types import GazeSample

GAZE_HZ = 120.0
EYE_HEIGHT_M = 1.58
NOISE_DEG = 0.3
"""Root mean square distance of a gaze sample from where gaze really is."""
_STEP_NS = 5 * MS
_SETTLE_S = 2.0
_STRIDE_HZ = 1.8
_HEAD_SHARE_YAW, _HEAD_SHARE_PITCH = 0.78, 0.62
_HEAD_LAG_S, _HEAD_SMOOTH_S, _BODY_SMOOTH_S = 0.10, 0.17, 0.28
_ROLL_LEAN_DEG_S_PER_M = 4.0

Array = npt.NDArray[np.float64]


class Track:
    """The camera's poses over the whole sample, kept on a grid of 5 ms.

    Args:
        seed: Fixes the sway and the eyes; the same seed gives the same numbers.
    """

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([seed, 3])
        self._seed = seed
        self._t_s = np.arange(-_SETTLE_S, DURATION_NS / S + _SETTLE_S, _STEP_NS / S)
        stands = np.array([stand_at(t) for t in self._t_s])
        x_m, z_m = _smooth(stands[:, 0], _BODY_SMOOTH_S), _smooth(stands[:, 1], _BODY_SMOOTH_S)
        speed = np.abs(np.gradient(x_m, self._t_s))
        pace = np.clip(speed / 0.8, 0.0, 1.2)
        stride = 2.0 * np.pi * _STRIDE_HZ * self._t_s + rng.uniform(0.0, 2.0 * np.pi)
        target = np.array([looked_at(round(t * S), seed) for t in self._t_s])
        yaw = np.degrees(np.arctan2(target[:, 0] - x_m, z_m))
        pitch = np.degrees(np.arctan2(target[:, 1] - EYE_HEIGHT_M, np.hypot(target[:, 0] - x_m, z_m)))
        lean = _smooth(np.gradient(x_m, self._t_s), 0.2) * _ROLL_LEAN_DEG_S_PER_M
        self._grid = np.stack(
            [
                x_m + 0.006 * pace * np.sin(stride / 2.0) + self._drift(rng, 0.008),
                EYE_HEIGHT_M + 0.016 * pace * np.sin(stride) + self._drift(rng, 0.006),
                z_m + self._drift(rng, 0.012),
                _HEAD_SHARE_YAW * self._follow(yaw) + 0.35 * pace * np.sin(stride / 2.0 + 0.7) + self._drift(rng, 0.5),
                _HEAD_SHARE_PITCH * self._follow(pitch) + 0.40 * pace * np.sin(stride + 0.4) + self._drift(rng, 0.5),
                lean + 0.6 * pace * np.sin(stride / 2.0) + self._drift(rng, 1.1),
            ],
            axis=1,
        )

    def pose(self, t_ns: int) -> Pose:
        """Where the camera is and how it is turned."""
        t_s = t_ns / S
        return Pose(*(float(np.interp(t_s, self._t_s, column)) for column in self._grid.T))

    def gaze_norm(self, t_ns: int) -> tuple[float, float]:
        """Where gaze really is in the picture, 0..1, whether or not the eye is open."""
        x_m, y_m = looked_at(t_ns, self._seed)
        ((x_norm, y_norm),) = project(self.pose(t_ns), [(x_m, y_m, 0.0)])
        return float(x_norm), float(y_norm)

    def samples(self) -> tuple[GazeSample, ...]:
        """What an eye tracker says: 120 samples a second with noise, none while the eye is closed."""
        rng = np.random.default_rng([self._seed, 4])
        return tuple(self._sample(round(n * S / GAZE_HZ), rng) for n in range(int(DURATION_NS / S * GAZE_HZ)))

    def _sample(self, t_ns: int, rng: np.random.Generator) -> GazeSample:
        noise_x, noise_y = (float(noise) for noise in rng.normal(0.0, np.radians(NOISE_DEG / np.sqrt(2.0)), 2))
        confidence = 1.0 - 0.12 * float(rng.beta(1.5, 6.0))
        if closed(t_ns, self._seed):
            return GazeSample(t_ns, None, None, 0.0)
        x_norm, y_norm = self.gaze_norm(t_ns)
        # A degree takes more of a flat picture towards its edge: the tangent's slope, with the picture 2 wide (90 degrees) and 9/8 high.
        x, y = 2.0 * (x_norm - 0.5), 1.125 * (y_norm - 0.5)
        stretch = 1.0 + x * x + y * y
        return GazeSample(t_ns, x_norm + noise_x * stretch / 2.0, y_norm + noise_y * stretch / 1.125, round(confidence, 3))

    def _follow(self, angle_deg: Array) -> Array:
        late = np.interp(self._t_s - _HEAD_LAG_S, self._t_s, angle_deg)
        return _smooth(late, _HEAD_SMOOTH_S)

    def _drift(self, rng: np.random.Generator, size: float) -> Array:
        """Slow wandering: four sines below half a hertz, together about ``size`` (root mean square)."""
        waves = [np.sin(2.0 * np.pi * rng.uniform(0.05, 0.45) * self._t_s + rng.uniform(0.0, 2.0 * np.pi)) for _ in range(4)]
        total: Array = size * np.sum(waves, axis=0) / np.sqrt(2.0)
        return total


@functools.lru_cache(maxsize=2)
def track(seed: int) -> Track:
    """The track of a seed; made once."""
    return Track(seed)


def _smooth(values: Array, sigma_s: float) -> Array:
    """Average with a Gaussian, holding the ends."""
    reach = int(4.0 * sigma_s * S / _STEP_NS)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) * _STEP_NS / S / sigma_s) ** 2)
    padded = np.pad(values, reach, mode="edge")
    smooth: Array = np.convolve(padded, weights / weights.sum(), mode="valid")
    return smooth
