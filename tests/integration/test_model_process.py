"""The model's process over real sockets: one look and one generation at a time, looks between words, questions first."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from edge_runtime.config import S
from edge_runtime.hosts.model_process import ModelProcess
from edge_runtime.hosts.remote_models import RemoteModels
from edge_runtime.models.generation import Generation, Language
from edge_runtime.models.scripted import ScriptedLooker
from edge_runtime.protocol import Done, Event, Failed, Generate, Look, Prompted, Token
from edge_runtime.records import Dropped, ShownTokens, Slab
from edge_runtime.transport.bus_zmq import ZmqBus
from edge_runtime.transport.endpoints import Local
from edge_runtime.transport.post import Post
from tests.three_processes import PATIENCE_S

T = TypeVar("T")

SHOWN = ShownTokens("memory", 1, 2, 40, 90.0, (3, 5))


class Talk:
    """A language model whose every word waits until a test lets it out."""

    def __init__(self) -> None:
        self.words: dict[str, list[threading.Event]] = {}
        self.closed: list[str] = []
        self.forgotten = threading.Event()

    def script(self, prompt: str, words: int) -> list[threading.Event]:
        self.words[prompt] = [threading.Event() for _ in range(words)]
        return self.words[prompt]

    def generate(self, command: Generate) -> Generation:
        return Generation(self._pieces(command), shown=(SHOWN,), dropped=(Dropped("token", "context", 3),))

    def interrupt(self) -> None:
        """The word under way is written to its end."""

    def forget(self) -> None:
        self.forgotten.set()

    def _pieces(self, command: Generate) -> Generator[str, None, None]:
        try:
            for number, out in enumerate(self.words[command.prompt]):
                assert out.wait(PATIENCE_S)
                yield f"{command.prompt}{number}"
        finally:
            self.closed.append(command.prompt)


class Core:
    """The core's side: what it asked, and what came."""

    def __init__(self, post: Post, model: Post) -> None:
        self._post = post
        self._model = model
        self._numbers = itertools.count(1)
        self.events: list[Event] = []
        self.models = RemoteModels(post, self.events.append, time.monotonic_ns)

    def generate(self, prompt: str, question: str = "", slab: Slab | None = None) -> int:
        number = next(self._numbers)
        deadline_ns = time.monotonic_ns() + 60 * S
        self.models.ask(Generate(id=number, deadline_ns=deadline_ns, prompt=prompt, max_tokens=8, question=question, slab=slab))
        return number

    def look(self) -> int:
        number = next(self._numbers)
        deadline_ns = time.monotonic_ns() + 60 * S
        self.models.ask(Look(id=number, deadline_ns=deadline_ns, frame_seq=1, t_capture_ns=0, regions=(), why="fixation"))
        return number

    def wait_for(self, kind: type[Event], number: int) -> Event:
        return self._wait_until(lambda: [e for e in self.events if isinstance(e, kind) and getattr(e, "answers", None) == number])[0]

    def wait_for_words(self, number: int, words: list[str]) -> None:
        self._wait_until(lambda: self.words(number) == words)

    def _wait_until(self, come: Callable[[], T]) -> T:
        until_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < until_s:
            if it := come():
                return it
            self._post.wait([*self.models.ends], 0.5)
            self.models.arrive()
        raise AssertionError(f"it never came; {self.events}")

    def model_dropped(self) -> tuple[Dropped, ...]:
        return tuple(self._model.dropped)

    def words(self, number: int) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Token) and event.answers == number]


@contextlib.contextmanager
def running(tmp_path: Path, language: Language | None) -> Iterator[Core]:
    with (
        Post(ZmqBus(Local(tmp_path)), "core") as core,
        Post(ZmqBus(Local(tmp_path)), "model") as model,
    ):
        process = ModelProcess(model, ScriptedLooker({}), language, time_ns=time.monotonic_ns, stuck_ns=60 * S)
        side = Core(core, model)
        # Each end is reached by its own way: what is sent by one before its other end is there is lost, and that is not what is tested.
        assert all(end.reachable(PATIENCE_S) for end in (side.models._looks, side.models._prompts))
        assert process._words.heard(PATIENCE_S)
        thread = threading.Thread(target=process.run)
        thread.start()
        try:
            yield side
        finally:
            process.stop()
            thread.join(PATIENCE_S)


@pytest.fixture
def talk() -> Iterator[Talk]:
    made = Talk()
    yield made
    for outs in made.words.values():
        for out in outs:
            out.set()


def test_words_come_one_by_one_and_then_the_end(tmp_path: Path, talk: Talk) -> None:
    outs = talk.script("a", 3)
    with running(tmp_path, talk) as core:
        number = core.generate("a")
        for said, out in enumerate(outs, start=1):
            out.set()
            core.wait_for_words(number, [f"a{place}" for place in range(said)])
        done = core.wait_for(Done, number)
        assert isinstance(done, Done) and (done.pieces, done.text) == (3, "a0a1a2")


