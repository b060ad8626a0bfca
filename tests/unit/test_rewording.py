"""The guard of other words: what says the same passes, what says more, less or something else does not."""

from __future__ import annotations

import pytest

from edge_runtime.config import ModelsConfig, S
from edge_runtime.power import Power
from edge_runtime.protocol import Asked, BoardChanged, Cancel, Done, Failed, Forget, Generate, Record, Token
from edge_runtime.records import Dropped, Scope
from edge_runtime.speak.rewording import keeps, objection, prompt_for, rewordable
from edge_runtime.speak.rewording_examples import EXAMPLES
from edge_runtime.types import Capabilities
from tests.speaking import Shelf, Theatre, concept, ns, sighting, speak

SEEN = 'I last saw your mug by the sign "EXIT", 34 s ago, at 0:09.'
GLANCED = "In the last 10 min I saw what looks like a clock at least twice, last 12 s ago, at 0:31."
LOOKED = "Before your mug you looked at your keys, 2 h 5 min ago, at 1:02:03."
PRESENT = "Your mug is in view now."
HELD = "You looked at your mug for 4 s, last 12 s ago, at 0:31."
NEVER = "I never saw you look at your mug."
PERHAPS = "Perhaps, before now I saw something like it, 34 s ago, at 0:09."


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (SEEN, SEEN),
        (SEEN, 'I last saw your mug by the sign "EXIT" 34 seconds ago, at 0:09'),
        (SEEN, 'Thirty-four seconds ago, at 0:09, I last spotted your mug by the sign "EXIT".'),
        (SEEN, "I last noticed your mug by the sign \u201cEXIT\u201d, 34s ago, at 0:09."),
        (SEEN, 'At 0:09, 34 s ago, I last saw your mug by the sign "EXIT".'),
        (GLANCED, "I saw what seems to be a clock at least two times in the past ten minutes, last 12 seconds ago, at 0:31."),
        (LOOKED, "Before your mug, you gazed at your keys two hours five minutes ago, at 1:02:03."),
        (PRESENT, "Your mug is visible right now."),
        (NEVER, "I never saw you look at your mug"),
        (PERHAPS, "Maybe before now I spotted something like it, 34 seconds ago, at 0:09."),
        ("Yes, I didn't see it.", "Yes, I did not see it."),
    ],
)
def test_what_says_the_same_passes(template: str, words: str) -> None:
    assert objection(template, words) == ""
    assert keeps(template, words)


@pytest.mark.parametrize(
    ("template", "words", "reason"),
    [
        (SEEN, 'I last saw your mug by the sign "EXIT", 35 s ago, at 0:09.', "number"),
        (SEEN, 'I last saw your mug by the sign "EXIT", 34 min ago, at 0:09.', "number"),
        (SEEN, 'I last saw your mug by the sign "EXIT", 34 s ago, at 0:19.', "number"),
        (SEEN, 'I last saw your mug by the sign "EXIT", 34 s ago.', "number"),
        (SEEN, 'I last saw your mug by the sign "Exit", 34 s ago, at 0:09.', "quotation"),
        (SEEN, "I last saw your mug by the sign, 34 s ago, at 0:09.", "quotation"),
        (SEEN, 'I last saw your cup by the sign "EXIT", 34 s ago, at 0:09.', "added"),
        (SEEN, 'I last saw your red mug by the sign "EXIT", 34 s ago, at 0:09.', "added"),
        (SEEN, 'You last saw your mug by the sign "EXIT", 34 s ago, at 0:09.', "added"),
        (SEEN, 'I last saw my mug by the sign "EXIT", 34 s ago, at 0:09.', "added"),
        (SEEN, 'I saw your mug by the sign "EXIT", 34 s ago, at 0:09.', "dropped"),
        (SEEN, 'I did not last saw your mug by the sign "EXIT", 34 s ago, at 0:09.', "negation"),
        (SEEN, f"{SEEN} I hope that helps!", "sentence"),
        (SEEN, 'Did I last saw your mug by the sign "EXIT", 34 s ago, at 0:09?', "sentence"),
        (SEEN, "", "sentence"),
        (SEEN, 'I last saw your mug by the sign "EXIT, 34 s ago, at 0:09.', "sentence"),
        (GLANCED, "In the last 10 min I saw a clock at least twice, last 12 s ago, at 0:31.", "hedge"),
        (GLANCED, "In the last 10 min I saw what looks like a clock twice, last 12 s ago, at 0:31.", "hedge"),
        (GLANCED, "In the last 10 min I saw what looks like a clock at least once, last 12 s ago, at 0:31.", "number"),
        (LOOKED, "Before your keys you looked at your mug, 2 h 5 min ago, at 1:02:03.", "order"),
        (LOOKED, "After your mug you looked at your keys, 2 h 5 min ago, at 1:02:03.", "added"),
        (LOOKED, "Before your mug you looked at your keys, 5 h 2 min ago, at 1:02:03.", "order"),
        (HELD, "You looked at your mug for 12 s, last 4 s ago, at 0:31.", "order"),
        (HELD, "12 s ago, at 0:31, you looked at your mug for 4 s last.", "order"),
        (PRESENT, "Your mug was in view now.", "added"),
        (NEVER, "I saw you look at your mug.", "negation"),
        (PERHAPS, "Before now I saw something like it, 34 s ago, at 0:09.", "hedge"),
        (PRESENT, "Your Mug is in view now.", "name"),
        (PRESENT, "Your mug is, the the the the the the the the the the the the the the the the the the the the in view now.", "length"),
        (PRESENT, "Your mug is in view now \U0001f600.", "sentence"),
        (PRESENT, "Your mug is in view now, and.", "sentence"),
    ],
)
def test_what_says_something_else_does_not_pass(template: str, words: str, reason: str) -> None:
    assert objection(template, words) == reason
    assert not keeps(template, words)


