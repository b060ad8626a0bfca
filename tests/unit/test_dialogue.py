from __future__ import annotations

import msgspec
import pytest

from edge_runtime.records import Concept, Query
from edge_runtime.speak import dialogue, options, questions
from edge_runtime.speak.recollection import Fetched
from edge_runtime.speak.reply import Reply
from tests.speaking import HERE, POCKET, THERE, Shelf, concept, look_at, ns, past, sighting

MUG = concept("mug")


def answer(text: str, *choices: str, shelf: Shelf, now_s: float = 43) -> Reply:
    return dialogue.answer(text, choices, past(shelf, now_s))


# ---------------------------------------------------------------- taking a question apart


@pytest.mark.parametrize(
    ("text", "kind", "phrase"),
    [
        ("where was my mug?", "where", "my mug"),
        ("Where is my mug", "where", "my mug"),
        ("where did I leave my keys?", "where", "my keys"),
        ("do you know where my mug is?", "where", "my mug"),
        ("when did I last see my mug?", "when", "my mug"),
        ("when was my mug last seen", "when", "my mug"),
        ("when did a bus appear?", "when", "a bus"),
        ("how long ago did I see my mug?", "when", "my mug"),
        ("how long did I look at the clock?", "how_long", "the clock"),
        ("how often did I see a dog?", "how_often", "a dog"),
        ("how many times have I looked at my mug?", "how_often", "my mug"),
        ("what did I look at before my mug?", "before", "my mug"),
        ("what did I look at right after I looked at the clock?", "after", "the clock"),
        ("what was next to my mug?", "next_to", "my mug"),
        ("what was beside this?", "next_to", "this"),
        ("what was on the table?", "at_place", "the table"),
        ("what did I see by the sign EXIT?", "at_place", "the sign EXIT"),
        ("where was I before I saw my mug?", "where_before", "my mug"),
        ("where did I go right after the clock?", "where_after", "the clock"),
        ("what was I looking at?", "looked", ""),
        ("have I ever seen that one?", "seen", "that one"),
        ("did you see my passport?", "seen", "my passport"),
        ("have you seen my keys today?", "seen", "my keys"),
        ("was there a cat?", "seen", "a cat"),
        ("what did the sign say?", "said", ""),
        ("what does it say?", "said", ""),
        ("What brand name is on the orange bag?", "said", "the orange bag"),
        ("what am I looking at now?", "now", ""),
        ("what is this?", "now", ""),
        ("what did I look at longest?", "longest", ""),
        ("what have I looked at so far?", "looked", ""),
        ("Of these, which did I look at first?", "first_of", ""),
        ("Which of these did I never look at?", "never", ""),
        ("how many dogs did I see?", "other", ""),
        ("what colour is the mug?", "other", ""),
        ("why did he run?", "other", ""),
        ("when did I start going down the stairs?", "other", ""),
        ("How many times was the left bottle taken away?", "other", ""),
        ("what is on the table?", "other", ""),
        ("", "other", ""),
    ],
)
def test_a_question_is_one_of_a_few_kinds_and_a_thing(text: str, kind: str, phrase: str) -> None:
    question = questions.parse(text)
    assert (question.kind, question.phrase) == (kind, phrase)


@pytest.mark.parametrize(
    ("text", "kind", "phrase", "relation", "anchor"),
    [
        ("did I see the clock before my mug?", "seen", "the clock", "before", "my mug"),
        ("did I see the clock after I looked at my mug?", "seen", "the clock", "after", "my mug"),
        ("what did I see since I last saw my mug?", "looked", "", "after", "my mug"),
        ("how often did I see a dog until I saw the clock?", "how_often", "a dog", "before", "the clock"),
        ("did I see my mug while I was at place 2?", "seen", "my mug", "while", "place 2"),
        ("what did I look at when I was by the sign EXIT?", "looked", "", "while", "the sign EXIT"),
        ("when did I see my mug at place 2?", "when", "my mug", "while", "place 2"),
        ("what did I look at before my mug?", "before", "my mug", "", ""),
        ('did I see the sign "look before you leap"?', "seen", 'the sign "look before you leap"', "", ""),
        ("why did he run after I saw my mug?", "other", "", "", ""),
    ],
)
def test_a_time_may_be_told_by_a_thing_or_a_place(text: str, kind: str, phrase: str, relation: str, anchor: str) -> None:
    question = questions.parse(text)
    assert (question.kind, question.phrase, question.relation, question.anchor) == (kind, phrase, relation, anchor)


@pytest.mark.parametrize(
    ("text", "first", "gazed"),
    [
        ("when did I first see my mug?", True, False),
        ("when was the first time I saw a dog?", True, False),
        ("when did the bus first come into view?", True, False),
        ("when did I last look at my mug?", False, True),
        ("did I look at the clock?", False, True),
        ("did you see the clock?", False, False),
    ],
)
def test_first_and_last_and_looking_and_seeing_are_told_apart(text: str, first: bool, gazed: bool) -> None:
    question = questions.parse(text)
    assert (question.first, question.gazed) == (first, gazed)


