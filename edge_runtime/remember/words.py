"""Words as they are compared: capitals, forms of one letter (full width, ligature) and punctuation do not count."""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+")
_PART = 4
"""A word this long is also found inside another: readers of text lose spaces ("OUTOFORDER")."""


def fold(text: str) -> str:
    """The words of a text, small, with one space before, between and after: ``"No. 7 EXIT"`` gives ``" no 7 exit "``."""
    words = text.split()
    if text.isascii() and "".join(words).isalnum():  # nothing to do for most names, and a question folds them all
        return f" {' '.join(words).lower()} "
    return f" {' '.join(_WORD.findall(unicodedata.normalize('NFKC', text).casefold()))} "


def name_of(text: str) -> str:
    """A name as it is kept: small letters, single spaces."""
    return " ".join(text.casefold().split())


def needles(text: str) -> tuple[str, ...]:
    """What to look for in a folded text: a long word anywhere, a short one only as a whole word."""
    return tuple(word if len(word) >= _PART or not word.isascii() else f" {word} " for word in fold(text).split())


def holds(folded: str, wanted: tuple[str, ...]) -> bool:
    """Whether a folded text holds all of them; no words are held by nothing."""
    return bool(wanted) and all(word in folded for word in wanted)
