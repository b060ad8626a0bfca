"""Take out whatever the wearer had forgotten, before a single line of the page is made.

The runtime has erased it already; this is a second line of defence. Where in doubt it takes out more. Between the earliest trace
and the request no event, decision, still or moment is shown, whatever was forgotten. Where the wearer had a stretch of time
forgotten, a sighting that reaches into it goes as a whole, and so does a sentence that cites one picture of it; where it was a thing
or a place, what goes are the sightings of it, and words that name it: the rest is still remembered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from msgspec import structs

from apps.report.chain import told_ns
from apps.report.run import Run
from edge_runtime.protocol import (
    Append,
    Asked,
    Command,
    Erase,
    Erased,
    Event,
    Eye,
    Failed,
    Feedback,
    Forget,
    Found,
    FrameSeen,
    Gaze,
    Generate,
    Look,
    Looked,
    Muted,
    Record,
    Say,
    Search,
    Show,
    Taught,
    Token,
    WatchRemoved,
    WatchSet,
)
from edge_runtime.records import Evidence, Scope, Sighting

MASK = "[forgotten]"
_WEARER = (Asked, WatchSet, WatchRemoved, Taught, Forget, Feedback, Muted, Erased)


@dataclass(frozen=True)
class Span:
    """One stretch that is gone: everything from ``t_from_ns`` up to the request at ``t_asked_ns`` (event ``index``).

    ``whole`` tells whether the stretch itself was to be forgotten, rather than a thing or a place of which it holds traces.
    """

    t_from_ns: int
    t_asked_ns: int
    index: int
    scope: Scope
    whole: bool
    word: re.Pattern[str] | None

    def covers(self, t_ns: int) -> bool:
        """Whether something captured at that time is forgotten."""
        return self.t_from_ns <= t_ns <= self.t_asked_ns

    def crosses(self, t_start_ns: int, t_end_ns: int) -> bool:
        """Whether an interval reaches into the span."""
        return t_start_ns <= self.t_asked_ns and t_end_ns >= self.t_from_ns

    def names(self, texts: Iterable[str], t_ns: int) -> bool:
        """Whether words from before the request name the forgotten thing."""
        return self.word is not None and t_ns <= self.t_asked_ns and any(self.word.search(text) for text in texts)


def redact(run: Run) -> Run:
    """Return the run without anything that was captured, said or read inside a forgotten span, or that names a forgotten thing."""
    if not run.forgotten:
        return run
    veil = _Veil(run)
    return replace(
        run,
        stills=[still for still in run.stills if not veil.covers(still.t_ns) and still.frame_seq not in veil.frames],
        events=[(i, event) for i, seen in run.events if (event := veil.event(i, seen)) is not None],
        commands=[(i, command) for i, given in run.commands if (command := veil.command(i, given)) is not None],
        percepts=[p for p in run.percepts if not veil.covers(p.t_capture_ns) and p.frame_seq not in veil.frames],
        sightings=[s for s in run.sightings if veil.keeps(s)],
        places={k: v for k, v in run.places.items() if k not in veil.places and not veil.names((v,), 0)},
        thumbs={k: v for k, v in run.thumbs.items() if veil.shows(k)},
        forgotten=[(t, structs.replace(scope, name=MASK if scope.name else ""), start) for t, scope, start in run.forgotten],
        stats={k: v for k, v in run.stats.items() if not veil.names((k, v), 0)},
    )


def _span(run: Run, t_ns: int, scope: Scope, t_from_ns: int) -> Span:
    # Of what happened at the very moment of the request, all that came before it is gone. A journal that was cut has lost the request
    # too, and then holds nothing but what came after.
    index = next((i for i, event in run.events if isinstance(event, Forget) and event.t_ns == t_ns), 0)
    word = re.compile(rf"(?<!\w){re.escape(scope.name)}(?!\w)", re.IGNORECASE) if scope.kind == "thing" and scope.name.strip() else None
    return Span(min(t_from_ns, t_ns), t_ns, index, scope, scope.kind in ("since", "all"), word)


class _Veil:
    """All spans of a run, and what lies under them."""

    def __init__(self, run: Run) -> None:
        self.spans = [_span(run, *entry) for entry in run.forgotten]
        self.times = {i: event.t_ns for i, event in run.events}
        self.requests = {i for i, event in run.events if isinstance(event, Forget | Erased)}
        self.places = {span.scope.place_id for span in self.spans if span.scope.kind == "place"}
        seen = [(still.frame_seq, still.t_ns) for still in run.stills]
        seen += [(p.frame_seq, p.t_capture_ns) for p in run.percepts]
        seen += [(e.seq, e.t_capture_ns) for _, e in run.events if isinstance(e, FrameSeen)]
        seen += [(e.frame_seq, e.t_capture_ns) for _, e in run.events if isinstance(e, Looked)]
        self.frames = {frame for frame, t_ns in seen if self.covers(t_ns)}
        self.whole_frames = {frame for frame, t_ns in seen if any(span.whole and span.covers(t_ns) for span in self.spans)}
        gone = [s for s in run.sightings if not self.keeps(s)]
        self.thumbs = {e.thumb_id for s in gone for e in s.evidence if e.thumb_id is not None}

    def covers(self, t_ns: int) -> bool:
        return any(span.covers(t_ns) for span in self.spans)

    def names(self, texts: Iterable[str], t_ns: int) -> bool:
        texts = tuple(texts)
        return any(span.names(texts, t_ns) for span in self.spans)

    def cites(self, evidence: Iterable[Evidence]) -> bool:
        """Whether evidence lies in a stretch that was to be forgotten as such."""
        return any(e.frame_seq in self.whole_frames or any(s.whole and s.covers(e.t_ns) for s in self.spans) for e in evidence)

    def shows(self, thumb_id: str) -> bool:
        """Whether a thumbnail may be shown; its id begins with the number of its frame."""
        frame = thumb_id.partition("-")[0]
        return thumb_id not in self.thumbs and not (frame.isdecimal() and int(frame) in self.whole_frames)

    def keeps(self, sighting: Sighting) -> bool:
        if sighting.place_id is not None and sighting.place_id in self.places:
            return False
        if any(span.whole and span.crosses(sighting.t_start_ns, sighting.t_end_ns) for span in self.spans):
            return False
        return not self.cites(sighting.evidence) and not self.names((sighting.what.name,), sighting.t_start_ns)

    def past(self, index: int, t_ns: int) -> bool:
        """Whether something that happened (was said, was asked) lies inside a span; the request itself does not."""
        return any(span.t_from_ns <= t_ns < span.t_asked_ns or (t_ns == span.t_asked_ns and index < span.index) for span in self.spans)

    def event(self, index: int, event: Event) -> Event | None:
        if isinstance(event, Forget):
            return None if self.past(index, event.t_ns) else structs.replace(event, scope=self.masked_scope(event.scope))
        if self.past(index, event.t_ns) or (not isinstance(event, _WEARER) and self.content(event)):
            return None
        if isinstance(event, Gaze):
            samples = tuple(s for s in event.samples if not self.covers(s.t_ns))
            return structs.replace(event, samples=samples) if samples else None
        if isinstance(event, Found):
            pairs = [(row, i) for i, row in enumerate(event.rows) if self.keeps(row)]
            places = tuple(event.places[i] for _, i in pairs if i < len(event.places))
            return structs.replace(event, rows=tuple(row for row, _ in pairs), places=places)
        return None if self.names(_words(event), event.t_ns) else event

    def content(self, event: Event) -> bool:
        if isinstance(event, FrameSeen | Looked):
            return self.covers(event.t_capture_ns)
        return isinstance(event, Eye) and any(s.crosses(event.event.t_start_ns, event.event.t_end_ns) for s in self.spans)

    def command(self, index: int, command: Command) -> Command | None:
        t_ns = self.times.get(index, told_ns(command))
        if t_ns is None or self.past(index, t_ns):
            return None  # without a time nothing shows that it may be kept
        if isinstance(command, Look):
            return None if self.covers(command.t_capture_ns) or command.frame_seq in self.frames else command
        if isinstance(command, Append):
            return structs.replace(command, rows=tuple(row for row in command.rows if self.keeps(row.sighting)))
        if isinstance(command, Erase):
            return structs.replace(command, scope=self.masked_scope(command.scope))
        spoken = command.response.evidence if isinstance(command, Say) else ()
        decided = command.decision.evidence if isinstance(command, Record) else ()
        if self.cites(spoken) or self.cites(decided):
            return None
        if index in self.requests:
            return self.masked(command)
        return None if self.names(_words(command), t_ns) else command

    def masked(self, command: Command) -> Command:
        """What was said about the request itself, without the name of what is forgotten."""
        if isinstance(command, Say):
            return structs.replace(command, response=structs.replace(command.response, text=self.mask(command.response.text)))
        if isinstance(command, Record):
            reasons = tuple(map(self.mask, command.decision.reasons))
            decision = structs.replace(command.decision, text=self.mask(command.decision.text), reasons=reasons)
            return structs.replace(command, decision=decision)
        return structs.replace(command, text=self.mask(command.text)) if isinstance(command, Show) else command

    def mask(self, text: str) -> str:
        for span in self.spans:
            text = span.word.sub(MASK, text) if span.word else text
        return text

    def masked_scope(self, scope: Scope) -> Scope:
        return structs.replace(scope, name=MASK) if scope.name else scope


def _words(message: Event | Command) -> tuple[str, ...]:
    if isinstance(message, Asked):
        return (message.text, *message.options)
    if isinstance(message, WatchSet | WatchRemoved):
        return (message.watch, message.text) if isinstance(message, WatchSet) else (message.watch,)
    if isinstance(message, Taught):
        return (message.concept.name,)
    if isinstance(message, Looked):
        return tuple(w for r in message.regions for w in (*(x.label for x in r.labels), *(x.text for x in r.lines)))
    if isinstance(message, Say):
        return (message.response.text,)
    if isinstance(message, Record):
        return (message.decision.text, message.decision.watch, *message.decision.reasons)
    if isinstance(message, Show | Token):
        return (message.text,)
    if isinstance(message, Generate):
        return (message.prompt, message.question)
    if isinstance(message, Search):
        return (*message.query.names, message.query.text)
    return (message.detail,) if isinstance(message, Failed) else ()
