"""What gaze rests on: for how long, and what it was at any moment of late.

An eye movement's length is known when it ends, a look's result some time after it began. Not every movement is looked at: what a look
found holds for the other movements of the same stay too, for a few seconds.
"""

from __future__ import annotations

from typing import Any

import msgspec

from edge_runtime.config import S
from edge_runtime.records import Dropped, Sighting
from edge_runtime.remember import sizes
from edge_runtime.types import Value
from gaze.types import EyeEvent

_MOST = 32
_ON_ONE = 8
_STAYS = 4
_HOLDS_NS = 3 * S
"""For so long before and after it, a look tells what gaze rests on while it stays."""
_RESTING = ("fixation", "pursuit", "dwell")


class Span(msgspec.Struct, frozen=True):
    """When an eye movement began and ended."""

    t_start_ns: int
    t_end_ns: int


class Rest(msgspec.Struct, frozen=True):
    """One look at what gaze rested on: its capture time, the eye movement if known, and the sightings it went into."""

    t_ns: int
    eye_id: int | None
    sightings: tuple[int, ...]


class Regard(Value, frozen=True):
    """A thing the wearer looked at.

    Attributes:
        t_ns: Capture time of the last look at it.
        sightings: All that it was taken for, newest look first; at least one.
    """

    t_ns: int
    sightings: tuple[Sighting, ...]


class GazesState(msgspec.Struct):
    """Eye movements that ended, which stay they are of, and the latest looks, by eye movement and by stay; all oldest first."""

    ended: dict[int, Span] = {}
    stays: dict[int, int] = {}
    waiting: dict[int, tuple[int, ...]] = {}
    shown: dict[int, dict[int, int]] = {}
    rests: list[Rest] = []


Credit = tuple[int, Span]
"""A sighting, and an eye movement that rested on it."""


def belong(state: GazesState, eye_id: int, stay: int) -> tuple[Credit, ...]:
    """Note which stay an eye movement is of; returns what it can now be credited to."""
    state.stays[eye_id] = stay
    _bound(state.stays, _MOST)
    return _credits(state, eye_id)


def end(state: GazesState, event: EyeEvent) -> tuple[Credit, ...]:
    """Note an eye movement that is final; returns what it is to be credited to."""
    if event.kind not in _RESTING:
        return ()
    span = state.ended[event.id] = Span(event.t_start_ns, event.t_end_ns)
    _bound(state.ended, _MOST)
    own = tuple((number, span) for number in state.waiting.pop(event.id, ()))
    return (*own, *_credits(state, event.id))


def rest(state: GazesState, eye_id: int | None, sighting: int, t_ns: int) -> tuple[Credit, ...]:
    """Note that gaze rests on a sighting in a look taken at ``t_ns``; returns the eye movements it is to be credited with, if ended."""
    _note(state, Rest(t_ns, eye_id, (sighting,)))
    if eye_id is None:
        return ()
    if eye_id not in state.ended:
        known = state.waiting.get(eye_id, ())
        if sighting not in known:
            state.waiting[eye_id] = (*known, sighting)[-_ON_ONE:]
        _bound(state.waiting, _MOST)
    stay = state.stays.get(eye_id)
    if stay is not None:
        state.shown.setdefault(stay, {}).pop(sighting, None)
        state.shown[stay][sighting] = t_ns
        _bound(state.shown[stay], _ON_ONE)
        _bound(state.shown, _STAYS)
    spans = [span for eye, span in state.ended.items() if eye == eye_id or (stay is not None and state.stays.get(eye) == stay)]
    return tuple((sighting, span) for span in sorted(spans, key=lambda span: span.t_start_ns) if _holds(t_ns, span))


def until(state: GazesState, t_ns: int) -> tuple[Rest, ...]:
    """What gaze rested on up to a time, newest first, one for each thing.

    Looks by one eye movement are looks at one thing; its time is that of the newest, and so is the first of its sightings.
    """
    things: list[Rest] = []
    for look in sorted((look for look in state.rests if look.t_ns <= t_ns), key=lambda look: -look.t_ns):
        at = next((i for i, thing in enumerate(things) if _one(thing, look)), None)
        if at is None:
            things.append(look)
        else:
            both = dict.fromkeys((*things[at].sightings, *look.sightings))
            things[at] = msgspec.structs.replace(things[at], sightings=tuple(both))
    return tuple(things)


def forget_since(state: GazesState, t_ns: int) -> None:
    """Forget movements and looks that lasted into a time."""
    state.ended = {number: span for number, span in state.ended.items() if span.t_end_ns < t_ns}
    state.rests = [look for look in state.rests if look.t_ns < t_ns]
    state.waiting, state.stays, state.shown = {}, {}, {}


def nbytes(state: GazesState) -> int:
    """What the movements and looks weigh."""
    shown = sum(map(len, state.shown.values()))
    entries = len(state.ended) + len(state.waiting) + len(state.rests) + len(state.shown)
    return sizes.ENTRY_BYTES * entries + sizes.NUMBER_BYTES * (len(state.stays) + shown)


def shed(state: GazesState) -> tuple[Dropped, ...]:
    """Let the oldest movement go; with none left, the oldest stay; with none left, the oldest look."""
    for table in (state.ended, state.waiting, state.shown, state.stays):
        if table:
            _bound(table, len(table) - 1)
            break
    else:
        del state.rests[0]
    return (Dropped("eye", "budget"),)


def _credits(state: GazesState, eye_id: int) -> tuple[Credit, ...]:
    """What looks showed about the time of a movement that has ended, in its stay."""
    span, stay = state.ended.get(eye_id), state.stays.get(eye_id)
    if span is None or stay is None:
        return ()
    return tuple((number, span) for number, t_ns in state.shown.get(stay, {}).items() if _holds(t_ns, span))


def _holds(t_ns: int, span: Span) -> bool:
    return span.t_start_ns - _HOLDS_NS <= t_ns <= span.t_end_ns + _HOLDS_NS


def _bound(table: dict[int, Any], most: int) -> None:
    """Let the oldest entries go."""
    while len(table) > most:
        del table[next(iter(table))]


def _note(state: GazesState, new: Rest) -> None:
    """Add a look; what one look went into stands together."""
    at = next((i for i, look in enumerate(state.rests) if (look.t_ns, look.eye_id) == (new.t_ns, new.eye_id)), None)
    if at is None:
        state.rests = [*state.rests, new][-_MOST:]
    elif new.sightings[0] not in state.rests[at].sightings:
        both = (*state.rests[at].sightings, *new.sightings)[-_ON_ONE:]
        state.rests[at] = msgspec.structs.replace(state.rests[at], sightings=both)


def _one(a: Rest, b: Rest) -> bool:
    return a.t_ns == b.t_ns or (a.eye_id is not None and a.eye_id == b.eye_id)
