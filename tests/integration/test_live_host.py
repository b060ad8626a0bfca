"""The live host: threads, bounded queues, newest wins; and a journal that replays like any other. No test here looks at a clock."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from edge_runtime.config import Config, S
from edge_runtime.core import Core
from edge_runtime.decisions import DecisionLog
from edge_runtime.hosts.capture import FrameRing
from edge_runtime.hosts.inbox import Inbox
from edge_runtime.hosts.journal_replay import replay_journal
from edge_runtime.hosts.lanes import MOST_LOOKS, ModelLane, StoreLane
from edge_runtime.hosts.live import LiveHost
from edge_runtime.hosts.workers import Workers
from edge_runtime.journal import Head, Journal
from edge_runtime.models.generation import Language
from edge_runtime.models.looker import Crop
from edge_runtime.models.scripted import EVERYTHING, ScriptedLooker
from edge_runtime.protocol import (
    Asked,
    Command,
    Done,
    Event,
    Failed,
    Forget,
    Found,
    FrameSeen,
    Gaze,
    Generate,
    Look,
    Looked,
    Prompted,
    Say,
    Search,
    Tick,
    Token,
)
from edge_runtime.records import Dropped, Query, Scope
from edge_runtime.store import open_store
from edge_runtime.types import WHOLE, LookedRegion, Region, Session, Signals, TextLine
from gaze import EyeEvents
from gaze.types import GazeSample
from tests import world
from tests.talking import UNSHOWN, LongReader, Talker

PATIENCE_S = 20.0
"""How long a test waits for something that must come; none waits this long when it passes."""


class Log:
    """An observer that keeps all steps, and lets a test wait for one."""

    def __init__(self) -> None:
        self.steps: list[tuple[Event, tuple[Command, ...]]] = []
        self._more = threading.Condition()

    def __call__(self, event: Event, commands: tuple[Command, ...], core: Core) -> None:
        with self._more:
            self.steps.append((event, commands))
            self._more.notify_all()

    def wait_for(self, found: Callable[[Event, tuple[Command, ...]], bool]) -> None:
        with self._more:
            if not self._more.wait_for(lambda: any(found(*step) for step in self.steps), PATIENCE_S):
                raise AssertionError(f"it never came; {len(self.steps)} steps")

    def said(self) -> list[str]:
        return [command.response.text for _, commands in self.steps for command in commands if isinstance(command, Say)]


@contextlib.contextmanager
def live(out: Path, looker: ScriptedLooker | None = None) -> Iterator[tuple[LiveHost, Log, Journal]]:
    config, looker, log = Config(), looker or ScriptedLooker(world.see), Log()
    session = Session(looker.capabilities)
    core = Core(config, session)
    head = Head(version="1", segment=0, config=config, session=session, snapshot=b"")
    out.mkdir(exist_ok=True)
    with (
        open_store(out / "log", log_bytes=config.store.log_bytes) as store,
        Journal(out / "journal", head, core.snapshot) as journal,
        DecisionLog(out / "decisions.jsonl") as decisions,
    ):
        workers = Workers(FrameRing(config.capture.ring_bytes), looker, store)
        eyes = EyeEvents(90.0, world.WIDTH_PX / world.HEIGHT_PX)
        with LiveHost(core, workers, journal, decisions, eyes=eyes, observers=[log]) as host:
            yield host, log, journal


def watch(host: LiveHost, seconds: float = 1.0) -> None:
    """Look at the middle: frames and gaze stamped as if time had passed up to now."""
    now_ns = host.time_ns()
    for n, frame in enumerate(world.frames(length_ns=round(seconds * S))):
        host.offer(frame.image, now_ns + n)
    host.look_at(tuple(GazeSample(now_ns + n * S // 100, 0.5, 0.5) for n in range(round(seconds * 100))))


def is_a(kind: type[Event]) -> Callable[[Event, tuple[Command, ...]], bool]:
    return lambda event, commands: isinstance(event, kind)


def says(words: str) -> Callable[[Event, tuple[Command, ...]], bool]:
    return lambda event, commands: any(isinstance(command, Say) and words in command.response.text for command in commands)


def test_frames_go_in_and_answers_come_out(tmp_path: Path) -> None:
    with live(tmp_path / "run") as (host, log, _):
        watch(host)
        log.wait_for(is_a(Looked))
        host.tell(Asked(t_ns=0, question="q", text="did you see my passport?"))
        log.wait_for(says("passport"))


def test_its_journal_replays_exactly(tmp_path: Path) -> None:
    with live(tmp_path / "run") as (host, log, _):
        for n in range(5):
            watch(host, 0.5)
            host.tell(Asked(t_ns=0, question=f"q{n}", text="where was my mug?"))
        log.wait_for(is_a(Looked))
        log.wait_for(says("mug"))
    with DecisionLog(tmp_path / "again.jsonl") as decisions:
        replay_journal(tmp_path / "run", decisions)
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "run/decisions.jsonl").read_bytes()
    assert (tmp_path / "again.jsonl").read_bytes()


def test_time_never_goes_back_in_what_the_core_is_fed(tmp_path: Path) -> None:
    with live(tmp_path / "run") as (host, log, _):
        watch(host)
        log.wait_for(is_a(Looked))
    times = [event.t_ns for event, _ in log.steps]
    assert times == sorted(times)
    assert host.core.dropped.get("event:clock", 0) == 0


def test_a_look_that_ends_after_the_wish_to_forget_leaves_nothing_in_any_file(tmp_path: Path) -> None:
    looking, forgotten = threading.Event(), threading.Event()

    class Slow(ScriptedLooker):
        def look(self, command: Look, crops: Sequence[Crop]) -> tuple[LookedRegion, ...]:
            looking.set()
            forgotten.wait(PATIENCE_S)
            text = TextLine("PIN 4071", 0.95, WHOLE)
            return tuple(LookedRegion(kind=crop.region.kind, box=crop.region.box, lines=(text,)) for crop in crops)

    with live(tmp_path / "run", Slow(world.see)) as (host, log, _):
        watch(host)
        assert looking.wait(PATIENCE_S)
        host.tell(Forget(t_ns=0, scope=Scope("all")))
        log.wait_for(is_a(Forget))
        forgotten.set()
        log.wait_for(is_a(Looked))
    assert host.core.dropped["result:late"] >= 1
    assert not [path for path in (tmp_path / "run").rglob("*") if path.is_file() and b"4071" in path.read_bytes()]
    with DecisionLog(tmp_path / "again.jsonl") as decisions:
        replay_journal(tmp_path / "run", decisions)


def test_a_network_that_breaks_costs_one_look_and_not_the_run(tmp_path: Path) -> None:
    class Broken(ScriptedLooker):
        def look(self, command: Look, crops: Sequence[Crop]) -> tuple[LookedRegion, ...]:
            if not self.asked:
                self.asked.append(command)
                raise RuntimeError("a tensor of the wrong shape")
            return super().look(command, crops)

    with live(tmp_path / "run", Broken(world.see)) as (host, log, _):
        watch(host)
        log.wait_for(lambda event, commands: isinstance(event, Failed) and event.reason == "backend")
        host.tell(Asked(t_ns=0, question="q", text="did you see my passport?"))
        log.wait_for(says("passport"))


def test_a_disk_that_refuses_the_journal_ends_the_journal_and_not_the_run(tmp_path: Path) -> None:
    with live(tmp_path / "run") as (host, log, journal):
        log.wait_for(is_a(Tick))
        journal.close()
        host.tell(Asked(t_ns=0, question="q", text="did you see my passport?"))
        log.wait_for(says("passport"))
    assert any((drop.what, drop.reason) == ("step", "journal") and drop.count for drop in host.cost.dropped)


def test_what_was_let_go_is_counted_when_it_has_stopped(tmp_path: Path) -> None:
    with live(tmp_path / "run") as (host, log, _):
        log.wait_for(is_a(Tick))
        host.look_at((GazeSample(5, 0.5, 0.5), GazeSample(5, 0.5, 0.5)))
        big = next(world.frames()).image.repeat(100, axis=0).repeat(60, axis=1)
        host.offer(big)
    counted = {(drop.what, drop.reason): drop.count for drop in host.cost.dropped}
    assert counted["frame", "ring_bytes"] == 1
    assert counted["gaze_sample", "duplicate"] == 1


def test_a_log_that_cannot_keep_up_says_so_and_still_stops(tmp_path: Path) -> None:
    answers = Answers()
    with open_store(tmp_path / "log", log_bytes=10**6) as store:
        keeper = StoreLane(Workers(FrameRing(10**6), ScriptedLooker({}), store), answers, lambda: 0)
        for number in range(100):
            keeper.ask(Search(id=number, deadline_ns=10**15, query=Query()))
        keeper.stop()
        keeper.start()
        keeper.join(PATIENCE_S)
    kinds = [type(event) for event in answers.events]
    assert kinds.count(Failed) == 36
    assert kinds.count(Found) == 64


@pytest.mark.slow
def test_it_stops_while_a_network_hangs(tmp_path: Path) -> None:
    hanging, release = threading.Event(), threading.Event()

    class Stuck(ScriptedLooker):
        def look(self, command: Look, crops: Sequence[Crop]) -> tuple[LookedRegion, ...]:
            hanging.set()
            release.wait(PATIENCE_S)
            return super().look(command, crops)

    with live(tmp_path / "run", Stuck(world.see)) as (host, _, _):
        watch(host)
        assert hanging.wait(PATIENCE_S)
        host.stop()
        lane = next(thread for thread in threading.enumerate() if thread.name == "models")
        assert not any(thread.name == "core" for thread in threading.enumerate())
        release.set()
        lane.join(PATIENCE_S)
        assert not lane.is_alive()


# ---------------------------------------------------------------- the inbox


def seen(seq: int) -> FrameSeen:
    signals = Signals(motion=0.0, blur=0.0, light=0.5)
    return FrameSeen(t_ns=seq, seq=seq, t_capture_ns=seq, width_px=16, height_px=9, signals=signals)


def drain(inbox: Inbox) -> list[Event]:
    events = []
    while (event := inbox.take(0.0)) is not None:
        events.append(event)
    return events


def test_of_frames_the_newest_two_wait_and_the_rest_is_counted() -> None:
    inbox = Inbox()
    for seq in range(10):
        inbox.put(seen(seq))
    assert [event.seq for event in drain(inbox) if isinstance(event, FrameSeen)] == [8, 9]
    assert inbox.take_dropped() == [Dropped("frame", "behind")] * 8
    assert inbox.take_dropped() == []


def test_a_flood_of_frames_pushes_out_no_words_and_no_gaze() -> None:
    inbox = Inbox()
    inbox.put(Asked(t_ns=0, question="q", text="where?"))
    inbox.put(Gaze(t_ns=0, samples=()))
    for seq in range(1000):
        inbox.put(seen(seq))
    kinds = [type(event) for event in drain(inbox)]
    assert kinds == [Asked, Gaze, FrameSeen, FrameSeen]


@pytest.mark.parametrize(("event", "most"), [(Gaze(t_ns=0, samples=()), 64), (Asked(t_ns=0, question="", text=""), 512)])
def test_everything_else_is_bounded_too(event: Event, most: int) -> None:
    inbox = Inbox()
    for _ in range(most + 7):
        inbox.put(event)
    assert len(drain(inbox)) == most
    assert len(inbox.take_dropped()) == 7


def test_a_closed_inbox_takes_nothing_and_says_what_it_let_go() -> None:
    inbox = Inbox()
    inbox.put(seen(1))
    inbox.close()
    inbox.put(seen(2))
    assert inbox.take(PATIENCE_S) is None
    assert inbox.take_dropped() == [Dropped("event", "stopped", 1)]


# ---------------------------------------------------------------- the models' lane


class Answers:
    """Collects what a lane posts, and lets a test wait for it."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._more = threading.Condition()

    def __call__(self, event: Event) -> None:
        with self._more:
            self.events.append(event)
            self._more.notify_all()

    def wait_for(self, kind: type[Event]) -> None:
        with self._more:
            assert self._more.wait_for(lambda: any(isinstance(event, kind) for event in self.events), PATIENCE_S)

    def wait_for_answer(self, kind: type[Event], number: int) -> None:
        def there() -> bool:
            return any(isinstance(event, kind) and getattr(event, "answers", None) == number for event in self.events)

        with self._more:
            assert self._more.wait_for(there, PATIENCE_S)