# ---------------------------------------------------------------- answers with their evidence


def test_where_is_answered_with_place_time_and_picture() -> None:
    shelf = Shelf([sighting(1, "concept", "mug", 5, 9), sighting(2, "concept", "mug", 28, 31)], [MUG])
    shelf.beside[2] = ('the sign "EXIT"', "what looks like a clock")
    reply = answer("where was my mug?", shelf=shelf)
    assert reply.text == 'I last saw your mug near the sign "EXIT" and what looks like a clock, 12 s ago, at 0:31.'
    assert reply.evidence == (look_at(31),)
    assert (reply.code, reply.confidence, reply.choice) == ("ANSWERED", 0.9, None)


def test_what_is_in_view_is_said_to_be_there_now() -> None:
    shelf = Shelf([sighting(1, "concept", "keys", 40, 42.5)], [concept("keys")])
    assert answer("where are my keys?", shelf=shelf).text == "Your keys are in view now."


def test_a_label_is_never_stated() -> None:
    shelf = Shelf([sighting(1, "label", "golden retriever", 20, 31, place_id=None)])
    assert answer("where was the dog?", shelf=shelf).text == "I last saw what looks like a dog, 12 s ago, at 0:31."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("when did I last see my mug?", "I last saw your mug 3 s ago, at 0:40."),
        ("when did I first see my mug?", "I first saw your mug 38 s ago, at 0:05."),
        ("when did I last look at my mug?", "You last looked at your mug 12 s ago, at 0:31."),
        ("how long did I look at my mug?", "You looked at your mug for 7 s in all, twice, last 12 s ago, at 0:31."),
        ("how long was my mug in view?", "I saw your mug for 9 s in all, 3 times, last 3 s ago, at 0:40."),
        ("how often did I see my mug?", "I saw your mug at least 3 times, last 3 s ago, at 0:40."),
        ("did you see my mug?", "Yes, I saw your mug, 3 s ago, at 0:40."),
        ("did I look at my mug?", "Yes, you looked at your mug, 12 s ago, at 0:31."),
    ],
)
def test_when_how_long_how_often_and_whether(text: str, said: str) -> None:
    shelf = Shelf(
        [
            sighting(1, "concept", "mug", 5, 9),
            sighting(2, "concept", "mug", 28, 31),
            sighting(3, "concept", "mug", 38, 40, gazed=False),
        ],
        [MUG],
    )
    reply = answer(text, shelf=shelf)
    assert reply.text == said
    assert reply.evidence


def test_before_and_after_by_what_was_looked_at() -> None:
    shelf = Shelf(
        [
            sighting(1, "text", "EXIT", 2, 4),
            sighting(2, "label", "wall clock", 6, 8),
            sighting(3, "label", "pug", 9, 9.5, gazed=False),
            sighting(4, "concept", "mug", 10, 14),
            sighting(5, "label", "cup", 11, 13),
            sighting(6, "thing", "thing 3", 16, 18),
        ],
        [MUG],
    )
    before = answer("what did I look at before my mug?", shelf=shelf)
    assert before.text == "Before your mug you looked at what looks like a clock, 37 s ago, at 0:06."
    assert before.evidence == (look_at(8), look_at(14))
    after = answer("what did I look at after my mug?", shelf=shelf)
    assert after.text == "After your mug you looked at something I cannot name, 27 s ago, at 0:16."
    assert answer("what did I look at before EXIT?", shelf=shelf).text == 'I know of nothing that you looked at before "EXIT".'


def test_a_thing_that_got_a_name_later_is_called_by_it() -> None:
    shelf = Shelf(
        [
            sighting(1, "concept", "mug", 1, 3),
            sighting(2, "thing", "thing 1", 6, 9, box=THERE),
            sighting(3, "label", "dog", 7, 9, box=THERE),
        ],
        [MUG],
    )
    assert answer("what did I look at after my mug?", shelf=shelf).text.startswith("After your mug you looked at what looks like a dog")


def test_what_a_sign_said_is_verbatim() -> None:
    shelf = Shelf(
        [
            sighting(1, "text", "EXIT", 2, 4),
            sighting(2, "text", "ROOM 204\nQUIET PLEASE", 28, 31),
            sighting(3, "text", "ad", 40, 41, gazed=False),
        ]
    )
    assert answer("what did the sign say?", shelf=shelf).text == 'It said: "ROOM 204, QUIET PLEASE", 12 s ago, at 0:31.'
    assert answer("what did the first sign say?", shelf=shelf).text == 'It said: "EXIT", 39 s ago, at 0:04.'
    told = answer("what did the letter say?", shelf=shelf).text
    assert told == 'I cannot tell a letter from other text; the last I read said "ROOM 204, QUIET PLEASE", 12 s ago, at 0:31.'


