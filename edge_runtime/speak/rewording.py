"""A fact in other words: what a language model is told, and the guard that lets its words through or not.

The guard goes by one rule: without the few words that carry no meaning of their own, and with words that mean the same taken for one
another, both sentences say the same words in the same order. So no number, name, quotation, hedge or negation can be lost, changed,
added or tied to something else. Only words of time at either end ("12 s ago, at 0:31"; "in the last 10 min") may move to the other. It
refuses much that would have been right; then the sentence is said as it was.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from edge_runtime.speak import phrasing
from edge_runtime.speak.rewording_examples import EXAMPLES

_EMPTY = frozenset({"a", "an", "the", "that", "and"})
"""Words that may come and go."""
_SAME = {
    "saw": ("spotted", "noticed", "have seen", "have spotted", "have noticed"),
    "looked at": ("gazed at", "have looked at"),
    "read": ("have read",),
    "near": ("close to", "nearby"),
    "last": ("most recently",),
    "in view": ("visible", "in sight"),
    "now": ("right now", "at the moment", "currently"),
    "in all": ("in total", "altogether"),
    "yes": ("yeah",),
    "perhaps": ("maybe", "possibly"),
    "what looks like": ("what seems to be", "what appears to be", "something that looks like", "something that seems to be"),
    "before now": ("earlier than now",),
    "in the last": ("in the past", "during the last", "during the past", "within the last", "over the last", "over the past"),
    "s": ("sec", "secs", "second", "seconds"),
    "min": ("mins", "minute", "minutes"),
    "h": ("hour", "hours"),
    "1 times": ("once", "1 time"),
    "2 times": ("twice",),
}
"""What may be said in place of what; of units, only behind a number."""
_UNITS = frozenset({"s", "min", "h"})
_HEDGES = frozenset({"perhaps", "about", "least", "most", "looks", "like", "something", "similar", "think", "sure"})
_NEGATIONS = frozenset({"not", "no", "never", "none", "nothing", "neither", "nor", "without"})
_SMALL = {
    word: n
    for n, word in enumerate(
        phrasing.words("""
        zero one two three four five six seven eight nine ten
        eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen
        """)
    )
}
_TENS = {word: 10 * n for n, word in enumerate(phrasing.words("twenty thirty forty fifty sixty seventy eighty ninety"), start=2)}
_QUOTED = re.compile(r'"[^"]*"')
_WORD = re.compile(r'"[^"]*"|;|[^\W_]+(?:[-\'./:&][^\W_]+)*')
_WITH_UNIT = re.compile(r"(\d+)(s|min|h)")
_BETWEEN = frozenset(" ,:")
_CURLY = frozenset("\u201c\u201d")
_MOST_LONGER = 60
"""Characters by which other words may be longer: seconds for s, and words that may come."""


class _Said(NamedTuple):
    """A sentence as it is compared.

    Attributes:
        lead: Words of time that it begins with, each a tuple of words.
        core: The words between.
        tail: Words of time that it ends with.
    """

    lead: tuple[tuple[str, ...], ...]
    core: tuple[str, ...]
    tail: tuple[tuple[str, ...], ...]

    @property
    def times(self) -> tuple[tuple[str, ...], ...]:
        """All words of time at its ends."""
        return (*self.lead, *self.tail)

    @property
    def movable(self) -> bool:
        """Whether it is plain what the words of time belong to, wherever they stand: one clause, one time of each kind."""
        kinds = [time[0] if time[0] in ("at", "in") else "ago" for time in self.times]
        return ";" not in self.core and len(set(kinds)) == len(kinds)

    @property
    def words(self) -> Counter[str]:
        """All its words, counted."""
        return Counter([*self.core, *(word for time in self.times for word in time)])


def prompt_for(template: str) -> str:
    """What a language model is asked in order to have a sentence in other words: the sentence, after two turns with one like it.

    To a model of 135 million weights an instruction says little, and examples of another kind of sentence less than none.
    """
    examples = next(pairs for beginning, pairs in EXAMPLES if template.startswith(beginning))
    return "".join(f"{sentence}\nassistant\n{other}\nuser\n" for sentence, other in examples) + template


def rewordable(template: str) -> bool:
    """Whether a sentence is one that other words can be compared with: one sentence, without signs that the guard does not know."""
    return not _CURLY & set(template) and _said(template) is not None


def keeps(template: str, words: str) -> bool:
    """Whether other words say what the template says, no more and no less."""
    return not objection(template, words)


def objection(template: str, words: str) -> str:
    """Why other words are not let through.

    Args:
        template: The sentence as it was.
        words: The sentence of the model.

    Returns:
        A machine code: ``sentence`` (not one plain sentence), ``length``, ``quotation``, ``number``, ``negation``, ``hedge``, ``name``
        (a new capital), ``added``, ``dropped``, ``order``; ``""`` if there is nothing to object to.
    """
    if words == template:
        return ""
    before, after = _said(template), _said(words)
    if before is None or after is None or not rewordable(template):
        return "sentence"
    if len(words) > len(template) + _MOST_LONGER:
        return "length"
    if before.words != after.words:
        return _difference(before.words, after.words)
    if not set(_capitals(words)[1:]) <= {"I", "I've", *_capitals(template)}:
        return "name"
    moved = sorted(before.times) != sorted(after.times) if before.movable else before != after
    return "order" if moved or before.core != after.core else ""


def _difference(before: Counter[str], after: Counter[str]) -> str:
    dropped, added = before - after, after - before
    changed = dropped + added
    if any(word.startswith('"') for word in changed):
        return "quotation"
    if any(word[0].isdigit() or word in _UNITS for word in changed):
        return "number"
    if _NEGATIONS & set(changed):
        return "negation"
    if _HEDGES & set(dropped):
        return "hedge"
    return "added" if added else "dropped"


# ---------------------------------------------------------------- a sentence taken apart


def _said(text: str) -> _Said | None:
    """Take one plain sentence apart; ``None`` if it is none."""
    plain = _straight(text).strip()
    body = plain[:-1] if plain.endswith(".") else plain
    between = _WORD.sub("", body)
    if not set(between) <= _BETWEEN:
        return None
    words = _united(_numbers([word for found in _WORD.findall(body) for word in _folded(found)]))
    if not words or words[-1] in _EMPTY:
        return None
    lead, rest = _times_at_the_beginning(words)
    tail, core = _times_at_the_end(rest)
    return _Said(lead, tuple(word for word in core if word not in _EMPTY), tail)


def _straight(text: str) -> str:
    """Quotation marks and apostrophes as a keyboard has them; the rest as Unicode composes it."""
    straight = text.translate({0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"'})
    return " ".join(unicodedata.normalize("NFC", straight).split())


def _folded(word: str) -> tuple[str, ...]:
    """A word in small letters, a contraction as its parts; a quotation as it stands."""
    if word.startswith('"'):
        return (word,)
    small = word.casefold()
    if with_unit := _WITH_UNIT.fullmatch(small):
        return with_unit[1], with_unit[2]
    if small in ("can't", "cannot"):
        return "can", "not"
    if small.endswith("n't"):
        return small[:-3], "not"
    return (small[:-3], "have") if small.endswith("'ve") else (small,)


def _numbers(words: Sequence[str]) -> list[str]:
    """Numbers in figures: ``thirty-four`` becomes ``34``."""
    figures = []
    for word in words:
        tens, _, ones = word.partition("-")
        if word in _SMALL or word in _TENS:
            figures.append(str(_SMALL.get(word, _TENS.get(word))))
        elif tens in _TENS and 0 < _SMALL.get(ones, 0) < 10:
            figures.append(str(_TENS[tens] + _SMALL[ones]))
        else:
            figures.append(word)
    return figures


def _united(words: Sequence[str]) -> list[str]:
    """Words that mean the same, as one of them; the longest first."""
    united: list[str] = []
    at = 0
    while at < len(words):
        for other, kept in _ONE_FOR_ALL:
            behind_number = bool(united) and united[-1].isdigit()
            if tuple(words[at : at + len(other)]) == other and (behind_number or kept[0] not in _UNITS):
                united.extend(kept)
                at += len(other)
                break
        else:
            united.append(words[at])
            at += 1
    return united


_ONE_FOR_ALL: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = tuple(
    sorted(
        ((tuple(other.split()), tuple(kept.split())) for kept, others in _SAME.items() for other in others),
        key=lambda pair: -len(pair[0]),
    )
)


# ---------------------------------------------------------------- words of time at either end


def _times_at_the_beginning(words: Sequence[str]) -> tuple[tuple[tuple[str, ...], ...], list[str]]:
    times: list[tuple[str, ...]] = []
    rest = list(words)
    while rest:
        size = next((n for n in range(min(8, len(rest)), 1, -1) if _is_time(rest[:n])), 0)
        if not size:
            break
        times.append(tuple(rest[:size]))
        rest = rest[size:]
    return tuple(times), rest


def _times_at_the_end(words: Sequence[str]) -> tuple[tuple[tuple[str, ...], ...], list[str]]:
    times: list[tuple[str, ...]] = []
    rest = list(words)
    while rest:
        size = next((n for n in range(min(8, len(rest)), 1, -1) if _is_time(rest[-n:])), 0)
        if not size:
            break
        times.insert(0, tuple(rest[-size:]))
        rest = rest[:-size]
    return tuple(times), rest


def _is_time(words: Sequence[str]) -> bool:
    """Whether words are ``[last] 2 h 5 min ago``, ``[last] just now``, ``at 0:31`` or ``in the last 10 min``."""
    return _TIME.fullmatch(" ".join(words)) is not None


_SPAN = r"(?:\d+ h \d+ min|\d+ (?:s|min|h))"
_TIME = re.compile(rf"(?:last )?(?:{_SPAN} ago|just now)|at \d+(?::\d\d)+|in the last {_SPAN}")


def _capitals(text: str) -> list[str]:
    """Words outside quotations that are written with a capital, and the first one."""
    words = _WORD.findall(_QUOTED.sub("", _straight(text)))
    return [word for number, word in enumerate(words) if number == 0 or word[0].isupper()]
