"""Answers from facts: where, when, how long, how often, before and after, what did it say, did you see.

Every answer is a short sentence with its evidence. What facts cannot answer is said to need a vision-language model; what is not
known is said not to be known; with options, an answer that the facts do not single out is an abstention.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edge_runtime.records import Query, What
from edge_runtime.speak import options, phrasing, questions, targets
from edge_runtime.speak.about_things import ANSWERS
from edge_runtime.speak.questions import Question
from edge_runtime.speak.recollection import Recollection
from edge_runtime.speak.reply import EVIDENCE, MANY, Reply, gazed, moment, name, rank, told
from edge_runtime.speak.targets import Refusal

S = 1_000_000_000
_RECENT_NS = 2 * S
"""What was looked at this recently is looked at now."""
_TOGETHER_NS = S // 2
"""Sightings that end this close to each other were last seen in one look."""
_CANNOT_CHOOSE = "I cannot choose: I did not recognise enough of these."
_VLM = Reply("NEEDS_VLM", phrasing.sentence(targets.NEEDS_VLM))


def answer(text: str, choices: Sequence[str], past: Recollection) -> Reply:
    """Answer a question.

    Args:
        text: The question.
        choices: Its options, or none.
        past: What can be recalled. If it notes a missing query, the answer is only what memory alone knows.
    """
    question = questions.parse(text)
    about_things = ANSWERS.get(question.kind)
    if about_things is None:
        return _AT_LARGE.get(question.kind, _other)(question, choices, past)
    target = targets.resolve(question.phrase, past.concepts, past.capabilities)
    if isinstance(target, Refusal):
        text = f"Not that I know: {target.text}" if question.kind == "seen" and target.code == "UNTAUGHT" else target.text
        return Reply(target.code, text)
    reply = about_things(question, target, choices, past)
    if choices and reply.choice is None and reply.code == "ANSWERED":
        return Reply("ABSTAINED", f"{reply.text} None of the options follows from that.", reply.evidence, reply.confidence)
    return reply


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
        return Reply("NOT_SEEN", f"I did not read anything in the last {phrasing.duration(past.known_for_ns())}.", confidence=0.5)
    words = f"{phrasing.quoted(sign.what.name)}, {moment(sign.t_end_ns, past)}"
    if question.carrier:  # what is read is known, what it stood on is not: it must not pass for the thing asked about
        which = "first" if question.first else "last"
        return told(f"I cannot tell {phrasing.indefinite(question.carrier)} from other text; the {which} I read said {words}", [sign])
    return told(f"It said: {words}", [sign])


def _now(question: Question, choices: Sequence[str], past: Recollection) -> Reply:
    recent = [s for s in past.recall(Query(t_from_ns=max(0, past.now_ns - _RECENT_NS), limit=MANY)) if s.gazed]
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
        return Reply(
            "NOT_SEEN", f"You looked at nothing that I can name in the last {phrasing.duration(past.known_for_ns())}.", confidence=0.5
        )
    names = list(dict.fromkeys(name(s) for s in reversed(known)))[:5]
    return told(f"You looked at {phrasing.listing(names[::-1])}", known[-EVIDENCE:])


def _longest(question: Question, choices: Sequence[str], past: Recollection) -> Reply:
    spans: dict[What, int] = {}
    for s in gazed(past):
        spans[s.what] = spans.get(s.what, 0) + s.gaze_ns
    if not spans or not max(spans.values()):
        return Reply("NOT_SEEN", "I do not know how long you looked at anything.", confidence=0.5)
    rows = sorted(gazed(past), key=lambda s: (spans[s.what], rank(s), s.t_end_ns), reverse=True)
    rows = [s for s in rows if s.what == rows[0].what]
    return told(f"You looked longest at {name(rows[0])}, for {phrasing.duration(spans[rows[0].what])}", rows)


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
