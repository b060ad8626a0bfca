"""Whatever becomes of looks and models: every question is answered once, and what waits is bounded."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from edge_runtime import codec
from edge_runtime.config import ModelsConfig
from edge_runtime.outbox import Outbox
from edge_runtime.power import Power
from edge_runtime.protocol import Asked, Command, Done, Event, Failed, Generate, Look, Looked, Prompted, Token
from edge_runtime.records import Scope, ShownTokens
from edge_runtime.speak.answering import Answering, AnsweringState
from edge_runtime.speak.conversation import Conversation, ConversationState
from edge_runtime.speak.reply import Answered
from edge_runtime.types import Capabilities, LookedRegion
from tests.speaking import HERE, Shelf, concept, ns, sighting

BOTH = Capabilities(bundle="both", vector=True, labels=True, text=True, language=True, rewording=True, vector_dim=4)
QUESTIONS = ("what colour is the car?", "where is my mug?", "what is this?", "did you see my keys?")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "ask with a look", "looked", "prompted", "token", "done", "failed", "restart", "forget", "snapshot"]),
        st.integers(0, 7),
    ),
    max_size=40,
)


class Talk:
    """A conversation with everything that may happen to it, step by step."""

    def __init__(self) -> None:
        self.open: list[Command] = []
        self.answers: list[Answered] = []
        self.asked: list[str] = []
        self.power: Power = "full"
        self._talk, self._answering = ConversationState(origin_ns=0), AnsweringState()
        self._shelf = Shelf(
            [sighting(1, "concept", "mug", 2, 4), sighting(2, "thing", "thing 7", 0, 90)], [concept("mug"), concept("keys")]
        )
        self._next_id, self._t_ns = 1, ns(10)

    def step(self, what: str, number: int) -> None:
        self._t_ns += ns(0.1)
        out = Outbox(self._next_id)
        if what.startswith("ask"):
            if what.endswith("look"):
                out.emit(Look, deadline_ns=0, frame_seq=1, t_capture_ns=self._t_ns, regions=(), why="question")
            self.asked.append(f"q{len(self.asked)}")
            event: Event | None = Asked(t_ns=self._t_ns, question=self.asked[-1], text=QUESTIONS[number % len(QUESTIONS)])
        else:
            event = self._answer(what, number)
        if what == "snapshot":
            self._answering = codec.decode(codec.encode(self._answering), AnsweringState)
            self._talk = codec.decode(codec.encode(self._talk), ConversationState)
        conversation = Conversation(self._talk, self._shelf, BOTH, out, self._t_ns)
        answering = Answering(self._answering, conversation, self._shelf, BOTH, ModelsConfig(reword=True), self.power, out, self._t_ns)
        if what == "forget":
            self.answers += answering.forget(Scope("thing", name="umbrella"))
            self.open.clear()
        elif event is not None:
            self.answers += answering.hear(event)
        self._next_id = out.next_id
        self.open += [command for command in out.commands if isinstance(command, Look | Generate)]
        assert len(self._answering.thoughts) <= 4 and len(self._answering.rewordings) <= 4
        assert all(len(thought.text) <= 1000 for thought in self._answering.thoughts)

    def _answer(self, what: str, number: int) -> Event | None:
        """An answer to something that is waited for, or to what nobody has asked."""
        command = self.open[number % len(self.open)] if self.open else None
        answers = 999 if command is None else command.id
        match what:
            case "looked" if isinstance(command, Look):
                self.open.remove(command)
                regions = (LookedRegion("foveal", HERE),)
                return Looked(t_ns=self._t_ns, answers=answers, frame_seq=1, t_capture_ns=self._t_ns, regions=regions)
            case "prompted":
                return Prompted(t_ns=self._t_ns, answers=answers, shown=(ShownTokens("memory", 0, 1, 1, 1.0),) * (number % 2))
            case "token":
                return Token(t_ns=self._t_ns, answers=answers, text="red " * 50 * number)
            case "done" if isinstance(command, Generate):
                self.open.remove(command)
                return Done(t_ns=self._t_ns, answers=answers, pieces=number % 3 or None)
            case "failed" | "restart" if command is not None:
                self.open.remove(command)
                return Failed(t_ns=self._t_ns, answers=answers, reason="restart" if what == "restart" else "backend")
        return None


@given(STEPS)
def test_every_question_is_answered_exactly_once(steps: list[tuple[str, int]]) -> None:
    talk = Talk()
    for what, number in steps:
        talk.step(what, number)
    while talk.open:
        talk.step("failed", 0)
    assert Counter(answered.asked.question for answered in talk.answers) == Counter(talk.asked)
    assert all(answered.reply.text for answered in talk.answers)


@given(STEPS)
def test_short_of_power_nothing_is_asked_of_a_model(steps: list[tuple[str, int]]) -> None:
    talk = Talk()
    talk.power = "reduced"
    for what, number in steps:
        talk.step(what, number)
    assert not any(isinstance(command, Generate) for command in talk.open)
    assert len(talk.answers) == len(talk.asked)