def look(number: int, deadline_ns: int = 10**15) -> Look:
    return Look(
        id=number, deadline_ns=deadline_ns, frame_seq=0, t_capture_ns=0, regions=(Region("overview", WHOLE, ("vector",)),), why="scene"
    )


@contextlib.contextmanager
def lane(tmp_path: Path, pieces: Callable[[Generate], Iterator[str]] | None = None) -> Iterator[tuple[ModelLane, Answers]]:
    with speaking_lane(tmp_path, None if pieces is None else Talker(pieces)) as (models, answers, _):
        yield models, answers


@contextlib.contextmanager
def speaking_lane(tmp_path: Path, language: Language | None) -> Iterator[tuple[ModelLane, Answers, list[Dropped]]]:
    dropped: list[Dropped] = []
    ring, answers = FrameRing(10**6), Answers()
    ring.push(next(world.frames()))
    with open_store(tmp_path / "log", log_bytes=10**6) as store:
        models = ModelLane(Workers(ring, ScriptedLooker({}, EVERYTHING), store), language, answers, lambda: 0, dropped.append)
        models.start()
        try:
            yield models, answers, dropped
        finally:
            models.stop()
            models.join(PATIENCE_S)


def test_a_look_waits_for_one_token_and_no_longer(tmp_path: Path) -> None:
    running: list[ModelLane] = []

    def pieces(command: Generate) -> Iterator[str]:
        yield "one"
        running[0].ask(look(7))
        yield "two"
        yield "three"

    with lane(tmp_path, pieces) as (models, answers):
        running.append(models)
        models.ask(generation())
        answers.wait_for(Done)
    kinds = [type(event) for event in answers.events]
    assert kinds == [Prompted, Token, Token, Looked, Token, Done]
    assert answers.events[-1] == Done(t_ns=0, answers=1, pieces=3)