@pytest.mark.parametrize("text", ["One. Two.", 'It said: "open', "Really?", "a \u2014 b.", "", "It said: \u201copen\u201d."])
def test_what_the_guard_cannot_take_apart_is_never_put_into_other_words(text: str) -> None:
    assert not rewordable(text)
    assert not keeps(text, f"{text} indeed")


def test_two_times_of_one_kind_stay_where_they_are() -> None:
    template = "3 s ago I saw your mug and your keys 5 s ago."
    assert objection(template, "5 s ago I saw your mug and your keys 3 s ago.") == "order"


@pytest.mark.parametrize("pair", [pair for _, pairs in EXAMPLES for pair in pairs], ids=lambda pair: pair[0][:24])
def test_the_examples_that_a_model_is_given_pass_themselves(pair: tuple[str, str]) -> None:
    assert objection(*pair) == ""
    assert pair[0] != pair[1]


def test_a_model_is_given_two_examples_of_the_kind_and_then_the_sentence() -> None:
    assert prompt_for(PRESENT).splitlines()[-1] == PRESENT
    assert [line[:10] for line in prompt_for(SEEN).splitlines()] == [
        *("I last saw", "assistant", "3 h 4 min ", "user"),
        *("I last saw", "assistant", "40 s ago, ", "user"),
        "I last saw",
    ]


# ---------------------------------------------------------------- an answer on its way through the model

REWORDING = Capabilities(bundle="small", vector=True, labels=True, text=True, rewording=True, vector_dim=4)
TOLD = "I last saw your mug at place 2, 36 s ago, at 0:04."


def stage(*, reword: bool = True, capabilities: Capabilities = REWORDING) -> Theatre:
    shelf = Shelf([sighting(1, "concept", "mug", 2, 4)], [concept("mug"), concept("keys")])
    return Theatre(shelf, capabilities=capabilities, models=ModelsConfig(reword=reword))


def asked(theatre: Theatre, t_s: float = 40, text: str = "where is my mug?", question: str = "q1") -> list[Generate]:
    theatre.feed(Asked(t_ns=ns(t_s), question=question, text=text))
    return theatre.of(Generate)


def says(theatre: Theatre, t_s: float, *pieces: str) -> None:
    command = theatre.of(Generate)[-1]
    for piece in pieces:
        theatre.feed(Token(t_ns=ns(t_s), answers=command.id, text=piece))
    theatre.feed(Done(t_ns=ns(t_s), answers=command.id, pieces=len(pieces)))


