"""The report shows what a language model was shown for an answer, and how long it took."""

from __future__ import annotations

from dataclasses import replace

import pytest

from apps.report.markup import join
from apps.report.page import render
from apps.report.run import Run
from apps.report.thoughts import shown, thoughts, took
from edge_runtime.protocol import Asked, Command, Done, Event, Failed, Generate, Prompted, Say, Token
from edge_runtime.records import ShownTokens
from edge_runtime.speech import Response

S = 1_000_000_000
MS = S // 1000
LOOKED_AT = ShownTokens("foveal", 99 * S + 800 * MS, 99 * S + 800 * MS, 64, 64.0, (998,))
MEMORY = ShownTokens("memory", 40 * S, 88 * S, 120, 900.0, (400, 880))
ASKED = Asked(t_ns=100 * S, question="q1", text="what colour is the cup?")
GENERATE = Generate(id=9, deadline_ns=130 * S, prompt=ASKED.text, max_tokens=64, question="q1", t_asked_ns=100 * S)
SAY = Say(
    id=10,
    deadline_ns=131 * S,
    response=Response("I think: red, by what I saw 1 s ago.", "speech", 1, 0.5, (), (("decided", 101 * S),), "q1"),
)


def run_of(*events: Event, commands: tuple[tuple[int, Command], ...] = ((0, GENERATE),)) -> Run:
    return Run("A run", "", "", 640, 480, 110 * S, 90.0, events=list(enumerate(events)), commands=list(commands))


ANSWERED = run_of(
    ASKED,
    Prompted(t_ns=100 * S + 20 * MS, answers=9, shown=(MEMORY, LOOKED_AT)),
    Token(t_ns=100 * S + 500 * MS, answers=9, text="red"),
    Token(t_ns=100 * S + 600 * MS, answers=9, text="."),
    Done(t_ns=101 * S, answers=9),
    commands=((0, GENERATE), (4, SAY)),
)


def test_every_stretch_of_tokens_is_told_with_its_age_and_what_it_stands_for() -> None:
    (thought,) = thoughts(ANSWERED)
    text = str(join(shown(thought)))
    assert "184 tokens of what was seen" in text
    assert "memory: 120 tokens, standing for 900, from 1 min to 12.0 s before the question" in text
    assert "what gaze rested on: 64 tokens, 200 ms before the question" in text


def test_many_stretches_of_memory_are_told_in_one_line() -> None:
    stretches = tuple(ShownTokens("memory", n * S, n * S + 500 * MS, 10, 20.0) for n in range(40, 60))
    (thought,) = thoughts(run_of(ASKED, Prompted(t_ns=100 * S, answers=9, shown=(*stretches, LOOKED_AT))))
    text = str(join(shown(thought)))
    assert "memory: 200 tokens, standing for 400, from 1 min to 40.5 s before the question, in 20 stretches</li>" in text
    assert text.count("<li>") == 2 and text.count("<rect") == 21


def test_how_long_the_model_took_is_told() -> None:
    (thought,) = thoughts(ANSWERED)
    assert took(thought) == ["The first words came 500 ms after it was asked; it was done after 1.0 s and 2 pieces of text."]


def test_the_sentence_leads_to_what_the_model_was_shown() -> None:
    page = render(ANSWERED)
    assert "Shown to the model" in page and "Thought about" in page


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (Failed(t_ns=101 * S, answers=9, reason="unsupported"), "The model was asked and gave nothing (unsupported)."),
        (Asked(t_ns=101 * S, question="q2", text="and now?"), "The model was asked and gave nothing (no answer)."),
    ],
)
def test_a_model_that_gave_nothing_is_said_to_have_given_nothing(end: Event, told: str) -> None:
    (thought,) = thoughts(run_of(ASKED, end))
    assert shown(thought) == [told]
    assert took(thought) == []


def test_a_model_that_was_cut_off_is_said_to_have_been() -> None:
    (thought,) = thoughts(
        run_of(
            ASKED,
            Prompted(t_ns=100 * S, answers=9, shown=()),
            Token(t_ns=101 * S, answers=9, text="re"),
            Failed(t_ns=102 * S, answers=9, reason="preempted"),
        )
    )
    assert shown(thought) == ["No tokens of what was seen: it was given words alone."]
    assert took(thought) == ["The first words came 1.0 s after it was asked; it gave up (preempted) after 2.0 s and 1 piece of text."]


def test_a_sentence_that_no_model_wrote_has_no_such_step() -> None:
    facts = replace(ANSWERED, commands=[(4, SAY)])
    assert "Shown to the model" not in render(facts)
