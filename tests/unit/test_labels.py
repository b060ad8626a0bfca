from __future__ import annotations

from pathlib import Path

import pytest

from edge_runtime.speak import labels


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


def test_a_class_is_spoken_of_by_its_most_particular_word() -> None:
    assert [word.phrase for word in map(labels.word_of, ("golden retriever", "wall clock", "sunglass", "cab")) if word is not None] == [
        "a dog",
        "a clock",
        "sunglasses",
        "a taxi",
    ]
    assert labels.word_of("velvet") is None


def test_the_list_is_well_formed() -> None:
    words = labels.words()
    assert 120 <= len(words) <= 250
    names = [name for word in words for name in (word.name, *word.aliases)]
    assert len(names) == len(set(names)), "a name or alias stands twice"
    for word in words:
        assert word.classes, word.name
        assert len(word.classes) == len(set(word.classes)), word.name
        assert all(label == label.casefold().strip() for label in (*word.classes, word.name, *word.aliases)), word.name


@pytest.mark.parametrize("shared", ["crane", "cardigan", "maillot"])
def test_names_that_two_classes_share_carry_nothing(shared: str) -> None:
    assert labels.word_of(shared) is None


@pytest.mark.weights
def test_every_class_is_one_that_the_classifier_names_and_names_once(pocket_cache: Path) -> None:
    names = (pocket_cache / "bundles" / "pocket" / "names.txt").read_text(encoding="utf-8").splitlines()
    carried = {label for word in labels.words() for label in word.classes}
    assert sorted(label for label in carried if names.count(label) != 1) == []