def test_a_fact_is_said_in_other_words_that_say_the_same() -> None:
    theatre = stage()
    (command,) = asked(theatre)
    assert theatre.said == []
    assert (command.why, command.question, command.deadline_ns) == ("reword", "q1", ns(40) + 2 * S)
    assert (command.prompt, command.looks, command.slab) == (prompt_for(TOLD), (), None)
    says(theatre, 41, "I last spotted your mug at place 2,", " 36 seconds ago, at 0:04. ")
    assert theatre.said == ["I last spotted your mug at place 2, 36 seconds ago, at 0:04."]
    assert theatre.decisions[-1].reasons == ("ASKED", "REWORDED")
    assert theatre.of(Record)[-1].decision.evidence != ()


@pytest.mark.parametrize("words", ["I last saw your mug at place 3, 36 s ago, at 0:04.", "", "It is on the table."])
def test_other_words_that_say_something_else_are_counted_and_the_fact_is_said_as_it_was(words: str) -> None:
    theatre = stage()
    asked(theatre)
    says(theatre, 41, words)
    assert theatre.said == [TOLD]
    assert theatre.decisions[-1].reasons == ("ASKED", "ANSWERED")
    assert theatre.dropped == [Dropped("rewording", "unfaithful")]


@pytest.mark.parametrize("reason", ["deadline", "backend", "restart"])
def test_a_model_that_fails_or_is_too_late_leaves_the_fact_as_it_was(reason: str) -> None:
    theatre = stage()
    (command,) = asked(theatre)
    theatre.feed(Failed(t_ns=ns(42), answers=command.id, reason=reason))
    assert theatre.said == [TOLD]
    assert theatre.dropped == [Dropped("rewording", reason)]


def test_other_words_of_which_a_part_was_lost_do_not_count() -> None:
    theatre = stage()
    (command,) = asked(theatre)
    theatre.feed(Token(t_ns=ns(41), answers=command.id, text=TOLD))
    theatre.feed(Done(t_ns=ns(41), answers=command.id, pieces=2))
    assert theatre.said == [TOLD]
    assert theatre.dropped == [Dropped("rewording", "lost")]


def test_nothing_is_put_into_other_words_unless_it_is_wanted_and_can_be() -> None:
    assert asked(stage(reword=False)) == []
    assert asked(stage(capabilities=Capabilities(bundle="pocket", vector=True, labels=True, text=True, vector_dim=4))) == []


@pytest.mark.parametrize("power", ["reduced", "low"])
def test_short_of_power_facts_are_said_as_they_are(power: Power) -> None:
    theatre = stage()
    theatre.feed(BoardChanged(t_ns=ns(30), power=power))
    assert asked(theatre) == []
    assert theatre.said == [TOLD]


def test_refusals_and_what_was_not_seen_are_never_put_into_other_words() -> None:
    theatre = stage()
    assert asked(theatre, text="what colour is the car?") == []
    assert asked(theatre, 50, text="where are my keys?", question="q2") == []


def test_of_five_answers_at_once_the_last_is_said_as_it_is() -> None:
    theatre = stage()
    for number in range(5):
        asked(theatre, 40, question=f"q{number}")
    assert len(theatre.of(Generate)) == 4
    assert theatre.said == [TOLD]
    assert theatre.of(Cancel) == []


def test_forgetting_ends_what_is_being_put_into_other_words() -> None:
    theatre = stage()
    asked(theatre)
    theatre.feed(Forget(t_ns=ns(41), scope=Scope("thing", name="mug")))
    assert theatre.said == ["That was forgotten while you asked."]
    other = stage()
    asked(other)
    other.feed(Forget(t_ns=ns(41), scope=Scope("thing", name="umbrella")))
    assert other.said == [TOLD]


def test_a_restored_speaker_goes_on_waiting_for_other_words() -> None:
    theatre = stage()
    (command,) = asked(theatre)
    again = stage()
    again.speaker.restore(theatre.speaker.snapshot())
    again.feed(Token(t_ns=ns(41), answers=command.id, text="I last noticed your mug at place 2, 36 s ago, at 0:04."))
    again.feed(Done(t_ns=ns(41), answers=command.id))
    speak(again, 41, 0)
    assert again.said == ["I last noticed your mug at place 2, 36 s ago, at 0:04."]
