"""What a question is about: something named, or something the wearer points at with the eyes ("this", "that one", "these two")."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from edge_runtime.records import Query, Sighting, SightingKind
from edge_runtime.remember.gazes import Regard
from edge_runtime.remember.reading import alike
from edge_runtime.remember.recall import Likeness
from edge_runtime.speak import phrasing, targets
from edge_runtime.speak.recollection import Recollection
from edge_runtime.speak.reply import MANY
from edge_runtime.speak.targets import Refusal, Target
from edge_runtime.speak.times import PRESENT_NS

S = 1_000_000_000
APART_NS = 3 * S
"""What is seen again after a longer gap is seen another time."""
_TWO_NS = 10 * S
"""Two things are "these two" if they were looked at no longer ago than this."""

_ONE = re.compile(r"(?:th(?:is|at)(?: (?:one|thing|(?:very )?(?:same )?(?:thing|object)))?|it|the same(?: thing)?)(?: here| there)?", re.I)
_TWO = re.compile(r"(?:both(?: of)? )?(?:these|those|them)(?: (?:two|both|things|two things))?|both|the two(?: of them)?", re.I)
_NOTHING = Refusal("NO_GAZE", "I cannot see what you are looking at; look at it and ask again.")
_ONLY_ONE = Refusal("NO_GAZE", "I saw you look at only one thing; look at both and ask again.")
_SIGN_CHARS = 40


@dataclass(frozen=True)
class Subject:
    """Something whose sightings can be told from others.

    Attributes:
        kind: By what it is known.
        phrase: As it stands in a sentence: ``your mug``, ``this``.
        looks_like: As a claim: ``what looks like a clock``.
        query: Finds at least its sightings.
        likeness: Says of a sighting whether it is one.
        concept: The concept's name, or ``""``.
        regard: What the wearer looked at, if it was pointed at.
        shown: The one of these sightings it is known by.
    """

    kind: SightingKind
    phrase: str
    looks_like: str
    query: Query
    likeness: Callable[[Sighting], Likeness]
    concept: str = ""
    regard: Regard | None = None
    shown: Sighting | None = None

    def is_other(self, sighting: Sighting) -> bool:
        """Whether a sighting is surely of something else."""
        own = self.regard is not None and sighting.id in {one.id for one in self.regard.sightings}
        return not own and self.likeness(sighting) == "other"


@dataclass(frozen=True)
class Found:
    """The sightings of a subject.

    Attributes:
        rows: In the order asked for.
        sure: Whether they are of it, rather than of something like it.
    """

    rows: list[Sighting]
    sure: bool = True


def points(phrase: str) -> bool:
    """Whether a phrase means what the wearer looks at."""
    return _ONE.fullmatch(phrase) is not None or _TWO.fullmatch(phrase) is not None


def resolve(phrase: str, past: Recollection) -> tuple[Subject, ...] | Refusal:
    """Find out what a phrase means: one subject, or two for "these two"."""
    if not points(phrase):
        target = targets.resolve(phrase, past.concepts, past.capabilities)
        return target if isinstance(target, Refusal) else (named(target),)
    if _ONE.fullmatch(phrase) is not None:
        now = [regard for regard in past.regards if past.asked_ns - regard.t_ns <= PRESENT_NS]
        return (_shown(now[0], past),) if now else _NOTHING
    late = [regard for regard in past.regards if past.asked_ns - regard.t_ns <= _TWO_NS]
    if not late:
        return _NOTHING
    first = _shown(late[0], past)
    others = (_shown(regard, past) for regard in late[1:])
    second = next((other for other in others if other.shown is not None and first.is_other(other.shown)), None)
    return _ONLY_ONE if second is None else (second, first)


def named(target: Target) -> Subject:
    """A subject known by its name."""
    return Subject(
        target.kind,
        target.phrase,
        target.looks_like,
        target.query(limit=MANY),
        lambda row: "same" if target.is_shown_by(row.what) else "other",
        concept=target.name if target.kind == "concept" else "",
    )


def find(subject: Subject, past: Recollection, *, gazed: bool, first: bool = False, whole: bool = False) -> Found:
    """Find the sightings of a subject; of one that is pointed at those before now, unless all of them count.

    Args:
        subject: What to find.
        past: What can be recalled.
        gazed: Only those that the wearer looked at.
        first: Oldest first, rather than newest first.
        whole: All of them are needed, and what is pointed at now counts with them.
    """
    shown = None if whole else subject.shown
    ended_ns = 2**62 if shown is None else shown.t_start_ns - APART_NS

    def fit(rows: Sequence[Sighting], *wanted: Likeness) -> list[Sighting]:
        return [s for s in rows if s.t_end_ns <= ended_ns and (s.gazed or not gazed) and subject.likeness(s) in wanted]

    query = msgspec.structs.replace(subject.query, newest_first=not first, t_to_ns=ended_ns)
    rows = past.recall(query, enough=None if first or whole else lambda rows: bool(fit(rows, "same")))
    if query.key is not None:  # they come by likeness
        rows = tuple(sorted(rows, key=lambda s: (s.t_start_ns, s.id) if first else (-s.t_end_ns, -s.id)))
    same = fit(rows, "same")
    return Found(same) if same else Found(fit(rows, "similar"), sure=False)


def appearances(rows: Sequence[Sighting]) -> int:
    """How often something was seen at least: several sightings at one time, under several names, count once."""
    by_name: dict[object, int] = {}
    for row in rows:
        by_name[row.what] = by_name.get(row.what, 0) + row.merged
    apart, end_ns = 0, -(2**62)
    for row in sorted(rows, key=lambda row: row.t_start_ns):
        apart += row.t_start_ns > end_ns + APART_NS
        end_ns = max(end_ns, row.t_end_ns)
    return max([apart, *by_name.values()])


# ---------------------------------------------------------------- pointing


def _shown(regard: Regard, past: Recollection) -> Subject:
    """What the wearer looked at, by the surest it is known by: a lesson, words, its looks, and a mere hint last."""
    order = ("concept", "text", "thing", "label")
    shown = min(regard.sightings, key=lambda sighting: order.index(sighting.what.kind))
    what, vector = shown.what, shown.vector
    if what.kind == "text":
        words = what.name if len(what.name) <= _SIGN_CHARS else f"{what.name[:_SIGN_CHARS].rsplit(' ', 1)[0]} ..."
        phrase = phrasing.quoted(words)
        query = Query(kinds=("text",), limit=MANY)
        return Subject("text", phrase, phrase, query, lambda row: _same_text(row, what.name), regard=regard, shown=shown)
    if what.kind == "thing" and vector is not None:
        key = vector
        return Subject("thing", "this", "this", Query(key=key, limit=MANY), lambda row: past.likeness(row, key), regard=regard, shown=shown)
    target = targets.resolve(f"my {what.name}" if what.kind == "concept" else what.name, past.concepts, past.capabilities)
    if isinstance(target, Target) and target.is_shown_by(what):
        subject = named(target)
    else:
        query = Query(names=(what.name,), kinds=(what.kind,), limit=MANY)
        subject = Subject(what.kind, "this", "this", query, lambda row: "same" if row.what == what else "other")
    return dataclasses.replace(subject, regard=regard, shown=shown)


def _same_text(row: Sighting, words: str) -> Likeness:
    return "same" if row.what.kind == "text" and alike(row.what.name, words) else "other"