def test_a_read_word_is_found_whole() -> None:
    shelf = Shelf([sighting(1, "text", "taxidermy", 2, 4)])
    assert answer("did you see the word taxi?", shelf=shelf).text == 'No, I did not read "taxi" in the last 43 s.'


def test_what_is_looked_at_now() -> None:
    shelf = Shelf(
        [sighting(1, "thing", "thing 1", 41, 42.5), sighting(2, "concept", "mug", 41, 42.4), sighting(3, "text", "EXIT", 40, 41.2)], [MUG]
    )
    assert answer("what am I looking at now?", shelf=shelf).text == "You are looking at your mug."
    shelf.sightings = shelf.sightings[:1]
    unknown = answer("what is this?", shelf=shelf)
    assert (unknown.code, unknown.text) == ("UNKNOWN_THING", "I do not know what this is; name it and I will remember it.")
    assert answer("what is this?", shelf=Shelf()).text == "I cannot see what you are looking at."


def test_what_was_looked_at_and_longest() -> None:
    shelf = Shelf([sighting(1, "text", "EXIT", 2, 4), sighting(2, "concept", "mug", 6, 12), sighting(3, "thing", "thing 1", 13, 14)], [MUG])
    assert answer("what did I look at?", shelf=shelf).text == 'You looked at "EXIT" and your mug.'
    assert answer("what did I look at longest?", shelf=shelf).text == "You looked longest at your mug, for 6 s."


# ---------------------------------------------------------------- what is not known is said


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("where was my mug?", "NOT_SEEN", "I did not see your mug in the last 43 s."),
        ("did you see my mug?", "NOT_SEEN", "No, I did not see your mug in the last 43 s."),
        ("did I look at my mug?", "NOT_SEEN", "No, I did not see you look at your mug in the last 43 s."),
        ("where was the theremin?", "UNKNOWN_WORD", "I cannot recognise a theremin; show me one."),
        (
            "did you see my passport?",
            "UNTAUGHT",
            "Not that I know: I do not know your passport yet; show it to me and say: this is my passport.",
        ),
        ("where is my passport?", "UNTAUGHT", "I do not know your passport yet; show it to me and say: this is my passport."),
        ("what did the sign say?", "NOT_SEEN", "I did not read anything in the last 43 s."),
        ("how many dogs did I see?", "NEEDS_VLM", "This needs a vision-language model."),
        ("what colour is my mug?", "NEEDS_VLM", "This needs a vision-language model."),
        ("what brand name is on the orange bag?", "NEEDS_VLM", "This needs a vision-language model."),
        (
            "where was the red bicycle?",
            "NEEDS_VLM",
            'I can recognise a bicycle, but not "the red bicycle": this needs a vision-language model.',
        ),
    ],
)
def test_what_is_not_known_is_said(text: str, code: str, said: str) -> None:
    reply = answer(text, shelf=Shelf(concepts=[MUG]))
    assert (reply.code, reply.text, reply.evidence) == (code, said, ())


def test_not_seen_reaches_back_no_further_than_the_lesson() -> None:
    assert answer("where was my mug?", shelf=Shelf(concepts=[concept("mug", 30)])).text == "I did not see your mug in the last 13 s."


# ---------------------------------------------------------------- multiple choice: only what facts single out


SEEN = Shelf(
    [
        sighting(1, "label", "coffee mug", 2, 4),
        sighting(2, "label", "wall clock", 10, 12, box=THERE),
        sighting(3, "text", "Tide\nULTRA", 20, 22),
    ]
)


