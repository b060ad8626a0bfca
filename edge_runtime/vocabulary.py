"""Everyday words and the classes of the classifier that carry them, from ``labels.toml``."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Literal

import msgspec

from edge_runtime.types import LabelHint, Value


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


def named(hints: Iterable[LabelHint], accept: float) -> LabelHint | None:
    """Say what a classifier's hints amount to, in the most particular everyday word that reaches ``accept``.

    The classes exclude each other, so what those of one word are given adds up: three breeds at 0.3 are a dog. A bottle that might be
    for wine or for beer is a bottle. Where no word reaches it, a class that does stands for itself.
    """
    given = {hint.label: hint.confidence for hint in hints}
    sums = [(word, min(1.0, sum(given.get(label, 0.0) for label in word.classes))) for word in _touched(tuple(given))]
    reached = [(len(word.classes), -score, word.name) for word, score in sums if score >= accept]
    if reached:
        _, score, name = min(reached)
        return LabelHint(name, -score)
    best = max(given, key=lambda label: given[label], default=None)
    return LabelHint(best, given[best]) if best is not None and given[best] >= accept else None


def carries(name: str, label: str) -> bool:
    """Whether a class is, or is one of, what :func:`named` said."""
    return name == label or any(word.name == name for word in _by_class().get(label, ()))


def load() -> None:
    """Read the words, so that nothing is opened when the first of them is needed."""
    _by_class()


def narrower(word: Word) -> tuple[str, ...]:
    """The word's name, and the names of the words whose every class it has: a beer bottle is a bottle."""
    classes = set(word.classes)
    return tuple(other.name for other in words() if classes.issuperset(other.classes))


def _touched(labels: tuple[str, ...]) -> list[Word]:
    found = {word.name: word for label in labels for word in _by_class().get(label, ())}
    return list(found.values())


@cache
def _by_class() -> dict[str, tuple[Word, ...]]:
    index: dict[str, tuple[Word, ...]] = {}
    for word in words():
        for label in word.classes:
            index[label] = (*index.get(label, ()), word)
    return index
