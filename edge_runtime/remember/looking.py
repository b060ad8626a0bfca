"""What a look changes: the place, what was recognised, what was read, and what has no name yet."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import msgspec

from edge_runtime import vocabulary
from edge_runtime.facts import Match
from edge_runtime.protocol import Look, Looked
from edge_runtime.records import Dropped, Evidence, Sighting, What
from edge_runtime.remember import gazes
from edge_runtime.remember.likeness import usable
from edge_runtime.remember.parts import Gathered, Parts
from edge_runtime.remember.reading import alike, box_of, text_of
from edge_runtime.remember.sightings import Seen
from edge_runtime.types import LookedRegion, TextLine, Vector

_UNPLACED = 64
"""So many of the newest facts are looked through for ones whose place was not known when they were seen."""


@dataclass(frozen=True)
class Glance:
    """One region of a look: when, by which eye movement, what for."""

    region: LookedRegion
    evidence: Evidence
    heard_ns: int
    eye_id: int | None
    why: str

    @property
    def gazed(self) -> bool:
        """Whether the wearer looked at it, rather than it merely being in view."""
        return self.region.kind in ("foveal", "text")

    @property
    def t_ns(self) -> int:
        """When the frame was taken."""
        return self.evidence.t_ns


def take_look(parts: Parts, event: Looked, cause: Look | None, got: Gathered) -> None:
    """Take in everything a look has found."""
    got.looked_at_ns = event.t_capture_ns
    got.dropped.extend(parts.tokens.insert(event, [region.box for region in event.regions if region.kind == "foveal"]))
    for region in event.regions:
        if region.kind == "overview":
            _place(parts, region, event.t_capture_ns, got)
    eye_id, why = (cause.eye_id, cause.why) if cause is not None else (None, "")
    for region in event.regions:
        thumb_id = region.thumb.id if region.thumb is not None else None
        glance = Glance(region, Evidence(event.frame_seq, event.t_capture_ns, region.box, thumb_id), event.t_ns, eye_id, why)
        if region.kind == "foveal":
            parts.reader.look_away(region.box, eye_id)
        if region.kind in ("foveal", "watch"):
            vector = _vector(parts, region, got)
            if vector is not None:
                _recognise(parts, glance, vector, got)
        _labels(parts, glance, got)
        _read(parts, glance, got)


def find_earlier(parts: Parts, name: str, t_ns: int, got: Gathered) -> None:
    """Go through the nameless things for one that has just been named; ``t_ns`` is when."""
    for sighting in list(parts.sightings):
        if sighting.what.kind != "thing" or sighting.vector is None:
            continue
        first = next(iter(parts.concepts.compare(sighting.vector)), None)
        if first is not None and first.accepted and first.name == name:
            name_thing(parts, sighting.id, name, first.score, t_ns)
            got.extended[sighting.id] = None
    mean = parts.concepts.mean(name)
    if mean is not None:
        parts.things.forget_like(mean, parts.config.concept_accept)


def name_thing(parts: Parts, number: int, name: str, score: float, t_ns: int) -> None:
    """Say which concept a nameless thing was."""
    parts.places.note(parts.sightings.rename(number, What("concept", name), t_ns, min(1.0, max(0.0, score))))


# ---------------------------------------------------------------- places


def _place(parts: Parts, region: LookedRegion, t_ns: int, got: Gathered) -> None:
    vector = _vector(parts, region, got)
    if vector is None:
        return
    parts.places.arrive(vector, t_ns)
    for fact in list(itertools.islice(reversed(parts.sightings.state.facts.values()), _UNPLACED)):
        if fact.sighting.place_id is None:
            place_id = parts.places.at(fact.sighting.t_start_ns)
            if place_id is not None:
                parts.sightings.put(msgspec.structs.replace(fact.sighting, place_id=place_id), fact.scores)
                parts.places.note(fact.sighting)


# ---------------------------------------------------------------- recognising


def _vector(parts: Parts, region: LookedRegion, got: Gathered) -> Vector | None:
    vector = usable(region.vector, parts.dim)
    if vector is None and region.vector is not None:
        got.dropped.append(Dropped("vector", "unusable"))
    return vector


def _recognise(parts: Parts, glance: Glance, vector: Vector, got: Gathered) -> None:
    lesson = parts.concepts.state.lesson if glance.why == "teach" and glance.gazed else None
    if lesson is not None and glance.t_ns < lesson.t_ns:
        lesson = None  # a look of the lesson before this one
    recognised, asked = False, False
    for scored in parts.concepts.compare(vector):
        what = What("concept", scored.name)
        # In a lesson the wearer has said what it is: nothing else is recognised or asked about.
        other = lesson is not None and lesson.name != scored.name
        sighting = _see(parts, what, glance, scored.score, got, vector) if scored.accepted and not other else None
        recognised = recognised or sighting is not None
        match = Match(what, scored.score, sighting is not None, glance.gazed, glance.evidence, sighting.id if sighting else None)
        got.matches.append(match)
        wonder = scored.doubtful and glance.gazed and lesson is None
        if wonder and parts.concepts.ask(scored, vector, glance.evidence, glance.heard_ns):
            got.unsure.append(match)
            asked = True
    if not recognised and glance.region.kind == "foveal":
        name, likeness = parts.things.meet(vector, glance.t_ns)
        thing = _see(parts, What("thing", name), glance, likeness, got, vector)
        doubt = parts.concepts.state.doubt
        if asked and doubt is not None:
            doubt.sighting = thing.id
    if lesson is not None:
        concept, dropped = parts.concepts.study(vector, glance.t_ns)
        got.dropped.extend(dropped)
        if concept is not None:
            got.learned.append(concept)
            find_earlier(parts, concept.name, glance.t_ns, got)
        elif parts.concepts.state.lesson is None:
            got.unlearned.append(lesson.name)


def _labels(parts: Parts, glance: Glance, got: Gathered) -> None:
    best = vocabulary.named(glance.region.labels, parts.config.label_accept)
    sighting = _see(parts, What("label", best.label), glance, best.confidence, got) if best is not None else None
    for hint in glance.region.labels:
        carried = sighting is not None and vocabulary.carries(sighting.what.name, hint.label)
        number = sighting.id if sighting is not None and carried else None
        got.matches.append(Match(What("label", hint.label), hint.confidence, carried, glance.gazed, glance.evidence, number))


def _see(parts: Parts, what: What, glance: Glance, score: float, got: Gathered, vector: Vector | None = None) -> Sighting:
    sighting, opened = parts.sightings.see(what, _seen(parts, glance, score, vector))
    _note(parts, sighting.id, glance, opened, got)
    return sighting


def _seen(parts: Parts, glance: Glance, score: float, vector: Vector | None = None) -> Seen:
    return Seen(glance.evidence, score, parts.places.at(glance.t_ns), glance.gazed, glance.region.thumb, vector)


def _note(parts: Parts, number: int, glance: Glance, opened: bool, got: Gathered) -> None:
    (got.opened if opened else got.extended)[number] = None
    if glance.gazed:
        for credited, span in gazes.rest(parts.gazes, glance.eye_id, number, glance.t_ns):
            parts.sightings.credit(credited, span.t_start_ns, span.t_end_ns)
    sighting = parts.sightings.get(number)
    if sighting is not None:
        parts.places.note(sighting)


# ---------------------------------------------------------------- reading


def _read(parts: Parts, glance: Glance, got: Gathered) -> None:
    region = glance.region
    if region.unread:
        got.dropped.append(Dropped("text", "cut", region.unread))
    if region.kind == "text" or (region.kind == "foveal" and region.lines):
        block, dropped = parts.reader.take(region, glance.eye_id, glance.evidence, glance.heard_ns)
        got.dropped.extend(dropped)
        if block.lines and region.lines:
            known = block.sighting if parts.sightings.lasts(block.sighting, glance.t_ns) else None
            number, opened = _text(parts, block.lines, glance, known, known is not None and block.opened, got)
            block.opened = opened or (block.opened and number == block.sighting)
            block.sighting = number
    elif region.lines:
        lines = tuple(line for line in region.lines if line.confidence >= parts.config.text_accept)
        if lines:
            _text(parts, lines, glance, None, False, got)


def _text(parts: Parts, lines: tuple[TextLine, ...], glance: Glance, known: int | None, ours: bool, got: Gathered) -> tuple[int, bool]:
    """Put a block into its sighting: the one it belongs to, one just seen that reads alike, or a new one."""
    what, score = What("text", text_of(lines)), sum(line.confidence for line in lines) / len(lines)
    seen = _seen(parts, glance, score)
    seen = msgspec.structs.replace(seen, evidence=msgspec.structs.replace(glance.evidence, box=box_of(glance.region.lines)))
    if known is None:
        near = (other.id for other in parts.sightings.lasting("text", glance.t_ns) if alike(other.what.name, what.name))
        known = next(near, None)
    if known is None:
        sighting, opened = parts.sightings.see(what, seen)
    else:
        before = parts.sightings.get(known)
        sighting, opened = parts.sightings.extend(known, seen), False
        # What a block has voted on replaces what it said before; another block's text only gives way to a better one.
        better = before is not None and (len(what.name) > len(before.what.name) or score > before.confidence)
        if sighting.what != what and (ours or better):
            sighting = parts.sightings.rename(known, what, glance.t_ns)
    _note(parts, sighting.id, glance, opened, got)
    got.matches.append(Match(what, 1.0, True, glance.gazed, seen.evidence, sighting.id))
    return sighting.id, opened
