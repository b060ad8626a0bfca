"""A day of looks for the memory bench: real tokens tiled and jittered, and a hundred needles, things looked at for 1 to 3 s."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edge_runtime.config import S
from edge_runtime.protocol import Looked
from edge_runtime.types import WHOLE, Box, LookedRegion, Tokens
from tests.bench.memory_features import Array, Features

HOUR_S = 3600.0
VISIT_S = (60.0, 600.0)
"""How long the wearer stays in one scene."""
FOVEAL_EVERY = 2
"""Of the looks that are no needle, every so manieth has a foveal region too: things looked at that nobody will ask for."""
VISIT_SPREAD = 0.3
"""How much one visit to a scene differs from the next, as a share of the spread of all tokens."""
LOOK_COSINE, VIEW_COSINE, QUERY_COSINE = 0.97, 0.92, 0.8
"""Of two looks at one still picture; of a needle's tokens with its prototype; of what is asked with the prototype."""
NEEDLE_HZ = 3.0
NEEDLE_S = (1.0, 3.0)
NEEDLE_SIDE = 3
"""A needle fills so many cells, squared, in the middle of its foveal look."""
_NOISES = 32


class Needle(NamedTuple):
    """Something looked at once and asked for later.

    Attributes:
        start_ns: First look at it.
        end_ns: Last look at it.
        prototype: float32 [D].
        query: float32 [D], what is asked with: the prototype as it looks another time.
    """

    start_ns: int
    end_ns: int
    prototype: Array
    query: Array


class Moment(NamedTuple):
    """A look as planned: where the wearer is, on which frame of that scene, and whether a needle is looked at."""

    t_ns: int
    visit: int
    frame: int
    foveal: bool
    needle: int | None