@pytest.mark.parametrize(
    ("text", "choices", "choice"),
    [
        ("What brand name is on the orange bag?", ("Omo", "Tide", "Persil", "Ariel"), 1),
        ("What brand name is on the orange bag?", ("Omo", "Ultra", "Tide", "Ariel"), None),
        ("What brand name is on the orange bag?", ("Omo", "Persil", "Ariel", "Dash"), None),
        ("what did the sign say?", ("A", "TIDE ULTRA", "EXIT", "TAXI"), 1),
        ("Of these, which did I look at first?", ("wall clock", "blue mug"), 1),
        ("Of these, which did I look at first?", ("theremin", "blue mug"), 1),
        ("Of these, which did I look at first?", ("theremin", "clock"), None),
        ("Of these, which did I look at first?", ("left mug", "right mug", "clock"), None),
        ("Which of these did I never look at?", ("mug", "clock", "dog"), 2),
        ("Which of these did I never look at?", ("mug", "clock", "theremin"), None),
        ("Which of these did I never look at?", ("mug", "cat", "dog"), None),
        ("When did I first see the clock?", ("about 4 s", "about 9 s", "about 20 s", "about 30 s"), 1),
        ("When did I first see the clock?", ("0:04", "0:11", "0:30"), 1),
        ("When did I first see the clock?", ("33 s ago", "1 min ago"), 0),
        ("When did I first see the clock?", ("about 8 s", "about 12.5 s"), None),
        ("When did I first see the clock?", ("in the morning", "at noon"), None),
        ("How long did I look at the clock?", ("2 seconds", "1 min", "half a day 12 h"), 0),
        ("what did I look at before the clock?", ("a theremin", "the blue mug", "a dog"), 1),
        ("where was the clock?", ("on the desk", "on the floor"), None),
        ("How many bottles are on the table now?", ("1", "2", "3"), None),
        ("What colour is the mug?", ("black", "red"), None),
        ("did you see a dog?", ("yes", "no"), None),
    ],
)
def test_an_option_is_chosen_only_where_the_facts_single_it_out(text: str, choices: tuple[str, ...], choice: int | None) -> None:
    reply = answer(text, *choices, shelf=SEEN)
    assert reply.choice == choice
    assert (reply.code == "ANSWERED") is (choice is not None)
    if choice is not None:
        assert reply.evidence


def test_an_option_for_now_is_what_is_looked_at_now() -> None:
    shelf = Shelf([sighting(1, "label", "coffee mug", 41, 42.8)])
    choices = ("coffee stream", "blue mug", "kettle", "wrist watch")
    assert answer("What am I looking at now?", *choices, shelf=shelf).choice == 1
    assert answer("What am I looking at now?", "blue mug", "red mug", shelf=shelf).choice is None
    shelf.sightings = [sighting(1, "thing", "thing 1", 41, 42.8)]
    reply = answer("What am I looking at now?", *choices, shelf=shelf)
    assert (reply.choice, reply.code) == (None, "ABSTAINED")


def test_options_name_things_past_the_words_that_only_describe() -> None:
    named = options.meant(("white plastic jug", "orange detergent bag", "the middle wooden chair", "orange"), {}, POCKET)
    assert [target.name if target is not None else None for target in named] == ["jug", None, "chair", "orange"]


# ---------------------------------------------------------------- what memory has lost, the log may hold


def test_a_query_that_reaches_behind_memory_is_noted() -> None:
    shelf = Shelf([sighting(2, "concept", "mug", 28, 31)], [MUG])
    shelf.complete_since_ns = ns(20)
    for text, asks in (
        ("where was my mug?", False),
        ("when did I last look at my mug?", False),
        ("when did I first see my mug?", True),
        ("how often did I see my mug?", True),
        ("did you see a dog?", True),
        ("what am I looking at now?", False),
        ("what did the sign say?", True),
    ):
        recollection = past(shelf, 43)
        dialogue.answer(text, (), recollection)
        assert (recollection.missing is not None) is asks, text


def test_what_the_log_found_is_joined_with_memory_by_id() -> None:
    shelf = Shelf([sighting(2, "concept", "mug", 28, 31)], [MUG])
    shelf.complete_since_ns = ns(20)
    asking = past(shelf, 43)
    dialogue.answer("how often did I see my mug?", (), asking)
    assert asking.missing == Query(names=("mug",), kinds=("concept",), limit=256)
    older = sighting(1, "concept", "mug", 5, 9)
    stale = sighting(2, "concept", "mug", 28, 29)
    told = past(shelf, 43, [Fetched(asking.missing, (older, stale), ("at the desk", "at place 2"))])
    reply = dialogue.answer("how often did I see my mug?", (), told)
    assert told.missing is None
    assert reply.text == "I saw your mug at least twice, last 12 s ago, at 0:31."
    shelf.sightings = []
    alone = past(shelf, 43, [Fetched(told_query, (older,), ("at the desk",)) for told_query in (asking.missing,)])
    assert dialogue.answer("where was my mug?", (), alone).text == "I last saw your mug at the desk, 34 s ago, at 0:09."


def test_a_lesson_under_way_is_no_concept_yet() -> None:
    shelf = Shelf(concepts=[Concept("mug")])
    assert answer("where is my mug?", shelf=shelf).code == "LEARNING"


def test_an_answer_cites_at_most_four_looks() -> None:
    many = [sighting(i, "concept", "mug", 4 * i, 4 * i + 1) for i in range(1, 9)]
    reply = answer("how often did I see my mug?", shelf=Shelf(many, [MUG]))
    assert reply.evidence == tuple(look_at(4 * i + 1) for i in (8, 7, 6, 5))
    one = msgspec.structs.replace(many[0], evidence=(look_at(4), look_at(5, HERE)))
    assert answer("where was my mug?", shelf=Shelf([one], [MUG])).evidence == (look_at(4), look_at(5))