def test_a_cancelled_generation_ends_after_the_token_under_way(tmp_path: Path) -> None:
    running: list[ModelLane] = []
    closed = threading.Event()

    def pieces(command: Generate) -> Iterator[str]:
        try:
            yield "one"
            running[0].cancel(1)
            running[0].ask(look(7))
            while True:
                yield "more"
        finally:
            closed.set()

    with lane(tmp_path, pieces) as (models, answers):
        running.append(models)
        models.ask(generation())
        answers.wait_for(Looked)
        assert closed.wait(PATIENCE_S)
    assert [event.text for event in answers.events if isinstance(event, Token)] == ["one"]
    assert not [event for event in answers.events if isinstance(event, Done)]


def test_of_waiting_looks_the_newest_are_done_and_the_others_answered_as_superseded(tmp_path: Path) -> None:
    running: list[ModelLane] = []

    def pieces(command: Generate) -> Iterator[str]:
        for number in range(10, 16):
            running[0].ask(look(number))
        yield "one"

    with lane(tmp_path, pieces) as (models, answers):
        running.append(models)
        models.ask(generation())
        answers.wait_for(Done)
    failed = [event.answers for event in answers.events if isinstance(event, Failed) and event.reason == "superseded"]
    done = [event.answers for event in answers.events if isinstance(event, Looked)]
    assert failed == [10, 11, 12]
    assert done == [13, 14, 15]
    assert len(done) == MOST_LOOKS


