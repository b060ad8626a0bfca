"""Text read over several looks, put together by vote.

One look at a sign may misread a letter, the next one another. Every line keeps the strings it was read as, each with the
sum of the confidences it was read with; the string with the greatest sum stands for the line. Between looks the head
moves, so a look is first laid over what is known by the shift that explains most of it.

Pure and bounded: no clock, no I/O, at most ``MAX_LINES`` lines of ``MAX_STRINGS`` strings of ``MAX_CHARS`` characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

import msgspec

from edge_runtime.types import Box, TextLine

MAX_LINES = 12
MAX_STRINGS = 6
MAX_CHARS = 256

_UNIT = 10_000  # votes are whole numbers, so that a sum does not depend on the order of its terms
_ALIKE = 0.5  # similarity from which two strings at one place are one line
_SAME = 0.6  # similarity from which two strings are one line wherever they stand
_BESIDE = 0.3  # overlap from which two boxes are one place
_TERSE = 2  # strings this short have no similarity to speak of: their place decides


class Candidate(msgspec.Struct, frozen=True):
    """One string a line was read as.

    Attributes:
        text: Verbatim.
        votes: Sum of the confidences it was read with, in 1/10000.
        looks: How many looks read it so.
    """

    text: str
    votes: int
    looks: int

    @property
    def confidence(self) -> float:
        """Mean confidence, 0..1."""
        return self.votes / (self.looks * _UNIT)


class KnownLine(msgspec.Struct, frozen=True):
    """One line, as read so far.

    Attributes:
        strings: Best first: by votes, then by mean confidence, then alphabetically; never empty.
        box: Where it stood in the frame that showed it last.
        left: Left edge, in the frame that began the reading; normalised, may lie outside 0..1. So do the next three.
        top: Top edge.
        right: Right edge.
        bottom: Bottom edge.
        seen: The look that showed it last, counted from 1.
    """

    strings: tuple[Candidate, ...]
    box: Box
    left: float
    top: float
    right: float
    bottom: float
    seen: int


class Reading(msgspec.Struct, frozen=True):
    """What has been read over the looks so far. A fresh one is empty.

    Attributes:
        lines: In reading order.
        looks: How many looks went in, those that showed no text included.
        dropped: Lines and strings let go because there were too many, or because a line was longer than ``MAX_CHARS``.
    """

    lines: tuple[KnownLine, ...] = ()
    looks: int = 0
    dropped: int = 0


class _Shift(NamedTuple):
    dx: float
    dy: float


class _Pair(NamedTuple):
    known: int
    new: int
    likeness: float
    overlap: float


def merge(reading: Reading, lines: Sequence[TextLine]) -> Reading:
    """Add one look.

    A new line belongs to a known one if, laid over it, they share a place and are alike in spelling (or too short to say, or
    the other lines of the look say that this is the place). Otherwise it is a line of its own, put between its neighbours.

    Args:
        reading: What is known.
        lines: One look, in reading order.

    Returns:
        The reading with the votes of this look. Too many lines: the one not seen for longest goes, then the one with the
        fewest votes, then the last. Too many strings: of those not read in this look the one with the fewest votes goes.
    """
    look = reading.looks + 1
    written = [line for line in lines if line.text.strip()]
    fit = [line for line in written if len(line.text) <= MAX_CHARS][: 2 * MAX_LINES]
    dropped = reading.dropped + len(written) - len(fit)
    alike = [[_likeness(known, line.text) for line in fit] for known in reading.lines]
    shift = _register(reading.lines, fit, alike)
    partner = {pair.new: pair.known for pair in _pairs(reading.lines, fit, alike, shift)}

    grown: dict[int, KnownLine] = {}
    for new, known in partner.items():
        grown[known], lost = _vote(reading.lines[known], fit[new], shift, look)
        dropped += lost
    merged = [grown.get(i, known) for i, known in enumerate(reading.lines)]
    for place, line in _placed(reading.lines, fit, partner, shift):
        merged.insert(place, _first(line, shift, look))

    surplus = sorted(range(len(merged)), key=lambda i: (merged[i].seen, merged[i].strings[0].votes, -i))[: max(0, len(merged) - MAX_LINES)]
    kept = tuple(line for i, line in enumerate(merged) if i not in surplus)
    return Reading(kept, look, dropped + len(surplus))


def best(reading: Reading, accept: float) -> tuple[TextLine, ...]:
    """What the lines say, by vote.

    Args:
        reading: The reading.
        accept: Lowest mean confidence, 0..1, of a winning string.

    Returns:
        The accepted lines in reading order, each with its winning string, the mean confidence of that string, and the box it
        had when last seen. Where an accepted line stands where another stood before it, the older one is left out.
    """
    accepted = [i for i, line in enumerate(reading.lines) if line.strings[0].confidence >= accept]
    shown: list[int] = []
    for i in sorted(accepted, key=lambda i: (-reading.lines[i].seen, i)):
        line = reading.lines[i]
        if not any(reading.lines[j].seen > line.seen and _overlap(reading.lines[j], line) >= _ALIKE for j in shown):
            shown.append(i)
    winners = ((reading.lines[i], reading.lines[i].strings[0]) for i in sorted(shown))
    return tuple(TextLine(won.text, won.confidence, line.box) for line, won in winners)


def _likeness(known: KnownLine, text: str) -> float:
    """Similarity, 0..1, to the nearest of a line's strings; capitals count as small letters."""
    folded = text.casefold()
    score = 0.0
    for candidate in known.strings:
        other = candidate.text.casefold()
        if other == folded:
            return 1.0
        matcher = SequenceMatcher(None, other, folded, autojunk=False)
        if matcher.real_quick_ratio() > score and matcher.quick_ratio() > score:
            score = max(score, matcher.ratio())
    return score


