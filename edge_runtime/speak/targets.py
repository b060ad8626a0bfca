"""What the wearer means by a few words: a thing they taught, a text to be read, an everyday word - or nothing known.

In this order: a taught concept ("my mug"), a text said to be one ("the word taxi", ``"OPEN"``, EXIT), a word of the label
list. Anything else is refused at once, and so is a known word with something around it that changes what is meant ("a second
mug", "the dough on the upper board"): colours, numbers, places and actions cannot be told from features and labels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from edge_runtime import vocabulary
from edge_runtime.records import Concept, Query, SightingKind, What
from edge_runtime.speak import labels, phrasing
from edge_runtime.types import Capabilities, Value
from edge_runtime.vocabulary import Word

NEEDS_VLM = "this needs a vision-language model"

_DETERMINERS = frozenset({"a", "an", "the", "my", "our", "any", "some", "your"})
_MINE = frozenset({"my", "our"})
_HARMLESS = frozenset({"actual", "familiar", "nearby", "own", "real"})
_CHANGING = frozenset(
    phrasing.words("""
    0 1 2 3 4 5 6 7 8 9 10 zero one two three four five six seven eight nine ten first second third fourth fifth last next
    only just no not never none both all every each many more most few fewer less several another other others same else
    and or but than that which who whose whom this these those it he she they him her them
    on in at of off over under above below behind beside between near by to from with without into onto inside outside next
    around against along through
    is are was were be been being am do does did done has have had having can could will would should may might
    start starts started begin begins began stop stops stopped when while if because there here where why how
    """)
)
CARRIERS = "(?:sign|card|label|screen|display|door|poster|page|plate|board|note|notice|menu|letter|ticket|text|word|name)s?"
"""What text stands on, as a pattern."""
_SAYING = re.compile(
    rf"(?:an? |the |any |some |my )?{CARRIERS}(?: (?:that|which))? (?:says?|saying|reads?|reading|with|showing|spells?|spelling)"
    r"(?: the words?)? (?P<x>.+)",
    re.IGNORECASE,
)
_WORD = re.compile(r"(?:an? |the )?(?:exact )?(?:word|words|text|name|letters|number) (?P<x>.+)", re.IGNORECASE)
_QUOTED = re.compile(r"""(?:(?:an? |the )?(?:\w+ )?)?["\u201c\u201d](?P<x>[^"\u201c\u201d]+)["\u201c\u201d]|'(?P<y>[^']+)'""")


class Target(Value, frozen=True):
    """Something that can be recognised.

    Attributes:
        kind: By what.
        name: The concept's name, the text, or the everyday word.
        phrase: As it stands in a sentence: ``your mug``, ``"TAXI"``, ``a bicycle``.
        classes: The classes that carry an everyday word: what a look is matched by.
        words: The word and those it includes: what facts are named by.
    """

    kind: Literal["concept", "text", "label"]
    name: str
    phrase: str
    classes: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    @property
    def looks_like(self) -> str:
        """The phrase as a claim: a label is a hint, never a statement."""
        return f"what looks like {self.phrase}" if self.kind == "label" else self.phrase

    def query(self, *, t_from_ns: int = 0, newest_first: bool = True, limit: int = 16) -> Query:
        """Ask a memory for it."""
        kinds: tuple[SightingKind, ...] = (self.kind,)
        if self.kind == "text":
            return Query(kinds=kinds, text=self.name, t_from_ns=t_from_ns, newest_first=newest_first, limit=limit)
        names = (*self.words, *self.classes) if self.kind == "label" else (self.name,)
        return Query(names=names, kinds=kinds, t_from_ns=t_from_ns, newest_first=newest_first, limit=limit)

    def is_shown_by(self, what: What) -> bool:
        """Say whether a sighting or a match is one of this."""
        if what.kind != self.kind:
            return False
        if self.kind == "text":
            return phrasing.holds(what.name, self.name)
        return what.name in (*self.words, *self.classes) if self.kind == "label" else what.name == self.name