def test_a_look_whose_deadline_passed_while_it_waited_is_not_done(tmp_path: Path) -> None:
    with lane(tmp_path) as (models, answers):
        models.ask(look(1, deadline_ns=-1))
        answers.wait_for(Failed)
    (failed,) = answers.events
    assert isinstance(failed, Failed)
    assert failed.reason == "deadline"


def test_without_a_language_model_a_generation_is_unsupported(tmp_path: Path) -> None:
    with lane(tmp_path) as (models, answers):
        models.ask(generation())
        answers.wait_for(Failed)
    (failed,) = answers.events
    assert isinstance(failed, Failed)
    assert failed.reason == "unsupported"


def generation(number: int = 1) -> Generate:
    return Generate(id=number, deadline_ns=10**15, prompt="", max_tokens=8, why="reword")


def test_what_the_model_is_shown_is_told_before_anything_is_read_and_what_is_not_shown_is_counted(tmp_path: Path) -> None:
    read: list[list[type[Event]]] = []

    def pieces(command: Generate) -> Iterator[str]:
        read.append([type(event) for event in answers.events])
        yield "one"

    with speaking_lane(tmp_path, Talker(pieces)) as (models, answers, dropped):
        models.ask(generation())
        answers.wait_for(Done)
    assert read == [[Prompted]]
    assert dropped == [UNSHOWN]