def _overlap(a: KnownLine, b: KnownLine) -> float:
    """Shared share of two places, 0..1: of the shorter height, and nothing if they do not meet sideways."""
    if min(a.right, b.right) <= max(a.left, b.left):
        return 0.0
    shared = min(a.bottom, b.bottom) - max(a.top, b.top)
    return max(0.0, shared / min(a.bottom - a.top, b.bottom - b.top))


def _first(line: TextLine, shift: _Shift, look: int) -> KnownLine:
    """A line as read once, moved to where it stood in the frame that began the reading."""
    box = line.box
    votes = round(min(1.0, max(0.0, line.confidence)) * _UNIT)
    place = (box.x0 + shift.dx, box.y0 + shift.dy, box.x1 + shift.dx, box.y1 + shift.dy)
    return KnownLine((Candidate(line.text, votes, 1),), box, *place, look)


def _register(known: Sequence[KnownLine], lines: Sequence[TextLine], alike: Sequence[Sequence[float]]) -> _Shift:
    """Find the shift that lays the look over what is known: the one that explains most; none, if that explains as much."""
    still = _Shift(0.0, 0.0)
    shifts = [still]
    for i, row in enumerate(alike):
        for j, likeness in enumerate(row):
            if likeness >= _SAME and len(lines[j].text) > _TERSE:
                x, y = lines[j].box.centre
                shifts.append(_Shift((known[i].left + known[i].right) / 2 - x, (known[i].top + known[i].bottom) / 2 - y))
    if len(shifts) == 1:
        return still

    def explained(shift: _Shift) -> float:
        return round(sum(pair.likeness * pair.overlap for pair in _pairs(known, lines, alike, shift)), 6)

    candidates = dict.fromkeys(shifts[: 2 * MAX_LINES])
    return max(candidates, key=lambda shift: (explained(shift), -abs(shift.dx) - abs(shift.dy)))


def _pairs(known: Sequence[KnownLine], lines: Sequence[TextLine], alike: Sequence[Sequence[float]], shift: _Shift) -> list[_Pair]:
    """Pair known and new lines one to one, the surest first; ties go to the earlier line."""
    moved = [_first(line, shift, 0) for line in lines]
    pairs = [
        _Pair(i, j, alike[i][j], overlap)
        for i, old in enumerate(known)
        for j, new in enumerate(moved)
        if (overlap := _overlap(old, new)) >= _BESIDE
    ]
    pairs.sort(key=lambda pair: (-pair.likeness - pair.overlap, pair.known, pair.new))
    chosen: list[_Pair] = []
    # Alike ones first. If there are any, the look is known to lie where it is laid, and place alone pairs the rest.
    for unlike in (False, True):
        anchored = any(pair.likeness >= _SAME for pair in chosen)
        for pair in pairs:
            terse = min(len(known[pair.known].strings[0].text), len(lines[pair.new].text)) <= _TERSE
            fits = pair.likeness >= _ALIKE if not unlike else pair.overlap >= _ALIKE and (anchored or terse)
            if fits and all(pair.known != other.known and pair.new != other.new for other in chosen):
                chosen.append(pair)
    return chosen


def _vote(known: KnownLine, line: TextLine, shift: _Shift, look: int) -> tuple[KnownLine, int]:
    """Add one reading of a line; returns the line, and how many of its strings had to go."""
    new = _first(line, shift, look)
    ballot = new.strings[0]
    others = [c for c in known.strings if c.text != ballot.text]
    for c in known.strings:
        if c.text == ballot.text:
            ballot = Candidate(c.text, c.votes + ballot.votes, c.looks + 1)
    kept = sorted(others, key=_rank)[: MAX_STRINGS - 1]
    strings = tuple(sorted([*kept, ballot], key=_rank))
    return KnownLine(strings, new.box, new.left, new.top, new.right, new.bottom, look), len(others) - len(kept)


def _rank(candidate: Candidate) -> tuple[int, int, str]:
    """Best first; of equal votes the fewer looks (each was surer), then the alphabet. When it was read does not matter."""
    return (-candidate.votes, candidate.looks, candidate.text)


def _placed(known: Sequence[KnownLine], lines: Sequence[TextLine], partner: dict[int, int], shift: _Shift) -> list[tuple[int, TextLine]]:
    """Say where in the known order the unpaired lines of a look go, last first so that inserting shifts no other.

    Before the next paired line of the look; else after the one before it; else, with no line in common, by height.
    """
    placed: list[tuple[int, TextLine]] = []
    for j, line in enumerate(lines):
        if j in partner:
            continue
        after = [partner[k] for k in range(j + 1, len(lines)) if k in partner]
        before = [partner[k] for k in range(j) if k in partner]
        middle = line.box.centre[1] + shift.dy
        by_height = sum(1 for old in known if (old.top + old.bottom) / 2 <= middle)
        placed.append((after[0] if after else before[-1] + 1 if before else by_height, line))
    # A stable sort keeps lines for one spot in their own order; reversed, the later is inserted first and pushed down.
    return sorted(placed, key=lambda item: item[0])[::-1]
