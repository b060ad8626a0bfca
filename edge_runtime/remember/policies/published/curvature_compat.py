"""CurveStream (2026): frames routed by motion and bend, as published."""

from __future__ import annotations

import math

from edge_runtime.remember.policies.published.curvature import Curvature


class CurvatureCompat(Curvature):
    """Routes frames by CurveStream's rule alone.

    For comparison with :class:`~edge_runtime.remember.policies.published.curvature.Curvature`, from which it differs by what that
    mends: the score has no floor under motion and bend, so sensor noise bends more than a cut; clear needs no distance from the mean, so
    K-sigma passes a constant share of a still or steadily moving picture; drift does not add up.

    Args:
        budget_bytes: Everything kept.
        seed: Makes no difference here.
        weight: Of the bend; lambda in the paper.
        gamma: Of the running mean and variance; the paper does not give it.
        k1: Deviations above the mean from which a frame is blurred.
        k2: Deviations from which it is clear.
        most_frames: At most so many, however many bytes there are.
    """

    def __init__(
        self,
        budget_bytes: int,
        *,
        seed: int = 0,
        weight: float = 0.2,
        gamma: float = 0.9,
        k1: float = 0.0,
        k2: float = 1.0,
        most_frames: int = 20,
    ) -> None:
        super().__init__(
            budget_bytes,
            seed=seed,
            weight=weight,
            gamma=gamma,
            k1=k1,
            k2=k2,
            most_frames=most_frames,
            floor=0.0,
            least=0.0,
            drift=math.inf,
        )
