"""A small correction of gaze from looks at known targets, checked by leaving each target out.

Three corrections, from much to nothing: *affine* (shift, scale and shear of the field angles), *offset* (a shift), *none*. Each is
judged on targets that it has not seen: fitted to all but one, it predicts that one. The fuller correction is taken only where it is
better there, so a scattered set of targets falls back by itself and says so with its numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

from gaze.geometry import Array, deg_to_norm, norm_to_deg, ray_angle_deg
from gaze.quality import Look
from gaze.types import GazeSample

Kind = Literal["affine", "offset", "none"]

GOOD_DEG = 2.0
BELIEVED_DEG = 10.0
_LEAST_FOR_AFFINE = 5
_CLEARLY = 0.9
_UNCHECKED = 0.5
_FLATTEST = 0.15


class _Pairs(NamedTuple):
    """Where gaze was and where it should have been, field angles, [n, 2] each."""

    gaze_deg: Array
    target_deg: Array


@dataclass(frozen=True, slots=True)
class Calibration:
    """A correction, and how far to trust it.

    Attributes:
        kind: Which correction it is.
        matrix: 2 x 3: corrected angles are ``matrix @ (x_deg, y_deg, 1)``.
        hfov_deg: Of the camera that it was made for.
        aspect: Of the camera that it was made for.
        raw_deg: Mean error over the targets without correction; NaN without targets.
        checked_deg: Mean error over the targets, each predicted from the others alone; NaN where that could not be done.
        confidence: How far to trust corrected places, 0..1: 1 up to ``GOOD_DEG`` of checked error, then ``GOOD_DEG`` over it; a half
            where nothing could be checked.
        errors_deg: Checked mean error of every correction that was tried.
        left_out: Looks that were not used, by reason: ``no_gaze``, ``restless``.
        note: What was done and why, with the numbers, in words.
    """

    kind: Kind
    matrix: tuple[tuple[float, float, float], tuple[float, float, float]]
    hfov_deg: float
    aspect: float
    raw_deg: float
    checked_deg: float
    confidence: float
    errors_deg: dict[str, float]
    left_out: dict[str, int]
    note: str

    def apply(self, x_norm: float, y_norm: float) -> tuple[float, float] | None:
        """The corrected place; ``None`` where the correction leads to 90 degrees or more from the axis."""
        if self.kind == "none":
            return x_norm, y_norm
        x, y = norm_to_deg(x_norm, y_norm, hfov_deg=self.hfov_deg, aspect=self.aspect)
        (a, b, c), (d, e, f) = self.matrix
        cx, cy = deg_to_norm(a * x + b * y + c, d * x + e * y + f, hfov_deg=self.hfov_deg, aspect=self.aspect)
        return (float(cx), float(cy)) if np.isfinite(cx) and np.isfinite(cy) else None

    def correct(self, sample: GazeSample) -> GazeSample:
        """The sample at its corrected place, without a place where there is none.

        Its confidence is left as it is: that says whether the eye was seen, and detectors take a low one for a loss.
        """
        if sample.x_norm is None or sample.y_norm is None:
            return sample
        place = self.apply(sample.x_norm, sample.y_norm)
        return replace(sample, x_norm=None if place is None else place[0], y_norm=None if place is None else place[1])


def calibrate(looks: Sequence[Look], *, hfov_deg: float, aspect: float, restless_deg: float = 2.0) -> Calibration:
    """Find the correction that these looks support.

    Args:
        looks: Gaze held on targets whose places are known.
        hfov_deg: Horizontal field of view of the scene camera, degrees.
        aspect: Width over height of its picture.
        restless_deg: A look whose samples stray further than this from their median (median distance) is left out.

    Raises:
        ValueError: The camera is impossible, or a target is not finite.
    """
    pairs, left_out = _pairs(looks, hfov_deg, aspect, restless_deg)
    n = len(pairs.gaze_deg)
    raw_deg = _error(pairs.gaze_deg, pairs.target_deg) if n else float("nan")
    errors: dict[str, float] = {"none": raw_deg} if n else {}
    if n >= 2:
        errors["offset"] = _checked(pairs, "offset")
    flat = n < _LEAST_FOR_AFFINE or _flat(pairs.gaze_deg)
    if not flat:
        errors["affine"] = _checked(pairs, "affine")
    kind: Kind = "none"
    # one target cannot be checked, so only an offset that a badly seated device explains is believed
    if (n == 1 and raw_deg <= BELIEVED_DEG) or (n > 1 and errors["offset"] < _CLEARLY * raw_deg):
        kind = "offset"
    # against the better of the two simpler ones: an affine map that undoes a shear need not have an offset to beat
    if "affine" in errors and errors["affine"] < _CLEARLY * min(errors["offset"], raw_deg):
        kind = "affine"
    checked_deg = float("nan") if n == 1 else errors.get(kind, float("nan"))
    known_deg = raw_deg if kind == "none" else checked_deg
    confidence = min(1.0, GOOD_DEG / max(known_deg, 1e-9)) if np.isfinite(known_deg) else _UNCHECKED
    matrix = _fit(pairs, kind)
    rows = tuple((float(a), float(b), float(c)) for a, b, c in matrix)
    note = _note(kind, n, errors, flat, left_out, confidence)
    return Calibration(kind, (rows[0], rows[1]), hfov_deg, aspect, raw_deg, checked_deg, confidence, errors, left_out, note)


def _pairs(looks: Sequence[Look], hfov_deg: float, aspect: float, restless_deg: float) -> tuple[_Pairs, dict[str, int]]:
    """One place of gaze per look, the median of its samples."""
    left_out = {"no_gaze": 0, "restless": 0}
    gaze: list[Array] = []
    targets: list[tuple[float, float]] = []
    for look in looks:
        if not (np.isfinite(look.x_norm) and np.isfinite(look.y_norm)):
            raise ValueError(f"a target has a finite place, got ({look.x_norm}, {look.y_norm})")
        valid = [(s.x_norm, s.y_norm) for s in look.samples if s.valid]
        places = np.array(valid, np.float64).reshape(-1, 2)
        angles = np.stack(norm_to_deg(places[:, 0], places[:, 1], hfov_deg=hfov_deg, aspect=aspect), axis=-1)
        if not len(angles):
            left_out["no_gaze"] += 1
            continue
        middle = np.median(angles, axis=0)
        if float(np.median(ray_angle_deg(_rays(angles), _rays(middle)))) > restless_deg:
            left_out["restless"] += 1
            continue
        gaze.append(middle)
        x_deg, y_deg = norm_to_deg(look.x_norm, look.y_norm, hfov_deg=hfov_deg, aspect=aspect)
        targets.append((float(x_deg), float(y_deg)))
    return _Pairs(np.reshape(gaze, (-1, 2)), np.reshape(targets, (-1, 2))), left_out


def _fit(pairs: _Pairs, kind: Kind) -> Array:
    """The 2 x 3 matrix of a correction, by least squares."""
    same = np.hstack([np.eye(2), np.zeros((2, 1))])
    if kind == "none":
        return same
    if kind == "offset":
        same[:, 2] = np.mean(pairs.target_deg - pairs.gaze_deg, axis=0)
        return same
    ones = np.ones((len(pairs.gaze_deg), 1))
    solved = np.linalg.lstsq(np.hstack([pairs.gaze_deg, ones]), pairs.target_deg, rcond=None)[0]
    return np.asarray(solved.T, np.float64)


def _checked(pairs: _Pairs, kind: Kind) -> float:
    """Mean error over the targets, each predicted by a correction fitted to the others."""
    errors: list[float] = []
    for k in range(len(pairs.gaze_deg)):
        others = _Pairs(np.delete(pairs.gaze_deg, k, axis=0), np.delete(pairs.target_deg, k, axis=0))
        predicted = _fit(others, kind) @ np.append(pairs.gaze_deg[k], 1.0)
        errors.append(_error(predicted[None], pairs.target_deg[k][None]))
    return float(np.mean(errors))


def _flat(angles: Array) -> bool:
    """Whether some target left out leaves the rest nearly on a line, where an affine map is not determined."""
    for k in range(len(angles)):
        others = np.delete(angles, k, axis=0)
        widths = np.linalg.svd(others - others.mean(axis=0), compute_uv=False)
        if widths[1] <= _FLATTEST * widths[0]:
            return True
    return False


def _rays(angles_deg: Array) -> Array:
    """Directions of field angles, [..., 3], not of length one; those at 90 degrees and beyond are put just short of it."""
    slopes = np.tan(np.radians(np.clip(angles_deg, -89.9, 89.9)))
    return np.concatenate([slopes, np.ones_like(slopes[..., :1])], axis=-1)


def _error(a_deg: Array, b_deg: Array) -> float:
    """Mean angle between places, degrees."""
    return float(np.mean(ray_angle_deg(_rays(a_deg), _rays(b_deg))))


def _note(kind: Kind, n: int, errors: dict[str, float], flat: bool, left_out: dict[str, int], confidence: float) -> str:
    said = [f"{n} targets"]
    said += [f"{count} looks left out ({reason.replace('_', ' ')})" for reason, count in left_out.items() if count]
    if n == 0:
        return "; ".join([*said, f"gaze is not corrected and its accuracy is not known: confidence {confidence:.2f}"])
    said.append(
        "mean error " + ", ".join(f"{errors[name]:.2f} degrees with {name}" for name in ("none", "offset", "affine") if name in errors)
    )
    if n == 1 and kind == "offset":
        said.append("a single target cannot be checked: its offset is taken on trust")
    elif n == 1:
        said.append(f"a single target cannot be checked, and an offset beyond {BELIEVED_DEG:g} degrees is not believed")
    elif flat:
        said.append(f"no affine correction: fewer than {_LEAST_FOR_AFFINE} targets, or they lie on a line")
    elif kind != "affine":
        said.append("the affine correction does not do better on targets it has not seen")
    if n > 1 and kind == "none":
        said.append("an offset does not do better on targets it has not seen: gaze is left as it is")
    if errors[kind if n > 1 else "none"] > GOOD_DEG:
        said.append(f"the error exceeds {GOOD_DEG:g} degrees")
    return "; ".join([*said, f"{kind}: confidence {confidence:.2f}"])
