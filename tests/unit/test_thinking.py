"""Questions that facts cannot answer: given to a model with what was looked at for them, and answered as what the model thinks."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime.config import ModelsConfig, S
from edge_runtime.outbox import Outbox
from edge_runtime.protocol import (
    Asked,
    BoardChanged,
    Cancel,
    Done,
    Failed,
    Forget,
    Found,
    Generate,
    Look,
    Looked,
    Prompted,
    Say,
    Token,
    UserSpeech,
)
from edge_runtime.records import Dropped, Scope, ShownTokens
from edge_runtime.speak import options
from edge_runtime.speak.thinking import resting_on
from edge_runtime.types import WHOLE, LookedRegion, Thumb, Tokens
from tests.speaking import HERE, VECTOR, Shelf, Theatre, concept, ns, sighting, speak
from tests.talking import SEEING

TOKENS = Tokens((1, 2), 4, np.ones((2, 4), np.float16))
LOOK = 500
"""Id of the look that attention asks for with a question."""


def thinker(shelf: Shelf | None = None, models: ModelsConfig | None = None) -> Theatre:
    return Theatre(shelf, capabilities=SEEING, models=models)


def ask(theatre: Theatre, t_s: float, text: str, *, choices: tuple[str, ...] = (), question: str = "q1", look: int | None = LOOK) -> None:
    """Ask, with the look that attention has asked for in the same step."""
    out = Outbox(theatre.next_id)
    if look is not None:
        out.next_id = look
        out.emit(Look, deadline_ns=ns(t_s + 5), frame_seq=1, t_capture_ns=ns(t_s - 0.2), regions=(), why="question")
        out.next_id = max(theatre.next_id, look + 1)
    theatre.feed(Asked(t_ns=ns(t_s), question=question, text=text, options=choices), earlier=out)


def looked(theatre: Theatre, t_s: float, tokens: Tokens = TOKENS, *, look: int = LOOK, captured_s: float | None = None) -> None:
    captured_ns = ns(t_s - 0.3 if captured_s is None else captured_s)
    regions = (
        LookedRegion("foveal", HERE, vector=VECTOR, tokens=tokens, thumb=Thumb("77-0", 9, b"jpeg")),
        LookedRegion("overview", WHOLE, tokens=tokens),
    )
    theatre.feed(Looked(t_ns=ns(t_s), answers=look, frame_seq=77, t_capture_ns=captured_ns, regions=regions))


def say(theatre: Theatre, t_s: float, *pieces: str, from_s: float, to_s: float | None = None, generation: Generate | None = None) -> None:
    """The model has been shown what lies between two times, and says something."""
    command = generation if generation is not None else theatre.of(Generate)[-1]
    shown = ShownTokens("memory", ns(from_s), ns(from_s if to_s is None else to_s), 10, 10.0)
    theatre.feed(Prompted(t_ns=ns(t_s), answers=command.id, shown=(shown,)))
    for piece in pieces:
        theatre.feed(Token(t_ns=ns(t_s), answers=command.id, text=piece))
    theatre.feed(Done(t_ns=ns(t_s), answers=command.id, pieces=len(pieces)))


# ---------------------------------------------------------------- what the model is asked


def test_an_open_question_waits_for_its_look_and_is_then_given_to_the_model_with_what_memory_shows() -> None:
    theatre = thinker(models=ModelsConfig(shown_rows=100, answer_tokens=40, answer_deadline_ns=30 * S))
    ask(theatre, 20, "what colour is the car?")
    assert theatre.of(Generate) == [] and theatre.said == [] and theatre.speaker.waiting == 1
    looked(theatre, 20.4)
    (command,) = theatre.of(Generate)
    assert (command.prompt, command.why, command.question) == ("what colour is the car? Answer in one short sentence.", "answer", "q1")
    assert (command.max_tokens, command.deadline_ns, command.t_asked_ns, command.t_look_ns) == (40, ns(50.4), ns(20), ns(20.1))
    assert [(region.kind, region.tokens, region.vector, region.thumb) for region in command.looks] == [
        ("foveal", TOKENS, None, None),
        ("overview", TOKENS, None, None),
    ]
    assert command.slab is not None
    ((rows, cue),) = theatre.shelf.cues
    assert cue is not None and rows == 100
    assert (cue.vector is VECTOR, cue.tokens is TOKENS.emb, cue.t_now_ns) == (True, True, ns(20))


def test_memory_is_searched_by_the_quarters_of_what_was_looked_at() -> None:
    grid = np.arange(16.0).reshape(4, 4)
    tokens = Tokens((4, 4), 2, np.stack([grid.ravel(), -grid.ravel()], axis=1).astype(np.float16))
    theatre = thinker()
    ask(theatre, 20, "what colour is the car?")
    looked(theatre, 20.4, tokens)
    ((_, cue),) = theatre.shelf.cues
    assert cue is not None and cue.tokens is not None
    assert cue.tokens.tolist() == [[2.5, -2.5], [4.5, -4.5], [10.5, -10.5], [12.5, -12.5]]


def test_what_would_command_a_terminal_is_not_said() -> None:
    theatre = thinker()
    ask(theatre, 20, "what colour is the car?", look=None)
    say(theatre, 22, "red\x1b[2J", "\x07 and\ufffd blue", from_s=20)
    assert theatre.said == ["I think: red [2J and blue, by what I saw 2 s ago."]


def test_the_question_is_about_the_moment_when_the_wearer_began_to_speak() -> None:
    theatre = thinker()
    theatre.feed(UserSpeech(t_ns=ns(18), phase="start"))
    theatre.feed(UserSpeech(t_ns=ns(19.5), phase="end"))
    ask(theatre, 20, "what colour is the car?", look=None)
    assert theatre.of(Generate)[0].t_asked_ns == ns(18)


def test_options_are_part_of_what_the_model_is_asked() -> None:
    theatre = thinker()
    ask(theatre, 20, "what colour is the car?", choices=("red", "dark blue"), look=None)
    assert theatre.of(Generate)[0].prompt == "what colour is the car? Answer with one of these: red; dark blue."


def test_what_cannot_be_named_is_thought_about() -> None:
    theatre = thinker(Shelf([sighting(1, "thing", "thing 7", 19, 20)]))
    ask(theatre, 20.5, "what is this?", look=None)
    say(theatre, 22, "a garden gnome", from_s=20)
    assert theatre.said == ["I think: a garden gnome, by what I saw 2 s ago."]


@pytest.mark.parametrize("reason", ["evicted", "deadline", "superseded"])
def test_without_its_look_a_question_is_judged_by_memory_alone(reason: str) -> None:
    theatre = thinker()
    ask(theatre, 20, "what colour is the car?")
    theatre.feed(Failed(t_ns=ns(21), answers=LOOK, reason=reason))
    (command,) = theatre.of(Generate)
    assert (command.looks, command.t_look_ns) == ((), 0)
    assert command.slab is not None


def test_without_a_frame_there_is_no_look_to_wait_for() -> None:
    theatre = thinker(models=ModelsConfig(shown_rows=0))
    ask(theatre, 20, "what colour is the car?", look=None)
    (command,) = theatre.of(Generate)
    assert (command.looks, command.slab) == ((), None)


def test_what_facts_can_answer_is_not_thought_about() -> None:
    theatre = thinker(Shelf([sighting(1, "concept", "mug", 2, 4)], [concept("mug")]))
    ask(theatre, 20, "where is my mug?")
    assert theatre.of(Generate) == []
    assert theatre.said == ["I last saw your mug at place 2, 16 s ago, at 0:04."]


def test_without_a_model_that_sees_nothing_is_thought_about() -> None:
    theatre = Theatre()
    assert theatre.ask(20, "what colour is the car?").text == "This needs a vision-language model."
    assert theatre.of(Generate) == []


def test_a_question_that_the_log_was_asked_for_first_is_thought_about_when_the_log_has_answered() -> None:
    shelf = Shelf()
    shelf.complete_since_ns = ns(20)
    theatre = thinker(shelf)
    ask(theatre, 20.5, "what is this?")
    looked(theatre, 20.6)
    assert theatre.of(Generate) == [], "the log may know it"
    (search,) = theatre.searches
    theatre.feed(Found(t_ns=ns(20.7), answers=search.id, rows=(sighting(2, "thing", "thing 7", 19, 20),)))
    (command,) = theatre.of(Generate)
    assert command.looks == (), "memory has taken the look in meanwhile, and shows it"


def test_short_of_power_nothing_is_thought_about_and_that_is_said() -> None:
    theatre = thinker()
    theatre.feed(BoardChanged(t_ns=ns(10), power="reduced"))
    ask(theatre, 20, "what colour is the car?", look=None)
    assert theatre.of(Generate) == []
    assert theatre.said == ["The board is too hot or short of power to think about that."]
    assert theatre.decisions[-1].reasons == ("ASKED", "NO_POWER")


# ---------------------------------------------------------------- what is made of its words


def test_an_answer_is_what_the_model_thinks_with_the_age_of_what_it_rests_on() -> None:
    theatre = thinker()
    ask(theatre, 20, "what colour is the car?")
    looked(theatre, 20.4, captured_s=20)
    say(theatre, 24, "It is", " red. ", from_s=20)
    (response,) = [command.response for command in theatre.of(Say)]
    assert response.text == "I think: It is red, by what I saw 4 s ago."
    assert response.confidence == 0.5
    assert response.question == "q1"
    assert [(look.frame_seq, look.t_ns, look.box, look.thumb_id) for look in response.evidence] == [
        (77, ns(20), HERE, "77-0"),
        (77, ns(20), WHOLE, None),
    ]
    assert theatre.decisions[-1].reasons == ("ASKED", "ANSWERED_BY_MODEL")
    assert theatre.speaker.waiting == 0


@pytest.mark.parametrize(
    ("first_s", "last_s", "said"),
    [
        (296.0, 296.0, "by what I saw 4 s ago"),
        (299.5, 299.9, "by what I saw just now"),
        (180.0, 299.0, "by what I saw from 2 min ago to now"),
        (180.0, 294.0, "by what I saw from 2 min ago to 6 s ago"),
        (0.0, 300.0, "by what I saw from 5 min ago to now"),
    ],
)
def test_the_age_of_what_was_shown_is_told_from_its_first_to_its_last_moment(first_s: float, last_s: float, said: str) -> None:
    shown = (ShownTokens("memory", ns(first_s), ns(first_s), 3, 3.0), ShownTokens("foveal", ns(last_s), ns(last_s), 3, 3.0))
    assert resting_on(shown, ns(300)) == said


def answer(text: str, *choices: str) -> tuple[str, int | None]:
    theatre = thinker()
    ask(theatre, 20, "what colour is the car?", choices=choices, look=None)
    say(theatre, 24, text, from_s=20)
    (response,) = [command.response for command in theatre.of(Say)]
    return response.text, response.choice


def test_the_option_that_is_named_is_chosen_and_else_none() -> None:
    assert answer("Red.", "red", "dark blue") == ("I think: Red, by what I saw 4 s ago.", 0)
    assert answer("The car is dark blue.", "red", "dark blue")[1] == 1
    unclear = ("I think: green, by what I saw 4 s ago. None of the options follows from that.", None)
    assert answer("green", "red", "dark blue") == unclear


@pytest.mark.parametrize(
    ("said", "choices", "choice"),
    [
        ("not red", ("red", "blue"), None),
        ("red or blue", ("red", "blue"), None),
        ("no", ("yes", "no"), 1),
        ("2", ("1", "2"), 1),
        ("dark blue", ("blue", "dark blue"), 1),
        ("It isn't there", ("there", "here"), None),
        ("red", ("red", "Red"), None),
    ],
)
def test_an_option_is_named_exactly_or_not_at_all(said: str, choices: tuple[str, ...], choice: int | None) -> None:
    assert options.named(choices, said) == choice


@pytest.mark.parametrize("text", ["", "  \n ", "...", " . "])
def test_an_answer_without_words_is_none(text: str) -> None:
    theatre = thinker()
    ask(theatre, 20, "what colour is the car?", look=None)
    say(theatre, 24, text, from_s=20)
    assert theatre.said == ["I could not make that out."]
    assert theatre.decisions[-1].reasons == ("ASKED", "NO_ANSWER")


def test_what_is_too_long_is_cut_and_counted() -> None:
    theatre = thinker()
    ask(theatre, 20, "what colour is the car?", look=None)
    say(theatre, 24, "x" * 600, "y" * 600, from_s=20)
    assert theatre.said == [f"I think: {'x' * 600}{'y' * 400}, by what I saw 4 s ago."]
    assert theatre.dropped == [Dropped("answer", "length", 200)]


def test_an_answer_that_rests_on_nothing_is_not_given() -> None:
    theatre = thinker()
    ask(theatre, 20, "what colour is the car?", look=None)
    (command,) = theatre.of(Generate)
    theatre.feed(Prompted(t_ns=ns(21), answers=command.id, shown=()))
    theatre.feed(Token(t_ns=ns(21), answers=command.id, text="red"))
    theatre.feed(Done(t_ns=ns(21), answers=command.id))
    assert theatre.said == ["I have seen nothing to judge that by."]


def test_what_was_lost_on_its_way_is_in_the_end_of_the_answer() -> None:
    theatre = thinker()
    ask(theatre, 20, "what colour is the car?", look=None)
    (command,) = theatre.of(Generate)
    theatre.feed(Token(t_ns=ns(21), answers=command.id, text=" red"))
    shown = ShownTokens("memory", ns(18), ns(18), 10, 10.0)
    theatre.feed(Done(t_ns=ns(22), answers=command.id, pieces=2, text="dark red", shown=(shown,)))
    assert theatre.said == ["I think: dark red, by what I saw 4 s ago."]
    assert theatre.dropped == [Dropped("answer", "lost", 1)]


def test_an_answer_of_which_a_part_was_lost_is_not_passed_off_as_whole() -> None:
    theatre = thinker()
    ask(theatre, 20, "is it safe?", look=None)
    (command,) = theatre.of(Generate)
    theatre.feed(Prompted(t_ns=ns(21), answers=command.id, shown=(ShownTokens("memory", 0, 0, 1, 1.0),)))
    theatre.feed(Token(t_ns=ns(21), answers=command.id, text="safe"))
    theatre.feed(Done(t_ns=ns(21), answers=command.id, pieces=2))
    assert theatre.said == ["A part of the answer was lost; ask me again."]
    assert theatre.dropped == [Dropped("answer", "lost", 1)]


# ---------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(
    ("reason", "said", "code"),
    [
        ("nothingseen", "I have seen nothing to judge that by.", "NOTHING_SEEN"),
        ("restart", "I was restarted while thinking about that.", "NO_ANSWER"),
        ("deadline", "This needs a vision-language model. My language model did not answer in time.", "NO_ANSWER"),
        ("unsupported", "This needs a vision-language model. No language model is loaded.", "NO_ANSWER"),
        ("unreachable", "This needs a vision-language model. My language model is not running at the moment.", "NO_ANSWER"),
        ("contextfull", "This needs a vision-language model. It was more than my language model can read.", "NO_ANSWER"),
        ("superseded", "This needs a vision-language model. I had too much else to think about.", "NO_ANSWER"),
        ("backend", "This needs a vision-language model. My language model failed.", "NO_ANSWER"),
    ],
)
def test_a_model_that_fails_leaves_the_refusal_with_the_reason(reason: str, said: str, code: str) -> None:
    theatre = thinker()
    ask(theatre, 20, "what colour is the car?", look=None)
    theatre.feed(Failed(t_ns=ns(21), answers=theatre.of(Generate)[0].id, reason=reason))
    assert theatre.said == [said]
    assert theatre.decisions[-1].reasons == ("ASKED", code)
    assert theatre.speaker.waiting == 0


def test_a_restart_while_a_question_waits_for_its_look_is_said() -> None:
    theatre = thinker()
    ask(theatre, 20, "what colour is the car?")
    theatre.feed(Failed(t_ns=ns(21), answers=LOOK, reason="restart"))
    assert theatre.of(Generate) == []
    assert theatre.said == ["I was restarted while thinking about that."]


def test_of_five_questions_the_oldest_makes_room_and_is_told() -> None:
    theatre = thinker()
    for number in range(5):
        ask(theatre, 20 + number, "what colour is the car?", question=f"q{number}", look=None)
    first = theatre.of(Generate)[0]
    assert [cancel.target for cancel in theatre.of(Cancel)] == [first.id]
    (response,) = [command.response for command in theatre.of(Say)]
    assert (response.question, response.text) == ("q0", "This needs a vision-language model. I had too much else to think about.")
    assert theatre.speaker.waiting == 4


def test_answers_find_their_questions_whatever_the_order() -> None:
    theatre = thinker()
    for number in (1, 2):
        ask(theatre, 20 + number, f"what colour is car {number}?", question=f"q{number}", look=None)
    one, two = theatre.of(Generate)
    say(theatre, 24, "blue", from_s=20, generation=two)
    say(theatre, 25, "red", from_s=20, generation=one)
    answers = {command.response.question: command.response.text for command in theatre.of(Say)}
    assert answers["q2"].startswith("I think: blue") and answers["q1"].startswith("I think: red")


# ---------------------------------------------------------------- forgetting and restarts


@pytest.mark.parametrize(
    "scope", [Scope("all"), Scope("thing", name="umbrella"), Scope("since", t_from_ns=ns(5)), Scope("place", place_id=3)]
)
def test_whatever_is_forgotten_nothing_goes_on_that_may_show_it(scope: Scope) -> None:
    theatre = thinker()
    ask(theatre, 20, "what colour is the car?")
    ask(theatre, 20.5, "who was that?", question="q2", look=None)
    theatre.feed(Forget(t_ns=ns(21), scope=scope))
    assert [decision.reasons for decision in theatre.decisions][:2] == [("ASKED", "FORGOTTEN")] * 2
    assert theatre.said[0] == "That was forgotten while you asked."
    assert theatre.speaker.state.answering.thoughts == []
    looked(theatre, 22)
    assert len(theatre.of(Generate)) == 1, "the look that comes too late calls for nothing"


def test_what_the_model_has_said_and_nobody_has_heard_is_let_go_with_anything_that_is_forgotten() -> None:
    theatre = thinker()
    ask(theatre, 20, "what colour is the car?", look=None)
    theatre.feed(UserSpeech(t_ns=ns(20.5), phase="start"))
    say(theatre, 21, "red", from_s=20)
    theatre.feed(Forget(t_ns=ns(22), scope=Scope("thing", name="umbrella")))
    theatre.feed(UserSpeech(t_ns=ns(23), phase="end"))
    theatre.ticks(23, 30)
    assert not [text for text in theatre.said if "red" in text]


def test_a_restored_speaker_thinks_on() -> None:
    theatre = thinker()
    ask(theatre, 20, "what colour is the car?")
    looked(theatre, 20.4)
    ask(theatre, 20.6, "who was that?", question="q2", look=600)
    again = thinker()
    again.speaker.restore(theatre.speaker.snapshot())
    again.next_id = theatre.next_id
    for stage in (theatre, again):
        looked(stage, 21, look=600)
        say(stage, 24, "red", from_s=20, generation=theatre.of(Generate)[0])
        speak(stage, 24, 0)
    assert again.said == theatre.said == ["I think: red, by what I saw 4 s ago."]
    assert again.of(Generate)[-1].prompt == theatre.of(Generate)[-1].prompt == "who was that? Answer in one short sentence."
    assert again.speaker.snapshot() == theatre.speaker.snapshot()
