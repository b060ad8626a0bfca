"""Gaze that was never recorded: a script of holds, jumps, drifts and closed eyes becomes samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from gaze.geometry import deg_to_norm
from gaze.types import EyeEvent, GazeSample

MS = 1_000_000
HFOV_DEG, ASPECT = 90.0, 16 / 9


class Part(NamedTuple):
    """A stretch of a gaze path.

    ``to`` holds gaze on (x_deg, y_deg), ``jump`` and ``drift`` bring it there, ``closed`` has samples without a point, ``silent`` none.
    """

    what: Literal["to", "jump", "drift", "closed", "silent"]
    ms: float
    x_deg: float = 0.0
    y_deg: float = 0.0


def samples(parts: Sequence[Part], *, hz: float = 200.0, noise_deg: float = 0.03, uneven: float = 0.0, seed: int = 1) -> list[GazeSample]:
    """The path as samples from time 0; ``uneven`` moves each sample by up to that share of a step."""
    rng = np.random.default_rng(seed)
    ends = np.cumsum([part.ms for part in parts])
    times = np.arange(0.0, ends[-1], 1000.0 / hz)
    times = times + rng.uniform(-0.5, 0.5, times.size) * uneven * 1000.0 / hz
    starts: list[tuple[float, float]] = []
    place = (parts[0].x_deg, parts[0].y_deg)
    for part in parts:
        starts.append(place)
        place = place if part.what in ("closed", "silent") else (part.x_deg, part.y_deg)
    seen: list[bool] = []
    angles: list[tuple[float, float]] = []
    kept: list[int] = []
    for t_ms in times:
        k = min(int(np.searchsorted(ends, t_ms, side="right")), len(parts) - 1)
        part, (x, y) = parts[k], starts[k]
        if part.what == "silent":
            continue
        done = min(max((t_ms - (ends[k] - part.ms)) / part.ms, 0.0), 1.0)
        share = {"to": 1.0, "drift": done, "jump": done**3 * (10.0 - 15.0 * done + 6.0 * done**2)}.get(part.what, 0.0)
        kept.append(round(float(t_ms) * MS))
        seen.append(part.what != "closed")
        angles.append((x + share * (part.x_deg - x), y + share * (part.y_deg - y)))
    shaken = np.reshape(angles, (-1, 2)) + rng.normal(0.0, noise_deg, (len(angles), 2))
    xs, ys = deg_to_norm(shaken[:, 0], shaken[:, 1], hfov_deg=HFOV_DEG, aspect=ASPECT)
    places = zip(kept, xs.tolist(), ys.tolist(), seen, strict=True)
    return [GazeSample(t_ns, x, y) if there else GazeSample(t_ns, None, None) for t_ns, x, y, there in places]


def finals(events: Sequence[EyeEvent], *kinds: str) -> list[EyeEvent]:
    """The final reports, of these kinds or of all."""
    return [event for event in events if event.stage == "final" and (not kinds or event.kind in kinds)]
