"""Forgetting, in memory and at once: facts, vectors, thumbnails, tokens, names, and what was made of them."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from edge_runtime.records import Dropped, Scope, Sighting, What
from edge_runtime.remember import gazes
from edge_runtime.remember import scopes as rules
from edge_runtime.remember.parts import Parts
from edge_runtime.remember.words import name_of


@dataclass(frozen=True)
class Forgotten:
    """What has been forgotten.

    Attributes:
        sightings: Ids whose rows must leave the log; those that live on in part are written again.
        t_first_ns: The earliest trace.
        dropped: How much went.
    """

    sightings: tuple[int, ...]
    t_first_ns: int
    dropped: tuple[Dropped, ...]


def forget(parts: Parts, scope: Scope, t_ns: int) -> Forgotten:
    """Forget what lies in the scope.

    Args:
        parts: The memory.
        scope: What to forget.
        t_ns: Now: with nothing to forget, the earliest trace is the wish itself.
    """
    gone = [sighting for sighting in parts.sightings if rules.chosen(sighting, scope)]
    if scope.kind == "thing":
        gone.extend(_lookalikes(parts, scope.name, {sighting.id for sighting in gone}))
        looks, ids = rules.looks_of(gone), {sighting.id for sighting in gone}
        gone.extend(sighting for sighting in parts.sightings if sighting.id not in ids and rules.same_thing(sighting, looks))
    t_first_ns = min([t_ns, *(sighting.t_start_ns for sighting in gone)])
    t_first_ns = min(t_first_ns, _taught_ns(parts, scope, t_ns))

    spans = (
        rules.spans_of(gone) if scope.kind in ("thing", "place") else ((scope.t_from_ns if scope.kind == "since" else 0, rules.FOREVER),)
    )
    before = len(parts.sightings), len(parts.sightings.state.thumbs)
    touched = {sighting.id for sighting in gone}
    places = {sighting.place_id for sighting in gone}
    for sighting in gone:
        _let_go(parts, sighting, scope)
    for sighting in [sighting for sighting in parts.sightings if any(rules.within(look.t_ns, spans) for look in sighting.evidence)]:
        _strip(parts, sighting, spans)
        touched.add(sighting.id)
        places.add(sighting.place_id)
    after = len(parts.sightings), len(parts.sightings.state.thumbs)
    drops = (Dropped("sighting", "forgotten", before[0] - after[0]), Dropped("thumb", "forgotten", before[1] - after[1]))
    _names(parts, scope, spans)
    tokens = parts.tokens.forget(spans)
    parts.rows.forget(frozenset(touched))
    _write_again(parts, touched, places)
    if scope.kind == "since":
        t_first_ns = scope.t_from_ns
    elif scope.kind == "all":
        t_first_ns = parts.sightings.state.complete_since_ns = 0
    elif parts.sightings.state.complete_since_ns:
        t_first_ns = 0  # what has left memory may have begun at any time
    return Forgotten(tuple(sorted(touched)), t_first_ns, (*(drop for drop in drops if drop.count), *tokens))


def _lookalikes(parts: Parts, name: str, known: set[int]) -> list[Sighting]:
    """Nameless things that may well be the concept: near enough that the wearer would have been asked."""
    folded = name_of(name)
    if folded not in parts.concepts.concepts:
        return []
    found = []
    for sighting in parts.sightings:
        if sighting.what.kind == "thing" and sighting.vector is not None and sighting.id not in known:
            scores = {scored.name: scored.score for scored in parts.concepts.compare(sighting.vector)}
            if scores.get(folded, 0.0) >= parts.config.concept_ask:
                found.append(sighting)
    return found


def _taught_ns(parts: Parts, scope: Scope, t_ns: int) -> int:
    """When the thing was taught, or its lesson began; ``t_ns`` if it never was."""
    state = parts.concepts.state
    known = state.known.get(name_of(scope.name)) if scope.kind == "thing" else None
    times = [] if known is None else [known.concept.t_taught_ns, *known.view_ns]
    if scope.kind == "thing" and state.lesson is not None and state.lesson.name == name_of(scope.name):
        times.append(state.lesson.t_ns)
    return min([t_ns, *times])


def _let_go(parts: Parts, sighting: Sighting, scope: Scope) -> None:
    """Remove a sighting, or what of it lies after the scope's beginning."""
    fact = parts.sightings.state.facts[sighting.id]
    named_ns = fact.named_ns if sighting.what.kind == "text" else -1
    rest = rules.cut_back(sighting, scope.t_from_ns, named_ns=named_ns) if scope.kind == "since" else None
    parts.places.unnote(sighting.id)
    for look in sighting.evidence:
        if rest is None or look not in rest.evidence:
            parts.sightings.drop_thumb(look.thumb_id or "")
    if rest is None:
        parts.sightings.remove(sighting.id)
        return
    scores = dict(zip(sighting.evidence, fact.scores, strict=True))
    kept = tuple(scores[look] for look in rest.evidence)
    rest = msgspec.structs.replace(rest, confidence=min(rest.confidence, max(0.0, kept[0])))
    fact.gaze_to_ns = min(fact.gaze_to_ns, rest.t_end_ns)
    parts.sightings.put(rest, kept, urgent=True)
    parts.places.note(rest)