def test_what_the_model_is_shown_comes_before_its_words_and_what_it_is_not_shown_is_counted(tmp_path: Path, talk: Talk) -> None:
    (out,) = talk.script("a", 1)
    with running(tmp_path, talk) as core:
        number = core.generate("a")
        prompted = core.wait_for(Prompted, number)
        assert isinstance(prompted, Prompted) and prompted.shown == (SHOWN,)
        assert core.words(number) == []
        out.set()
        core.wait_for(Done, number)
        assert Dropped("token", "context", 3) in core.model_dropped()


def test_a_command_may_bring_all_that_memory_shows(tmp_path: Path, talk: Talk) -> None:
    """A thousand rows, as wide as those of a model of two billion weights."""
    (out,) = talk.script("a", 1)
    out.set()
    rows = 1024
    slab = Slab(
        emb=np.ones((rows, 2048), np.float16),
        pos=np.zeros((rows, 3), np.int32),
        t_ns=np.arange(rows),
        t_end_ns=np.arange(rows),
        weight=np.ones(rows, np.float32),
        salience=np.ones(rows, np.float32),
    )
    with running(tmp_path, talk) as core:
        core.wait_for(Done, core.generate("a", slab=slab))


def test_forgetting_reaches_what_prompts_have_left_in_the_model(tmp_path: Path, talk: Talk) -> None:
    with running(tmp_path, talk) as core:
        core.models.forget()
        until_s = time.monotonic() + PATIENCE_S
        while not talk.forgotten.wait(0.01) and time.monotonic() < until_s:
            core.models.arrive()
        assert talk.forgotten.is_set()


def test_a_look_is_carried_out_between_two_words(tmp_path: Path, talk: Talk) -> None:
    outs = talk.script("a", 2)
    with running(tmp_path, talk) as core:
        talking = core.generate("a", question="q")
        outs[0].set()
        core.wait_for(Token, talking)
        looking = core.look()
        # The lane is inside the second word now, and looks when it is out; there is no capture process, so the look fails, but it is done.
        outs[1].set()
        core.wait_for(Failed, looking)
        core.wait_for(Done, talking)


def test_a_question_ends_a_generation_that_nobody_asked_for(tmp_path: Path, talk: Talk) -> None:
    idle, asked = talk.script("idle", 2), talk.script("asked", 1)
    with running(tmp_path, talk) as core:
        background = core.generate("idle")
        idle[0].set()
        core.wait_for(Token, background)
        question = core.generate("asked", question="q")
        failed = core.wait_for(Failed, background)
        assert isinstance(failed, Failed) and failed.reason == "preempted"
        idle[1].set()
        asked[0].set()
        done = core.wait_for(Done, question)
        assert isinstance(done, Done) and done.text == "asked0"


def test_a_question_is_not_ended_by_what_nobody_asked_for(tmp_path: Path, talk: Talk) -> None:
    asked, idle = talk.script("asked", 2), talk.script("idle", 1)
    with running(tmp_path, talk) as core:
        question = core.generate("asked", question="q")
        asked[0].set()
        core.wait_for(Token, question)
        background = core.generate("idle")
        asked[1].set()
        core.wait_for(Done, question)
        idle[0].set()
        core.wait_for(Done, background)


def test_what_is_cancelled_ends_after_the_word_under_way_and_the_next_begins(tmp_path: Path, talk: Talk) -> None:
    first, second = talk.script("first", 3), talk.script("second", 1)
    with running(tmp_path, talk) as core:
        number = core.generate("first", question="q")
        first[0].set()
        core.wait_for(Token, number)
        core.models.cancel(number)
        after = core.generate("second", question="r")
        for out in (first[1], first[2], second[0]):
            out.set()
        core.wait_for(Done, after)
        assert "first" in talk.closed
        assert not [event for event in core.events if isinstance(event, Done) and event.answers == number]


def test_without_a_language_model_a_generation_is_refused_in_words(tmp_path: Path) -> None:
    with running(tmp_path, None) as core:
        failed = core.wait_for(Failed, core.generate("a"))
        assert isinstance(failed, Failed) and (failed.reason, failed.detail) == ("unsupported", "no language model is loaded")


def test_of_looks_only_the_newest_few_wait(tmp_path: Path, talk: Talk) -> None:
    outs = talk.script("a", 1)
    with running(tmp_path, talk) as core:
        talking = core.generate("a", question="q")
        numbers = [core.look() for _ in range(6)]
        outs[0].set()
        core.wait_for(Done, talking)
        for number in numbers:
            core.wait_for(Failed, number)
        reasons = {event.answers: event.reason for event in core.events if isinstance(event, Failed)}
        assert [number for number in numbers if reasons[number] == "superseded"] == numbers[1:3]
