"""Capture, core and model over real sockets: frames in, looks out, crops between them, answers back. No test here looks at a clock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.config import Config, S
from edge_runtime.decisions import DecisionLog
from edge_runtime.hosts.journal_replay import replay_journal
from edge_runtime.models.looker import Crop
from edge_runtime.models.scripted import EVERYTHING, ScriptedLooker
from edge_runtime.protocol import Asked, Command, Event, Eye, Failed, Forget, FrameSeen, Gaze, Look, Looked, Say
from edge_runtime.transport.messages import (
    Film,
    ForgetWish,
    Mute,
    Question,
    Refused,
    RemoveWatch,
    Report,
    SetWatch,
    Stands,
    Stop,
    Taken,
    Teach,
    WasSaid,
    WhatStands,
    WhatWasSaid,
)
from edge_runtime.transport.statuses import Reported
from edge_runtime.types import Capabilities, LookedRegion
from tests import world
from tests.talking import SEEING, LongReader, Talker
from tests.three_processes import PATIENCE_S, three


def is_a(kind: type[Event]) -> Callable[[Event, tuple[Command, ...]], bool]:
    return lambda event, commands: isinstance(event, kind)


def says(words: str) -> Callable[[Event, tuple[Command, ...]], bool]:
    return lambda event, commands: any(isinstance(command, Say) and words in command.response.text for command in commands)


class Colours:
    """A looker that really looks: what it says of a region is the mean colour of its pixels."""

    def __init__(self) -> None:
        self.seen: list[tuple[tuple[int, ...], bytes]] = []

    @property
    def capabilities(self) -> Capabilities:
        return EVERYTHING

    def look(self, command: Look, crops: Sequence[Crop]) -> tuple[LookedRegion, ...]:
        self.seen += [(crop.image.shape, crop.image.tobytes()) for crop in crops]
        return tuple(LookedRegion(kind=crop.region.kind, box=crop.region.box) for crop in crops)


def test_frames_go_in_and_looks_come_back(tmp_path: Path) -> None:
    with three(tmp_path) as run:
        for kind in (FrameSeen, Gaze, Eye, Looked):
            run.watch_until(is_a(kind))
        kept = run.client.status("capture", lambda status: status.t_newest_ns is not None)
        assert {tally.name: tally.count for tally in kept.tallies}["frames"] >= 10
        core = run.client.status("core", lambda status: any(age.stage == "look" for age in status.ages))
        assert core.phase == "ready" and core.talk is not None and core.talk.power == "full"


def test_the_pixels_a_look_gets_are_those_that_were_captured(tmp_path: Path) -> None:
    looker = Colours()
    with three(tmp_path, looker) as run:
        image = np.random.default_rng(7).integers(0, 256, (world.HEIGHT_PX, world.WIDTH_PX, 3), np.uint8)
        for _ in range(100):
            run.capture.offer(image, run.time_ns())
            if run.steps.has(is_a(Looked), 0.2):
                break
    whole = [data for shape, data in looker.seen if shape == image.shape]
    assert image.tobytes() in whole


def test_a_question_is_taken_in_and_its_answer_can_be_asked_for(tmp_path: Path) -> None:
    with three(tmp_path) as run:
        run.watch_until(is_a(Looked))
        taken = run.client.call(Question(text="did you see my passport?"))
        assert isinstance(taken, Taken) and taken.name.startswith("ask-")
        run.steps.wait_for(says("passport"))
        said = run.client.call(WhatWasSaid())
        assert isinstance(said, WasSaid)
        [answer] = [item for item in said.said if item.response.question == taken.name]
        assert "passport" in answer.response.text
        again = run.client.call(WhatWasSaid(after=said.last))
        assert isinstance(again, WasSaid) and again.last == said.last and again.said == ()


def test_watches_concepts_and_silence_stand_until_they_are_taken_back(tmp_path: Path) -> None:
    with three(tmp_path) as run:
        run.watch()
        run.steps.wait_for(is_a(FrameSeen))
        watch = run.client.call(SetWatch(text="tell me when I see a dog"))
        assert isinstance(watch, Taken)
        assert isinstance(run.client.call(Mute(for_ns=60 * S)), Taken)
        stands = run.client.call(WhatStands())
        assert isinstance(stands, Stands)
        assert [standing.watch for standing in stands.watches] == [watch.name]
        assert "dog" in stands.watches[0].text
        assert stands.muted_until_ns is not None
        assert isinstance(run.client.call(RemoveWatch(watch="watch-0")), Refused)
        assert run.client.call(RemoveWatch(watch=watch.name)) == Taken(watch.name)
        after = run.client.call(WhatStands())
        assert isinstance(after, Stands) and after.watches == ()


def test_what_cannot_be_done_is_refused_with_a_hint(tmp_path: Path) -> None:
    with three(tmp_path) as run:
        for call in (Question(text=" "), SetWatch(text=""), Teach(name="mug"), Film(for_ns=S), ForgetWish(kind="thing")):
            refused = run.client.call(call)
            assert isinstance(refused, Refused) and refused.reason.endswith(".") and refused.hint


def test_forgetting_reaches_frames_films_and_what_was_said(tmp_path: Path) -> None:
    with three(tmp_path) as run:
        run.watch_until(is_a(Looked))
        run.client.call(Question(text="did you see my passport?"))
        run.steps.wait_for(says("passport"))
        assert isinstance(run.client.call(ForgetWish(kind="all")), Taken)
        run.steps.wait_for(is_a(Forget))
        run.client.status("capture", lambda status: all(kept.nbytes == 0 for kept in status.kept if kept.name == "frames"))
        assert ("forget", 0) in run.films.wishes
        said = run.client.call(WhatWasSaid())
        assert isinstance(said, WasSaid) and not [item for item in said.said if "passport" in item.response.text]


def test_the_journal_of_it_replays_exactly(tmp_path: Path) -> None:
    with three(tmp_path) as run:
        for n in range(3):
            run.watch_until(is_a(Looked))
            run.core.tell(Asked(t_ns=0, question=f"q{n}", text="where was my mug?"))
        run.steps.wait_for(says("mug"))
    with DecisionLog(tmp_path / "again.jsonl") as decisions:
        replay_journal(tmp_path / "run", decisions)
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "run/decisions.jsonl").read_bytes() != b""


@pytest.mark.slow
def test_without_the_models_looks_fail_at_once_and_the_run_goes_on(tmp_path: Path) -> None:
    with three(tmp_path) as run:
        run.stop("model")
        run.watch()
        event, _ = run.steps.wait_for(is_a(Failed))
        assert isinstance(event, Failed) and event.reason in ("unreachable", "deadline")
        taken = run.client.call(Question(text="did you see my passport?"))
        assert isinstance(taken, Taken)
        run.steps.wait_for(says("passport"))


def test_what_a_look_under_way_finds_after_forgetting_never_reaches_the_core(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(command: Look) -> Sequence[LookedRegion]:
        begun.set()
        assert go_on.wait(PATIENCE_S)
        return world.see(command)

    with three(tmp_path, ScriptedLooker(slow)) as run:
        run.watch_until(lambda event, commands: begun.is_set())
        run.client.call(ForgetWish(kind="all"))  # what the look under way finds is nobody's any more
        run.steps.wait_for(is_a(Forget))
        go_on.set()
        event, _ = run.watch_until(is_a(Looked))
        assert isinstance(event, Looked)
        forgotten = next(event.t_ns for event, _ in run.steps.steps if isinstance(event, Forget))
        assert event.t_capture_ns > forgotten


def test_a_report_has_the_last_word_of_every_process(tmp_path: Path) -> None:
    with three(tmp_path) as run:
        run.client.status("capture")
        run.client.status("model")
        roles: set[str] = set()
        while roles != {"core", "capture", "model"}:  # each speaks once a second
            run.client.status("core")
            report = run.client.call(Report())
            assert isinstance(report, Reported)
            roles = {status.role for status in report.processes}


def test_a_client_can_end_the_core_in_good_order(tmp_path: Path) -> None:
    with three(tmp_path, config=Config()) as run:
        assert run.client.call(Stop()) == Taken()
        run.threads["core"].join(PATIENCE_S)
        assert not run.threads["core"].is_alive()


def test_a_question_that_facts_cannot_answer_is_thought_about_in_the_models_process(tmp_path: Path) -> None:
    language = Talker(lambda command: ["It is", " red."])
    with three(tmp_path, ScriptedLooker(world.see, SEEING), language) as run:
        run.watch_until(is_a(Looked))
        run.watch()
        assert isinstance(run.client.call(Question(text="what colour is the door?")), Taken)
        run.steps.wait_for(says("I think: It is red, by what I saw"))
    (command,) = language.commands
    assert command.slab is not None and len(command.slab.t_ns) > 0, "what memory shows has travelled with the question"
    with DecisionLog(tmp_path / "again.jsonl") as log:
        replay_journal(tmp_path / "run", log)
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "run" / "decisions.jsonl").read_bytes()


def test_forgetting_interrupts_the_model_in_its_own_process_and_empties_it(tmp_path: Path) -> None:
    language = LongReader(PATIENCE_S)
    with three(tmp_path, ScriptedLooker(world.see, SEEING), language) as run:
        run.watch_until(is_a(Looked))
        run.client.call(Question(text="what colour is the door?"))
        assert language.reading.wait(PATIENCE_S)
        run.client.call(ForgetWish(kind="all"))
        assert language.emptied.wait(PATIENCE_S)
        run.steps.wait_for(says("That was forgotten while you asked."))
    assert (language.interrupted, language.forgotten) == (1, 1)
