"""Everything the compiled detector remembers, in one record of fixed size.

A record reads like the object it stands for: ``eye.velocity.step_ns`` is what :class:`gaze.velocity.Velocity` calls ``step_ns``. Samples
and points lie in rows in order of time, and every queue of the readable detector is a pair of row numbers into them. Between two blocks
the rows that nobody needs any more are let go (:func:`make_room`).
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, NamedTuple, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from gaze.detect import Rules
from gaze.fast.compiled import compiled
from gaze.first_sight import SightRules
from gaze.geometry import tangent_scale
from gaze.hold import _EDGE, _KEPT
from gaze.types import EyeKind, Stage
from gaze.velocity import _FIRST_NOISE_DPS

Eye: TypeAlias = Any
"""A record of the state, or a part of it; numba knows its fields, Python's type checker does not."""

KINDS: tuple[EyeKind, ...] = get_args(EyeKind)
# numpy's integers: for each of Python's own constants, functions would be compiled once more
FIXATION, PURSUIT, SACCADE, BLINK, LOST = (np.int64(KINDS.index(kind)) for kind in ("fixation", "pursuit", "saccade", "blink", "lost"))
STAGES: tuple[Stage, ...] = get_args(Stage)
PROVISIONAL, FINAL = (np.int64(STAGES.index(stage)) for stage in ("provisional", "final"))
NONE = np.int64(-(2**63))
"""No time, and no number."""
LONGEST_NS = 2**62
"""Times lie within this far of 0, so that differences of two never overflow."""
NEVER_NS = 2**63 - 1
SHOWN = np.int64(-1)
"""Nothing hides the gaze."""
REPORTS_A_ROW = 4
"""A sample or a step reports no more than this."""


class Columns(NamedTuple):
    """Samples as numba takes them: contiguous, writeable, one row each.

    Attributes:
        t_ns: int64 [n], nanoseconds.
        x_norm: float64 [n], nan where there is no place.
        y_norm: float64 [n].
        confidence: float64 [n].
        worn: bool [n].
        turns: float64 [n, 3], yaw, pitch and roll since the sample before, degrees, nan where they are not known; no
            rows where none is known.
    """

    t_ns: npt.NDArray[np.int64]
    x_norm: npt.NDArray[np.float64]
    y_norm: npt.NDArray[np.float64]
    confidence: npt.NDArray[np.float64]
    worn: npt.NDArray[np.bool_]
    turns: npt.NDArray[np.float64]


def _record(*parts: Any) -> np.dtype[Any]:
    return np.dtype(list(parts), align=True)


def _flat(kind: str, *names: str) -> list[tuple[str, str]]:
    return [(name, kind) for name in names]


def _like(rules: Any) -> np.dtype[Any]:
    """A record with the fields of a dataclass of numbers."""
    kinds = {int: "i8", float: "f8"}
    values = [(field.name, getattr(rules, field.name)) for field in fields(rules)]
    return _record(*((name, _like(value) if is_dataclass(value) else kinds[type(value)]) for name, value in values))


def _fill(record: Any, rules: Any) -> None:
    for field in fields(rules):
        value = getattr(rules, field.name)
        if is_dataclass(value):
            _fill(record[field.name], value)
        else:
            record[field.name] = value


_RAY = ("f8", (3,))
LABEL = _record(*_flat("i8", "t_ns", "t_emit_ns"), *_flat("u1", "kind", "stage"))
"""A label as in :class:`gaze.labels.EyeLabel`: kinds are indices into :data:`KINDS`, stages into :data:`STAGES`."""
EVENT = _record(
    *_flat("i8", "id", "t_start_ns", "t_end_ns", "t_emit_ns", "fed"),
    *_flat("f8", "x_norm", "y_norm", "dispersion_deg", "confidence"),
    *_flat("u1", "kind", "stage"),
)
"""A report as in :class:`gaze.types.EyeEvent`: places of a gap are nan; ``fed`` is how many samples had been given when it was told."""
_POINT = _record(("t_ns", "i8"), *_flat("f8", "x_norm", "y_norm", "confidence"), ("ray", *_RAY))
_STEP = _record(("moving", "?"), ("fast_dps", "f8"), ("before", *_RAY), ("after", *_RAY), ("due_ns", "i8"))
_BEND = _record(("t_ns", "i8"), ("bend", "f8"))
_SAID = _record(("t_ns", "i8"), ("now_ns", "i8"), ("moving", "?"))
_HOLD = _record(
    *(("first", _POINT), ("last", _POINT)),
    *_flat("i8", "made", "id", "kind", "next_report_ns", "stride", "count", "kept", "shown"),
    *(("confidence", "f8"), ("points", _POINT, (_KEPT,)), ("tail", _POINT, (_EDGE,))),
)
_GAP = _record(("waits", "?"), ("open", "?"), *_flat("i8", "id", "kind", "start_ns", "end_ns"))
_INTAKE = _record(
    *_flat("?", "tracker", "turns", "turned"),
    *_flat("f8", "width", "height", "same_x", "same_y"),
    *(("head", "f8", (4,)), *_flat("i8", "same_ns", "shut_ns", "frozen")),
)
_LIDS = _record(*_flat("i8", "recent", "low", "seen", "last_ns"), *_flat("f8", "usual", "least"))
_ROUGHNESS = _record(("deg", "f8"), ("before", *_RAY), ("last", *_RAY), *_flat("i8", "rays", "recent", "end"))
_WINDOW = _record(*_flat("i8", "first", "last", "width_ns"), ("scale", "f8"))
_VELOCITY = _record(
    *_flat("f8", "short_dps", "long_dps", "head_dps", "extra_dps"),
    *_flat("i8", "learned", "step_ns", "expect_ns", "due_ns", "start_ns", "begin", "at", "seen"),
    *(("short", _WINDOW), ("long", _WINDOW), ("moving", "?")),
)
_SIGHT = _record(("moving", "?"), ("since_ns", "i8"), ("said", "i8"))
_BOOK = _record(*_flat("i8", "waiting", "unseen", "end", "told"))


