"""A run that thinks: looked at for the question, answered by a model, in a journal that replays without models and without tokens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

from apps.playing import Played, play
from edge_runtime.boards import Board, board
from edge_runtime.config import MS, Config, ModelsConfig, S
from edge_runtime.core import Core
from edge_runtime.decisions import DecisionLog
from edge_runtime.hosts.capture import FrameRing
from edge_runtime.hosts.journal_replay import replay_journal
from edge_runtime.hosts.live import LiveHost
from edge_runtime.hosts.pace import Pace
from edge_runtime.hosts.prompted import MOST_SHOWN, prompted
from edge_runtime.hosts.workers import Workers
from edge_runtime.journal import Head, Journal, JournalReader, Step
from edge_runtime.models.generation import Generation, Language
from edge_runtime.models.opening import Opened
from edge_runtime.models.scripted import ScriptedLooker
from edge_runtime.protocol import (
    Asked,
    Cancel,
    Command,
    Done,
    Event,
    Forget,
    Generate,
    Look,
    Prompted,
    Record,
    Say,
    Tick,
    Token,
)
from edge_runtime.records import Scope, ShownTokens
from edge_runtime.store import open_store
from edge_runtime.types import Capabilities, Session
from tests import world
from tests.lives import Died, life, replayed
from tests.talking import SEEING, UNSHOWN, LongReader, Talker

PATIENCE_S = 20.0
QUESTION = Asked(t_ns=16 * S, question="q9", text="what colour is the wall?")
REWORDING = Capabilities(bundle="small", vector=True, labels=True, text=True, tokens=True, rewording=True, vector_dim=4)


class Log:
    """An observer that keeps all steps."""

    def __init__(self) -> None:
        self.steps: list[tuple[Event, tuple[Command, ...]]] = []

    def __call__(self, event: Event, commands: tuple[Command, ...], core: Core) -> None:
        self.steps.append((event, commands))

    def events(self, *kinds: type[Event]) -> list[Event]:
        return [event for event, _ in self.steps if isinstance(event, kinds)]

    def commands(self, kind: type[Command]) -> list[Command]:
        return [command for _, commands in self.steps for command in commands if isinstance(command, kind)]

    def looks_for(self, question: str) -> int:
        """Id of the look that was taken for a question."""
        (asking,) = [commands for event, commands in self.steps if isinstance(event, Asked) and event.question == question]
        return next(command.id for command in asking if isinstance(command, Look))

    def said(self, question: str) -> list[str]:
        says = [command.response for command in self.commands(Say) if isinstance(command, Say)]
        return [response.text for response in says if response.question == question]

    @property
    def decided(self) -> list[tuple[str, ...]]:
        return [command.decision.reasons for command in self.commands(Record) if isinstance(command, Record)]


def run(
    out: Path,
    language: Language | None,
    *script: Event,
    pace: Pace | None = None,
    models: ModelsConfig | None = None,
    can: Capabilities = SEEING,
) -> tuple[Played, Log]:
    log = Log()
    opened = Opened(ScriptedLooker(world.see, can), language, can)
    config = Config(models=models or ModelsConfig())
    with play(world.recording(*(script or (*world.WORDS, QUESTION))), out, config, opened, observers=[log], pace=pace) as played:
        pass
    return played, log


def red() -> Talker:
    return Talker(lambda command: ["It is", " red."])


def slow(*, prefill_ms: float, generate_ms: float) -> Board:
    """An Orin Nano on which tokens take so long."""
    stages = dict(board("orin-nano").stages)
    stages["prefill"] = msgspec.structs.replace(stages["prefill"], value=prefill_ms)
    stages["generate"] = msgspec.structs.replace(stages["generate"], value=generate_ms)
    return msgspec.structs.replace(board("orin-nano"), stages=stages)


def replay(out: Path) -> bytes:
    with DecisionLog(out / "again.jsonl") as log:
        replay_journal(out, log)
    return (out / "again.jsonl").read_bytes()


def decisions(out: Path) -> bytes:
    return (out / "decisions.jsonl").read_bytes()


# ---------------------------------------------------------------- a replay


def test_a_question_is_looked_at_thought_about_and_answered(tmp_path: Path) -> None:
    language = red()
    played, log = run(tmp_path / "run", language)
    (command,) = language.commands
    look = next(look for look in log.commands(Look) if isinstance(look, Look) and look.id == log.looks_for("q9"))
    assert [region.kind for region in command.looks] == ["foveal", "overview"]
    assert command.t_look_ns == look.t_capture_ns
    assert 15_500 * MS <= look.t_capture_ns <= QUESTION.t_ns
    assert command.slab is not None and len(command.slab.t_ns) > 0
    assert log.said("q9") == ["I think: It is red, by what I saw from 16 s ago to now."]
    kinds = [type(event) for event in log.events(Prompted, Token, Done)]
    assert kinds == [Prompted, Token, Token, Done]
    assert played.cost.generations == 1
    assert UNSHOWN in played.cost.dropped


def test_the_journal_replays_to_the_last_byte_with_and_without_tokens_and_keeps_no_numbers(tmp_path: Path) -> None:
    for name in ("a", "b"):
        run(tmp_path / name, red())
    assert decisions(tmp_path / "a") == decisions(tmp_path / "b")
    assert replay(tmp_path / "a") == decisions(tmp_path / "a")
    for tokens in (tmp_path / "a" / "journal").glob("*.tokens"):
        tokens.unlink()
    assert replay(tmp_path / "a") == decisions(tmp_path / "a")
    kept = [command for step in JournalReader(tmp_path / "a") if isinstance(step, Step) for command in step.commands]
    (command,) = [command for command in kept if isinstance(command, Generate)]
    assert command.slab is None
    assert [region.tokens.emb if region.tokens is not None else () for region in command.looks] == [None, None]
    assert all(region.thumb is None for region in command.looks)


def test_what_the_tokens_hold_changes_nothing_but_what_the_model_makes_of_it(tmp_path: Path) -> None:
    """Infinite and missing numbers in tokens lead to the same commands."""

    def spoilt(command: Look) -> Sequence[object]:
        regions = []
        for region in world.see(command):
            tokens = region.tokens
            if tokens is not None and tokens.emb is not None:
                tokens = msgspec.structs.replace(tokens, emb=np.full_like(tokens.emb, np.inf))
            regions.append(msgspec.structs.replace(region, tokens=tokens))
        return regions

    _, plain = run(tmp_path / "plain", red())
    log = Log()
    opened = Opened(ScriptedLooker(spoilt, SEEING), red(), SEEING)  # type: ignore[arg-type]
    with play(world.recording(*world.WORDS, QUESTION), tmp_path / "spoilt", Config(), opened, observers=[log]):
        pass
    numbered = [[(type(command), command.id) for _, commands in one.steps for command in commands] for one in (plain, log)]
    assert numbered[0] == numbered[1]


def test_without_a_language_model_in_the_host_that_is_said(tmp_path: Path) -> None:
    _, log = run(tmp_path / "run", None)
    assert log.said("q9") == ["This needs a vision-language model. No language model is loaded."]


def test_as_on_a_board_words_come_as_late_as_reading_and_writing_take(tmp_path: Path) -> None:
    pace = Pace(slow(prefill_ms=10.0, generate_ms=100.0))
    _, log = run(tmp_path / "run", red(), pace=pace)
    begun, one, two, done = log.events(Prompted, Token, Done)
    assert isinstance(begun, Prompted)
    rows = sum(tokens.count for tokens in begun.shown) + 14  # 56 characters of a question
    assert [event.t_ns - begun.t_ns - rows * 10 * MS for event in (one, two, done)] == [100 * MS, 200 * MS, 200 * MS]
    assert (pace.used["prefill"], pace.used["generate"]) == (rows, 2)
    assert replay(tmp_path / "run") == decisions(tmp_path / "run")


def test_as_on_a_board_one_answer_is_written_after_another(tmp_path: Path) -> None:
    second = Asked(t_ns=16_200 * MS, question="q10", text="what colour is the floor?")
    _, log = run(tmp_path / "run", red(), QUESTION, second, pace=Pace(slow(prefill_ms=1.0, generate_ms=1000.0)))
    first, other = log.events(Done)
    assert other.t_ns - first.t_ns >= 2 * S


def test_what_takes_too_long_is_given_up_and_the_next_need_not_wait_for_it(tmp_path: Path) -> None:
    second = Asked(t_ns=20 * S, question="q10", text="what colour is the floor?")
    models = ModelsConfig(answer_deadline_ns=2 * S)
    _, log = run(tmp_path / "run", red(), QUESTION, second, pace=Pace(slow(prefill_ms=0.0, generate_ms=3000.0)), models=models)
    assert [len(log.said(question)) for question in ("q9", "q10")] == [1, 1]
    assert log.said("q9")[0].endswith("My language model did not answer in time.")
    assert log.events(Done) == []
    begun = log.events(Prompted)
    assert len(begun) == 2 and begun[1].t_ns - second.t_ns < 1 * S


def test_an_answer_in_other_words_comes_through_the_same_host(tmp_path: Path) -> None:
    def say(command: Generate) -> list[str]:
        sentence = command.prompt.splitlines()[-1]
        return [sentence.replace("I last saw", "I last spotted")]

    models = ModelsConfig(reword=True)
    _, log = run(tmp_path / "run", Talker(say), models=models, can=REWORDING)
    assert [text.split(",")[0] for text in log.said("q1")] == ['I last spotted your mug by the sign "ROOM 204"']
    assert ("ASKED", "REWORDED") in log.decided
    assert replay(tmp_path / "run") == decisions(tmp_path / "run")


# ---------------------------------------------------------------- forgetting and going on


def test_forgetting_while_it_thinks_gives_the_thought_up_and_empties_the_model(tmp_path: Path) -> None:
    language = red()
    forget = Forget(t_ns=17 * S, scope=Scope("since", t_from_ns=10 * S))
    _, log = run(tmp_path / "run", language, QUESTION, forget, pace=Pace(slow(prefill_ms=0.0, generate_ms=5000.0)))
    assert log.said("q9") == ["That was forgotten while you asked."]
    (command,) = language.commands
    assert command.id in [cancel.target for cancel in log.commands(Cancel) if isinstance(cancel, Cancel)]
    assert log.events(Token, Done) == []
    assert language.forgotten == 1
    assert replay(tmp_path / "run") == decisions(tmp_path / "run")
    kept = [step for step in JournalReader(tmp_path / "run") if isinstance(step, Step)]
    assert not any(isinstance(command, Generate) for step in kept for command in step.commands)


def thinking(event: Event, commands: tuple[Command, ...]) -> bool:
    return any(isinstance(command, Generate) for command in commands)


def waiting_for_its_look(event: Event, commands: tuple[Command, ...]) -> bool:
    return isinstance(event, Asked) and event.question == "q9"


@pytest.mark.parametrize("when", [thinking, waiting_for_its_look])
def test_a_run_that_was_cut_short_while_it_thought_says_so(tmp_path: Path, when: Callable[[Event, tuple[Command, ...]], bool]) -> None:
    def die(event: Event, commands: tuple[Command, ...], core: Core) -> None:
        if when(event, commands):
            raise Died

    run_at, log = tmp_path / "run", Log()
    with pytest.raises(Died), life(run_at, die, language=red()) as (host, _):
        host.go_on((QUESTION,))
    with life(run_at, log, language=red()) as (host, resumed):
        assert resumed is not None and resumed.standing == "whole"
        host.take_up(resumed)
        host.go_on(())
    assert log.said("q9") == ["I was restarted while thinking about that."]
    assert replayed(run_at, tmp_path / "again.jsonl") == (run_at / "decisions.jsonl").read_bytes()


def test_a_thought_survives_a_snapshot_of_the_core(tmp_path: Path) -> None:
    """A core restored in the middle of a thought answers as the other does."""
    config, session = Config(), Session(SEEING)
    one, other = Core(config, session), Core(config, session)
    (search,) = [command for command in one.feed(QUESTION) if isinstance(command, Generate)]
    other.restore(one.snapshot())
    shown = (ShownTokens("memory", 10 * S, 12 * S, 4, 9.0),)
    events: list[Event] = [
        Prompted(t_ns=17 * S, answers=search.id, shown=shown),
        Token(t_ns=17 * S, answers=search.id, text="red"),
        Done(t_ns=18 * S, answers=search.id, pieces=1),
        Tick(t_ns=19 * S),
    ]
    assert [one.feed(event) for event in events] == [other.feed(event) for event in events]
    assert one.snapshot() == other.snapshot()


def test_a_core_counts_what_it_lets_go_of_a_models_words() -> None:
    core = Core(Config(), Session(SEEING))
    (command,) = [command for command in core.feed(QUESTION) if isinstance(command, Generate)]
    core.feed(Token(t_ns=17 * S, answers=command.id, text="x" * 1010))
    assert core.dropped == {"answer:length": 10}


def test_a_command_that_the_core_takes_back_is_not_waited_for() -> None:
    core = Core(Config(), Session(SEEING))
    for number in range(5):
        core.feed(msgspec.structs.replace(QUESTION, t_ns=16 * S + number, question=f"q{number}"))
    generations = [number for number, owed in core.state.pending.items() if owed.shows]
    assert len(generations) == 4
    assert not core.awaits(Token(t_ns=17 * S, answers=1, text="too late"))


# ---------------------------------------------------------------- live


def test_in_a_live_run_forgetting_interrupts_the_model_and_empties_it(tmp_path: Path) -> None:
    language, log, said = LongReader(PATIENCE_S), Log(), threading.Event()

    def hear(event: Event, commands: tuple[Command, ...], core: Core) -> None:
        log(event, commands, core)
        if log.said("q9"):
            said.set()

    config, session = Config(), Session(SEEING, has_gaze=False)
    core = Core(config, session)
    head = Head(version="1", segment=0, config=config, session=session, snapshot=b"")
    with (
        open_store(tmp_path / "log", log_bytes=10**7) as store,
        Journal(tmp_path / "journal", head, core.snapshot) as journal,
        DecisionLog(tmp_path / "decisions.jsonl") as written,
    ):
        workers = Workers(FrameRing(10**6), ScriptedLooker(world.see, SEEING), store)
        with LiveHost(core, workers, journal, written, eyes=None, language=language, observers=[hear]) as host:
            host.tell(QUESTION)
            assert language.reading.wait(PATIENCE_S)
            host.tell(Forget(t_ns=0, scope=Scope("all")))
            assert language.emptied.wait(PATIENCE_S)
            assert said.wait(PATIENCE_S)
    assert log.said("q9") == ["That was forgotten while you asked."]
    assert language.forgotten == 1


def test_however_finely_memory_is_taken_apart_what_is_told_of_it_is_bounded_and_reaches_as_far() -> None:
    memory = tuple(ShownTokens("memory", n * S, n * S + 1, 2, 3.0, (n,)) for n in range(300))
    looks = (ShownTokens("foveal", 400 * S, 400 * S, 4, 4.0), ShownTokens("overview", 400 * S, 400 * S, 4, 4.0))
    command = Generate(id=3, deadline_ns=0, prompt="", max_tokens=1)
    told = prompted(command, 5, Generation((piece for piece in ["red"]), shown=(*memory, *looks)))
    assert (told.t_ns, told.answers, len(told.shown)) == (5, 3, MOST_SHOWN)
    assert told.shown[-2:] == looks
    assert (told.shown[0].t_ns, told.shown[0].frame_seqs) == (0, tuple(range(8)))
    assert sum(tokens.count for tokens in told.shown) == 608
    assert sum(tokens.stands_for for tokens in told.shown) == 908.0
    assert list(told.shown) == sorted(told.shown, key=lambda tokens: tokens.t_ns)
