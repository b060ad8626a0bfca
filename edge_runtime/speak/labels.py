"""Finding the everyday word for what somebody said, and saying it."""

from __future__ import annotations

from functools import cache

from edge_runtime.speak import phrasing
from edge_runtime.vocabulary import Word, words


def phrase(word: Word) -> str:
    """The word as it stands in a sentence: ``a bicycle``, ``sunglasses``, ``broccoli``."""
    return f"{phrasing.article(word.name)} {word.name}" if word.form == "one" else word.name


def canonical(word: str) -> Word | None:
    """Find the everyday word for what somebody said, in singular or plural, by its name or an alias.

    Args:
        word: Without article; capitals and hyphens do not matter.

    Returns:
        ``None`` where no class carries the word.
    """
    return _by_name().get(_key(word))


def _key(word: str) -> str:
    return " ".join(word.casefold().replace("-", " ").replace("\u2019", "'").split())


@cache
def _by_name() -> dict[str, Word]:
    index: dict[str, Word] = {}
    for word in words():
        for name in (word.name, *word.aliases):
            index.setdefault(_key(name), word)
    for word in words():
        for name in (word.name, *word.aliases):
            index.setdefault(_key(phrasing.plural(name)), word)
    return index