def _eye(capacity: int) -> np.dtype[Any]:
    return _record(
        *(("rules", _like(Rules())), ("sight_rules", _like(SightRules()))),
        *(("intake", _INTAKE), ("lids", _LIDS), ("roughness", _ROUGHNESS), ("velocity", _VELOCITY), ("sight", _SIGHT), ("book", _BOOK)),
        *(("holds", _HOLD, (2,)), ("gap", _GAP), ("moved", _POINT)),
        # holds are told by their place in ``holds``, -1 for none; points by their row
        *_flat("i8", "hold", "parted", "made", "ids", "steps_away", "left_ns", "taken", "looked", "spare"),
        *_flat("i8", "fed", "clock_ns", "last_ns", "first_ns", "heard_ns", "clock", "duplicate", "reports"),
        *(("left_at", *_RAY), ("departed", *_RAY), ("far_deg", "f8"), ("in_run", "?")),
        # one row a sample
        *(("t_ns", "i8", (capacity,)), ("low", "u1", (capacity,)), ("labels", LABEL, (2 * capacity,))),
        # one row a point; ``sums`` are over the points of the run before it
        *(("points", _POINT, (capacity,)), ("steps", _STEP, (capacity,)), ("sums", "f8", (capacity + 1, 4))),
        *(("bends", _BEND, (capacity,)), ("ordered", "f8", (capacity,)), ("said", _SAID, (capacity,))),
        ("events", EVENT, (2 * REPORTS_A_ROW * capacity,)),
    )


def new_state(hfov_deg: float, aspect: float, rules: Rules, tracker: bool, capacity: int) -> np.ndarray[Any, np.dtype[Any]]:
    """The state before the first sample, an array of one record.

    Args:
        hfov_deg: Horizontal field of view of the scene camera, degrees.
        aspect: Width over height of its picture.
        rules: Thresholds.
        tracker: Whether the samples come from an eye tracker.
        capacity: Samples, and points, that can be kept at once.

    Raises:
        ValueError: The camera is impossible.
    """
    state = np.zeros(1, _eye(capacity))
    eye = state[0]
    _fill(eye["rules"], rules)
    _fill(eye["sight_rules"], SightRules())
    intake, lids, velocity = eye["intake"], eye["lids"], eye["velocity"]
    intake["tracker"] = tracker
    intake["width"], intake["height"] = tangent_scale(hfov_deg, aspect)
    intake["same_x"] = intake["same_y"] = np.nan
    intake["head"] = (1.0, 0.0, 0.0, 0.0)
    lids["usual"], lids["least"] = 1.0, rules.lids.below
    velocity["short_dps"] = velocity["long_dps"] = _FIRST_NOISE_DPS
    velocity["due_ns"] = NEVER_NS
    for name, width_ns in (("short", rules.speed.short_ns), ("long", rules.speed.long_ns)):
        velocity[name]["width_ns"], velocity[name]["scale"] = width_ns, (width_ns * 1e-9) ** -1.5
    eye["sight"]["since_ns"] = -LONGEST_NS
    eye["hold"] = eye["parted"] = -1
    intake["shut_ns"] = NONE
    for name in ("left_ns", "clock_ns", "last_ns", "first_ns", "heard_ns"):
        eye[name] = NONE
    return state


def widened(state: np.ndarray[Any, np.dtype[Any]], capacity: int) -> np.ndarray[Any, np.dtype[Any]]:
    """The same state with room for more."""
    wider = np.zeros(1, _eye(capacity))
    for name in wider.dtype.names or ():
        old, new = state[name][0], wider[name][0]
        if np.ndim(old):
            new[: len(old)] = old
        else:
            wider[name] = state[name]
    return wider


@compiled
def make_room(eye: Eye) -> int:
    """Let go of rows that nobody needs any more, and of what was told; return how many samples can be taken.

    Returns:
        0 where no more fit.
    """
    book, velocity, roughness, lids = eye.book, eye.velocity, eye.roughness, eye.lids
    eye.reports = book.told = 0
    gone = min(book.waiting, book.unseen, lids.recent)
    for k in range(gone, book.end):
        eye.t_ns[k - gone] = eye.t_ns[k]
        eye.low[k - gone] = eye.low[k]
    book.waiting -= gone
    book.unseen -= gone
    book.end -= gone
    lids.recent -= gone

    gone = min(eye.taken, velocity.at, velocity.seen, velocity.short.first, velocity.long.first)
    for k in range(gone, eye.spare):
        eye.points[k - gone] = eye.points[k]
        eye.steps[k - gone] = eye.steps[k]
    for k in range(gone, eye.looked + 1):
        for axis in range(4):
            eye.sums[k - gone, axis] = eye.sums[k, axis]
    velocity.at -= gone
    velocity.seen -= gone
    velocity.begin -= gone
    for window in (velocity.short, velocity.long):
        window.first -= gone
        window.last -= gone
    eye.taken -= gone
    eye.looked -= gone
    eye.spare -= gone

    gone = roughness.recent
    for k in range(gone, roughness.end):
        eye.bends[k - gone] = eye.bends[k]
    roughness.recent -= gone
    roughness.end -= gone
    return int(len(eye.t_ns) - max(book.end, eye.spare, roughness.end))
