"""Wearers who walk, skip or jump and keep to one target: how often it is taken for several, and whether real gaze shifts are still seen.

The target's track in the picture stands for the head's rotation: an oracle. Shifts are added to the recorded gaze, for nobody labelled
any: there to a place 5 or 10 degrees away and back again after 0.25 to 1.5 s, along the course of a saccade.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from gaze import EyeEvent, FixationDetector, GazeSample, deg_to_norm, norm_to_ray
from gaze.head import HeadRotation, rotation_of_points
from tests.bench.gaze_data import ASPECT, HFOV_DEG, MS, SHARED, Array, Codes, table, to_samples

SHIFTS_DEG = (5.0, 10.0)
_REST_S = (0.25, 1.5)
_NEAR_NS = 50 * MS


class Walk(NamedTuple):
    """One recording: what the wearer did, where gaze was, and how the head turned since the sample before."""

    task: str
    t_ns: Codes
    x_deg: Array
    y_deg: Array
    turns: list[HeadRotation | None]


def walks() -> Iterator[Walk]:
    """All of them."""
    for path in sorted((SHARED / "data" / "gaze" / "headmotion").glob("*.csv")):
        _, _, field = table(path)
        t_ns = np.round(field["t_s"] * 1e9).astype(np.int64)
        target = deg_to_norm(field["target_x_deg"], field["target_y_deg"], hfov_deg=HFOV_DEG, aspect=ASPECT)
        rays = norm_to_ray(*target, hfov_deg=HFOV_DEG, aspect=ASPECT)
        turns: list[HeadRotation | None] = [None]
        for before, after in itertools.pairwise(rays):
            # a thing that stands still shows how the camera turned
            known = bool(np.isfinite(before).all() and np.isfinite(after).all())
            turns.append(rotation_of_points([before], [after])[0] if known else None)
        yield Walk(path.stem.rsplit("_", 1)[1], t_ns, field["gaze_x_deg"], field["gaze_y_deg"], turns)


def splits_a_minute() -> dict[str, float]:
    """Fixations a minute while the wearer keeps to one target, by task: without and with the head's rotation."""
    counts: dict[str, list[float]] = defaultdict(list)
    for walk in walks():
        samples = to_samples(walk.t_ns, walk.x_deg, walk.y_deg, np.ones(len(walk.t_ns)))
        for name, turns in ((f"{walk.task} raw", None), (walk.task, walk.turns)):
            held = sum(event.kind in ("fixation", "pursuit") for event in _finals(samples, turns))
            counts[name].append(held * 60e9 / (samples[-1].t_ns - samples[0].t_ns))
    return {task: float(np.mean(values)) for task, values in counts.items()}


def shifts_found() -> dict[str, float]:
    """Share of the added gaze shifts that overlap a saccade, with the head's rotation, by size and task."""
    seen: dict[str, list[bool]] = defaultdict(list)
    for seed, walk in enumerate(walks()):
        for size_deg in SHIFTS_DEG:
            x_deg, y_deg, spans = _add_shifts(walk, size_deg, seed)
            samples = to_samples(walk.t_ns, x_deg, y_deg, np.ones(len(walk.t_ns)))
            saccades = [event for event in _finals(samples, walk.turns) if event.kind == "saccade"]
            for start_ns, end_ns in spans:
                found = any(e.t_start_ns < end_ns + _NEAR_NS and e.t_end_ns > start_ns - _NEAR_NS for e in saccades)
                seen[f"{size_deg:g} degrees, {walk.task}"].append(found)
    return {name: float(np.mean(values)) for name, values in seen.items()}


def _add_shifts(walk: Walk, size_deg: float, seed: int) -> tuple[Array, Array, list[tuple[int, int]]]:
    """The gaze with shifts added, and their times."""
    rng = np.random.default_rng(seed)
    t_s = (walk.t_ns - walk.t_ns[0]) / 1e9
    # how long a saccade of this size lasts (Carpenter 1988)
    lasts_s = 0.021 + 0.0022 * size_deg
    moved, here, spans = np.zeros((2, len(t_s))), np.zeros(2), []
    start_s = 1.0
    while start_s < t_s[-1] - 1.0:
        angle = rng.uniform(0.0, 2.0 * np.pi)
        there = np.zeros(2) if here.any() else size_deg * np.array([np.cos(angle), np.sin(angle)])
        done = np.clip((t_s - start_s) / lasts_s, 0.0, 1.0)
        moved += (there - here)[:, None] * done**3 * (10.0 - 15.0 * done + 6.0 * done**2)
        begun_ns = int(walk.t_ns[0]) + round(start_s * 1e9)
        spans.append((begun_ns, begun_ns + round(lasts_s * 1e9)))
        here = there
        start_s += rng.uniform(*_REST_S)
    return walk.x_deg + moved[0], walk.y_deg + moved[1], spans


def _finals(samples: list[GazeSample], turns: list[HeadRotation | None] | None) -> list[EyeEvent]:
    detector = FixationDetector(HFOV_DEG, ASPECT)
    events = detector.feed(samples, turns) + detector.advance(samples[-1].t_ns + 10**9)
    return [event for event in events if event.stage == "final"]