class Day:
    """The plan of a day, and its looks.

    Needles are drawn from the normal distribution with mean and covariance of all tokens, so that they are as unlike the rest as
    the rest is unlike itself. All foveal looks are protected, needle or not, as in the runtime.

    Args:
        features: Tokens of frames.
        every_s: Between looks that are no needle.
        hours: How long.
        needles: How many, within the first hours, so that each can be asked for ten hours later.
        seed: Of everything.
    """

    def __init__(self, features: Features, *, every_s: float, hours: float = 16.0, needles: int = 100, seed: int = 0) -> None:
        self._features = features
        self._seed = seed
        rng = np.random.default_rng(seed)
        tokens = features.overview.reshape(-1, features.overview.shape[2])
        self.dim = int(tokens.shape[1])
        self._norm = float(np.sqrt((tokens**2).sum(axis=1).mean()))
        self._mean = tokens.mean(axis=0)
        self._mix = _root_of_covariance(tokens)
        self.needles = self._plant(rng, needles, hours)
        self._scenes = [np.flatnonzero(features.scene == number) for number in np.unique(features.scene)]
        self._plan = self._planned(rng, every_s, hours)

    @property
    def offered_tokens(self) -> int:
        """Tokens in all looks together."""
        cells = self._features.hw[0] * self._features.hw[1]
        return cells * sum(1 if moment.needle is not None else 1 + moment.foveal for moment in self._plan)

    def __len__(self) -> int:
        return len(self._plan)

    def looks(self) -> Iterator[tuple[Looked, tuple[Box, ...]]]:
        """The looks in order of time, and where the gaze rests in each; the same every time."""
        rng = np.random.default_rng(self._seed + 1)
        noises = [self._noise(rng, LOOK_COSINE, self._features.overview.shape[1:]) for _ in range(_NOISES)]
        visit, change = -1, np.zeros(self._features.overview.shape[1:], np.float32)
        for seq, moment in enumerate(self._plan):
            if moment.visit != visit:
                visit, change = moment.visit, self._change(rng)
            noise = noises[int(rng.integers(_NOISES))]
            regions = []
            if moment.needle is None:
                regions.append(self._region(self._features.overview[moment.frame] + change + noise))
            if moment.foveal:
                emb = self._features.foveal[moment.frame] + change + noise
                if moment.needle is not None:
                    self._put(rng, emb, self.needles[moment.needle].prototype)
                regions.append(self._region(emb, self._features.boxes[moment.frame]))
            look = Looked(t_ns=moment.t_ns, answers=seq, frame_seq=seq, t_capture_ns=moment.t_ns, regions=tuple(regions))
            yield look, tuple(region.box for region in regions if region.kind == "foveal")

    def _plant(self, rng: np.random.Generator, count: int, hours: float) -> list[Needle]:
        latest_s = (hours - 10.1) * HOUR_S
        starts_s = (np.arange(count) + rng.uniform(0.2, 0.8, count)) * latest_s / count
        needles = []
        for start_s in starts_s.tolist():
            looks = 1 + int(float(rng.uniform(*NEEDLE_S)) * NEEDLE_HZ)
            prototype = (self._mean + rng.normal(size=self.dim) @ self._mix).astype(np.float32)
            prototype *= self._norm / np.linalg.norm(prototype)
            start_ns, end_ns = round(start_s * S), round((start_s + (looks - 1) / NEEDLE_HZ) * S)
            needles.append(Needle(start_ns, end_ns, prototype, prototype + self._noise(rng, QUERY_COSINE, (self.dim,))))
        return needles

    def _planned(self, rng: np.random.Generator, every_s: float, hours: float) -> list[Moment]:
        visit, until_s, frames, at, forward = -1, 0.0, self._scenes[0], 0, 1
        plan = []
        for number, t_s in enumerate(np.arange(0.0, hours * HOUR_S, every_s).tolist()):
            if t_s >= until_s:
                visit, until_s = visit + 1, t_s + float(rng.uniform(*VISIT_S))
                frames = self._scenes[int(rng.integers(len(self._scenes)))]
                at, forward = int(rng.integers(len(frames))), 1
            if not 0 <= at + forward < len(frames):
                forward = -forward
            at = min(max(at + forward, 0), len(frames) - 1)
            plan.append(Moment(round(t_s * S), visit, int(frames[at]), number % FOVEAL_EVERY == 0, None))
        return sorted(plan + self._needle_looks(plan), key=lambda moment: moment.t_ns)

    def _needle_looks(self, plan: list[Moment]) -> list[Moment]:
        times = np.array([moment.t_ns for moment in plan])
        found = []
        for number, needle in enumerate(self.needles):
            here = plan[int(np.searchsorted(times, needle.start_ns, "right")) - 1]
            count = round((needle.end_ns - needle.start_ns) / S * NEEDLE_HZ) + 1
            for t_ns in np.linspace(needle.start_ns, needle.end_ns, count).round().astype(int).tolist():
                found.append(Moment(t_ns, here.visit, here.frame, True, number))
        return found

    def _put(self, rng: np.random.Generator, emb: Array, prototype: Array) -> None:
        rows, columns = self._features.hw
        top, left = (rows - NEEDLE_SIDE) // 2, (columns - NEEDLE_SIDE) // 2
        cells = emb.reshape(rows, columns, self.dim)[top : top + NEEDLE_SIDE, left : left + NEEDLE_SIDE]
        cells[:] = prototype + self._noise(rng, VIEW_COSINE, cells.shape)

    def _change(self, rng: np.random.Generator) -> Array:
        shape = self._features.overview.shape[1:]
        light, texture = rng.normal(size=(1, self.dim)), rng.normal(size=shape)
        change: Array = (VISIT_SPREAD * (light + texture) / np.sqrt(2.0) @ self._mix).astype(np.float32)
        return change

    def _noise(self, rng: np.random.Generator, cosine: float, shape: tuple[int, ...]) -> Array:
        """White noise that leaves a token of usual length at this cosine with itself."""
        sigma = self._norm / np.sqrt(self.dim) * np.sqrt(1.0 / cosine**2 - 1.0)
        return rng.normal(0.0, sigma, shape).astype(np.float32)

    def _region(self, emb: Array, box: Box | None = None) -> LookedRegion:
        tokens = Tokens(self._features.hw, self.dim, emb.astype(np.float16))
        return LookedRegion("foveal" if box else "overview", box or WHOLE, tokens=tokens)


def _root_of_covariance(tokens: Array) -> npt.NDArray[np.float64]:
    """A matrix [D,D] that turns white noise, as rows, into noise with the covariance of tokens [N,D]."""
    values, vectors = np.linalg.eigh(np.cov(tokens, rowvar=False))
    root: npt.NDArray[np.float64] = (vectors * np.sqrt(np.clip(values, 0.0, None))) @ vectors.T
    return root
