from __future__ import annotations

from pathlib import Path

import pytest

from edge_runtime import vocabulary
from edge_runtime.config import Config
from edge_runtime.core import Core
from edge_runtime.speak import labels
from edge_runtime.types import LabelHint, Session


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ("bicycle", "bicycle"),
        ("Bikes", "bicycle"),
        ("dogs", "dog"),
        ("puppy", "dog"),
        ("mug", "mug"),
        ("coffee cup", "mug"),
        ("rucksack", "backpack"),
        ("TV", "television"),
        ("mobile phones", "phone"),
        ("shopping  cart", "shopping trolley"),
        ("fire-truck", "fire engine"),
        ("lorries", "truck"),
        ("sunglasses", "sunglasses"),
        ("tin openers", "tin opener"),
    ],
)
def test_everyday_words_are_found_by_name_alias_and_plural(said: str, word: str) -> None:
    found = labels.canonical(said)
    assert found is not None
    assert found.name == word


@pytest.mark.parametrize("word", ["theremin", "person", "hand", "kettle", "knife", "stairs", "plant", "passport", "car wheel", ""])
def test_words_that_no_class_carries_are_not_found(word: str) -> None:
    assert labels.canonical(word) is None


def test_a_word_is_carried_by_all_its_kinds() -> None:
    dog, bicycle = labels.canonical("dog"), labels.canonical("bicycle")
    assert dog is not None
    assert len(dog.classes) == 117
    assert {"chihuahua", "golden retriever", "pug", "mexican hairless"} <= set(dog.classes)
    assert bicycle is not None
    assert bicycle.classes == ("mountain bike", "bicycle-built-for-two", "unicycle")


def test_a_word_is_said_with_its_article_if_it_has_one() -> None:
    said = [labels.phrase(word) for word in map(labels.canonical, ("dog", "clock", "sunglasses", "taxi", "umbrella")) if word is not None]
    assert said == ["a dog", "a clock", "sunglasses", "a taxi", "an umbrella"]


def hints(**given: float) -> list[LabelHint]:
    return [LabelHint(label.replace("_", " "), confidence) for label, confidence in given.items()]


@pytest.mark.parametrize(
    ("given", "name", "confidence"),
    [
        (hints(tabby=0.35, tiger_cat=0.3, egyptian_cat=0.2), "cat", 0.85),
        (hints(wine_bottle=0.7, beer_bottle=0.1), "wine bottle", 0.7),
        (hints(wine_bottle=0.4, beer_bottle=0.3), "bottle", 0.7),
        (hints(theremin=0.9), "theremin", 0.9),
    ],
    ids=["kinds of one word add up", "the most particular word wins", "else the wider one", "a class without a word stands for itself"],
)
def test_what_hints_amount_to(given: list[LabelHint], name: str, confidence: float) -> None:
    found = vocabulary.named(given, 0.6)
    assert found is not None
    assert found.label == name
    assert found.confidence == pytest.approx(confidence)


def test_hints_that_agree_on_nothing_amount_to_nothing() -> None:
    assert vocabulary.named(hints(tabby=0.3, pug=0.3, vase=0.3), 0.6) is None
    assert vocabulary.named([], 0.6) is None


def test_a_word_includes_the_narrower_ones() -> None:
    bottle = labels.canonical("bottle")
    assert bottle is not None
    assert {"bottle", "wine bottle", "beer bottle"} <= set(vocabulary.narrower(bottle))


def test_the_list_is_well_formed() -> None:
    words = vocabulary.words()
    assert 120 <= len(words) <= 250
    names = [name for word in words for name in (word.name, *word.aliases)]
    assert len(names) == len(set(names)), "a name or alias stands twice"
    for word in words:
        assert word.classes, word.name
        assert len(word.classes) == len(set(word.classes)), word.name
        assert all(label == label.casefold().strip() for label in (*word.classes, word.name, *word.aliases)), word.name


@pytest.mark.parametrize("shared", ["crane", "cardigan", "maillot"])
def test_names_that_two_classes_share_carry_nothing(shared: str) -> None:
    assert not any(shared in word.classes for word in vocabulary.words())


@pytest.mark.weights
def test_every_class_is_one_that_the_classifier_names_and_names_once(pocket_cache: Path) -> None:
    names = (pocket_cache / "bundles" / "pocket" / "names.txt").read_text(encoding="utf-8").splitlines()
    carried = {label for word in vocabulary.words() for label in word.classes}
    assert sorted(label for label in carried if names.count(label) != 1) == []


def test_the_words_are_read_when_a_core_is_made_and_not_by_the_step_that_needs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for read in (vocabulary.words, vocabulary._by_class):
        read.cache_clear()
    Core(Config(), Session())
    monkeypatch.setattr("edge_runtime.vocabulary.resources.files", lambda package: pytest.fail("a file is opened"))
    assert vocabulary.named([LabelHint("tabby", 0.9)], 0.5) is not None
