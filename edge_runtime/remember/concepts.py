"""What the wearer has shown and named: lessons, recognition, and the wearer's yes and no.

A concept is compared by the mean direction of its views, which is what the thresholds were measured with; the best single view
would accept more strangers the more views there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from edge_runtime.config import RememberConfig, S
from edge_runtime.records import Concept, Dropped, Evidence
from edge_runtime.remember import sizes
from edge_runtime.remember.lessons import LESSON_NS, Lesson
from edge_runtime.remember.likeness import Exact, cosine, exact, exact_sum, mean_of, usable
from edge_runtime.types import Vector

MAX_VIEWS = 12
MAX_CONCEPTS = 256
MAX_DENIED = 32
ASK_AGAIN_NS = 30 * S
ANSWER_NS = 60 * S
"""How long a yes or no is taken to be about the last question."""
_DENIED = 0.8
_NOISE = 0.15
_SHARE = 8
"""Concepts take at most one part in so many of the memory."""


class Known(msgspec.Struct):
    """A concept, and when each of its views was taken."""

    concept: Concept
    view_ns: tuple[int, ...]


class Denied(msgspec.Struct):
    """Something that looks like a concept and is not: the wearer said no."""

    name: str
    vector: Vector
    t_ns: int


class Doubt(msgspec.Struct):
    """The last look that the wearer was asked about."""

    name: str
    score: float
    vector: Vector
    evidence: Evidence
    sighting: int | None
    t_ns: int


class ConceptsState(msgspec.Struct):
    """All that was taught, and all that is being asked."""

    known: dict[str, Known] = {}
    lesson: Lesson | None = None
    denied: list[Denied] = []
    doubt: Doubt | None = None
    asked: dict[str, int] = {}


class Scored(NamedTuple):
    """A look compared with one concept."""

    name: str
    score: float
    accepted: bool
    doubtful: bool


class Concepts:
    """Knows what was taught.

    Args:
        state: Fresh, or taken from a snapshot.
        config: Thresholds and the budget.
        dim: Dimension of vectors; 0 takes any.
    """

    def __init__(self, state: ConceptsState, config: RememberConfig, dim: int) -> None:
        self.state = state
        self._config = config
        self._dim = dim
        self._means: dict[str, Exact] = {}
        self.known_bytes = 0
        for known in state.known.values():
            self._learnt(known)

    @property
    def concepts(self) -> Mapping[str, Concept]:
        """Every concept by name; one whose lesson is under way has no views yet."""
        lesson = self.state.lesson
        begun = {} if lesson is None else {lesson.name: Concept(lesson.name, (), lesson.t_ns)}
        return MappingProxyType({**begun, **{name: known.concept for name, known in self.state.known.items()}})

    def compare(self, vector: Vector) -> tuple[Scored, ...]:
        """Compare a look, unit vector float32 [G], with every concept; best first, noise left out."""
        look = exact(vector)
        ranked = sorted(((cosine(mean, look), name) for name, mean in self._means.items()), key=lambda item: (-item[0], item[1]))
        ranked = ranked[:8]
        scored = []
        for rank, (score, name) in enumerate(ranked):
            if score < _NOISE:
                break
            lead = score - ranked[1][0] if len(ranked) > 1 else score
            open_ = rank == 0 and not self._denied(name, look)
            accepted = open_ and score >= self._config.concept_accept and lead >= self._config.concept_margin
            scored.append(Scored(name, score, accepted, open_ and not accepted and score >= self._config.concept_ask))
        return tuple(scored)

    def mean(self, name: str) -> Exact | None:
        """The direction of a concept; ``None`` if there is no such concept."""
        return self._means.get(name)

    # ------------------------------------------------------------ teaching

    def teach(self, name: str, views: tuple[Vector, ...], t_ns: int) -> tuple[Concept | None, str, tuple[Dropped, ...]]:
        """Take a concept with its views at once, or begin a lesson.

        Returns:
            The concept if it is now known, the name of a lesson that this one ended, and what was let go.
        """
        ended = self.state.lesson.name if self.state.lesson is not None else ""
        self.state.lesson = None
        if not views:
            self.state.lesson = Lesson(name, t_ns)
            return None, ended if ended != name else "", ()
        fit = [view for view in (usable(view, self._dim) for view in views[-4 * MAX_VIEWS :]) if view is not None]
        odd = (Dropped("view", "unusable", len(views) - len(fit)),) if len(fit) < len(views) else ()
        if not fit:
            return None, name, odd
        concept, dropped = self._add(name, tuple(fit), (t_ns,) * len(fit), t_ns)
        return concept, ended if concept is not None else name, (*odd, *dropped)

    def study(self, vector: Vector, t_ns: int) -> tuple[Concept | None, tuple[Dropped, ...]]:
        """Take one look into the lesson; returns the concept once enough of its views agree."""
        lesson, wanted = self.state.lesson, min(self._config.teach_views, MAX_VIEWS)
        if lesson is None:
            return None, ()
        gone = lesson.take(vector, t_ns, wanted, self._config.concept_ask)
        kept = lesson.agree
        if len(kept) < wanted:
            return None, _unlike(gone)
        self.state.lesson = None
        views, view_ns = tuple(lesson.views[index] for index in kept), tuple(lesson.view_ns[index] for index in kept)
        concept, dropped = self._add(lesson.name, views, view_ns, lesson.t_ns)
        return concept, (*_unlike(gone + len(lesson.views) - len(kept)), *dropped)

    def give_up(self, t_ns: int) -> tuple[str, tuple[Dropped, ...]]:
        """End a lesson whose time is over; returns its name, or ``""``, and the views that did not agree."""
        lesson = self.state.lesson
        if lesson is None or t_ns - lesson.t_ns < LESSON_NS:
            return "", ()
        self.state.lesson = None
        return lesson.name, _unlike(len(lesson.views) - len(lesson.agree))

    # ------------------------------------------------------------ asking

    def ask(self, scored: Scored, vector: Vector, evidence: Evidence, t_ns: int) -> bool:
        """Whether the wearer should be asked about this look; if so it is what a yes or no is about."""
        if t_ns - self.state.asked.get(scored.name, -ASK_AGAIN_NS) < ASK_AGAIN_NS:
            return False
        self.state.asked[scored.name] = t_ns
        self.state.doubt = Doubt(scored.name, scored.score, vector, evidence, None, t_ns)
        return True

    def settle(self, yes: bool, t_ns: int) -> tuple[Doubt | None, Concept | None, tuple[Dropped, ...]]:
        """Take the wearer's answer to the last question; returns what it was about, and the concept if it was a yes."""
        doubt, self.state.doubt = self.state.doubt, None
        known = None if doubt is None else self.state.known.get(doubt.name)
        if doubt is None or known is None or t_ns - doubt.t_ns > ANSWER_NS:
            return None, None, ()
        if yes:
            self.state.asked.pop(doubt.name, None)
            concept, dropped = self._add(doubt.name, (doubt.vector,), (doubt.evidence.t_ns,), known.concept.t_taught_ns)
            return doubt, concept or known.concept, dropped
        self.state.denied = [*self.state.denied, Denied(doubt.name, doubt.vector, doubt.evidence.t_ns)][-MAX_DENIED:]
        return doubt, None, ()

    # ------------------------------------------------------------ forgetting

    def forget(self, name: str) -> None:
        """Forget one concept: its views, its lesson, and every question about it."""
        state = self.state
        known = state.known.pop(name, None)
        if known is not None:
            self._unlearnt(known)
        state.lesson = None if state.lesson is not None and state.lesson.name == name else state.lesson
        state.doubt = None if state.doubt is not None and state.doubt.name == name else state.doubt
        state.denied = [denied for denied in state.denied if denied.name != name]
        state.asked.pop(name, None)

    def forget_since(self, t_ns: int) -> tuple[str, ...]:
        """Forget every view, lesson and question from a time on; returns the concepts that are left without views."""
        state = self.state
        lost = []
        for name, known in list(state.known.items()):
            kept = [i for i, view_ns in enumerate(known.view_ns) if view_ns < t_ns]
            if not kept or known.concept.t_taught_ns >= t_ns:
                lost.append(name)
                self.forget(name)
            elif len(kept) < len(known.view_ns):
                self._unlearnt(known)
                views = tuple(known.concept.views[i] for i in kept)
                state.known[name] = Known(msgspec.structs.replace(known.concept, views=views), tuple(known.view_ns[i] for i in kept))
                self._learnt(state.known[name])
        if state.lesson is not None and max(state.lesson.t_ns, *state.lesson.view_ns, 0) >= t_ns:
            lost.append(state.lesson.name)
            state.lesson = None
        state.doubt = None if state.doubt is not None and state.doubt.t_ns >= t_ns else state.doubt
        state.denied = [denied for denied in state.denied if denied.t_ns < t_ns]
        state.asked = {name: asked_ns for name, asked_ns in state.asked.items() if asked_ns < t_ns}
        return tuple(lost)

    # ------------------------------------------------------------ size

    @property
    def passing_bytes(self) -> int:
        """What the lesson and the questions weigh: they can be let go."""
        state = self.state
        views = () if state.lesson is None else state.lesson.views
        vectors = [*views, *(denied.vector for denied in state.denied), *(() if state.doubt is None else (state.doubt.vector,))]
        entries = len(state.denied) + len(state.asked) + (state.lesson is not None) + 3 * (state.doubt is not None)
        return sum(map(sizes.vector_bytes, vectors)) + sizes.ENTRY_BYTES * entries

    def shed(self) -> tuple[Dropped, ...]:
        """Let go of one thing that can be spared: denials first, then the question, then the lesson."""
        state = self.state
        if state.denied:
            del state.denied[0]
            return (Dropped("denial", "budget"),)
        if state.doubt is not None or state.asked:
            state.doubt, state.asked = None, {}
            return (Dropped("question", "budget"),)
        state.lesson = None
        return (Dropped("lesson", "budget"),)

    # ------------------------------------------------------------ inside

    def _denied(self, name: str, look: Exact) -> bool:
        return any(denied.name == name and cosine(exact(denied.vector), look) > _DENIED for denied in self.state.denied)

    def _add(self, name: str, views: tuple[Vector, ...], view_ns: tuple[int, ...], t_ns: int) -> tuple[Concept | None, tuple[Dropped, ...]]:
        old = self.state.known.get(name)
        if old is not None:
            views, view_ns, t_ns = (*old.concept.views, *views), (*old.view_ns, *view_ns), old.concept.t_taught_ns
        if len({view.size for view in views}) > 1:
            return None, (Dropped("view", "unusable"),)
        views, view_ns = _diverse(views, view_ns)
        known = Known(Concept(name, views, t_ns), view_ns)
        weight = self.known_bytes + _weight(known) - (_weight(old) if old is not None else 0)
        if weight > self._config.ram_bytes // _SHARE or (old is None and len(self.state.known) >= MAX_CONCEPTS):
            return None, (Dropped("concept", "budget"),)
        if old is not None:
            self._unlearnt(old)
        self.state.known[name] = known
        self._learnt(known)
        return known.concept, ()

    def _learnt(self, known: Known) -> None:
        self._means[known.concept.name] = exact_sum(mean_of(known.concept.views))
        self.known_bytes += _weight(known)

    def _unlearnt(self, known: Known) -> None:
        self._means.pop(known.concept.name, None)
        self.known_bytes -= _weight(known)


def _unlike(count: int) -> tuple[Dropped, ...]:
    return (Dropped("view", "unlike", count),) if count else ()


def _weight(known: Known) -> int:
    return sizes.concept_bytes(known.concept) + sizes.views_bytes(known.concept.views)


def _diverse(views: tuple[Vector, ...], view_ns: tuple[int, ...]) -> tuple[tuple[Vector, ...], tuple[int, ...]]:
    """At most twelve views: of the two most alike the older goes, until they fit."""
    left = list(zip(views, view_ns, (exact(view) for view in views), strict=True))
    while len(left) > MAX_VIEWS:
        pairs = ((cosine(left[i][2], left[j][2]), -i) for i in range(len(left)) for j in range(i + 1, len(left)))
        del left[-max(pairs)[1]]
    return tuple(view for view, _, _ in left), tuple(t_ns for _, t_ns, _ in left)
