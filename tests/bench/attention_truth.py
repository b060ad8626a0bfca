"""What a gallery walk should leave behind: questions and watches made from its ground truth, and how their answers are scored.

What the wearer attended to is what the eye rested on for 300 ms without a break; what stood plainly in the picture at another time may be
answered too and is no error. Nothing is asked that nobody looked at, but for a few words that hang nowhere in the gallery.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from devices import gallery
from devices.gallery.cards import CARDS
from devices.gallery.script import TAUGHT_NS
from edge_runtime.config import MS, S
from edge_runtime.protocol import Asked, Event, Taught, WatchSet
from edge_runtime.records import Concept
from edge_runtime.speech import Response

HELD_NS = 300 * MS
"""Shortest rest of the eye that counts as attending."""
APART_NS = 3 * S
"""Two stays at one thing with less between them are one: the runtime's own rule for counting appearances."""
TIME_TOLERANCE_NS = 3 * S
LENGTH_TOLERANCE = 0.3
"""Share by which "how long" may be off, or a second if that is more."""
APART_KINDS = ("absent", "how_long")
"""Questions that are counted by themselves: what was never there, and how long the eye rested, which no look decides alone."""
EDGE_NS = 1 * S
"""A thing may be seen so long before and after most of it is in the picture."""
ALERT_LATE_NS = 2 * S
ASK_EVERY_NS = 7 * S
_ANSWER_NS = 5 * S
_SETTLE_NS = 3 * S

WORDS = {"cat": "a cat", "motorcycle": "a motorcycle", "bus": "a bus", "dahlia": "a flower", "photographer": "a camera"}
"""Things of the gallery that a word of the vocabulary names."""
CONCEPTS = {"mug": "my mug"}
TEXTS = {card.name: tuple(line.text for line in card.lines) for card in CARDS}
ABSENT = ("a dog", "a pizza", "an umbrella", "a bicycle", "a laptop", "a guitar")
WATCHES = (
    (20, "cat", "tell me when I see a cat"),
    (30, "motorcycle", "tell me when I look at a motorcycle"),
    (37, "mug", "tell me when I see my mug"),
    (40, "bus", "tell me when I see a bus"),
    (55, "letter", 'tell me when I see the word "PRIVATE"'),
)
"""Seconds, the thing waited for, the wearer's words. Each is set while its thing is out of view."""


@dataclass(frozen=True)
class Span:
    """A stretch of the stream, nanoseconds."""

    start_ns: int
    end_ns: int

    def near(self, t_ns: int, slack_ns: int) -> bool:
        """Whether a moment lies in it, give or take."""
        return self.start_ns - slack_ns <= t_ns <= self.end_ns + slack_ns


@dataclass(frozen=True)
class Question:
    """A question, and whether an answer is right.

    Attributes:
        event: As the wearer asks it.
        kind: ``seen``, ``when``, ``where``, ``how_often``, ``said``, and, counted apart, ``how_long`` and ``absent``.
        right: Judges the answer.
    """

    event: Asked
    kind: str
    right: Callable[[Response], bool]


@dataclass(frozen=True)
class Alert:
    """A watch, and when its alert is due.

    Attributes:
        watch: Its id: the name of the thing.
        due: Appearances in which the wearer looked at the thing: each is to be told.
        allowed: All appearances: an alert outside of them is false.
    """

    watch: str
    due: tuple[Span, ...]
    allowed: tuple[Span, ...]


