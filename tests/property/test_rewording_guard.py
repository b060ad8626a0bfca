"""Whatever sentence of facts is put into other words: nothing of it can be changed, added or taken away unnoticed."""

from __future__ import annotations

import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.speak.phrasing import words as words_of
from edge_runtime.speak.rewording import keeps, objection, rewordable
from edge_runtime.vocabulary import words as vocabulary

NAMES = st.sampled_from(["your mug", "your blue keys", "what looks like a clock", "your T-shirt", "what looks like sunglasses", "this"])
TEXT = st.text(st.characters(codec="utf-8", exclude_characters='"\u201c\u201d\n\r', exclude_categories=("C", "Z")), min_size=1, max_size=12)
SECONDS = st.integers(2, 119)
CLOCK = st.builds(lambda m, s: f"{m}:{s:02d}", st.integers(0, 59), st.integers(0, 59))
MOMENT = st.builds(lambda ago, at: f"{ago} s ago, at {at}", SECONDS, CLOCK)
COUNT = st.one_of(st.sampled_from(["once", "twice"]), st.integers(3, 40).map(lambda n: f"{n} times"))

TEMPLATES = st.one_of(
    st.builds("I last saw {} by the sign {}, {}.".format, NAMES, TEXT.map('"{}"'.format), MOMENT),
    st.builds("It said: {}, {}.".format, TEXT.map('"{}"'.format), MOMENT),
    st.builds("In the last {} min I saw {} at least {}, last {}.".format, SECONDS, NAMES, COUNT, MOMENT),
    st.builds("Before {} you looked at {}, {}.".format, NAMES, NAMES, MOMENT),
    st.builds("You looked at {} for {} s in all, {}, last {}.".format, NAMES, SECONDS, COUNT, MOMENT),
    st.builds("Perhaps, before now I saw something like it at place {}, {}.".format, SECONDS, MOMENT),
    st.builds("I never saw you look at {}, not even {}.".format, NAMES, MOMENT),
)
WORDS = sorted({word for entry in vocabulary() for word in words_of(entry.name)})
"""Things that a model might add."""
FREE = ("a", "an", "the", "that", "and")


@given(TEMPLATES)
def test_the_sentence_itself_passes(template: str) -> None:
    assert rewordable(template)
    assert keeps(template, template)
    assert keeps(template, template.removesuffix("."))


@given(TEMPLATES, st.data())
def test_a_number_that_is_changed_is_noticed(template: str, data: st.DataObject) -> None:
    found = list(re.finditer(r"\d+", re.sub(r'"[^"]*"', lambda quote: "_" * len(quote.group()), template)))
    number = data.draw(st.sampled_from(found))
    other = data.draw(st.integers(0, 200).map(str).filter(lambda text: int(text) != int(number.group())))
    assert not keeps(template, template[: number.start()] + other + template[number.end() :])


@given(TEMPLATES, st.sampled_from(WORDS), st.data())
def test_a_word_that_is_added_is_noticed(template: str, word: str, data: st.DataObject) -> None:
    parts = template.split(" ")
    at = data.draw(st.integers(0, len(parts)))
    assert not keeps(template, " ".join([*parts[:at], word, *parts[at:]]))


@given(TEMPLATES, st.data())
def test_a_word_that_is_left_out_is_noticed(template: str, data: st.DataObject) -> None:
    body = re.sub(r'"[^"]*"', lambda quote: "_" * len(quote.group()), template)
    found = [word for word in re.finditer(r"[\w:-]+", body) if word.group().casefold() not in FREE and "_" not in word.group()]
    word = data.draw(st.sampled_from(found))
    assert not keeps(template, template[: word.start()] + template[word.end() :])


@given(TEMPLATES.filter(lambda text: re.search(r"\b(never|not|perhaps|at least|looks like)\b", text, re.I) is not None), st.data())
def test_a_negation_or_a_hedge_that_is_left_out_is_noticed(template: str, data: st.DataObject) -> None:
    found = list(re.finditer(r"\b(never|not|perhaps|at least|looks like)\b", template, re.I))
    hedge = data.draw(st.sampled_from(found))
    assert objection(template, template[: hedge.start()] + template[hedge.end() :]) in (
        "negation",
        "hedge",
        "dropped",
        "quotation",
        "sentence",
    )


@given(TEMPLATES, st.sampled_from(["not", "never", "no"]), st.data())
def test_a_negation_that_is_added_is_noticed(template: str, word: str, data: st.DataObject) -> None:
    parts = template.split(" ")
    at = data.draw(st.integers(0, len(parts) - 1))
    assert not keeps(template, " ".join([*parts[:at], word, *parts[at:]]))


@given(st.builds('It said: "{}", {}.'.format, TEXT, MOMENT), TEXT)
def test_a_quotation_that_is_changed_is_noticed(template: str, other: str) -> None:
    quoted = re.search(r'"[^"]*"', template)
    assert quoted is not None
    changed = template.replace(quoted.group(), f'"{other}"', 1)
    assert keeps(template, changed) == _same_quotation(quoted.group(), f'"{other}"')


def _same_quotation(one: str, other: str) -> bool:
    """Apart from how an apostrophe is written, and how Unicode composes a letter."""
    plain = [unicodedata.normalize("NFC", text.translate({0x2018: "'", 0x2019: "'"})) for text in (one, other)]
    return plain[0] == plain[1]


@given(TEMPLATES, st.text(max_size=80))
def test_whatever_a_model_says_the_guard_has_an_answer(template: str, words: str) -> None:
    assert keeps(template, words) in (True, False)


@given(TEMPLATES)
def test_the_moment_may_come_first(template: str) -> None:
    moment = re.search(r"(?:last )?\d+ s ago, at \d+:\d\d\.$", template)
    assert moment is not None
    body = template[: moment.start()].rstrip(", ")
    assert objection(template, f"{moment.group()[:-1]}, {body[0].lower() if body[0] != 'I' else 'I'}{body[1:]}.") == ""
