"""The second stage: what was seen, by what evidence, inside a fixed number of bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from edge_runtime import codec
from edge_runtime.config import RememberConfig
from edge_runtime.errors import InputError
from edge_runtime.facts import Attended, Remembered
from edge_runtime.outbox import Outbox
from edge_runtime.protocol import (
    Erased,
    Event,
    Eye,
    Failed,
    Feedback,
    Forget,
    Look,
    Looked,
    Stored,
    Taught,
    Tick,
)
from edge_runtime.records import Concept, Dropped, Query, RetrievalCue, Row, Sighting, Slab
from edge_runtime.remember import gazes
from edge_runtime.remember.forgetting import forget
from edge_runtime.remember.looking import find_earlier, name_thing, take_look
from edge_runtime.remember.parts import Gathered, MemoryState, Parts
from edge_runtime.remember.recall import Likeness, alike, answer
from edge_runtime.remember.surroundings import neighbours
from edge_runtime.remember.words import name_of
from edge_runtime.types import Capabilities, Percept, Thumb, Vector

_MAX_NAME = 80


class Memory:
    """Facts (sightings) and tokens. Pure: no I/O, no clock; the same events give the same memory on any machine.

    Args:
        config: Thresholds and the budget.
        capabilities: Of the loaded models.
    """

    def __init__(self, config: RememberConfig, capabilities: Capabilities) -> None:
        self._config = config
        self._capabilities = capabilities
        self._parts = Parts(MemoryState(), config, capabilities)

    # ------------------------------------------------------------ events

    def feed(self, event: Event, attended: Attended, cause: Look | None, out: Outbox) -> Remembered:
        """Take one event in.

        Args:
            event: Any event.
            attended: What attention made of it.
            cause: The look that a ``Looked`` or ``Failed`` answers.
            out: Takes what goes to the log.

        Returns:
            What changed. Everything let go is in ``dropped``.
        """
        parts, got = self._parts, Gathered()
        if attended.boundary_ns is not None:
            parts.places.leave(attended.boundary_ns)
            parts.reader.change_scene()
        parts.reader.expire(event.t_ns)
        self._follow(attended.percepts, got)
        rows: tuple[Row, ...] = ()
        if self._take(event, cause, out, got):
            rows = (*got.rows, *parts.rows.write(event.t_ns, parts.places.name, out))
            if rows or not isinstance(event, Tick):  # a tick that writes nothing brings nothing in
                self._fit(got)
        return got.tell(parts, rows)

    def _take(self, event: Event, cause: Look | None, out: Outbox, got: Gathered) -> bool:
        """Let the event change the parts; returns whether it could have."""
        parts = self._parts
        match event:
            case Looked():
                take_look(parts, event, cause, got)
            case Eye() if event.event.stage == "final":
                self._credit(gazes.end(parts.gazes, event.event))
            case Tick():
                given_up, unlike = parts.concepts.give_up(event.t_ns)
                got.unlearned.extend([given_up] if given_up else [])
                got.dropped.extend(unlike)
            case Taught():
                self._teach(event, got)
            case Feedback() if event.verdict in ("yes", "no"):
                self._settle(event, got)
            case Forget():
                self._forget(event, out, got)
            case Stored():
                parts.rows.stored(event.answers)
            case Erased() if event.answers in parts.state.erasing:
                parts.state.erasing.remove(event.answers)
                parts.rows.stored(event.answers)
            case Failed():
                got.dropped.extend(parts.rows.failed(event.answers, event.t_ns))
                if event.answers in parts.state.erasing:
                    parts.state.erasing.remove(event.answers)
                    got.dropped.append(Dropped("erasure", event.reason))
            case _:
                return False
        return True

    def _follow(self, percepts: Sequence[Percept], got: Gathered) -> None:
        """Note which eye movements are of one stay."""
        for percept in percepts:
            eye_id, stay = percept.eye_id, percept.stay
            if eye_id is not None and stay is not None and self._parts.gazes.stays.get(eye_id) != stay:
                self._credit(gazes.belong(self._parts.gazes, eye_id, stay))
                self._fit(got)

    def _credit(self, credits: Sequence[gazes.Credit]) -> None:
        for number, span in credits:
            self._parts.sightings.credit(number, span.t_start_ns, span.t_end_ns)

    def _teach(self, event: Taught, got: Gathered) -> None:
        name = name_of(event.concept.name)
        if not name or len(name) > _MAX_NAME or not self._capabilities.vector:
            got.unlearned.append(name[:_MAX_NAME])
            got.dropped.append(Dropped("concept", "unusable"))
            return
        concept, failed, dropped = self._parts.concepts.teach(name, event.concept.views, event.t_ns)
        got.dropped.extend(dropped)
        got.unlearned.extend([failed] if failed else [])
        if concept is not None:
            got.learned.append(concept)
            find_earlier(self._parts, name, event.t_ns, got)

    def _settle(self, event: Feedback, got: Gathered) -> None:
        doubt, concept, dropped = self._parts.concepts.settle(event.verdict == "yes", event.t_ns)
        got.dropped.extend(dropped)
        if doubt is None or concept is None:
            return
        sighting = self._parts.sightings.get(doubt.sighting)
        if sighting is not None and sighting.what.kind == "thing":
            name_thing(self._parts, sighting.id, doubt.name, doubt.score, event.t_ns)
            got.opened[sighting.id] = None
        find_earlier(self._parts, doubt.name, event.t_ns, got)

    def _forget(self, event: Forget, out: Outbox, got: Gathered) -> None:
        done = forget(self._parts, event.scope, event.t_ns)
        got.dropped.extend(done.dropped)
        order = self._parts.rows.erase(event.scope, done.sightings, done.t_first_ns, event.t_ns, self._parts.places.name, out)
        self._parts.state.erasing = [*self._parts.state.erasing, order.id][-64:]
        got.rows = order.rows

    # ------------------------------------------------------------ questions

    def recall(self, query: Query) -> tuple[Sighting, ...]:
        """Sightings in memory that match, ordered as asked, at most ``query.limit``."""
        return answer(self._parts.sightings, query)

    def looked_at(self, t_ns: int) -> tuple[gazes.Regard, ...]:
        """The things the wearer looked at up to a time, newest first: a few seconds of them, as far as they are still remembered."""
        seen = ((look.t_ns, map(self._parts.sightings.get, look.sightings)) for look in gazes.until(self._parts.gazes, t_ns))
        things = ((at_ns, tuple(sighting for sighting in found if sighting is not None)) for at_ns, found in seen)
        return tuple(gazes.Regard(at_ns, sightings) for at_ns, sightings in things if sightings)

    def likeness(self, sighting: Sighting, vector: Vector) -> Likeness:
        """Whether a sighting shows what a vector float32 [G] shows, by the thresholds that a taught concept is known by."""
        score = alike(sighting, vector)
        return "same" if score >= self._config.concept_accept else "similar" if score >= self._config.concept_ask else "other"

    @property
    def complete_since_ns(self) -> int:
        """Memory holds every sighting that lasted to this time or beyond; 0 until something had to go. Before it, ask the log."""
        return self._parts.sightings.state.complete_since_ns

    @property
    def concepts(self) -> Mapping[str, Concept]:
        """Everything taught, by name; a concept whose lesson is under way has no views yet."""
        return self._parts.concepts.concepts

    @property
    def lesson(self) -> tuple[str, int] | None:
        """The lesson under way: the name, and how many views agree so far."""
        lesson = self._parts.state.concepts.lesson
        return None if lesson is None else (lesson.name, len(lesson.agree))

    def place_name(self, place_id: int | None, *, apart_from: str = "") -> str:
        """A place in plain words (``by the sign "EXIT"``, ``at place 2``), or ``""`` if it is not known.

        Args:
            place_id: The place.
            apart_from: What is being asked about; the place is then called after something else.
        """
        return self._parts.places.name(place_id, apart_from=apart_from)

    def neighbours(self, sighting: Sighting) -> tuple[str, ...]:
        """Up to two things seen with it, shortly before or shortly after, in plain words."""
        return neighbours(sighting, self._parts.sightings)

    def thumb(self, thumb_id: str) -> Thumb | None:
        """A thumbnail, if it is still in memory; it may be in the log."""
        kept = self._parts.sightings.state.thumbs.get(thumb_id)
        return None if kept is None else kept.thumb

    def slab(self, max_tokens: int, cue: RetrievalCue | None = None) -> Slab:
        """Memory tokens for a vision-language model, at most so many, in order of time; with a cue, those that fit it."""
        return self._parts.tokens.view(max_tokens, cue)

    # ------------------------------------------------------------ size

    def tiers(self) -> dict[str, int]:
        """Bytes by tier: ``facts``, ``vectors``, ``thumbs``, ``tokens``, and the log's ``search`` matrix, which is set aside in full.

        What is not an array or a picture counts as facts.
        """
        parts = self._parts
        small = parts.places.nbytes + parts.things.nbytes + parts.reader.nbytes + gazes.nbytes(parts.gazes) + parts.rows.nbytes
        return {
            "facts": parts.sightings.fact_bytes + small,
            "vectors": parts.sightings.vector_bytes + parts.concepts.known_bytes + parts.concepts.passing_bytes,
            "thumbs": parts.sightings.thumb_bytes,
            "tokens": parts.tokens.nbytes(),
            "search": self._config.matrix_bytes,
        }

    def nbytes(self) -> int:
        """Bytes remembered: at most ``ram_bytes`` after every event."""
        return sum(self.tiers().values())

    def _fit(self, got: Gathered) -> None:
        """Let go until what is not set aside fits: small tables above their share, thumbnails, facts, oldest first."""
        aside = ("tokens", "search")
        while sum(size for tier, size in self.tiers().items() if tier not in aside) > self._parts.room_bytes and self._shed(got):
            pass

    def _shed(self, got: Gathered) -> bool:
        parts, room_bytes = self._parts, self._parts.room_bytes
        # What a tier may keep while others still have something to give. Thumbnails keep an eighth: a memory full of old facts must not
        # lose the picture of what is seen now.
        tiers: tuple[tuple[int, int, Callable[[], tuple[Dropped, ...]]], ...] = (
            (gazes.nbytes(parts.gazes), room_bytes // 32, lambda: gazes.shed(parts.gazes)),
            (parts.things.nbytes, room_bytes // 16, parts.things.shed),
            (parts.places.nbytes, room_bytes // 16, parts.places.shed),
            (parts.concepts.passing_bytes, room_bytes // 32, parts.concepts.shed),
            (parts.sightings.thumb_bytes, room_bytes // 8, parts.sightings.evict_thumb),
            (parts.sightings.fact_bytes, 0, parts.sightings.evict),
            (parts.reader.nbytes, 0, self._stop_reading),
            (parts.rows.nbytes, 0, parts.rows.shed),
        )
        for share_of in (1, 0):
            for nbytes, share, shed in tiers:
                if nbytes > share * share_of:
                    got.dropped.extend(shed())
                    return True
        return False

    def _stop_reading(self) -> tuple[Dropped, ...]:
        self._parts.reader.end()
        return (Dropped("reading", "budget"),)

    # ------------------------------------------------------------ settings and snapshot

    def reconfigure(self, config: RememberConfig) -> None:
        """Go by other thresholds from now on; all that is remembered stays, tokens too.

        Args:
            config: With the bounds and the token policy that this memory was made with.
        """
        self._config = config
        self._parts = Parts(self._parts.state, config, self._capabilities, self._parts.tokens)

    def snapshot(self) -> bytes:
        """All facts, as bytes. Thumbnails keep their sizes and lose their bytes, which live in the log; tokens stay out."""
        state = self._parts.state
        thumbs = {
            number: msgspec.structs.replace(kept, thumb=Thumb(kept.thumb.id, kept.thumb.nbytes))
            for number, kept in state.sightings.thumbs.items()
        }
        bare = msgspec.structs.replace(state.sightings, thumbs=thumbs)
        return codec.encode(msgspec.structs.replace(state, sightings=bare))

    def restore(self, data: bytes) -> None:
        """Take up a snapshot made with the same settings: what this memory does with facts from then on is what that one would.

        Token memory is empty afterwards.

        Raises:
            InputError: The bytes are no snapshot of this version.
        """
        try:
            state = codec.decode(data, MemoryState)
        except (msgspec.DecodeError, ValueError) as error:
            raise InputError(
                "the memory's snapshot cannot be read",
                hint="start without it; what was written to the log is still there",
            ) from error
        self._parts = Parts(state, self._config, self._capabilities)