def _strip(parts: Parts, sighting: Sighting, spans: rules.Spans) -> None:
    """Take from a sighting that stays the pictures that may show what goes."""
    fact = parts.sightings.state.facts[sighting.id]
    bare = rules.without_thumbs(sighting.evidence, spans)
    for look in sighting.evidence:
        if rules.within(look.t_ns, spans):
            parts.sightings.drop_thumb(look.thumb_id or "")
    parts.sightings.put(msgspec.structs.replace(sighting, evidence=bare), fact.scores, urgent=True)


def _names(parts: Parts, scope: Scope, spans: rules.Spans) -> None:
    """Forget what was taught, asked, read and called after it."""
    if scope.kind == "thing":
        folded = name_of(scope.name)
        mean = parts.concepts.mean(folded)
        if mean is not None:
            parts.things.forget_like(mean, parts.config.concept_ask)
        parts.concepts.forget(folded)
        parts.things.forget(folded)
        for place in parts.places.state.places.values():
            place.landmarks = {k: mark for k, mark in place.landmarks.items() if not rules.mentions(mark.name, scope.name)}
    elif scope.kind == "place":
        parts.places.forget(scope.place_id)
    else:
        t_from_ns = scope.t_from_ns if scope.kind == "since" else 0
        for name in parts.concepts.forget_since(t_from_ns):
            _unname(parts, name)
        parts.things.forget_since(t_from_ns)
        parts.places.forget_since(t_from_ns)
        gazes.forget_since(parts.gazes, t_from_ns)
    block = parts.reader.state.block
    if block is not None:
        inside = rules.within(block.t_ns, spans) or parts.sightings.get(block.sighting) is None
        words = scope.kind == "thing" and any(rules.mentions(s.text, scope.name) for line in block.reading.lines for s in line.strings)
        if inside or words:
            parts.reader.end()


def _unname(parts: Parts, name: str) -> None:
    """What was called by a name that is forgotten was seen all the same: it becomes a nameless thing."""
    for sighting in [sighting for sighting in parts.sightings if sighting.what == What("concept", name)]:
        parts.places.unnote(sighting.id)
        parts.sightings.rename(sighting.id, What("thing", parts.things.name_one()), sighting.t_end_ns)


def _write_again(parts: Parts, touched: set[int], places: set[int | None]) -> None:
    """Have the log written again where it loses too much: facts that live on in part, and the names of their places."""
    facts = parts.sightings.state
    for number, fact in reversed(facts.facts.items()):
        if number in touched or (fact.sighting.place_id in places and fact.sighting.place_id is not None):
            facts.changed[number] = True
            places.discard(fact.sighting.place_id)
            for look in fact.sighting.evidence:
                if look.thumb_id in facts.thumbs:
                    facts.thumbs[look.thumb_id].sent = False
