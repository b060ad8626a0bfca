"""A stage for the speaker: sightings on a shelf instead of a whole memory, and everything it says written down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

import numpy as np

from edge_runtime.config import ModelsConfig, SpeakConfig
from edge_runtime.facts import Attended, Match, Remembered
from edge_runtime.outbox import Outbox
from edge_runtime.protocol import (
    Asked,
    Command,
    Event,
    Eye,
    Looked,
    Record,
    Say,
    Search,
    Show,
    SpeechEnded,
    SpeechStarted,
    StopSpeech,
    Tick,
    WatchSet,
)
from edge_runtime.records import Concept, Dropped, Evidence, Query, RetrievalCue, Sighting, SightingKind, Slab, What
from edge_runtime.remember.gazes import Regard
from edge_runtime.remember.policies.slabs import empty
from edge_runtime.remember.recall import Likeness, alike, answer
from edge_runtime.speak import Speaker
from edge_runtime.speak.recollection import Fetched, Recollection
from edge_runtime.speech import Decision, Response
from edge_runtime.types import Box, Capabilities, LabelHint, LookedRegion, TextLine, Vector
from gaze.types import EyeEvent, EyeKind, Stage

MS = 1_000_000
POCKET = Capabilities(bundle="pocket", vector=True, labels=True, text=True, tokens=True, vector_dim=4)
VECTOR = np.array([1, 0, 0, 0], np.float32)
HERE = Box(0.4, 0.4, 0.6, 0.6)
THERE = Box(0.0, 0.0, 0.2, 0.2)

C = TypeVar("C")


def ns(t_s: float) -> int:
    return round(t_s * 1000) * MS


def look_at(t_s: float, box: Box = HERE) -> Evidence:
    return Evidence(frame_seq=round(t_s * 10), t_ns=ns(t_s), box=box, thumb_id=f"{round(t_s * 10)}-0")


def concept(name: str, taught_s: float = 0.0) -> Concept:
    return Concept(name, (VECTOR,), ns(taught_s))


def sighting(
    number: int,
    kind: SightingKind,
    name: str,
    start_s: float,
    end_s: float,
    *,
    gazed: bool = True,
    gaze_s: float | None = None,
    place_id: int | None = 2,
    box: Box = HERE,
    confidence: float = 0.9,
    vector: Vector | None = None,
) -> Sighting:
    return Sighting(
        id=number,
        what=What(kind, name),
        place_id=place_id,
        box=box,
        t_start_ns=ns(start_s),
        t_end_ns=ns(end_s),
        confidence=confidence,
        looks=2,
        gazed=gazed,
        gaze_ns=ns((end_s - start_s if gazed else 0.0) if gaze_s is None else gaze_s),
        evidence=(look_at(end_s, box),),
        vector=vector,
    )


class Shelf:
    """A memory that holds what it is given, with the memory's own rule of what a query means."""

    def __init__(self, sightings: Iterable[Sighting] = (), concepts: Iterable[Concept] = ()) -> None:
        self.sightings = list(sightings)
        self.taught = {c.name: c for c in concepts}
        self.complete_since_ns = 0
        self.beside: dict[int, tuple[str, ...]] = {}
        self.regards: tuple[Regard, ...] = ()
        self.places: dict[int, str] = {}
        self.cues: list[tuple[int, RetrievalCue | None]] = []

    @property
    def concepts(self) -> Mapping[str, Concept]:
        return self.taught

    def recall(self, query: Query) -> tuple[Sighting, ...]:
        return answer(self.sightings, query)

    def place_name(self, place_id: int | None, *, apart_from: str = "") -> str:
        return self.places.get(place_id, f"at place {place_id}") if place_id is not None else ""

    def neighbours(self, sighting: Sighting) -> tuple[str, ...]:
        return self.beside.get(sighting.id, ())

    def looked_at(self, t_ns: int) -> tuple[Regard, ...]:
        return tuple(regard for regard in self.regards if regard.t_ns <= t_ns)

    def slab(self, max_tokens: int, cue: RetrievalCue | None = None) -> Slab:
        self.cues.append((max_tokens, cue))
        return empty(2)

    def likeness(self, sighting: Sighting, vector: Vector) -> Likeness:
        score = alike(sighting, vector)
        return "same" if score >= 0.55 else "similar" if score >= 0.45 else "other"


def past(shelf: Shelf, now_s: float, fetched: Iterable[Fetched] = (), capabilities: Capabilities = POCKET) -> Recollection:
    return Recollection(
        shelf,
        capabilities,
        now_ns=ns(now_s),
        origin_ns=0,
        known_from_ns=0,
        fetched=tuple(fetched),
        regards=shelf.looked_at(ns(now_s)),
    )


