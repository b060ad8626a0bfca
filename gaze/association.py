"""Which of the things in the picture is being looked at: boxes weighed by how they overlap the perifovea.

Two questions are kept apart, as StreamGaze (2025) does. What lies *in view* is every box that overlaps the perifovea, a disc of 13 degrees
around the gaze. What is looked *at* is one of those, or none: gaze is measured with an error, so each box gets the likelihood of this gaze
if the thing were looked at: its share of a Gaussian around the gaze, divided by the area in which it overlaps the perifovea (the
Gaussian assignment of Bernhard et al. 2014, Gaze-to-object mapping, ACM Transactions on Applied Perception 11). Of two boxes around the
gaze the smaller explains it better: the cup, not the table it stands on. Looking at nothing in particular is a candidate too, with the
likelihood of a point anywhere in the perifovea; so where nothing is near, nothing is said.

Angles are taken linearly over the picture, ``hfov_deg`` to its width, the rule of :func:`gaze.geometry.perifovea_px`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from gaze.geometry import tangent_scale

Box: TypeAlias = tuple[float, float, float, float]
"""``(x0, y0, x1, y1)`` normalised to the picture, origin top left."""

Verdict = Literal["clear", "tie", "nothing"]


@dataclass(frozen=True, slots=True)
class AssociationRules:
    """When gaze belongs to a thing. Angles in degrees.

    Attributes:
        radius_deg: Of the perifovea.
        error_deg: Standard deviation of gaze around what is looked at: the tracker's error and the eye's own wandering.
        nothing_prior: How likely it is beforehand that the gaze is on no thing given, against being on one of them.
        least_weight: A thing is named if at least this share of the weight is on it ...
        tie_ratio: ... and no other thing has more than this share of its weight; else they are tied.
    """

    radius_deg: float = 13.0
    error_deg: float = 2.0
    nothing_prior: float = 0.4
    least_weight: float = 0.5
    tie_ratio: float = 0.7


@dataclass(frozen=True, slots=True)
class Share:
    """One thing in view.

    Attributes:
        thing: Its name or key.
        weight: 0..1, how much of the looking is at it; all weights and that of nothing add up to 1.
        overlap: 0..1, how much of the perifovea its box covers.
        apart_deg: From the gaze to the nearest point of the box; 0 inside it.
    """

    thing: str
    weight: float
    overlap: float
    apart_deg: float


@dataclass(frozen=True, slots=True)
class Association:
    """What gaze is on, and what else is in view.

    Attributes:
        verdict: ``clear``: ``thing`` is it; ``tie``: ``tied`` cannot be told apart; ``nothing``: no thing explains the gaze.
        thing: The thing looked at, if that is clear.
        tied: Things that share the gaze, likeliest first; empty unless tied.
        shares: Every thing in view, likeliest first.
        nothing: Weight of no thing at all, 0..1.
    """

    verdict: Verdict
    thing: str | None
    tied: tuple[str, ...]
    shares: tuple[Share, ...]
    nothing: float


class Associator:
    """Weighs things against a gaze point.

    Args:
        hfov_deg: Horizontal field of view of the scene camera, degrees.
        aspect: Width over height of its picture.
        rules: Thresholds.

    Raises:
        ValueError: The camera or a rule is impossible.
    """

    def __init__(self, hfov_deg: float, aspect: float, *, rules: AssociationRules | None = None) -> None:
        tangent_scale(hfov_deg, aspect)  # says what is wrong with the camera
        self._rules = rules or AssociationRules()
        if not (self._rules.radius_deg > 0.0 and self._rules.error_deg > 0.0):
            raise ValueError(f"radius and error are positive, got {self._rules.radius_deg} and {self._rules.error_deg} degrees")
        self._width_deg, self._height_deg = hfov_deg, hfov_deg / aspect

    def weigh(self, x_norm: float, y_norm: float, things: Sequence[tuple[str, Box]]) -> Association:
        """What a gaze point is on.

        Args:
            x_norm: Gaze, 0 left to 1 right; may lie outside the picture.
            y_norm: Gaze, 0 top to 1 bottom.
            things: Names and boxes. A name may come twice (two cups); each box is weighed for itself.

        Raises:
            ValueError: Gaze or a box is not finite, or a box is turned inside out.
        """
        if not (math.isfinite(x_norm) and math.isfinite(y_norm)):
            raise ValueError(f"a gaze point is finite, got ({x_norm}, {y_norm})")
        radius, error = self._rules.radius_deg, self._rules.error_deg
        disc_deg2 = math.pi * radius**2
        found: list[tuple[str, float, float, float]] = []  # thing, likelihood, overlap, distance
        for thing, box in things:
            x0, y0, x1, y1 = self._around(thing, box, x_norm, y_norm)
            apart = math.hypot(max(x0, 0.0, -x1), max(y0, 0.0, -y1))
            if apart >= radius:
                continue
            overlap = disc_overlap(x0, y0, x1, y1, radius) / disc_deg2
            # a thing thinner than the error cannot be resolved: it counts as that thick, or a hair would beat every cup
            x0, x1 = _at_least(x0, x1, error)
            y0, y1 = _at_least(y0, y1, error)
            seen_deg2 = max(disc_overlap(x0, y0, x1, y1, radius), error**2)
            found.append((thing, _normal(x0, x1, error) * _normal(y0, y1, error) / seen_deg2, overlap, apart))
        background = self._rules.nothing_prior / disc_deg2
        total = background + sum(likelihood for _, likelihood, _, _ in found)
        shares = sorted(
            (Share(t, like / total, over, apart) for t, like, over, apart in found), key=lambda s: (-s.weight, s.apart_deg, s.thing)
        )
        return self._judged(tuple(shares), background / total)

    def _judged(self, shares: tuple[Share, ...], nothing: float) -> Association:
        best = shares[0] if shares else None
        if best is None or 1.0 - nothing < self._rules.least_weight:
            return Association("nothing", None, (), shares, nothing)
        rivals = tuple(share.thing for share in shares if share.weight > self._rules.tie_ratio * best.weight)
        # two boxes of one name are no tie: whichever it is, it is called the same
        names = tuple(dict.fromkeys(rivals))
        if len(names) > 1:
            return Association("tie", None, names, shares, nothing)
        if sum(share.weight for share in shares if share.thing == best.thing) < self._rules.least_weight:
            return Association("nothing", None, (), shares, nothing)
        return Association("clear", best.thing, (), shares, nothing)

    def _around(self, thing: str, box: Box, x_norm: float, y_norm: float) -> Box:
        """The box in degrees from the gaze."""
        x0, y0, x1, y1 = box
        if not all(map(math.isfinite, box)) or x1 < x0 or y1 < y0:
            raise ValueError(f"the box of {thing!r} is (x0, y0, x1, y1) with x0 <= x1 and y0 <= y1, got {box}")
        across, down = self._width_deg, self._height_deg
        return (x0 - x_norm) * across, (y0 - y_norm) * down, (x1 - x_norm) * across, (y1 - y_norm) * down


def disc_overlap(x0: float, y0: float, x1: float, y1: float, radius: float) -> float:
    """Area that a box shares with a disc around the origin, exact.

    Between the places where the circle crosses the box's upper or lower side, the shared height is bounded by one pair of curves, whose
    integral is known in closed form.
    """
    left, right = max(x0, -radius), min(x1, radius)
    if left >= right:
        return 0.0
    cuts = {left, right}
    for y in (y0, y1):
        if abs(y) < radius:
            x = math.sqrt(radius**2 - y**2)
            cuts.update(c for c in (-x, x) if left < c < right)
    area = 0.0
    places = sorted(cuts)
    for a, b in itertools.pairwise(places):
        half = math.sqrt(max(0.0, radius**2 - ((a + b) / 2.0) ** 2))
        if min(y1, half) <= max(y0, -half):
            continue
        cap = _under_circle(b, radius) - _under_circle(a, radius)
        area += (cap if half < y1 else y1 * (b - a)) - (-cap if -half > y0 else y0 * (b - a))
    return area


def _under_circle(x: float, radius: float) -> float:
    """Integral of the upper half circle from 0 to ``x``."""
    share = min(1.0, max(-1.0, x / radius))
    return 0.5 * radius**2 * (share * math.sqrt(1.0 - share**2) + math.asin(share))


def _normal(low: float, high: float, sigma: float) -> float:
    """How much of a normal distribution around 0 lies between two values."""
    scale = sigma * math.sqrt(2.0)
    return 0.5 * (math.erf(high / scale) - math.erf(low / scale))


def _at_least(low: float, high: float, least: float) -> tuple[float, float]:
    """The interval, widened around its middle to a least width."""
    short = max(0.0, least - (high - low)) / 2.0
    return low - short, high + short
