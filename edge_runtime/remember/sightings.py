"""Facts: sightings that open, go on, get a better name, and leave when there is no room. Their thumbnails live and die with them.

A sighting goes on when the same thing is seen again within the gap; after a longer one a new sighting opens, so that counting
sightings counts appearances.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import msgspec

from edge_runtime.records import Dropped, Evidence, Sighting, What
from edge_runtime.remember import sizes
from edge_runtime.types import Thumb, Vector

MAX_EVIDENCE = 4


class Seen(msgspec.Struct, frozen=True):
    """What one look says about one thing.

    Attributes:
        evidence: The look.
        score: How well it shows the thing, 0..1.
        place_id: Where, if known.
        gazed: Whether the wearer looked at it.
        thumb: A picture of it, if there is one.
        vector: Unit vector float32 [G], for things and concepts.
    """

    evidence: Evidence
    score: float
    place_id: int | None
    gazed: bool
    thumb: Thumb | None = None
    vector: Vector | None = None


class Fact(msgspec.Struct):
    """A sighting with what is needed to go on with it.

    Attributes:
        sighting: The fact.
        scores: One for each look in its evidence.
        named_ns: Capture time of the look that last changed its name.
        last_seq: Frame of the look that came last: several regions of one frame are one look.
        gaze_to_ns: Gaze is counted up to here.
        sent_ns: When it last went to the log; -1 for never.
    """

    sighting: Sighting
    scores: tuple[float, ...]
    named_ns: int
    last_seq: int
    gaze_to_ns: int = -1
    sent_ns: int = -1


class KeptThumb(msgspec.Struct):
    """A thumbnail, how many facts cite it, and whether it has gone to the log."""

    thumb: Thumb
    cites: int = 0
    sent: bool = False


class SightingsState(msgspec.Struct):
    """All facts.

    Attributes:
        facts: By id; the one unchanged for longest comes first.
        latest: The newest fact about each thing, by kind and name.
        thumbs: By id, oldest first.
        changed: Facts that differ from what the log holds, and whether that is urgent.
        next_id: Id of the next sighting.
        complete_since_ns: Every sighting that lasted beyond this is here.
    """

    facts: dict[int, Fact] = {}
    latest: dict[str, int] = {}
    thumbs: dict[str, KeptThumb] = {}
    changed: dict[int, bool] = {}
    next_id: int = 1
    complete_since_ns: int = 0


class Sightings:
    """Keeps the facts and knows what they weigh.

    Args:
        state: Fresh, or taken from a snapshot.
        gap_ns: Longest gap inside one sighting.
    """

    def __init__(self, state: SightingsState, gap_ns: int) -> None:
        self.state = state
        self._gap_ns = gap_ns
        self.fact_bytes = sum(sizes.sighting_bytes(fact.sighting) for fact in state.facts.values())
        self.vector_bytes = sum(sizes.vector_bytes(fact.sighting.vector) for fact in state.facts.values())
        self.thumb_bytes = sum(sizes.thumb_bytes(kept.thumb) for kept in state.thumbs.values())

    def __iter__(self) -> Iterator[Sighting]:
        """Every sighting, the one unchanged for longest first."""
        return (fact.sighting for fact in self.state.facts.values())

    def __len__(self) -> int:
        return len(self.state.facts)

    def get(self, number: int | None) -> Sighting | None:
        """A sighting by id, ``None`` if it is not here (any more)."""
        fact = None if number is None else self.state.facts.get(number)
        return None if fact is None else fact.sighting

    def see(self, what: What, seen: Seen) -> tuple[Sighting, bool]:
        """Take in one look at a thing; returns its sighting, and whether the sighting opened."""
        number = self.state.latest.get(_key(what))
        if number is not None and self.lasts(number, seen.evidence.t_ns):
            return self.extend(number, seen), False
        return self._open(what, seen), True

    def lasts(self, number: int | None, t_ns: int) -> bool:
        """Whether a look taken at ``t_ns`` would still belong to this sighting."""
        sighting = self.get(number)
        return sighting is not None and sighting.t_start_ns - self._gap_ns <= t_ns <= sighting.t_end_ns + self._gap_ns

    def lasting(self, kind: str, t_ns: int) -> Iterator[Sighting]:
        """Sightings of a kind that a look taken at ``t_ns`` may belong to, newest first; looks at the last 64 facts."""
        for number, fact in itertools.islice(reversed(self.state.facts.items()), 64):
            if fact.sighting.what.kind == kind and self.lasts(number, t_ns):
                yield fact.sighting

    def extend(self, number: int, seen: Seen) -> Sighting:
        """Add a look to a sighting."""
        fact = self.state.facts.pop(number)  # put back at the end: it has changed last
        self.state.facts[number] = fact
        old, look = fact.sighting, seen.evidence
        evidence, scores = _choose([*zip(fact.scores, old.evidence, strict=True), (seen.score, look)])
        best = evidence[0] == look and evidence[0] not in old.evidence
        self._hold(seen.thumb, look in evidence)
        sighting = msgspec.structs.replace(
            old,
            place_id=old.place_id if seen.place_id is None else seen.place_id,
            box=look.box if best else old.box,
            t_start_ns=min(old.t_start_ns, look.t_ns),
            t_end_ns=max(old.t_end_ns, look.t_ns),
            confidence=max(old.confidence, min(1.0, max(0.0, seen.score))),
            looks=old.looks + (look.frame_seq != fact.last_seq),
            gazed=old.gazed or seen.gazed,
            evidence=evidence,
            vector=seen.vector if best else old.vector,
        )
        fact.last_seq = look.frame_seq
        self.put(sighting, scores)
        return sighting

    def rename(self, number: int, what: What, t_ns: int, confidence: float | None = None) -> Sighting:
        """Say what a sighting was of, now that it is known; ``t_ns`` is the capture time of the look that told."""
        fact = self.state.facts[number]
        if self.state.latest.get(_key(fact.sighting.what)) == number:
            del self.state.latest[_key(fact.sighting.what)]
        fact.named_ns = t_ns
        known = fact.sighting.confidence if confidence is None else confidence
        self.put(msgspec.structs.replace(fact.sighting, what=what, confidence=known), fact.scores, urgent=True)
        other = self.get(self.state.latest.get(_key(what)))
        if other is None or other.t_end_ns <= fact.sighting.t_end_ns:
            self.state.latest[_key(what)] = number
        return fact.sighting

    def credit(self, number: int, t_start_ns: int, t_end_ns: int) -> None:
        """Count an eye movement that rested on it; time that several movements share counts once."""
        fact = self.state.facts.get(number)
        if fact is None or t_end_ns <= max(t_start_ns, fact.gaze_to_ns):
            return
        rested_ns = t_end_ns - max(t_start_ns, fact.gaze_to_ns)
        fact.gaze_to_ns = t_end_ns
        self.put(msgspec.structs.replace(fact.sighting, gaze_ns=fact.sighting.gaze_ns + rested_ns), fact.scores)

    def put(self, sighting: Sighting, scores: tuple[float, ...], *, urgent: bool = False) -> None:
        """Replace a sighting by a changed one of the same id."""
        fact = self.state.facts[sighting.id]
        self._weigh(fact.sighting, -1)
        self._cite(sighting.evidence, 1)
        self._cite(fact.sighting.evidence, -1)
        fact.sighting, fact.scores = sighting, scores
        self._weigh(sighting, 1)
        self.state.changed[sighting.id] = urgent or self.state.changed.get(sighting.id, False)

    def remove(self, number: int) -> None:
        """Let a sighting go, with the thumbnails that only it cites."""
        fact = self.state.facts.pop(number)
        if self.state.latest.get(_key(fact.sighting.what)) == number:
            del self.state.latest[_key(fact.sighting.what)]
        self.state.changed.pop(number, None)
        self._cite(fact.sighting.evidence, -1)
        self._weigh(fact.sighting, -1)

    def drop_thumb(self, thumb_id: str) -> None:
        """Let a thumbnail go; facts may still name it."""
        kept = self.state.thumbs.pop(thumb_id, None)
        if kept is not None:
            self.thumb_bytes -= sizes.thumb_bytes(kept.thumb)

    def evict_thumb(self) -> tuple[Dropped, ...]:
        """Let the oldest thumbnail go."""
        self.drop_thumb(next(iter(self.state.thumbs)))
        return (Dropped("thumb", "budget"),)

    def evict(self) -> tuple[Dropped, ...]:
        """Let the fact go that has not changed for longest; one that never reached the log is lost, and counted as such."""
        number, fact = next(iter(self.state.facts.items()))
        self.state.complete_since_ns = max(self.state.complete_since_ns, fact.sighting.t_end_ns + 1)
        lost = (Dropped("row", "store"),) if number in self.state.changed else ()
        self.remove(number)
        return (Dropped("sighting", "budget"), *lost)

    # ------------------------------------------------------------ inside

    def _open(self, what: What, seen: Seen) -> Sighting:
        look, number = seen.evidence, self.state.next_id
        self.state.next_id += 1
        sighting = Sighting(
            id=number,
            what=what,
            place_id=seen.place_id,
            box=look.box,
            t_start_ns=look.t_ns,
            t_end_ns=look.t_ns,
            confidence=min(1.0, max(0.0, seen.score)),
            looks=1,
            gazed=seen.gazed,
            gaze_ns=0,
            evidence=(look,),
            vector=seen.vector,
        )
        self._hold(seen.thumb, True)
        self.state.facts[number] = Fact(sighting, (seen.score,), named_ns=look.t_ns, last_seq=look.frame_seq)
        self.state.latest[_key(what)] = number
        self.state.changed[number] = True
        self._cite(sighting.evidence, 1)
        self._weigh(sighting, 1)
        return sighting

    def _weigh(self, sighting: Sighting, sign: int) -> None:
        self.fact_bytes += sign * sizes.sighting_bytes(sighting)
        self.vector_bytes += sign * sizes.vector_bytes(sighting.vector)

    def _hold(self, thumb: Thumb | None, wanted: bool) -> None:
        if thumb is not None and wanted and thumb.id not in self.state.thumbs:
            self.state.thumbs[thumb.id] = KeptThumb(thumb)
            self.thumb_bytes += sizes.thumb_bytes(thumb)

    def _cite(self, evidence: tuple[Evidence, ...], step: int) -> None:
        for look in evidence:
            kept = self.state.thumbs.get(look.thumb_id or "")
            if kept is not None:
                kept.cites += step
                if kept.cites <= 0:
                    self.drop_thumb(kept.thumb.id)


def _key(what: What) -> str:
    return f"{what.kind}:{what.name}"


def _choose(looks: list[tuple[float, Evidence]]) -> tuple[tuple[Evidence, ...], tuple[float, ...]]:
    """The looks to keep, best first: the best, the first and the last vouch for what is said, the others by score."""
    by_frame: dict[int, tuple[float, Evidence]] = {}
    for score, look in looks:
        if look.frame_seq not in by_frame or score > by_frame[look.frame_seq][0]:
            by_frame[look.frame_seq] = (score, look)
    ranked = sorted(by_frame.values(), key=lambda item: (-item[0], item[1].t_ns))
    times = [look.t_ns for _, look in ranked]
    while len(ranked) > MAX_EVIDENCE:
        spare = [i for i, (_, look) in enumerate(ranked) if i and look.t_ns not in (min(times), max(times))]
        del ranked[spare[-1] if spare else len(ranked) - 1]
    return tuple(look for _, look in ranked), tuple(score for score, _ in ranked)