class Theatre:
    """Feeds a speaker and keeps all its commands."""

    def __init__(
        self,
        shelf: Shelf | None = None,
        config: SpeakConfig | None = None,
        capabilities: Capabilities = POCKET,
        models: ModelsConfig | None = None,
    ) -> None:
        self.shelf = shelf if shelf is not None else Shelf()
        self.config = config if config is not None else SpeakConfig()
        self.speaker = Speaker(self.config, capabilities, models if models is not None else ModelsConfig())
        self.commands: list[Command] = []
        self.dropped: list[Dropped] = []
        self.next_id = 1
        self.feed(Tick(t_ns=0))

    def feed(self, event: Event, seen: Remembered | None = None, earlier: Outbox | None = None) -> list[Command]:
        """One step; ``earlier`` holds what the stages before have asked for in it."""
        out = earlier if earlier is not None else Outbox(self.next_id)
        self.dropped.extend(self.speaker.feed(event, Attended(), seen if seen is not None else Remembered(), self.shelf, out))
        self.next_id = out.next_id
        self.commands.extend(out.commands)
        return out.commands

    def ticks(self, from_s: float, to_s: float) -> None:
        for tenth in range(round(from_s * 10), round(to_s * 10) + 1):
            self.feed(Tick(t_ns=ns(tenth / 10)))

    def ask(self, t_s: float, text: str, options: tuple[str, ...] = (), question: str = "q1") -> Response:
        """Ask, and expect the answer at once."""
        commands = self.feed(Asked(t_ns=ns(t_s), question=question, text=text, options=options))
        return next(command.response for command in commands if isinstance(command, Say))

    def watch(self, t_s: float, text: str, name: str = "w1", *, once: bool = False, expires_s: float | None = None) -> None:
        expires_ns = None if expires_s is None else ns(expires_s)
        self.feed(WatchSet(t_ns=ns(t_s), watch=name, text=text, once=once, expires_ns=expires_ns))

    def look(
        self, t_s: float, *matches: Match, regions: tuple[LookedRegion, ...] = (), late_s: float = 0.1, **seen: object
    ) -> list[Command]:
        """A look comes back ``late_s`` after its frame."""
        event = Looked(t_ns=ns(t_s + late_s), answers=1, frame_seq=round(t_s * 10), t_capture_ns=ns(t_s), regions=regions)
        return self.feed(event, Remembered(looked_at_ns=ns(t_s), matches=matches, **seen))  # type: ignore[arg-type]

    def of(self, kind: type[C]) -> list[C]:
        return [command for command in self.commands if isinstance(command, kind)]

    @property
    def said(self) -> list[str]:
        return [say.response.text for say in self.of(Say)]

    @property
    def decisions(self) -> list[Decision]:
        return [record.decision for record in self.of(Record)]

    @property
    def log(self) -> list[tuple[str, tuple[str, ...], str]]:
        """Decisions as action, vetoes, text."""
        return [(d.action, d.vetoes, d.text) for d in self.decisions]

    @property
    def shown(self) -> list[str]:
        return [show.text for show in self.of(Show)]

    @property
    def stops(self) -> int:
        return len(self.of(StopSpeech))

    @property
    def searches(self) -> list[Search]:
        return self.of(Search)


def foveal(labelled: bool = True) -> LookedRegion:
    hints = (LabelHint("velvet", 0.1),) if labelled else ()
    return LookedRegion("foveal", HERE, vector=VECTOR, labels=hints)


def tile(box: Box = THERE) -> LookedRegion:
    return LookedRegion("watch", box, labels=(LabelHint("velvet", 0.1),))


def text_region() -> LookedRegion:
    return LookedRegion("text", HERE)


def mug(t_s: float, score: float = 0.6, *, accepted: bool = True, number: int | None = 1) -> Match:
    """The taught mug, looked at."""
    return Match(What("concept", "mug"), score, accepted, True, look_at(t_s), number if accepted else None)


def label(t_s: float, name: str, score: float, *, gazed: bool = True, box: Box | None = None) -> Match:
    where = box if box is not None else HERE if gazed else THERE
    return Match(What("label", name), score, score >= 0.7, gazed, look_at(t_s, where))


def text(t_s: float, words: str, number: int | None = 5) -> Match:
    return Match(What("text", words), 1.0, True, True, look_at(t_s), number)


def lines(*texts: str, confidence: float = 0.95) -> tuple[TextLine, ...]:
    return tuple(TextLine(t, confidence, Box(0.4, 0.4 + 0.05 * i, 0.6, 0.44 + 0.05 * i)) for i, t in enumerate(texts))


def eye(from_s: float, to_s: float, *, number: int = 1, kind: EyeKind = "dwell", stage: Stage = "provisional") -> Eye:
    event = EyeEvent(number, kind, ns(from_s), ns(to_s), 0.5, 0.5, 0.5, stage, ns(to_s))
    return Eye(t_ns=ns(to_s), event=event)


def with_mug(config: SpeakConfig | None = None) -> Theatre:
    return Theatre(Shelf(concepts=[concept("mug")]), config)


def speak(theatre: Theatre, t_s: float, lasts_s: float) -> int:
    """Our voice takes up the last thing that was to be said."""
    say = theatre.of(Say)[-1]
    theatre.feed(SpeechStarted(t_ns=ns(t_s), answers=say.id))
    if lasts_s:
        theatre.feed(SpeechEnded(t_ns=ns(t_s + lasts_s), answers=say.id, spoken_chars=len(say.response.text)))
    return say.id


def behind_memory() -> Theatre:
    theatre = with_mug()
    theatre.shelf.complete_since_ns = ns(20)
    return theatre


def read(theatre: Theatre, from_s: float, to_s: float, *words: str, number: int = 1) -> None:
    """The eye stays on some text, which is read every 0.7 s; ticks in between."""
    t_s = from_s + 0.3
    while t_s < to_s:
        theatre.look(t_s, text(t_s, " ".join(words)), regions=(text_region(),), reading=lines(*words), reading_evidence=look_at(t_s))
        theatre.feed(eye(from_s, t_s + 0.2, number=number))
        theatre.ticks(t_s + 0.2, t_s + 0.6)
        t_s += 0.7
    theatre.feed(eye(from_s, to_s, number=number, stage="final"))
