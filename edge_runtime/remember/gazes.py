"""How long gaze rested on what was seen: an eye movement's length is known when it ends, a look's result some time after it began."""

from __future__ import annotations

import msgspec

from edge_runtime.records import Dropped
from edge_runtime.remember import sizes
from gaze.types import EyeEvent

_MOST = 32
_ON_ONE = 8
_RESTING = ("fixation", "pursuit", "dwell")


class Span(msgspec.Struct, frozen=True):
    """When an eye movement began and ended."""

    t_start_ns: int
    t_end_ns: int


class GazesState(msgspec.Struct):
    """Eye movements that ended, and sightings that wait for theirs to end; both oldest first."""

    ended: dict[int, Span] = {}
    waiting: dict[int, tuple[int, ...]] = {}


def end(state: GazesState, event: EyeEvent) -> tuple[int, ...]:
    """Note an eye movement that is final; returns the sightings it rested on."""
    if event.kind not in _RESTING:
        return ()
    state.ended[event.id] = Span(event.t_start_ns, event.t_end_ns)
    while len(state.ended) > _MOST:
        del state.ended[next(iter(state.ended))]
    return state.waiting.pop(event.id, ())


def rest(state: GazesState, eye_id: int | None, sighting: int) -> Span | None:
    """Note that an eye movement rests on a sighting; returns the movement if it has ended already."""
    if eye_id is None:
        return None
    if eye_id in state.ended:
        return state.ended[eye_id]
    known = state.waiting.get(eye_id, ())
    if sighting not in known:
        state.waiting[eye_id] = (*known, sighting)[-_ON_ONE:]
    while len(state.waiting) > _MOST:
        del state.waiting[next(iter(state.waiting))]
    return None


def forget_since(state: GazesState, t_ns: int) -> None:
    """Forget movements that lasted into a time."""
    state.ended = {number: span for number, span in state.ended.items() if span.t_end_ns < t_ns}
    state.waiting = {}


def nbytes(state: GazesState) -> int:
    """What the movements weigh."""
    return sizes.ENTRY_BYTES * (len(state.ended) + len(state.waiting))


def shed(state: GazesState) -> tuple[Dropped, ...]:
    """Let the oldest movement go."""
    table: dict[int, Span] | dict[int, tuple[int, ...]] = state.ended or state.waiting
    del table[next(iter(table))]
    return (Dropped("eye", "budget"),)
