"""The eyes of the sample's wearer: fixations on things in the room, saccades between them, blinks.

Fixations last 200 to 600 ms; saccades take 21 ms and 2.2 ms a degree (Carpenter, Movements of the Eyes, 1988) on a minimum-jerk path
(Flash and Hogan, 1985). Everything is a point of the room, so that gaze stays on its thing while the head moves.
"""

from __future__ import annotations

import functools
import itertools
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from devices.gallery.layout import Thing, thing_at
from devices.gallery.walk import DURATION_NS, GLANCES, STANDS, Glance
from edge_runtime.config import MS, S

_LONGEST_S = 0.60
_READING_S, _LOOKING_S, _WALKING_S = 0.56, 0.32, 0.36
"""Shortest fixation, unless a stay has to end."""
_NO_DETOUR_S = 0.25
"""Between two things looked at so shortly after each other the eye looks at nothing else."""
_SACCADE_NS, _SACCADE_NS_PER_DEG = 21 * MS, 2.2 * MS
_SMALL_SACCADE_DEG = 0.5


class Fixation(NamedTuple):
    """The eye at rest on a point of the room.

    Attributes:
        start_ns: First moment.
        end_ns: Last moment; the saccade to the next one starts there.
        x_m: Along the wall.
        y_m: Above the floor.
        what: The thing looked at, or ``""`` for bare wall, floor or an empty ledge.
    """

    start_ns: int
    end_ns: int
    x_m: float
    y_m: float
    what: str


class Blink(NamedTuple):
    """The eye is closed."""

    start_ns: int
    end_ns: int


def stand_at(t_s: float) -> tuple[float, float]:
    """Where the wearer is on the straight line between two stands: along the wall and in front of it, metres."""
    times = [stand.t_s for stand in STANDS]
    x = float(np.interp(t_s, times, [stand.x_m for stand in STANDS]))
    return x, float(np.interp(t_s, times, [stand.z_m for stand in STANDS]))


@functools.cache
def fixations(seed: int) -> tuple[Fixation, ...]:
    """All fixations, in order; between the end of one and the start of the next lies one saccade."""
    rng = np.random.default_rng([seed, 1])
    found: list[Fixation] = []
    done_s = 0.0
    for glance in GLANCES:
        if glance.start_s - done_s < _NO_DETOUR_S:
            glance = glance._replace(start_s=done_s)
        found.extend(_on_the_way(done_s, glance.start_s, rng))
        found.extend(_looking(glance, rng))
        done_s = glance.end_s
    found.extend(_on_the_way(done_s, DURATION_NS / S + 0.5, rng))
    return tuple(_with_saccades(found))


@functools.cache
def blinks(seed: int) -> tuple[Blink, ...]:
    """All blinks: 100 to 200 ms, one every two to seven seconds."""
    rng = np.random.default_rng([seed, 2])
    found, t_s = [], float(rng.uniform(1.5, 4.0))
    while t_s < DURATION_NS / S - 0.5:
        found.append(Blink(round(t_s * S), round((t_s + rng.uniform(0.10, 0.20)) * S)))
        t_s += float(rng.uniform(2.0, 7.0))
    return tuple(found)


def looked_at(t_ns: int, seed: int) -> tuple[float, float]:
    """The point of the wall plane that gaze is directed at: along the wall and above the floor, metres."""
    path = fixations(seed)
    index = max(0, bisect_right(path, t_ns, key=lambda fixation: fixation.start_ns) - 1)
    here = path[index]
    if t_ns <= here.end_ns or index + 1 == len(path):
        return here.x_m, here.y_m
    there = path[index + 1]
    share = (t_ns - here.end_ns) / (there.start_ns - here.end_ns)
    # Minimum jerk: speed and acceleration are zero at both ends.
    share = share**3 * (10.0 - 15.0 * share + 6.0 * share**2)
    return here.x_m + share * (there.x_m - here.x_m), here.y_m + share * (there.y_m - here.y_m)