class Truth:
    """What was attended to in the first part of a walk.

    Args:
        seed: Of the walk.
        length_ns: How much of it is played.
    """

    def __init__(self, seed: int, length_ns: int) -> None:
        self._all = gallery.truth(seed)
        self._length_ns = length_ns

    def stays(self, name: str) -> tuple[Span, ...]:
        """When the wearer looked at a thing; short breaks are bridged."""
        rests = [f for f in self._all.looked_at(name) if f.end_ns - f.start_ns >= HELD_NS and f.end_ns < self._length_ns]
        return _joined([Span(f.start_ns, f.end_ns) for f in rests], APART_NS)

    def in_view(self, name: str) -> tuple[Span, ...]:
        """When most of a thing was in the picture."""
        return tuple(Span(a.start_ns, min(a.end_ns, self._length_ns)) for a in self._all.in_view(name) if a.start_ns < self._length_ns)

    def script(self) -> tuple[Event, ...]:
        """The lesson and the watches."""
        taught = Taught(t_ns=TAUGHT_NS, concept=Concept(name="mug", t_taught_ns=TAUGHT_NS))
        watches = [WatchSet(t_ns=t_s * S, watch=name, text=text) for t_s, name, text in WATCHES if t_s * S < self._length_ns]
        return (taught, *watches)

    def alerts(self) -> tuple[Alert, ...]:
        """What the watches should tell."""
        found = []
        for t_s, name, _ in WATCHES:
            allowed = tuple(span for span in self.in_view(name) if span.end_ns > t_s * S)
            due = tuple(span for span in _joined(allowed, APART_NS) if any(span.near(s.start_ns, 0) for s in self.stays(name)))
            found.append(Alert(name, due, allowed))
        return tuple(found)

    def questions(self) -> tuple[Question, ...]:
        """Every question, in order of time: about a sign when the wearer has just turned away, the others after the walk."""
        found = [q for name in TEXTS for q in self._about_sign(name)]
        asked = [(name, phrase) for name, phrase in (*CONCEPTS.items(), *WORDS.items())]
        asked += [(name, f'the words "{line}"') for name, lines in TEXTS.items() for line in lines]
        later: list[tuple[str, str, Callable[[Response], bool]]] = []
        for name, phrase in asked:
            later += self._about(name, phrase) if self.stays(name) else []
        later += [("absent", f"did I see {phrase}?", lambda said: said.text.startswith("No")) for phrase in ABSENT]
        for n, (kind, text, right) in enumerate(later):
            t_ns = self._length_ns + _SETTLE_NS + n * ASK_EVERY_NS
            found.append(Question(Asked(t_ns=t_ns, question=f"{n}-{kind}", text=text), kind, right))
        return tuple(sorted(found, key=lambda question: question.event.t_ns))

    def _about(self, name: str, phrase: str) -> list[tuple[str, str, Callable[[Response], bool]]]:
        stays, views = self.stays(name), self.in_view(name)
        last = stays[-1]

        def lately(t_ns: int) -> bool:
            seen = any(span.near(t_ns, EDGE_NS) for span in (*stays, *views))
            return seen and t_ns >= last.end_ns - TIME_TOLERANCE_NS

        def when(said: Response) -> bool:
            moment = re.search(r"at (\d+):(\d\d)", said.text)
            return moment is not None and lately((int(moment[1]) * 60 + int(moment[2])) * S + S // 2)

        def where(said: Response) -> bool:
            return any(last.start_ns - EDGE_NS <= look.t_ns and any(v.near(look.t_ns, EDGE_NS) for v in views) for look in said.evidence)

        held_s = sum(f.end_ns - f.start_ns for f in self._all.looked_at(name) if f.end_ns < self._length_ns) / S

        def how_long(said: Response) -> bool:
            length = re.search(r"for (\d+) s", said.text)
            return length is not None and abs(int(length[1]) - held_s) <= max(1.0, LENGTH_TOLERANCE * held_s)

        count = {1: "once", 2: "twice"}.get(len(stays), f"{len(stays)} times")
        return [
            ("seen", f"did I see {phrase}?", lambda said: said.text.startswith("Yes")),
            ("when", f"when did I last see {phrase}?", when),
            ("where", f"where did I last see {phrase}?", where),
            ("how_often", f"how often did I look at {phrase}?", lambda said: count in said.text),
            ("how_long", f"how long did I look at {phrase}?", how_long),
        ]

    def _about_sign(self, name: str) -> list[Question]:
        lines = TEXTS[name]

        def right(said: Response) -> bool:
            return all(line in said.text for line in lines)

        # Never while an alert is due: a voice says one thing at a time.
        due = [span for alert in self.alerts() for span in alert.due]
        ends = [stay.end_ns + S for stay in self.stays(name) if not any(span.near(stay.end_ns + S, _ANSWER_NS) for span in due)]
        return [
            Question(Asked(t_ns=t_ns, question=f"sign-{name}-{n}", text="what did the sign say?"), "said", right)
            for n, t_ns in enumerate(ends)
        ]


def told(alert: Alert, times_ns: Sequence[int]) -> tuple[int, int]:
    """How many of a watch's due appearances were told, and how many of its alerts fall into an appearance."""
    hits = sum(any(span.start_ns - EDGE_NS <= t <= span.end_ns + ALERT_LATE_NS for t in times_ns) for span in alert.due)
    true = sum(any(span.start_ns - EDGE_NS <= t <= span.end_ns + ALERT_LATE_NS for span in alert.allowed) for t in times_ns)
    return hits, true


def _joined(spans: Sequence[Span], apart_ns: int) -> tuple[Span, ...]:
    joined: list[Span] = []
    for span in sorted(spans, key=lambda span: span.start_ns):
        if joined and span.start_ns - joined[-1].end_ns <= apart_ns:
            joined[-1] = Span(joined[-1].start_ns, max(joined[-1].end_ns, span.end_ns))
        else:
            joined.append(span)
    return tuple(joined)
