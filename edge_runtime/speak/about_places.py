"""Answers about places that have a name: what was there, and where the wearer was before or after something."""

from __future__ import annotations

import re
from collections.abc import Sequence

from edge_runtime.records import Evidence, Query, Sighting
from edge_runtime.speak import phrasing, subjects
from edge_runtime.speak.questions import Question
from edge_runtime.speak.recollection import Recollection
from edge_runtime.speak.reply import EVIDENCE, MANY, Reply, moment, name, told
from edge_runtime.speak.subjects import Subject
from edge_runtime.speak.targets import Refusal

_NUMBERED = re.compile(r"(?:the )?place (?:number )?(\d+)", re.I)
_NOT_ITS_NAME = re.compile(r"^(?:(?:the|a|an|my|our|this|that) )+(?:(?:sign|place)(?: (?:called|named|that says|saying|with))? )?", re.I)
_TOLD = 5


def places(phrase: str, past: Recollection) -> frozenset[int] | Refusal:
    """The places that a phrase means: one by its number, or all that are called after those words."""
    rows = past.recall(Query(limit=MANY))
    numbered = _NUMBERED.fullmatch(phrase)
    words = _NOT_ITS_NAME.sub("", phrase)
    found = {
        row.place_id
        for row in rows
        if row.place_id is not None
        and (row.place_id == int(numbered[1]) if numbered is not None else phrasing.holds(past.place(row), words))
    }
    if not found:
        known_ns = past.asked_ns - min((row.t_start_ns for row in rows), default=past.asked_ns)
        back = f" in the last {phrasing.duration(known_ns)}" if len(rows) >= MANY else ""  # further back was not looked
        return Refusal(
            "UNKNOWN_PLACE", f"I know no place called {phrasing.quoted(phrase)}{back}; I call places after signs and what you showed me."
        )
    return frozenset(found)


def what_was_at(place_ids: frozenset[int], past: Recollection) -> Reply:
    """Tell what was seen at a place."""
    there = past.narrowed(place_ids=place_ids)
    rows = list(there.recall(Query(limit=MANY)))
    where = next((place for row in rows if (place := past.place(row))), "there")
    known = [row for row in rows if row.what.kind != "thing" and name(row) not in where]
    names = list(dict.fromkeys(name(row) for row in known if phrasing.quoted(row.what.name) not in where))[:_TOLD]
    if not names:
        return Reply("NOT_SEEN", f"I saw nothing {where} that I can name, {past.unseen()}.", _looks(rows), 0.5)
    told_of = [next(row for row in known if name(row) == each) for each in names]
    return told(f"{past.within}{where} I saw {phrasing.listing(names)}, last {moment(known[0].t_end_ns, past)}", told_of)


def where_was_i(question: Question, subject: Subject, past: Recollection) -> Reply:
    """Tell where the wearer was before or after something was last seen."""
    anchor = subject.shown or next(iter(subjects.find(subject, past, gazed=question.gazed).rows), None)
    if anchor is None:
        return Reply("NOT_SEEN", f"I did not see {subject.phrase} {past.unseen(subject.concept)}.", confidence=0.5)
    earlier = question.kind == "where_before"
    word = "before" if earlier else "after"
    if earlier:
        rows = past.recall(Query(t_to_ns=anchor.t_start_ns - 1, limit=MANY), enough=bool)
        beside = [row for row in rows if row.t_end_ns < anchor.t_start_ns]
    else:
        rows = past.recall(Query(t_from_ns=anchor.t_end_ns + 1, newest_first=False, limit=MANY))
        beside = [row for row in rows if row.t_start_ns > anchor.t_end_ns]
    placed = [row for row in beside if past.place(row)]
    at = next((row for row in placed if row.place_id != anchor.place_id), placed[0] if placed else None)
    if at is None:
        return Reply("NOT_SEEN", f"I do not know where you were {word} {subject.looks_like}.", anchor.evidence[:EVIDENCE], 0.5)
    t_ns = at.t_end_ns if earlier else at.t_start_ns
    return told(f"{word} {subject.looks_like} you were {past.place(at)}, {moment(t_ns, past)}", [at, anchor])


def _looks(rows: Sequence[Sighting]) -> tuple[Evidence, ...]:
    return tuple(look for row in rows for look in row.evidence[:1])[:EVIDENCE]
