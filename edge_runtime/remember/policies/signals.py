"""How new a frame is: small meters, one number in, one number out, that remember only what they need.

All are plain data: a policy keeps them in its state as they are. Vectors are float32 [G] of unit norm; one of another length starts a
meter anew, because it comes from another model. Of a meter only the vectors count as bytes kept; its few numbers never grow.
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec
import numpy as np

from edge_runtime.remember.sizes import vector_bytes
from edge_runtime.types import Vector


def motion(a: Vector, b: Vector) -> float:
    """How far two unit vectors are apart: 1 - cosine, 0..2."""
    return 1.0 - float(np.dot(a, b))


class Curvature(msgspec.Struct):
    """Motion and bend of the path that frames take: CurveStream's score ``M + weight * C``, with a floor under it.

    The direction of a step that noise alone can make is noise, and noise bends more than any cut: such a step scores nothing. With a
    floor of 0 the score is as published.

    Attributes:
        weight: Of the bend; lambda in the paper.
        floor: A step between unit vectors shorter than this is noise.
        last: The last vector.
        before: The one before it.
    """

    weight: float = 0.2
    floor: float = 0.15
    last: Vector | None = None
    before: Vector | None = None

    def update(self, vector: Vector) -> float:
        """Take in the next frame; returns its score, 0..2 + 2 * ``weight``; 0 for the first."""
        last, before = _same_model(self.last, vector), _same_model(self.before, vector)
        self.last, self.before = vector.copy(), last
        if last is None:
            return 0.0
        step = vector - last
        if float(np.dot(step, step)) < self.floor**2:
            return 0.0
        bend = 0.0 if before is None else 1.0 - _cosine(last - before, step)
        return motion(last, vector) + self.weight * bend

    @property
    def nbytes(self) -> int:
        """Bytes kept."""
        return vector_bytes(self.last) + vector_bytes(self.before)


class KSigma(msgspec.Struct):
    """Where a value stands against the running mean and deviation of those before and itself.

    Attributes:
        gamma: How much of mean and variance outlives a value.
        k1: Deviations above the mean that make a value raised.
        k2: Deviations that make it high.
        least: How far above the mean a high value lies at least, whatever the deviation: a rule that only counts deviations finds the
            same share of high values in the dullest stream.
        mean: So far.
        variance: So far.
    """

    gamma: float = 0.9
    k1: float = 0.0
    k2: float = 1.0
    least: float = 0.0
    mean: float = 0.0
    variance: float = 0.0

    def update(self, value: float) -> Literal[0, 1, 2]:
        """Take in the next value: 2 high, 1 raised, 0 neither."""
        self.mean = self.gamma * self.mean + (1.0 - self.gamma) * value
        self.variance = self.gamma * self.variance + (1.0 - self.gamma) * (value - self.mean) ** 2
        deviation = math.sqrt(self.variance)
        if value >= self.mean + max(self.k2 * deviation, self.least):
            return 2
        return 1 if value >= self.mean + self.k1 * deviation else 0


class PredictionError(msgspec.Struct):
    """How far a frame is from what those before it foretold: the untrained stand-in for VideoScaffold's predictor.

    Attributes:
        by: What foretells it: the straight line through the last two vectors, or their running mean.
        gamma: How much of the running mean outlives a frame.
        last: The last vector, or the mean so far.
        before: The vector before the last.
    """

    by: Literal["extrapolation", "mean"] = "extrapolation"
    gamma: float = 0.5
    last: Vector | None = None
    before: Vector | None = None

    def update(self, vector: Vector) -> float:
        """Take in the next frame: 1 - cosine with what was foretold, 0..2; 0 for the first."""
        last, before = _same_model(self.last, vector), _same_model(self.before, vector)
        if last is None:
            self.last, self.before = vector.copy(), None
            return 0.0
        if self.by == "mean":
            self.last = self.gamma * last + np.float32(1.0 - self.gamma) * vector
            return 1.0 - _cosine(last, vector)
        self.last, self.before = vector.copy(), last
        return 1.0 - _cosine(last if before is None else 2.0 * last - before, vector)

    @property
    def nbytes(self) -> int:
        """Bytes kept."""
        return vector_bytes(self.last) + vector_bytes(self.before)


class Valley(msgspec.Struct):
    """Speaks up when the share of dropped tokens falls into a valley: the picture has changed (TimeChat-Online), told at once.

    The released demonstration looks for the lowest tenth of a whole file; this needs only what has been.

    Attributes:
        level: A valley lies below this share; 0.6 in the paper.
        fall: And this far below the running mean.
        gamma: How much of the mean outlives a frame.
        mean: So far; ``None`` before the first frame.
        inside: Whether the last frame lay in a valley, which is told once.
    """

    level: float = 0.6
    fall: float = 0.2
    gamma: float = 0.9
    mean: float | None = None
    inside: bool = False

    def update(self, share: float) -> bool:
        """Take in the share 0..1 dropped of the next frame; true where a valley begins."""
        mean = share if self.mean is None else self.mean
        was_inside, self.inside = self.inside, share < self.level and share < mean - self.fall
        self.mean = self.gamma * mean + (1.0 - self.gamma) * share
        return self.inside and not was_inside


class TargetDrop(msgspec.Struct):
    """Sets a threshold so that a given share of tokens is dropped: stochastic approximation, then fixed.

    Cosines of different encoders are spread differently; a threshold of one says nothing for another.

    Attributes:
        share: To drop, 0..1.
        tau: The threshold so far.
        low: It never goes below this.
        high: Nor above this.
        settle_ns: Stream time after which it stays as it is.
        frames: Taken in so far.
        t_first_ns: Time of the first of them.
    """

    share: float = 0.8
    tau: float = 0.8
    low: float = 0.5
    high: float = 0.95
    settle_ns: int = 60_000_000_000
    frames: int = 0
    t_first_ns: int = 0

    def update(self, dropped: float, t_ns: int) -> float:
        """Take in the share dropped of the next frame at the last threshold; returns the next threshold."""
        if not self.frames:
            self.t_first_ns = t_ns
        if t_ns - self.t_first_ns <= self.settle_ns:
            self.frames += 1
            self.tau += (dropped - self.share) * 0.2 / math.sqrt(self.frames)
            self.tau = min(self.high, max(self.low, self.tau))
        return self.tau


def _same_model(kept: Vector | None, vector: Vector) -> Vector | None:
    return kept if kept is not None and kept.shape == vector.shape else None


def _cosine(a: Vector, b: Vector) -> float:
    """Of vectors of any length; 0 with one of zeros."""
    norms = math.sqrt(float(np.dot(a, a)) * float(np.dot(b, b)))
    return float(np.dot(a, b)) / norms if norms > 0.0 else 0.0
