"""What else was seen around a sighting, for an answer to "where?"."""

from __future__ import annotations

from collections.abc import Iterable

from edge_runtime.config import S
from edge_runtime.records import Sighting
from edge_runtime.remember.places import called, short

MOST = 2
_BEFORE_NS = 6 * S
_AFTER_NS = 5 * S


def neighbours(sighting: Sighting, others: Iterable[Sighting]) -> tuple[str, ...]:
    """Up to two things seen with it, shortly before or shortly after, in plain words, nearest in time first.

    Nameless things say nothing, and a label is a guess, often at the thing itself.
    """
    looks = {(look.frame_seq, look.box) for look in sighting.evidence}
    found: dict[str, tuple[int, int]] = {}
    for other in others:
        if other.id == sighting.id or other.what.kind in ("thing", "label") or other.what == sighting.what:
            continue
        if other.t_end_ns < sighting.t_start_ns - _BEFORE_NS or other.t_start_ns > sighting.t_end_ns + _AFTER_NS:
            continue
        if any((look.frame_seq, look.box) in looks for look in other.evidence):
            continue
        words = called(other.what.kind, short(other))
        away_ns = max(0, other.t_start_ns - sighting.t_end_ns, sighting.t_start_ns - other.t_end_ns)
        found[words] = min(found.get(words, (2**63, 0)), (away_ns, other.id))
    return tuple(sorted(found, key=lambda words: found[words])[:MOST])
