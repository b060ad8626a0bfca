"""Answers from facts: where, when, how long, how often, before and after, what did it say, did you see.

Every answer is a short sentence with its evidence. What facts cannot answer is said to need a vision-language model; what is not
known is said not to be known; with options, an answer that the facts do not single out is an abstention.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edge_runtime.records import Query, What
from edge_runtime.speak import about_places, options, phrasing, questions, subjects, targets, times
from edge_runtime.speak.about_things import ANSWERS
from edge_runtime.speak.questions import Question
from edge_runtime.speak.recollection import Recollection
from edge_runtime.speak.reply import EVIDENCE, MANY, Reply, gazed, moment, name, rank, told
from edge_runtime.speak.targets import Refusal
from edge_runtime.speak.times import Window

S = 1_000_000_000
_TOGETHER_NS = S // 2
"""Sightings that end this close to each other were last seen in one look."""
_CANNOT_CHOOSE = "I cannot choose: I did not recognise enough of these."
_NOT_OF_A_TIME = ("now", "first_of", "never")
_VLM = Reply("NEEDS_VLM", phrasing.sentence(targets.NEEDS_VLM))


def answer(text: str, choices: Sequence[str], past: Recollection) -> Reply:
    """Answer a question.

    Args:
        text: The question.
        choices: Its options, or none.
        past: What can be recalled. If it notes a missing query, the answer is only what memory alone knows.
    """
    timed = times.take(text, now_ns=past.asked_ns, origin_ns=past.origin_ns)
    question = questions.parse(timed.rest)
    if question.kind == "other":
        return _other(question, choices, past)
    if timed.refusal is not None:
        return _refused(timed.refusal)
    if timed.window.said and question.kind not in _NOT_OF_A_TIME and not _is_present(timed.window, question, past):
        past = past.narrowed(timed.window)
    within = _anchored(question, past)
    if isinstance(within, Refusal):
        return _refused(within)
    reply = _answer(question, choices, within)
    if choices and reply.choice is None and reply.code == "ANSWERED":
        return Reply("ABSTAINED", f"{reply.text} None of the options follows from that.", reply.evidence, reply.confidence)
    return reply


def points(text: str) -> bool:
    """Whether a question is about what the wearer looks at when asking it."""
    question = questions.parse(times.take(text, now_ns=0, origin_ns=0).rest)
    return subjects.points(question.phrase) or subjects.points(question.anchor)


def _answer(question: Question, choices: Sequence[str], past: Recollection) -> Reply:
    at_large = _AT_LARGE.get(question.kind)
    if at_large is not None:
        return at_large(question, choices, past)
    place_ids = about_places.places(question.phrase, past) if question.kind == "at_place" else None
    if isinstance(place_ids, frozenset):
        return about_places.what_was_at(place_ids, past)
    meant = subjects.resolve(question.phrase, past)
    if isinstance(meant, Refusal):
        if question.kind == "seen" and meant.code == "UNTAUGHT":
            return Reply(meant.code, f"Not that I know: {meant.text}")
        return _refused(meant if place_ids is None else place_ids)
    if question.kind in ("where_before", "where_after"):
        replies = [about_places.where_was_i(question, subject, past) for subject in meant]
    else:
        tell = ANSWERS["next_to" if question.kind == "at_place" else question.kind]
        replies = [tell(question, subject, choices, past) for subject in meant]
    return replies[0] if len(replies) == 1 else _both(replies)


def _both(replies: Sequence[Reply]) -> Reply:
    """Join the answers about two things."""
    code = "ANSWERED" if any(reply.code == "ANSWERED" for reply in replies) else replies[0].code
    looks = tuple(look for reply in replies for look in reply.evidence[: EVIDENCE // 2])
    return Reply(code, " ".join(reply.text for reply in replies), looks, min(reply.confidence for reply in replies))


def _is_present(window: Window, question: Question, past: Recollection) -> bool:
    """Whether "now" only says that the present state of something is asked for, which its last sighting tells."""
    return window.t_from_ns == past.asked_ns - times.PRESENT_NS and question.kind not in ("seen", "at_place")


def _anchored(question: Question, past: Recollection) -> Recollection | Refusal:
    """Narrow what is recalled to before or after something was last seen, or to a place."""
    if not question.relation:
        return past
    if question.relation == "while":
        place_ids = about_places.places(question.anchor, past)
        return past.narrowed(place_ids=place_ids) if isinstance(place_ids, frozenset) else place_ids
    meant = subjects.resolve(question.anchor, past)
    if isinstance(meant, Refusal):
        return Refusal("UNKNOWN_TIME", f"I do not know when that was. {meant.text}")
    row = meant[-1].shown or next(iter(subjects.find(meant[-1], past, gazed=False).rows), None)
    if row is None:
        return Refusal("UNKNOWN_TIME", f"I do not know when that was: I did not see {meant[-1].phrase} {past.unseen(meant[-1].concept)}.")
    said = f"{question.relation} I last saw {meant[-1].looks_like}"
    if question.relation == "before":
        return past.narrowed(Window(t_to_ns=row.t_start_ns - 1, said=said))
    return past.narrowed(Window(row.t_end_ns + 1, times.FOREVER_NS, said))


def _refused(refusal: Refusal) -> Reply:
    return Reply(refusal.code, refusal.text)


def _said(question: Question, choices: Sequence[str], past: Recollection) -> Reply:
    if choices:
        read = past.recall(Query(kinds=("text",), limit=MANY))
        choice = options.by_text(choices, [s.what.name for s in read])
        if choice is None:
            return Reply("ABSTAINED", "I did not read exactly one of these.", confidence=0.5)
        rows = [s for s in read if phrasing.holds(s.what.name, choices[choice])]
        return told(f"I read {phrasing.quoted(rows[0].what.name)}, {moment(rows[0].t_end_ns, past)}", rows, choice)
    if question.phrase:  # which thing a text stands on is not among the facts
        return _VLM
    query = Query(kinds=("text",), newest_first=not question.first, limit=MANY)
    read = past.recall(query, enough=None if question.first else bool)
    sign = next((s for s in read if s.gazed), read[0] if read else None)
    if sign is None:
        return Reply("NOT_SEEN", f"I did not read anything {past.unseen()}.", confidence=0.5)
    words = f"{phrasing.quoted(sign.what.name)}, {moment(sign.t_end_ns, past)}"
    if question.carrier:  # what is read is known, what it stood on is not: it must not pass for the thing asked about
        which = "first" if question.first else "last"
        return told(
            f"I cannot tell {phrasing.indefinite(question.carrier)} from other text; {past.within}the {which} I read said {words}", [sign]
        )
    return told(f"{past.within}it said: {words}", [sign])


def _now(question: Question, choices: Sequence[str], past: Recollection) -> Reply:
    recent = [s for s in past.recall(Query(t_from_ns=max(0, past.asked_ns - times.PRESENT_NS), limit=MANY)) if s.gazed]
    if not recent:
        return Reply("NOT_SEEN", "I cannot see what you are looking at.", confidence=0.5)
    newest_ns = max(s.t_end_ns for s in recent)
    shown = [s for s in recent if newest_ns - s.t_end_ns <= _TOGETHER_NS]
    best = max(shown, key=lambda s: (rank(s), s.confidence, -s.id))
    if choices:
        choice = options.showing(options.meant(choices, past.concepts, past.capabilities), shown)
        if choice is None:
            return Reply(
                "ABSTAINED", f"You are looking at {name(best)}; none of the options follows from that.", best.evidence[:EVIDENCE], 0.5
            )
        return told(f"You are looking at {name(best)}", [best], choice)
    if best.what.kind == "thing":
        return Reply("UNKNOWN_THING", "I do not know what this is; name it and I will remember it.", best.evidence[:EVIDENCE], 0.5)
    return told(f"You are looking at {name(best)}", [best])


def _looked(question: Question, choices: Sequence[str], past: Recollection) -> Reply:
    rows = sorted(gazed(past), key=lambda s: s.t_start_ns)
    known = [s for s in rows if s.what.kind != "thing"]
    if not known:
        return Reply("NOT_SEEN", f"You looked at nothing that I can name {past.unseen()}.", confidence=0.5)
    names = list(dict.fromkeys(name(s) for s in reversed(known)))[:5]
    return told(f"{past.within}you looked at {phrasing.listing(names[::-1])}", known[-EVIDENCE:])


def _longest(question: Question, choices: Sequence[str], past: Recollection) -> Reply:
    spans: dict[What, int] = {}
    for s in gazed(past):
        spans[s.what] = spans.get(s.what, 0) + s.gaze_ns
    if not spans or not max(spans.values()):
        return Reply("NOT_SEEN", f"I do not know how long you looked at anything {past.unseen()}.", confidence=0.5)
    rows = sorted(gazed(past), key=lambda s: (spans[s.what], rank(s), s.t_end_ns), reverse=True)
    rows = [s for s in rows if s.what == rows[0].what]
    return told(f"{past.within}you looked longest at {name(rows[0])}, for {phrasing.duration(spans[rows[0].what])}", rows)


def _first_of(question: Question, choices: Sequence[str], past: Recollection) -> Reply:
    named = options.meant(choices, past.concepts, past.capabilities)
    seen = gazed(past)
    choice = options.seen_first(named, seen)
    target = named[choice] if choice is not None else None
    if target is None:
        return Reply("ABSTAINED", _CANNOT_CHOOSE, confidence=0.5)
    first = min((s for s in seen if target.is_shown_by(s.what)), key=lambda s: s.t_start_ns)
    return told(f"You first looked at {target.looks_like}, {moment(first.t_start_ns, past)}", [first], choice)


def _never(question: Question, choices: Sequence[str], past: Recollection) -> Reply:
    named = options.meant(choices, past.concepts, past.capabilities)
    seen = gazed(past)
    choice = options.never_seen(named, seen)
    target = named[choice] if choice is not None else None
    if target is None:
        return Reply("ABSTAINED", _CANNOT_CHOOSE, confidence=0.5)
    rows = [s for s in seen if any(other is not None and other.is_shown_by(s.what) for other in named)]
    return told(f"I never saw you look at {target.phrase}", rows, choice)


def _other(question: Question, choices: Sequence[str], past: Recollection) -> Reply:
    return _VLM


_AT_LARGE: dict[str, Callable[[Question, Sequence[str], Recollection], Reply]] = {
    "said": _said,
    "now": _now,
    "looked": _looked,
    "longest": _longest,
    "first_of": _first_of,
    "never": _never,
}
