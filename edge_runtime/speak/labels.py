"""Everyday words and the classes of the classifier that carry them, from ``labels.toml``."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Literal

import msgspec

from edge_runtime.speak import phrasing
from edge_runtime.types import Value


class Word(Value, frozen=True):
    """An everyday word.

    Attributes:
        name: As it is said, singular where there is one.
        classes: ImageNet class names, lower case; a picture of any of them is a picture of this.
        aliases: Other words for the same.
        form: ``"one"`` takes an article, ``"many"`` is always plural, ``"mass"`` has no number.
    """

    name: str
    classes: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    form: Literal["one", "many", "mass"] = "one"

    @property
    def phrase(self) -> str:
        """As it stands in a sentence: ``a bicycle``, ``sunglasses``, ``broccoli``."""
        return f"{phrasing.article(self.name)} {self.name}" if self.form == "one" else self.name


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    classes: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    form: Literal["one", "many", "mass"] = "one"


@cache
def words() -> tuple[Word, ...]:
    """All everyday words, in the order of the file."""
    text = resources.files(__package__).joinpath("labels.toml").read_text(encoding="utf-8")
    entries = msgspec.toml.decode(text, type=dict[str, _Entry])
    return tuple(Word(name, entry.classes, entry.aliases, entry.form) for name, entry in entries.items())


def canonical(word: str) -> Word | None:
    """Find the everyday word for what somebody said, in singular or plural, by its name or an alias.

    Args:
        word: Without article; capitals and hyphens do not matter.

    Returns:
        ``None`` where no class carries the word.
    """
    return _by_name().get(_key(word))


def word_of(label: str) -> Word | None:
    """Find the most particular everyday word for a class: ``golden retriever`` is a dog.

    Args:
        label: ImageNet class name, lower case.
    """
    return _by_class().get(label)


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


@cache
def _by_class() -> dict[str, Word]:
    index: dict[str, Word] = {}
    for word in sorted(words(), key=lambda word: len(word.classes)):
        for label in word.classes:
            index.setdefault(label, word)
    return index