def test_a_look_is_taken_between_two_blocks_of_a_prompt(tmp_path: Path) -> None:
    def pieces(command: Generate) -> Iterator[str]:
        models.ask(look(7))
        yield ""
        yield "one"

    with speaking_lane(tmp_path, Talker(pieces)) as (models, answers, _):
        models.ask(generation())
        answers.wait_for(Done)
    assert [type(event) for event in answers.events] == [Prompted, Looked, Token, Done], "an empty piece is never posted"


def test_reading_a_long_prompt_is_given_up_at_once_when_it_is_cancelled(tmp_path: Path) -> None:
    language = LongReader(PATIENCE_S)
    with speaking_lane(tmp_path, language) as (models, answers, _):
        models.ask(generation(1))
        assert language.reading.wait(PATIENCE_S)
        models.cancel(1)
        models.ask(generation(2))
        answers.wait_for(Done)
    assert language.interrupted == 1
    assert [(type(event), getattr(event, "answers", 0)) for event in answers.events] == [
        (Prompted, 1),
        (Prompted, 2),
        (Token, 2),
        (Done, 2),
    ]


def test_a_lane_stops_in_the_middle_of_a_long_prompt(tmp_path: Path) -> None:
    language = LongReader(PATIENCE_S)
    with speaking_lane(tmp_path, language) as (models, answers, _):
        models.ask(generation())
        assert language.reading.wait(PATIENCE_S)
    assert not models.is_alive()
    assert [type(event) for event in answers.events] == [Prompted], "nobody is told that it failed: nobody waits"


def test_a_model_that_is_interrupted_by_somebody_else_has_failed(tmp_path: Path) -> None:
    language = LongReader(PATIENCE_S)
    with speaking_lane(tmp_path, language) as (models, answers, _):
        models.ask(generation())
        assert language.reading.wait(PATIENCE_S)
        language.interrupt()
        answers.wait_for(Failed)
    assert [event.reason for event in answers.events if isinstance(event, Failed)] == ["interrupted"]


def test_what_prompts_have_left_in_the_model_goes_before_the_next_is_read(tmp_path: Path) -> None:
    told: list[int] = []
    language = Talker(lambda command: told.append(language.forgotten) or ["one"])  # type: ignore[func-returns-value]
    with speaking_lane(tmp_path, language) as (models, answers, _):
        models.ask(generation(1))
        answers.wait_for(Done)
        models.forget()
        models.ask(generation(2))
        answers.wait_for_answer(Done, 2)
    assert told == [0, 1]


class Stubborn(Talker):
    """Cannot forget."""

    def forget(self) -> None:
        raise RuntimeError("the memory is on fire")


def test_a_model_that_cannot_forget_is_not_asked_any_more(tmp_path: Path) -> None:
    with speaking_lane(tmp_path, Stubborn(lambda command: ["one"])) as (models, answers, _):
        models.forget()
        models.ask(generation())
        answers.wait_for(Failed)
    assert [event.reason for event in answers.events if isinstance(event, Failed)] == ["unsupported"]


def test_a_model_that_has_nothing_to_go_by_says_so(tmp_path: Path) -> None:
    with speaking_lane(tmp_path, Talker(lambda command: ["one"])) as (models, answers, _):
        models.ask(Generate(id=1, deadline_ns=10**15, prompt="what colour is it?", max_tokens=8))
        answers.wait_for(Failed)
    (failed,) = answers.events
    assert isinstance(failed, Failed) and failed.reason == "nothingseen"


def test_the_log_writes_all_it_was_asked_before_it_ends(tmp_path: Path) -> None:
    log, answers = Log(), Answers()
    world.run(tmp_path / "run", observers=[log])
    appends = [command for _, commands in log.steps for command in commands if type(command).__name__ == "Append"]
    assert len(appends) > 3
    with open_store(tmp_path / "log", log_bytes=10**8) as store:
        keeper = StoreLane(Workers(FrameRing(10**6), ScriptedLooker({}), store), answers, lambda: 0)
        for command in appends:
            keeper.ask(command)  # type: ignore[arg-type]
        keeper.start()
        keeper.stop()
        keeper.join(PATIENCE_S)
    assert [type(event).__name__ for event in answers.events] == ["Stored"] * len(appends)