def closed(t_ns: int, seed: int) -> bool:
    """Whether the eye is closed."""
    path = blinks(seed)
    index = bisect_right(path, t_ns, key=lambda blink: blink.start_ns) - 1
    return index >= 0 and t_ns < path[index].end_ns


def _looking(glance: Glance, rng: np.random.Generator) -> Iterator[Fixation]:
    """Fixations on one thing: along its lines if it is to be read, around its middle otherwise."""
    name = glance.what if isinstance(glance.what, str) else ""
    if isinstance(glance.what, str):
        thing = thing_at(glance.what, round(glance.start_s * S))
        middle, reach = (thing.x_m, thing.y_m), _reach(thing)
    else:
        middle, reach = glance.what, (0.12, 0.05)
    reads = bool(name) and thing.mount in ("card", "pinned")
    across, up = 0.0, 0.0
    for count, (start_s, end_s) in enumerate(_pieces(glance.start_s, glance.end_s, rng, _READING_S if reads else _LOOKING_S)):
        if not reads:
            across, up = rng.normal(0.0, 0.4), rng.normal(0.0, 0.4)
        elif count % 2 == 0:
            # One stop a line, a little left and right of its middle.
            line = count // 2 % 2
            across, up = (-0.5, 0.5)[line] + rng.normal(0.0, 0.12), (0.7, -0.7)[line] + rng.normal(0.0, 0.12)
        else:
            # A small correction on the same word.
            across, up = across + rng.normal(0.0, 0.07), up + rng.normal(0.0, 0.07)
        yield _fixation(start_s, end_s, middle[0] + reach[0] * across, middle[1] + reach[1] * up, name)


def _reach(thing: Thing) -> tuple[float, float]:
    """How far from a thing's middle it is looked at, metres; within five degrees of it, so that one stay is one dwell."""
    return min(0.11, 0.2 * thing.width_m), min(0.09, 0.18 * thing.height_m)


def _on_the_way(start_s: float, end_s: float, rng: np.random.Generator) -> Iterator[Fixation]:
    """Fixations while walking: a step or so ahead, at the foot of the wall."""
    for start, end in _pieces(start_s, end_s, rng, _WALKING_S):
        here, soon = stand_at(start)[0], stand_at(start + 0.8)[0]
        yield _fixation(start, end, soon + 0.35 * np.sign(soon - here) + rng.normal(0.0, 0.10), rng.uniform(0.45, 0.95), "")


def _pieces(start_s: float, end_s: float, rng: np.random.Generator, shortest_s: float) -> list[tuple[float, float]]:
    """Cut a time into fixations; the last one may be shorter."""
    if end_s - start_s < _NO_DETOUR_S:
        return []
    cuts = [start_s]
    while end_s - cuts[-1] > _LONGEST_S:
        left_s = end_s - cuts[-1]
        cuts.append(cuts[-1] + min(float(rng.uniform(shortest_s, _LONGEST_S)), left_s - _NO_DETOUR_S))
    return list(zip(cuts, [*cuts[1:], end_s], strict=True))


def _fixation(start_s: float, end_s: float, x_m: float, y_m: float, what: str) -> Fixation:
    return Fixation(round(start_s * S), round(end_s * S), float(x_m), float(y_m), what)


def _with_saccades(path: list[Fixation]) -> Iterator[Fixation]:
    """Take the time of each saccade out of the fixation that it leads to."""
    yield path[0]
    for before, after in itertools.pairwise(path):
        eye_x, eye_z = stand_at(after.start_ns / S)
        yaws = np.degrees(np.arctan2([before.x_m - eye_x, after.x_m - eye_x], eye_z))
        pitches = np.degrees(np.arctan2([before.y_m, after.y_m], eye_z))
        angle_deg = max(_SMALL_SACCADE_DEG, float(np.hypot(yaws[1] - yaws[0], pitches[1] - pitches[0])))
        lands_ns = before.end_ns + round(_SACCADE_NS + _SACCADE_NS_PER_DEG * angle_deg)
        yield after._replace(start_ns=min(lands_ns, after.end_ns - 40 * MS))
