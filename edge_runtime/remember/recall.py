"""What a query means: one rule for what is in memory and what is in the log."""

from __future__ import annotations

from collections.abc import Iterable

from edge_runtime.records import Query, Sighting
from edge_runtime.remember.words import fold, holds, needles


def answer(sightings: Iterable[Sighting], query: Query) -> tuple[Sighting, ...]:
    """Those that match, newest end first or oldest start first, at most ``query.limit``."""
    found = matching(sightings, query)
    if query.newest_first:
        found.sort(key=lambda sighting: (-sighting.t_end_ns, -sighting.id))
    else:
        found.sort(key=lambda sighting: (sighting.t_start_ns, sighting.id))
    return tuple(found[: max(0, query.limit)])


def matching(sightings: Iterable[Sighting], query: Query) -> list[Sighting]:
    """Those that match, in the order given. All conditions hold at once; an empty one holds for everything."""
    names = {fold(name) for name in query.names}
    kinds = frozenset(query.kinds)
    wanted = needles(query.text)
    if query.text and not wanted:
        return []
    return [
        sighting
        for sighting in sightings
        if sighting.t_end_ns >= query.t_from_ns
        and sighting.t_start_ns <= query.t_to_ns
        and (not kinds or sighting.what.kind in kinds)
        and (not names or fold(sighting.what.name) in names)
        and (not wanted or (sighting.what.kind == "text" and holds(fold(sighting.what.name), wanted)))
    ]