class Refusal(Value, frozen=True):
    """Why something cannot be recognised.

    Attributes:
        code: ``UNKNOWN_WORD``, ``UNTAUGHT``, ``LEARNING``, ``NEEDS_VLM`` or ``NOT_UNDERSTOOD``.
        text: The sentence that says so.
    """

    code: str
    text: str


def resolve(phrase: str, concepts: Mapping[str, Concept], capabilities: Capabilities) -> Target | Refusal:
    """Find out what is meant.

    Args:
        phrase: As said, with or without an article.
        concepts: What the wearer has taught.
        capabilities: What the loaded models can do.
    """
    phrase = phrase.strip(" \t.,;:!?")
    tokens = phrase.casefold().split()
    mine = bool(tokens) and tokens[0] in _MINE
    tokens = _bare(tokens)
    name = " ".join(tokens)
    if not name:
        return Refusal("NOT_UNDERSTOOD", "I did not understand what to look for.")
    said_a = phrase.casefold().split()[0] in ("a", "an", "any", "some")
    concept = concepts.get(name)
    if concept is not None and (mine or not said_a or labels.canonical(name) is None):
        if not concept.views:
            return Refusal("LEARNING", f"I am still learning your {name}; keep looking at {phrasing.pronoun(name)}.")
        return Target("concept", name, f"your {name}")
    text = _explicit_text(phrase)
    if text:
        if not capabilities.text:
            return Refusal("UNKNOWN_WORD", "I cannot read with the models that are loaded.")
        return Target("text", text, phrasing.quoted(text))
    changing = [token for token in tokens if token in _CHANGING]
    if changing:
        return Refusal("NEEDS_VLM", _too_much(phrase, tokens, capabilities))
    if mine:
        these = "these are" if phrasing.is_plural(name) else "this is"
        return Refusal("UNTAUGHT", f"I do not know your {name} yet; show {phrasing.pronoun(name)} to me and say: {these} my {name}.")
    word = labels.canonical(name)
    if word is not None and capabilities.labels:
        return Target("label", word.name, labels.phrase(word), word.classes, vocabulary.narrower(word))
    if word is None and _known_part(tokens) is not None and capabilities.labels:
        return Refusal("NEEDS_VLM", _too_much(phrase, tokens, capabilities))
    return unknown(labels.phrase(word) if word is not None else phrasing.indefinite(name))


def unknown(phrase: str) -> Refusal:
    """Refuse a word that no class carries: ``I cannot recognise a theremin; show me one.``."""
    return Refusal("UNKNOWN_WORD", f"I cannot recognise {phrase}; show me {'one' if phrase.startswith(('a ', 'an ')) else 'some'}.")


def _bare(tokens: list[str]) -> list[str]:
    while tokens and tokens[0] in _DETERMINERS:
        tokens = tokens[1:]
    return [token.strip(",;") for token in tokens if token not in _HARMLESS]


def _explicit_text(phrase: str) -> str:
    for pattern in (_SAYING, _WORD):
        found = pattern.fullmatch(phrase)
        if found is not None:
            return found["x"].strip(" \"'\u201c\u201d.!?")
    found = _QUOTED.fullmatch(phrase)
    if found is not None:
        return (found["x"] or found["y"] or "").strip()
    bare = re.sub(r"^(?:an?|the|any) ", "", phrase)
    if len(bare) < 2 or not bare.isupper() or (len(bare) <= 3 and labels.canonical(bare) is not None):
        return ""
    return bare


def _known_part(tokens: list[str]) -> Word | None:
    """The known word of a longer phrase: what stands before the first word that changes it, else what it ends with."""
    clean = next((i for i, token in enumerate(tokens) if token in _CHANGING), 0)
    for part in (tokens[:clean], *(tokens[first:] for first in range(1, len(tokens)))):
        word = labels.canonical(" ".join(part))
        if word is not None:
            return word
    return None


def _too_much(phrase: str, tokens: list[str], capabilities: Capabilities) -> str:
    found = _known_part(tokens)
    if found is None or not capabilities.labels:
        return f"I cannot recognise {phrasing.quoted(phrase)}: {NEEDS_VLM}."
    return f"I can recognise {labels.phrase(found)}, but not {phrasing.quoted(phrase)}: {NEEDS_VLM}."
