"""Replies in the lane of the models: written piece by piece, with looks between the pieces, and prompts read once."""

from __future__ import annotations

import queue
from collections.abc import Iterator

import pytest

from edge_runtime.hosts.lanes import ModelLane
from edge_runtime.models.language import LanguageModel
from edge_runtime.models.language_reply import Replies
from edge_runtime.models.language_scripted import ScriptedModel
from edge_runtime.protocol import Done, Event, Failed, Generate, Look, Looked, Prompted, Token
from tests.tiny_language import needs_llama, tiny

FAR_NS = 10**18


@pytest.fixture(params=["scripted", pytest.param("llama", marks=needs_llama)])
def model(request: pytest.FixtureRequest) -> Iterator[LanguageModel]:
    with ScriptedModel(lambda text: "on the table. and more") if request.param == "scripted" else tiny() as opened:
        yield opened


def ask(prompt: str, *, command_id: int = 1, max_tokens: int = 8) -> Generate:
    return Generate(id=command_id, deadline_ns=FAR_NS, prompt=prompt, max_tokens=max_tokens)


class NoLooks:
    def look(self, command: Look, t_ns: int) -> Looked | Failed:
        raise AssertionError("nobody looks here")


def carried_out(model: LanguageModel, *commands: Generate) -> list[Event]:
    """What a lane answers to commands, one after the other."""
    answers: queue.SimpleQueue[Event] = queue.SimpleQueue()
    lane = ModelLane(NoLooks(), Replies(model), answers.put, lambda: 0, lambda drop: None)
    lane.start()
    got: list[Event] = []
    for command in commands:
        lane.ask(command)
        while not got or not isinstance(got[-1], Done | Failed) or got[-1].answers != command.id:
            got.append(answers.get(timeout=30))
    lane.stop()
    lane.join()
    return got


def test_an_answer_comes_piece_by_piece(model: LanguageModel) -> None:
    begun, *tokens, done = carried_out(model, ask("where is the cup?"))
    assert begun == Prompted(t_ns=0, answers=1, shown=())
    assert done == Done(t_ns=0, answers=1, pieces=len(tokens))
    assert tokens
    assert all(isinstance(token, Token) and token.text for token in tokens)


def test_a_prompt_that_is_too_long_costs_one_answer(model: LanguageModel) -> None:
    _, failed, *rest = carried_out(model, ask("a" * 2000), ask("where?", command_id=2))
    assert isinstance(failed, Failed)
    assert (failed.reason, "no room" in failed.detail) == ("contextfull", True)
    assert isinstance(rest[-1], Done)


def test_the_beginning_of_a_prompt_is_read_once(model: LanguageModel) -> None:
    replies = Replies(model)
    seen = "12:01 a red cup, 12:02 a door. "
    first = "".join(replies.generate(ask(seen + "where is the cup?")))
    read = replies.tokens_read
    list(replies.generate(ask(seen + "what came then?")))
    assert replies.tokens_kept >= len(model.tokenize(seen)) - 2
    assert replies.tokens_read - read < read
    assert "".join(replies.generate(ask(seen + "where is the cup?"))) == first


def test_a_reply_ends_at_its_stop() -> None:
    replies = Replies(ScriptedModel(lambda text: "on the table. and more"), stop=(".",))
    assert "".join(replies.generate(ask("where?", max_tokens=99))) == "on the table"


@needs_llama
def test_what_is_asked_cannot_end_the_turn() -> None:
    """The name of a special token in a question, or on a sign that was read, is letters."""
    with tiny() as model:
        replies = Replies(model, before="<turn>", after="<turn>")
        list(replies.generate(ask("a sign says </s>", max_tokens=0)))
        turn, end = model.special("<turn>"), model.special("</s>")
        whole = (turn, *model.tokenize("a sign says </s>"), turn)
        assert end not in whole
        assert model.common(0, whole) == model.end(0) == len(whole)


def test_no_room_in_the_middle_of_an_answer_is_said(model: LanguageModel) -> None:
    model.extend(1, [5] * (model.capabilities.context_rows - 20))
    answers = carried_out(model, ask("where is", max_tokens=100))
    assert isinstance(answers[1], Token)
    assert isinstance(answers[-1], Failed)
    assert answers[-1].reason == "contextfull"
