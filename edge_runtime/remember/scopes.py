"""What a wish to forget reaches: pure rules, shared by memory and log."""

from __future__ import annotations

import bisect
from collections.abc import Iterable

import msgspec

from edge_runtime.records import Evidence, Scope, Sighting, What
from edge_runtime.remember.words import fold, holds, needles
from edge_runtime.types import Box

Looks = frozenset[tuple[int, Box]]
"""Frame and box of looks."""
Spans = tuple[tuple[int, int], ...]
"""Spans of time, both ends included, nanoseconds, in order and apart from one another."""
FOREVER = 2**63 - 1


def named(what: What, name: str) -> bool:
    """Whether a thing goes by that name: its own, or words that a text holds."""
    own = fold(what.name) == fold(name) and bool(fold(name).strip())
    return own or (what.kind == "text" and holds(fold(what.name), needles(name)))


def mentions(text: str, name: str) -> bool:
    """Whether a text of ours (a place's name) holds that name."""
    return holds(fold(text), needles(name))


def chosen(sighting: Sighting, scope: Scope) -> bool:
    """Whether a sighting lies in the scope, as a whole or in part."""
    if scope.kind == "all":
        return True
    if scope.kind == "since":
        return sighting.t_end_ns >= scope.t_from_ns
    if scope.kind == "place":
        return sighting.place_id == scope.place_id
    return named(sighting.what, scope.name)


def looks_of(sightings: Iterable[Sighting]) -> Looks:
    """Which looks showed them, as far as that is kept."""
    return frozenset((look.frame_seq, look.box) for sighting in sightings for look in sighting.evidence)


def same_thing(sighting: Sighting, gone: Looks) -> bool:
    """Whether this is a forgotten thing under another name: a label or a nameless thing, seen in those looks and in no others."""
    return sighting.what.kind in ("label", "thing") and all((look.frame_seq, look.box) in gone for look in sighting.evidence)


def spans_of(sightings: Iterable[Sighting]) -> Spans:
    """From when to when they were in view; spans that touch are one, in order of time."""
    spans: list[tuple[int, int]] = []
    for start, end in sorted((sighting.t_start_ns, sighting.t_end_ns) for sighting in sightings):
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], end))
        else:
            spans.append((start, end))
    return tuple(spans)


def within(t_ns: int, spans: Spans) -> bool:
    """Whether a time lies in one of the spans."""
    at = bisect.bisect_right(spans, (t_ns, FOREVER)) - 1
    return at >= 0 and t_ns <= spans[at][1]


def cut_back(sighting: Sighting, t_ns: int, *, named_ns: int) -> Sighting | None:
    """What a sighting was before a time: ``None`` if it had not begun, or got its name only later."""
    kept = tuple(look for look in sighting.evidence if look.t_ns < t_ns)
    if not kept or named_ns >= t_ns:
        return None
    best_stays = kept[0] == sighting.evidence[0]
    end_ns = max(look.t_ns for look in kept)
    return msgspec.structs.replace(
        sighting,
        evidence=kept,
        box=sighting.box if best_stays else kept[0].box,
        vector=sighting.vector if best_stays else None,
        t_end_ns=end_ns,
        looks=len(kept),
        gaze_ns=min(sighting.gaze_ns, end_ns - sighting.t_start_ns),
    )


def without_thumbs(evidence: tuple[Evidence, ...], spans: Spans) -> tuple[Evidence, ...]:
    """Looks without the pictures taken within these spans: they may show what is forgotten."""
    return tuple(msgspec.structs.replace(look, thumb_id=None) if within(look.t_ns, spans) else look for look in evidence)
