"""Answers about one thing: where, when, how long, how often, before, after, next to it, did you see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edge_runtime.records import Sighting
from edge_runtime.remember.recall import spread
from edge_runtime.speak import options, phrasing, subjects
from edge_runtime.speak.questions import Question
from edge_runtime.speak.recollection import Recollection
from edge_runtime.speak.reply import EVIDENCE, Reply, gazed, moment, name, rank, same_thing, told
from edge_runtime.speak.subjects import Found, Subject
from edge_runtime.speak.times import PRESENT_NS

_SIMILAR = "something like it"
_DOUBT = 0.5


def _where(question: Question, subject: Subject, choices: Sequence[str], past: Recollection) -> Reply:
    found = subjects.find(subject, past, gazed=question.gazed, first=question.first)
    if not found.rows:
        return _not_seen(question, subject, past)
    row = found.rows[0]
    place = _named(past.place(row))
    fitting = [i for i, option in enumerate(choices) if place and phrasing.holds(option, place)]
    choice = fitting[0] if len(fitting) == 1 else None
    if past.now_ns - row.t_end_ns <= PRESENT_NS and not question.first:
        verb = "are" if phrasing.is_plural(subject.phrase) else "is"
        return told(f"{subject.looks_like} {verb} in view now{f', {place}' if place else ''}", [row], choice)
    beside = [words for words in past.neighbours(row) if words not in place]
    near = f"near {phrasing.listing(beside)}" if beside else ""
    where = ", ".join(part for part in (place, near) if part) or past.place(row)
    order, t_ns = ("first", row.t_start_ns) if question.first else ("last", row.t_end_ns)
    text = f"{_lead(subject, past)}I {order} saw {_it(subject, found)}{' ' if where else ''}{where}, {moment(t_ns, past)}"
    return _told(text, found, [row], choice)


def _named(place: str) -> str:
    """A place that has a name: a bare number tells the wearer nothing that is not told better by what was near, or when."""
    return "" if place.startswith("at place ") else place


def _when(question: Question, subject: Subject, choices: Sequence[str], past: Recollection) -> Reply:
    found = subjects.find(subject, past, gazed=question.gazed, first=question.first)
    rows = found.rows
    if not rows:
        return _not_seen(question, subject, past)
    t_ns = rows[0].t_start_ns if question.first else rows[0].t_end_ns
    moments = [rows[0].t_start_ns] if question.first else [s.t_start_ns for s in rows]
    choice = options.by_time(choices, moments, now_ns=past.now_ns, origin_ns=past.origin_ns) if choices else None
    order = "first" if question.first else "last"
    who = f"you {order} looked at" if question.gazed else f"I {order} saw"
    return _told(f"{_lead(subject, past)}{who} {_it(subject, found)} {moment(t_ns, past)}", found, rows[:1], choice)


def _how_long(question: Question, subject: Subject, choices: Sequence[str], past: Recollection) -> Reply:
    found = subjects.find(subject, past, gazed=question.gazed, whole=True)
    rows = found.rows
    if not rows:
        return _not_seen(question, subject, past)
    span_ns = sum(s.gaze_ns for s in rows) if question.gazed else _covered_ns(rows)
    choice = options.by_length(choices, span_ns) if choices else None
    count = subjects.appearances(rows)
    often = f" in all, {phrasing.times(count)}" if count > 1 else ""
    who = "you looked at" if question.gazed else "I saw"
    most = "at most " if not question.gazed and any(s.merged > 1 for s in rows) else ""  # a merged row spans what was between, too
    text = f"{past.within}{who} {_it(subject, found)} for {most}{phrasing.duration(span_ns)}{often}, last {moment(rows[0].t_end_ns, past)}"
    return _told(text, found, _standing_for(rows, subject), choice)


def _covered_ns(rows: Sequence[Sighting]) -> int:
    """How much time sightings take up together; what overlaps counts once."""
    covered_ns, end_ns = 0, -1
    for row in sorted(rows, key=lambda row: row.t_start_ns):
        covered_ns += max(0, row.t_end_ns - max(row.t_start_ns, end_ns))
        end_ns = max(end_ns, row.t_end_ns)
    return covered_ns


def _how_often(question: Question, subject: Subject, choices: Sequence[str], past: Recollection) -> Reply:
    found = subjects.find(subject, past, gazed=question.gazed, whole=True)
    rows = found.rows
    if not rows:
        return _not_seen(question, subject, past)
    who = "you looked at" if question.gazed else "I saw"
    often = f"at least {phrasing.times(subjects.appearances(rows))}"
    text = f"{past.within}{who} {_it(subject, found)} {often}, last {moment(rows[0].t_end_ns, past)}"
    return _told(text, found, _standing_for(rows, subject))


def _seen(question: Question, subject: Subject, choices: Sequence[str], past: Recollection) -> Reply:
    found = subjects.find(subject, past, gazed=question.gazed)
    rows = found.rows
    if not rows:
        unseen = _not_seen(question, subject, past)
        return Reply(unseen.code, f"No, {unseen.text}", unseen.evidence, unseen.confidence)
    place = _named(past.place(rows[0]))
    who = "you looked at" if question.gazed else "I read" if subject.kind == "text" else "I saw"
    text = f"{_lead(subject, past)}{who} {_it(subject, found)}{f' {place}' if place else ''}, {moment(rows[0].t_end_ns, past)}"
    return _told(f"{'Yes' if found.sure else 'Perhaps'}, {text}", found, rows[:1])


def _next_to(question: Question, subject: Subject, choices: Sequence[str], past: Recollection) -> Reply:
    rows = subjects.find(subject, past, gazed=question.gazed, whole=True).rows
    if not rows:
        return _not_seen(question, subject, past)
    told_by = next((row for row in rows if past.neighbours(row)), None)
    if told_by is None:
        return Reply("NOT_SEEN", f"I know of nothing by name that was near {subject.looks_like}.", rows[0].evidence[:EVIDENCE], _DOUBT)
    return told(
        f"near {subject.looks_like} I saw {phrasing.listing(past.neighbours(told_by))}, {moment(told_by.t_end_ns, past)}", [told_by]
    )


def _before(question: Question, subject: Subject, choices: Sequence[str], past: Recollection) -> Reply:
    return _beside_in_time(question, subject, choices, past, earlier=True)


def _after(question: Question, subject: Subject, choices: Sequence[str], past: Recollection) -> Reply:
    return _beside_in_time(question, subject, choices, past, earlier=False)


def _beside_in_time(question: Question, subject: Subject, choices: Sequence[str], past: Recollection, *, earlier: bool) -> Reply:
    anchor = subject.shown or next(iter(subjects.find(subject, past, gazed=question.gazed).rows), None)
    if anchor is None:
        return _not_seen(question, subject, past)
    others = [s for s in gazed(past) if subject.is_other(s) and not same_thing(s, anchor)]
    if earlier:
        found = max((s for s in others if s.t_start_ns < anchor.t_start_ns), key=lambda s: s.t_start_ns, default=None)
    else:
        found = min((s for s in others if s.t_start_ns > anchor.t_start_ns), key=lambda s: s.t_start_ns, default=None)
    word = "before" if earlier else "after"
    if found is None:
        return Reply("NOT_SEEN", f"I know of nothing that you looked at {word} {subject.looks_like}.", anchor.evidence[:EVIDENCE], _DOUBT)
    nearest = found
    found = max((s for s in others if s is nearest or same_thing(s, nearest)), key=rank)  # the best of its names
    choice = options.showing(options.meant(choices, past.concepts, past.capabilities), [found]) if choices else None
    text = f"{past.within}{word} {subject.looks_like} you looked at {name(found)}, {moment(found.t_start_ns, past)}"
    return told(text, [found, anchor], choice)


# ---------------------------------------------------------------- what the sentences share


def _lead(subject: Subject, past: Recollection) -> str:
    """Begin the clause with the time it is about; of what is looked at now, the time before is."""
    if subject.shown is None or "before now" in past.window.said:
        return past.within
    return f"{past.window.said}, before now, " if past.window.said else "before now "


def _it(subject: Subject, found: Found) -> str:
    return subject.looks_like if found.sure else _SIMILAR


def _told(text: str, found: Found, rows: Sequence[Sighting], choice: int | None = None) -> Reply:
    reply = told(text, rows, choice if found.sure else None)
    return reply if found.sure else Reply(reply.code, reply.text, reply.evidence, min(reply.confidence, _DOUBT), reply.choice)


def _standing_for(rows: Sequence[Sighting], subject: Subject) -> Sequence[Sighting]:
    """The sightings to cite for many: of what is known by its looks alone, the surest from all along the time."""
    key = subject.query.key
    return rows if key is None else spread(rows, key, EVIDENCE)[::-1]


def _not_seen(question: Question, subject: Subject, past: Recollection) -> Reply:
    verb = "read" if subject.kind == "text" else "see you look at" if question.gazed else "see"
    looked_at = () if subject.shown is None else subject.shown.evidence[:EVIDENCE]
    before = " before" if subject.shown is not None and "before now" not in past.window.said else ""
    what = subject.phrase if subject.shown is None else subject.looks_like
    return Reply("NOT_SEEN", f"I did not {verb} {what}{before} {past.unseen(subject.concept)}.", looked_at, _DOUBT)


ANSWERS: dict[str, Callable[[Question, Subject, Sequence[str], Recollection], Reply]] = {
    "where": _where,
    "when": _when,
    "how_long": _how_long,
    "how_often": _how_often,
    "seen": _seen,
    "next_to": _next_to,
    "before": _before,
    "after": _after,
}
