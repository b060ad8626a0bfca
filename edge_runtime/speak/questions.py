"""The wearer's question: which of the few that facts can answer, and about what."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from edge_runtime.speak import targets
from edge_runtime.types import Value

QuestionKind = Literal[
    "where",
    "when",
    "how_long",
    "how_often",
    "before",
    "after",
    "next_to",
    "seen",
    "said",
    "now",
    "looked",
    "longest",
    "first_of",
    "never",
    "at_place",
    "where_before",
    "where_after",
    "other",
]
Relation = Literal["before", "after", "while", ""]


class Question(Value, frozen=True):
    """A question, taken apart.

    Attributes:
        kind: What is asked; ``other`` is everything that facts cannot answer.
        phrase: The thing it is about, or ``""``.
        first: Whether the first time is meant rather than the last.
        gazed: Whether it is about what the wearer looked at, rather than what was in view.
        carrier: What the text asked about is said to stand on, such as ``letter``; ``""`` for a sign, or for no particular thing.
        relation: How the time asked about lies to ``anchor``; ``while`` is while the wearer was there.
        anchor: The thing or the place that tells the time, or ``""``.
    """

    kind: QuestionKind
    phrase: str = ""
    first: bool = False
    gazed: bool = False
    carrier: str = ""
    relation: Relation = ""
    anchor: str = ""


_WHO = r"(?:i|you|we)"
_SEE = r"(?:see|seen|saw|notice|noticed|spot|spotted|pass|passed|meet|met|come across|came across)"
_GAZE = r"(?:look(?:ed|ing)?(?: at)?|gazed? (?:at|on)|stared? at|staring at|fixated?(?: on)?|watch(?:ed|ing)?)"
_LEAVE = r"(?:leave|left|put(?: down)?|lay|set(?: down)?|place|drop|park|store|have|see|seen|notice|spot)"
_SIGN = rf"(?P<carrier>{targets.CARRIERS}|it|that|this|writing)"
_ANY_TEXT = {"sign", "signs", "text", "texts", "word", "words", "it", "that", "this", "writing"}
_THE = r"(?:the |that |this |my |a )?"
_ORDER = r"(?P<order>first |last )?"
_JUST = r"(?: (?:just|right|directly|immediately|next))?"
_HAVING = rf"(?: (?:looking at|seeing|i {_GAZE}|i {_SEE}))?"
_NEVER = r"(?:did|have) i (?:never|not) (?:look(?:ed)? at|see|seen)(?: at all)?"
_OF_THESE = r"of (?:these|those|them)"
_POLITE = re.compile(
    r"^(?:(?:please|hey|ok(?:ay)?|so|and|(?:can|could|would|will) you(?: please)?(?: tell me)?|"
    r"do you (?:know|remember)|tell me|remember),? )+(?:if )?",
    re.I,
)

_PATTERNS: tuple[tuple[QuestionKind, str], ...] = (
    ("never", rf"(?:which|what)(?: one)?(?: {_OF_THESE})?(?: things?)? {_NEVER}|{_OF_THESE},? (?:which|what)(?: one)? {_NEVER}"),
    ("first_of", rf"(?:{_OF_THESE},? )?(?:which|what)(?: one)?(?: {_OF_THESE})? did i (?:{_GAZE}|{_SEE}) first"),
    ("now", r"what (?:am i|are we) (?:look|star|gaz)ing at(?: (?:now|right now|at the moment))?"),
    ("now", r"what (?:is|'s) (?:this|that)(?: here)?|what do i see(?: now)?"),
    ("where_before", rf"where (?:was i|were we|have i been){_JUST} before{_HAVING} (?P<x>.+)"),
    ("where_after", rf"where (?:was i|were we|did i go){_JUST} after{_HAVING} (?P<x>.+)"),
    ("next_to", r"what (?:was|were|is|did i see) (?:near|next to|beside|close to|together with|with|around) (?P<x>.+)"),
    ("at_place", r"what (?:was|were) (?:there )?(?:on|by|at|in) (?P<x>.+)"),
    ("at_place", rf"what (?:did|have) i {_SEE} (?:on|by|at|in) (?P<x>.+)"),
    ("longest", rf"what did i {_GAZE} (?:(?:for )?(?:the )?longest|most)"),
    ("before", rf"what (?:did|had) i (?:{_GAZE}|{_SEE}){_JUST} before{_HAVING} (?P<x>.+)"),
    ("after", rf"what did i (?:{_GAZE}|{_SEE}){_JUST} after{_HAVING} (?P<x>.+)"),
    ("looked", rf"what (?:did|have) i (?:{_GAZE}|{_SEE})(?: (?:so far|today|last))?"),
    ("looked", r"what (?:was i|were we) (?:look|star|gaz)ing at"),
    ("said", rf"what (?:did|does) {_THE}{_ORDER}{_SIGN} (?:say|read|show)(?: (?:again|on it))?"),
    ("said", rf"what (?:was|is) (?:written|printed) (?:on|in) {_THE}{_ORDER}{_SIGN}"),
    ("said", rf"what did i {_ORDER}read(?: last)?|read (?:it|that|this)(?: (?:again|to me|out|aloud))*"),
    (
        "said",
        r"(?:what|which) (?:(?:brand|product|company|shop|street|station)(?: name)?|names?|text|words?|numbers?|letters?|title)"
        r" (?:is|are|was|were|stands?|stood)(?: (?:written|printed|shown))? (?:on|in|above) (?P<x>.+)",
    ),
    ("where", rf"where (?:have|had|did|do) {_WHO} (?:last )?{_LEAVE} (?P<x>.+)"),
    ("where", r"where(?:'s| is| are| was| were) (?P<x>.+)|where (?P<y>.+) (?:is|are|was|were)|(?:find|locate) (?P<z>.+)"),
    ("when", rf"when (?:did|have) {_WHO} {_ORDER}(?:{_SEE}|{_GAZE}) (?P<x>.+)"),
    ("when", rf"when was the (?P<order>first|last) time (?:that )?{_WHO} (?:{_SEE}|{_GAZE}) (?P<x>.+)"),
    ("when", rf"(?:when was|how long ago was) (?P<x>.+?) {_ORDER}(?:{_SEE}|visible|in view)"),
    ("when", rf"when did (?P<x>.+?) {_ORDER}(?:appear|come (?:in(?:to)? (?:view|sight)|back)|show up|turn up)"),
    ("when", rf"how long ago did {_WHO} {_ORDER}(?:{_SEE}|{_GAZE}) (?P<x>.+)"),
    ("how_long", rf"(?:for )?how long (?:did|have) {_WHO} (?:been )?(?:{_SEE}|{_GAZE}) (?P<x>.+)"),
    ("how_long", rf"how (?:much time|long) did {_WHO} (?:spend|take|look)(?: on| with)? (?:{_GAZE} )?(?P<x>.+)"),
    ("how_long", r"(?:for )?how long (?:was|were) (?P<x>.+) (?:visible|in view|in sight|there)"),
    ("how_often", rf"how (?:often|many times) (?:did|have) {_WHO} (?:{_SEE}|{_GAZE}) (?P<x>.+)"),
    ("how_often", r"how (?:often|many times) (?:did|was|were|has|have) (?P<x>.+) (?:appear|in view|come into view|seen|visible)"),
    ("seen", rf"(?:did|have) {_WHO} (?:ever )?(?:{_SEE}|{_GAZE}|read) (?P<x>.+)|(?:was|were|is) there (?P<y>.+)"),
)
_COMPILED = tuple((kind, re.compile(pattern, re.I)) for kind, pattern in _PATTERNS)
_TAIL = re.compile(
    r",? (?:again|today|so far|anywhere|at all|yet|already|please|last|first|in view|down|"
    r"(?:for )?the (?:first|last) time)$",
    re.I,
)
_ABOUT_GAZE = re.compile(rf"\bi (?:first |last |ever )?{_GAZE}\b|\b(?:looking|staring|gazing) at\b", re.I)


_BY = r"(?P<while>while|when|as long as) (?:i was|we were) (?:at|by|in|on|near)|(?P<before>before|until|till)|(?P<after>after|since)"
_ANCHORED = re.compile(rf"(?P<head>.+?),? (?:{_BY})(?: (?:looking at|seeing|{_WHO} (?:last )?(?:{_GAZE}|{_SEE})))? (?P<x>.+)", re.I)
_AT_NUMBER = re.compile(r"(?P<head>.+?),? at (?P<x>(?:the )?place (?:number )?\d+)", re.I)
_BY_ITSELF = ("before", "after", "where_before", "where_after", "at_place")


def parse(text: str) -> Question:
    """Take a question apart; what fits no form is ``other``.

    Words of time that are numbers (``in the last 10 minutes``) have been taken out before, see :mod:`edge_runtime.speak.times`.
    """
    question = _form(_plain(text))
    if question.kind in _BY_ITSELF:
        return question
    for pattern in (_ANCHORED, _AT_NUMBER):
        found = pattern.fullmatch(_plain(text))
        if found is None or found["head"].count('"') % 2:
            continue
        head, said = _form(found["head"]), found.groupdict()
        if head.kind != "other":
            relation: Relation = "before" if said.get("before") else "after" if said.get("after") else "while"
            return msgspec.structs.replace(head, relation=relation, anchor=_trimmed(found["x"])[0])
    return question


def _plain(text: str) -> str:
    plain = " ".join(text.replace("\u2019", "'").replace("\u201c", '"').replace("\u201d", '"').split()).strip(" .?!")
    return re.sub(r",? please$", "", _POLITE.sub("", plain), flags=re.I)


def _form(plain: str) -> Question:
    for kind, pattern in _COMPILED:
        found = pattern.fullmatch(plain)
        if found is None:
            continue
        groups = found.groupdict()
        said = groups.get("x") or groups.get("y") or groups.get("z") or ""
        phrase, tail = _trimmed(said)
        order = f"{groups.get('order') or ''} {tail}".casefold()
        carrier = (groups.get("carrier") or "").casefold()
        appeared = kind == "when" and "appear" in pattern.pattern and "last" not in order
        gazed = _ABOUT_GAZE.search(plain) is not None
        return Question(kind, phrase, "first" in order or appeared, gazed, "" if carrier in _ANY_TEXT else carrier)
    return Question("other")


def _trimmed(phrase: str) -> tuple[str, str]:
    tail = ""
    while (found := _TAIL.search(phrase)) is not None:
        tail += found.group()
        phrase = phrase[: found.start()]
    return phrase.strip(" ,"), tail
