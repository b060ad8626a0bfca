"""An answer, and the pieces that answers are made of."""

from __future__ import annotations

from collections.abc import Sequence

from edge_runtime.protocol import Asked
from edge_runtime.records import Evidence, Query, Sighting
from edge_runtime.speak import labels, phrasing
from edge_runtime.speak.recollection import Recollection
from edge_runtime.types import Value

MANY = 256
"""More sightings than this are not gone through for one answer."""
EVIDENCE = 4
"""Looks cited by one answer."""
BY_MODEL = "ANSWERED_BY_MODEL"
"""Code of what a language model made of what was seen: never a statement of fact."""
_SHARED = 0.3
"""Overlap of boxes (intersection over union) from which two sightings of one time are the same thing."""


class Reply(Value, frozen=True):
    """What is answered.

    Attributes:
        code: A machine code: ``ANSWERED``, ``NOT_SEEN``, ``ABSTAINED``, ``ANSWERED_BY_MODEL``, ``NEEDS_VLM``, or that of a refusal.
        text: The sentence.
        evidence: The looks behind it, at most four.
        confidence: 0..1.
        choice: Index of the option chosen, or ``None``.
    """

    code: str
    text: str
    evidence: tuple[Evidence, ...] = ()
    confidence: float = 1.0
    choice: int | None = None


FORGOTTEN = Reply("FORGOTTEN", "That was forgotten while you asked.")


class Answered(Value, frozen=True):
    """A question with its answer; ``t_ns`` is the moment that it is about."""

    asked: Asked
    reply: Reply
    t_ns: int


def gazed(past: Recollection) -> list[Sighting]:
    """What the wearer looked at, newest first."""
    return [s for s in past.recall(Query(limit=MANY)) if s.gazed]


def told(text: str, rows: Sequence[Sighting], choice: int | None = None) -> Reply:
    """Make an answer of a sentence and the sightings it rests on."""
    evidence = tuple(look for row in rows for look in row.evidence[:1])[:EVIDENCE]
    if len(rows) == 1:
        evidence = rows[0].evidence[:EVIDENCE]
    return Reply("ANSWERED", phrasing.sentence(text), evidence, max(row.confidence for row in rows), choice)


def moment(t_ns: int, past: Recollection) -> str:
    """Write when something was, both ways."""
    return phrasing.moment(t_ns, now_ns=past.now_ns, origin_ns=past.origin_ns)


def name(sighting: Sighting) -> str:
    """Say how to speak of what was seen: a label is a hint, never a statement."""
    what = sighting.what
    if what.kind == "concept":
        return f"your {what.name}"
    if what.kind == "text":
        return phrasing.quoted(what.name)
    if what.kind == "label":
        word = labels.canonical(what.name)
        return f"what looks like {labels.phrase(word) if word is not None else phrasing.indefinite(what.name)}"
    return "something I cannot name"


def rank(sighting: Sighting) -> int:
    """Rank what says most about one look: what the wearer taught, what was read, a hint, a nameless thing."""
    return {"concept": 3, "text": 2, "label": 1, "thing": 0}[sighting.what.kind]


def same_thing(a: Sighting, b: Sighting) -> bool:
    """Say whether two sightings are two names for one thing: seen together, at one place in the picture."""
    together = a.t_start_ns <= b.t_end_ns and b.t_start_ns <= a.t_end_ns
    width = min(a.box.x1, b.box.x1) - max(a.box.x0, b.box.x0)
    height = min(a.box.y1, b.box.y1) - max(a.box.y0, b.box.y0)
    shared = max(0.0, width) * max(0.0, height)
    whole = sum((s.box.x1 - s.box.x0) * (s.box.y1 - s.box.y0) for s in (a, b)) - shared
    return together and shared >= _SHARED * whole
