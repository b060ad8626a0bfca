"""Questions about what the wearer looks at, and about times and places: answered from facts, each with its evidence."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from edge_runtime.protocol import Asked, Failed, Forget, Found, UserSpeech
from edge_runtime.records import Query, Scope, Sighting
from edge_runtime.remember.gazes import Regard
from edge_runtime.speak import dialogue
from edge_runtime.speak.recollection import Fetched
from edge_runtime.speak.reply import Reply
from edge_runtime.speak.subjects import appearances
from edge_runtime.types import Vector
from tests.speaking import Shelf, Theatre, concept, look_at, ns, past, sighting


def axis(number: int) -> Vector:
    return np.array([n == number for n in range(4)], np.float32)


def near(cosine: float) -> Vector:
    """At this cosine from the first axis."""
    return np.array([cosine, np.sqrt(1 - cosine**2), 0, 0], np.float32)


EXIT = sighting(1, "text", "EXIT", 2, 4, place_id=1)
OLD_MUG = sighting(2, "concept", "mug", 6, 12, vector=axis(2))
OLD_THING = sighting(3, "thing", "thing 1", 13, 14, vector=near(0.7))
CLOCK = sighting(4, "label", "clock", 20, 22, place_id=1)
LIKE_IT = sighting(5, "thing", "thing 2", 25, 26, vector=near(0.5))
MUG = sighting(6, "concept", "mug", 30, 31, vector=axis(2))
THING = sighting(7, "thing", "thing 1", 38, 42.5, vector=axis(0))
STRANGER = sighting(8, "thing", "thing 9", 38, 42.5, vector=axis(3))


def room(*sightings: Sighting, looks_at: tuple[Sighting, ...] = (THING,)) -> Shelf:
    shelf = Shelf(sightings or (EXIT, OLD_MUG, OLD_THING, CLOCK, LIKE_IT, MUG, THING), [concept("mug")])
    shelf.places = {1: 'by the sign "EXIT"'}
    shelf.beside = {3: ("the mug",)}
    shelf.regards = tuple(Regard(one.t_end_ns, (one,)) for one in looks_at)
    return shelf


def answer(text: str, shelf: Shelf | None = None, now_s: float = 43) -> Reply:
    return dialogue.answer(text, (), past(shelf or room(), now_s))


# ---------------------------------------------------------------- this, that one, these two


@pytest.mark.parametrize(
    ("text", "said", "cited"),
    [
        ("have I seen this before?", "Yes, before now I saw this, 29 s ago, at 0:14.", [14]),
        ("have I seen this already?", "Yes, before now I saw this, 29 s ago, at 0:14.", [14]),
        ("have I ever looked at this?", "Yes, before now you looked at this, 29 s ago, at 0:14.", [14]),
        ("when did I last see this?", "Before now I last saw this 29 s ago, at 0:14.", [14]),
        ("when did I first see it?", "Before now I first saw this 30 s ago, at 0:13.", [14]),
        ("where did I see that one before?", "Before now I last saw this near the mug, 29 s ago, at 0:14.", [14]),
        ("how often have I looked at this?", "You looked at this at least twice, last just now, at 0:42.", [42.5, 14]),
        ("how long did I look at this thing?", "You looked at this for 6 s in all, twice, last just now, at 0:42.", [42.5, 14]),
        ("what was next to this?", "Near this I saw the mug, 29 s ago, at 0:14.", [14]),
        ("what did I look at before this?", "Before this you looked at your mug, 13 s ago, at 0:30.", [31, 42.5]),
        ("did I see the clock before this?", None, [22]),
        ("have I seen this in the last 10 seconds?", "No, I did not see this before in the last 10 s.", [42.5]),
        ("have I seen this in the last 20 s?", "Perhaps, in the last 20 s, before now, I saw something like it, 17 s ago, at 0:26.", [26]),
    ],
)
def test_this_is_what_is_looked_at_and_is_known_by_its_looks(text: str, said: str | None, cited: list[float]) -> None:
    reply = answer(text)
    assert said is None or reply.text == said
    assert reply.evidence == tuple(look_at(t_s) for t_s in cited)


def test_what_has_a_name_is_answered_by_its_name() -> None:
    mug = sighting(9, "concept", "mug", 40, 42.5)
    cup = sighting(10, "label", "cup", 40, 42.5)
    shelf = room(OLD_MUG, MUG, mug, cup)
    shelf.regards = (Regard(ns(42.5), (cup, mug)),)
    assert answer("have I seen this before?", shelf).text == "Yes, before now I saw your mug, 12 s ago, at 0:31."
    sign = sighting(11, "text", "EXIT\nONLY", 40, 42.5)
    shelf = room(EXIT, sign, looks_at=(sign,))
    assert answer("have I seen this before?", shelf).text == 'Yes, before now I read "EXIT, ONLY" by the sign "EXIT", 39 s ago, at 0:04.'


def test_between_sure_and_not_it_says_something_like_it() -> None:
    reply = answer("have I seen this before?", room(LIKE_IT, THING))
    assert (reply.text, reply.confidence) == ("Perhaps, before now I saw something like it, 17 s ago, at 0:26.", 0.5)
    assert answer("have I seen this before?", room(LIKE_IT, OLD_THING, THING)).text.startswith("Yes"), "what is surely it goes first"


def test_what_was_never_seen_is_said_with_how_long_that_is_known() -> None:
    reply = answer("have I seen this before?", room(OLD_THING, MUG, STRANGER, looks_at=(STRANGER,)))
    assert (reply.code, reply.text) == ("NOT_SEEN", "No, I did not see this before now.")
    assert answer("when did I last see this?", room(STRANGER, looks_at=(STRANGER,))).text == "I did not see this before in the last 43 s."


def test_the_look_at_hand_is_no_earlier_time() -> None:
    a_moment_ago = sighting(9, "thing", "thing 4", 34, 36, vector=axis(0))
    assert answer("have I seen this before?", room(a_moment_ago, THING)).code == "NOT_SEEN", "looked away for two seconds"


@pytest.mark.parametrize("text", ["have I seen this before?", "where was that?", "how often did I see these two?"])
def test_if_nothing_is_looked_at_it_asks_to_look(text: str) -> None:
    for shelf in (room(looks_at=()), room(looks_at=(CLOCK,))):
        assert answer(text, shelf).text == "I cannot see what you are looking at; look at it and ask again."


def test_these_two_are_the_last_two_things_looked_at() -> None:
    then = sighting(9, "concept", "mug", 36, 37, vector=axis(2))
    reply = answer("have I seen these two before?", room(OLD_MUG, OLD_THING, then, THING, looks_at=(THING, then)))
    assert reply.text == "Yes, before now I saw your mug, 31 s ago, at 0:12. Yes, before now I saw this, 29 s ago, at 0:14."
    assert reply.evidence == (look_at(12), look_at(14))
    one = answer("have I seen these two before?", room(looks_at=(THING,)))
    assert (one.code, one.text) == ("NO_GAZE", "I saw you look at only one thing; look at both and ask again.")


def test_many_matches_are_cited_from_all_along_the_time() -> None:
    burst = [sighting(n, "thing", "thing 1", 600 + 5 * n, 601 + 5 * n, vector=axis(0)) for n in range(10, 50)]
    early = sighting(1, "thing", "thing 1", 20, 21, vector=near(0.9))
    middle = sighting(2, "thing", "thing 1", 400, 401, vector=near(0.9))
    now = sighting(99, "thing", "thing 1", 900, 902, vector=axis(0))
    reply = answer("how often have I looked at this?", room(early, middle, *burst, now, looks_at=(now,)), 902)
    assert reply.text == "You looked at this at least 43 times, last just now, at 15:02."
    cited = [look.t_ns for look in reply.evidence]
    assert len(cited) == 4 and {ns(21), ns(401)} <= set(cited)


# ---------------------------------------------------------------- times and places


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("did I see a dog in the last ten minutes?", "No, I did not see a dog in the last 10 min; I can be sure of only 43 s of that."),
        ("did I see my mug in the last 10 seconds?", "No, I did not see your mug in the last 10 s."),
        ("did I look at my mug before 0:20?", "Yes, before 0:20 you looked at your mug, 31 s ago, at 0:12."),
        ("when did I last see my mug before 0:10?", "Before 0:10 I last saw your mug 33 s ago, at 0:10."),
        ("how long did I look at my mug before 0:10?", "Before 0:10 you looked at your mug for 4 s, last 33 s ago, at 0:10."),
        ("how often did I see my mug after 0:20?", "After 0:20 I saw your mug at least once, last 12 s ago, at 0:31."),
        ("what did I look at in the last 20 seconds?", "In the last 20 s you looked at your mug."),
        ("what did I look at earlier?", 'Before now you looked at "EXIT", what looks like a clock and your mug.'),
        ("what was I looking at 20 seconds ago?", "Between 10 s and 30 s ago you looked at what looks like a clock and your mug."),
        ("what did I read in the last minute?", 'In the last 60 s it said: "EXIT", 39 s ago, at 0:04.'),
        ("what did I read in the last 20 s?", "I did not read anything in the last 20 s."),
        ("is there a cat now?", "No, I did not see a cat in the last 2 s."),
        ("where is my mug now?", "I last saw your mug at place 2, 12 s ago, at 0:31."),
        ("did I see my mug an hour ago?", "That was before all I know, which is the last 43 s."),
        (
            "did I see the clock before my mug?",
            'Yes, before I last saw your mug I saw what looks like a clock by the sign "EXIT", 21 s ago, at 0:22.',
        ),
        ("did I see the clock since my mug?", "No, I did not see a clock after I last saw your mug."),
        (
            "did I see my mug since I looked at the clock?",
            "Yes, after I last saw what looks like a clock I saw your mug, 12 s ago, at 0:31.",
        ),
        ("what did I see since breakfast?", "I do not know when that was. I cannot recognise a breakfast; show me one."),
        ("did I see my mug while I was at place 1?", "No, I did not see your mug in the last 43 s."),
        ("did I see my mug at place 2?", "Yes, I saw your mug, 12 s ago, at 0:31."),
        ("what was by the sign EXIT?", 'By the sign "EXIT" I saw what looks like a clock, last 21 s ago, at 0:22.'),
        ("what did I see at place 1?", 'By the sign "EXIT" I saw what looks like a clock, last 21 s ago, at 0:22.'),
        (
            "what did I see at place 1 in the last 10 s?",
            'I know no place called "place 1"; I call places after signs and what you showed me.',
        ),
        ("what was on the table?", 'I know no place called "the table"; I call places after signs and what you showed me.'),
        ('did I see the sign "look before you leap"?', 'No, I did not read "look before you leap" in the last 43 s.'),
        ("what was next to the clock?", "I know of nothing by name that was near what looks like a clock."),
        ("where was I before my mug?", 'Before your mug you were by the sign "EXIT", 21 s ago, at 0:22.'),
        ("where was I after I saw the clock?", "After what looks like a clock you were at place 2, 18 s ago, at 0:25."),
        ("why did he run this morning?", "This needs a vision-language model."),
    ],
)
def test_the_words_of_time_and_place_are_obeyed_and_said_back(text: str, said: str) -> None:
    assert answer(text).text == said


def test_of_merged_sightings_each_counts_and_only_a_look_vouches_for_a_part_of_their_time() -> None:
    merged = msgspec.structs.replace(sighting(1, "concept", "mug", 0, 30), merged=4)
    shelf = Shelf([merged, sighting(2, "concept", "mug", 40, 41)], [concept("mug")])
    assert answer("how often did I see my mug?", shelf).text == "I saw your mug at least 5 times, last 2 s ago, at 0:41."
    assert answer("did I see my mug before 0:20?", shelf).code == "NOT_SEEN", "its only look is at 0:30"
    assert answer("how often did I see my mug between 0:25 and 0:35?", shelf).text.startswith(
        "Between 0:25 and 0:35 I saw your mug at least once"
    )


def test_two_names_of_one_appearance_are_not_two_times() -> None:
    both = [sighting(1, "thing", "thing 1", 5, 9), sighting(2, "thing", "thing 2", 6, 8), sighting(3, "thing", "thing 2", 30, 31)]
    assert appearances(both) == 2


# ---------------------------------------------------------------- with the log, over time


def test_the_log_is_asked_by_vector_and_answers_the_same_question() -> None:
    shelf = room(THING)
    shelf.complete_since_ns = ns(35)
    asking = past(shelf, 43)
    dialogue.answer("have I seen this before?", (), asking)
    wanted = asking.missing
    assert wanted is not None and wanted.key is THING.vector and wanted.t_to_ns == ns(35)
    told = past(shelf, 43.4, [Fetched(wanted, (OLD_THING, LIKE_IT), ("by the door",))])
    told.asked_ns = ns(43)
    assert dialogue.answer("have I seen this before?", (), told).text == "Yes, before now I saw this by the door, 29 s ago, at 0:14."
    assert told.missing is None


def theatre_behind_memory() -> Theatre:
    theatre = Theatre(room(MUG, THING))
    theatre.shelf.complete_since_ns = ns(20)
    return theatre


def test_a_window_means_the_same_when_the_log_answers_later() -> None:
    theatre = theatre_behind_memory()
    theatre.feed(Asked(t_ns=ns(43), question="q1", text="how often did I see my mug in the last 40 seconds?"))
    (search,) = theatre.searches
    assert search.query.t_from_ns == ns(3)
    theatre.feed(Found(t_ns=ns(43.8), answers=search.id, rows=(OLD_MUG, MUG)))
    assert theatre.said == ["In the last 40 s I saw your mug at least twice, last 13 s ago, at 0:31."]
    assert len(theatre.searches) == 1


def test_this_is_what_was_looked_at_when_the_wearer_began_to_speak() -> None:
    theatre = Theatre(room(OLD_THING, THING, looks_at=(THING,)))
    later = sighting(20, "text", "TAXI", 43, 45)
    theatre.feed(UserSpeech(t_ns=ns(42.8), phase="start"))
    theatre.shelf.sightings.append(later)
    theatre.shelf.regards = (Regard(ns(45), (later,)), *theatre.shelf.regards)
    theatre.feed(UserSpeech(t_ns=ns(44), phase="end"))
    theatre.feed(Asked(t_ns=ns(45), question="q1", text="have I seen this before?"))
    theatre.ticks(45.1, 46)
    assert theatre.said == ["Yes, before now I saw this, 31 s ago, at 0:14."]
    assert theatre.ask(60, "have I seen this before?", question="q2").text.startswith("I cannot see"), "that speech is long over"


def test_a_question_that_points_survives_a_snapshot_and_is_let_go_when_something_is_forgotten() -> None:
    theatre = theatre_behind_memory()
    theatre.feed(Asked(t_ns=ns(43), question="q1", text="have I seen this before?"))
    (search,) = theatre.searches
    assert search.query.key is not None
    theatre.speaker.restore(theatre.speaker.snapshot())
    theatre.feed(Forget(t_ns=ns(43.1), scope=Scope("thing", name="mug")))
    assert "That was forgotten while you asked." in theatre.said
    assert theatre.speaker.state.conversation.open == []
    restored = theatre_behind_memory()
    restored.feed(Asked(t_ns=ns(43), question="q1", text="have I seen this before?"))
    restored.speaker.restore(restored.speaker.snapshot())
    restored.feed(Found(t_ns=ns(43.2), answers=restored.searches[0].id, rows=(OLD_THING,)))
    assert restored.said == ["Yes, before now I saw this, 29 s ago, at 0:14."]


def test_a_log_that_fails_leaves_what_memory_knows_and_says_so() -> None:
    theatre = theatre_behind_memory()
    theatre.feed(Asked(t_ns=ns(43), question="q1", text="have I seen this before?"))
    theatre.feed(Failed(t_ns=ns(43.1), answers=theatre.searches[0].id, reason="store"))
    assert theatre.said == [
        "No, I did not see this before now; I can be sure of only 21 s of that. The log did not answer: this is what memory alone holds."
    ]


def test_queries_are_told_apart_by_their_vectors() -> None:
    found = [Fetched(Query(key=axis(n)), (sighting(n + 1, "thing", f"thing {n}", 1, 2, vector=axis(n)),)) for n in range(2)]
    recollection = past(Shelf(), 43, found)
    for n in range(2):
        assert [row.id for row in recollection.recall(Query(key=axis(n)))] == [n + 1]
