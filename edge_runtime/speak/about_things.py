"""Answers about one thing: where, when, how long, how often, before, after, did you see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edge_runtime.records import Sighting
from edge_runtime.speak import options, phrasing
from edge_runtime.speak.questions import Question
from edge_runtime.speak.recollection import Recollection
from edge_runtime.speak.reply import EVIDENCE, MANY, Reply, gazed, moment, name, rank, same_thing, told
from edge_runtime.speak.targets import Target

S = 1_000_000_000
_PRESENT_NS = 2 * S
"""What was seen this recently is in view now."""


def _where(question: Question, target: Target, choices: Sequence[str], past: Recollection) -> Reply:
    rows = _of(question, target, past)[:1]
    if not rows:
        return _not_seen(question, target, past)
    last, place = rows[0], _named(past.place(rows[0]))
    fitting = [i for i, option in enumerate(choices) if place and phrasing.holds(option, place)]
    choice = fitting[0] if len(fitting) == 1 else None
    if past.now_ns - last.t_end_ns <= _PRESENT_NS:
        verb = "are" if phrasing.is_plural(target.phrase) else "is"
        return told(f"{target.looks_like} {verb} in view now{f', {place}' if place else ''}", rows, choice)
    beside = [words for words in past.neighbours(last) if words not in place]
    near = f"near {phrasing.listing(beside)}" if beside else ""
    where = ", ".join(part for part in (place, near) if part) or past.place(last)
    return told(f"I last saw {target.looks_like}{' ' if where else ''}{where}, {moment(last.t_end_ns, past)}", rows, choice)


def _named(place: str) -> str:
    """A place that has a name: a bare number tells the wearer nothing that is not told better by what was near, or when."""
    return "" if place.startswith("at place ") else place


def _when(question: Question, target: Target, choices: Sequence[str], past: Recollection) -> Reply:
    rows = _of(question, target, past, first=question.first)
    if not rows:
        return _not_seen(question, target, past)
    row = rows[0]
    t_ns = row.t_start_ns if question.first else row.t_end_ns
    moments = [row.t_start_ns] if question.first else [s.t_start_ns for s in rows]
    choice = options.by_time(choices, moments, now_ns=past.now_ns, origin_ns=past.origin_ns) if choices else None
    order = "first" if question.first else "last"
    who = f"You {order} looked at" if question.gazed else f"I {order} saw"
    return told(f"{who} {target.looks_like} {moment(t_ns, past)}", rows[:1], choice)


def _how_long(question: Question, target: Target, choices: Sequence[str], past: Recollection) -> Reply:
    rows = _of(question, target, past, whole=True)
    if not rows:
        return _not_seen(question, target, past)
    span_ns = sum(s.gaze_ns for s in rows) if question.gazed else sum(s.t_end_ns - s.t_start_ns for s in rows)
    choice = options.by_length(choices, span_ns) if choices else None
    often = f" in all, {phrasing.times(len(rows))}" if len(rows) > 1 else ""
    who = "You looked at" if question.gazed else "I saw"
    return told(f"{who} {target.looks_like} for {phrasing.duration(span_ns)}{often}, last {moment(rows[0].t_end_ns, past)}", rows, choice)


def _how_often(question: Question, target: Target, choices: Sequence[str], past: Recollection) -> Reply:
    rows = _of(question, target, past, whole=True)
    if not rows:
        return _not_seen(question, target, past)
    who = "You looked at" if question.gazed else "I saw"
    return told(f"{who} {target.looks_like} at least {phrasing.times(len(rows))}, last {moment(rows[0].t_end_ns, past)}", rows)


def _seen(question: Question, target: Target, choices: Sequence[str], past: Recollection) -> Reply:
    rows = _of(question, target, past)
    if not rows:
        unseen = _not_seen(question, target, past)
        return Reply(unseen.code, f"No, {unseen.text}", unseen.evidence, unseen.confidence)
    place = _named(past.place(rows[0]))
    who = "you looked at" if question.gazed else "I read" if target.kind == "text" else "I saw"
    return told(f"Yes, {who} {target.looks_like}{f' {place}' if place else ''}, {moment(rows[0].t_end_ns, past)}", rows[:1])


def _before(question: Question, target: Target, choices: Sequence[str], past: Recollection) -> Reply:
    return _beside_in_time(question, target, choices, past, earlier=True)


def _after(question: Question, target: Target, choices: Sequence[str], past: Recollection) -> Reply:
    return _beside_in_time(question, target, choices, past, earlier=False)


def _beside_in_time(question: Question, target: Target, choices: Sequence[str], past: Recollection, *, earlier: bool) -> Reply:
    anchors = [s for s in _of(question, target, past) if s.gazed or not question.gazed]
    if not anchors:
        return _not_seen(question, target, past)
    anchor = anchors[0]
    others = [s for s in gazed(past) if not target.is_shown_by(s.what) and not same_thing(s, anchor)]
    if earlier:
        found = max((s for s in others if s.t_start_ns < anchor.t_start_ns), key=lambda s: s.t_start_ns, default=None)
    else:
        found = min((s for s in others if s.t_start_ns > anchor.t_start_ns), key=lambda s: s.t_start_ns, default=None)
    word = "before" if earlier else "after"
    if found is None:
        return Reply("NOT_SEEN", f"I know of nothing that you looked at {word} {target.looks_like}.", anchor.evidence[:EVIDENCE], 0.5)
    nearest = found
    found = max((s for s in others if s is nearest or same_thing(s, nearest)), key=rank)  # the best of its names
    choice = options.showing(options.meant(choices, past.concepts, past.capabilities), [found]) if choices else None
    text = f"{word} {target.looks_like} you looked at {name(found)}, {moment(found.t_start_ns, past)}"
    return told(text, [found, anchor], choice)


def _of(question: Question, target: Target, past: Recollection, *, first: bool = False, whole: bool = False) -> list[Sighting]:
    """Sightings of the target, newest first unless ``first``; only those looked at where the question is about that."""

    def fit(rows: Sequence[Sighting]) -> list[Sighting]:
        return [s for s in rows if target.is_shown_by(s.what) and (s.gazed or not question.gazed)]

    query = target.query(newest_first=not first, limit=MANY)
    return fit(past.recall(query, enough=None if first or whole else lambda rows: bool(fit(rows))))


def _not_seen(question: Question, target: Target, past: Recollection) -> Reply:
    verb = "read" if target.kind == "text" else "see you look at" if question.gazed else "see"
    span = phrasing.duration(past.known_for_ns(target.name if target.kind == "concept" else ""))
    return Reply("NOT_SEEN", f"I did not {verb} {target.phrase} in the last {span}.", confidence=0.5)


ANSWERS: dict[str, Callable[[Question, Target, Sequence[str], Recollection], Reply]] = {
    "where": _where,
    "when": _when,
    "how_long": _how_long,
    "how_often": _how_often,
    "seen": _seen,
    "before": _before,
    "after": _after,
}
