"""A run on a virtual clock, end to end with scripted looks: it is causal, deterministic, and its journal replays exactly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

from apps.witness import Witness
from edge_runtime import codec
from edge_runtime.config import MS, Config, S
from edge_runtime.core import Core
from edge_runtime.decisions import DecisionLog, read_decisions
from edge_runtime.errors import JournalError, ModelError
from edge_runtime.hosts.capture import FrameRing
from edge_runtime.hosts.host import Work
from edge_runtime.hosts.journal_replay import replay_journal
from edge_runtime.hosts.replay import ReplayHost
from edge_runtime.hosts.workers import Workers
from edge_runtime.journal import Head, Journal, JournalReader, Step
from edge_runtime.journal.format import MAGIC, Loss, bodies, decode, framed
from edge_runtime.models.looker import Crop
from edge_runtime.models.scripted import EVERYTHING, ScriptedLooker
from edge_runtime.protocol import (
    Asked,
    Command,
    Erase,
    Event,
    Failed,
    Forget,
    FrameSeen,
    Look,
    Looked,
    Record,
    Say,
    Search,
    Taught,
    Tick,
)
from edge_runtime.records import Concept, Scope
from edge_runtime.store import open_store
from edge_runtime.types import LookedRegion, Percept, Session, Signals
from tests import world

FORGET = Forget(t_ns=31 * S, scope=Scope("since", t_from_ns=24 * S))


class Log:
    """An observer that keeps everything."""

    def __init__(self) -> None:
        self.steps: list[tuple[Event, tuple[Command, ...]]] = []
        self.percepts: list[Percept] = []

    def __call__(self, event: Event, commands: tuple[Command, ...], core: Core) -> None:
        self.steps.append((event, commands))
        for attended, _ in core.facts:
            self.percepts += attended.percepts

    def said(self) -> list[str]:
        return [command.response.text for _, commands in self.steps for command in commands if isinstance(command, Say)]


def replayed(folder: Path, out: Path) -> bytes:
    with DecisionLog(out) as decisions:
        replay_journal(folder, decisions)
    return out.read_bytes()


def test_two_runs_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        world.run(tmp_path / name)
    assert (tmp_path / "a/decisions.jsonl").read_bytes() == (tmp_path / "b/decisions.jsonl").read_bytes()
    journals = [b"".join(path.read_bytes() for path in sorted((tmp_path / name / "journal").iterdir())) for name in "ab"]
    assert journals[0] == journals[1]


def test_the_journal_replays_exactly_without_models_pixels_or_log(tmp_path: Path) -> None:
    world.run(tmp_path / "run")
    decisions = (tmp_path / "run/decisions.jsonl").read_bytes()
    assert len(decisions.splitlines()) >= 6
    assert replayed(tmp_path / "run", tmp_path / "again.jsonl") == decisions


def test_no_journal_file_holds_a_pixel_unless_recording_is_on(tmp_path: Path) -> None:
    config = Config(journal=msgspec.structs.replace(Config().journal, segment_ns=1 * S))
    world.run(tmp_path / "run", config=config)
    for path in (tmp_path / "run/journal").iterdir():
        assert b"pixels of" not in path.read_bytes(), path


def test_the_journal_replays_exactly_without_its_tokens(tmp_path: Path) -> None:
    world.run(tmp_path / "run")
    tokens = list((tmp_path / "run/journal").glob("*.tokens"))
    assert tokens
    for path in tokens:
        path.unlink()
    assert replayed(tmp_path / "run", tmp_path / "again.jsonl") == (tmp_path / "run/decisions.jsonl").read_bytes()


def test_a_journal_whose_oldest_segments_are_gone_replays_its_rest_exactly(tmp_path: Path) -> None:
    config = Config(journal=msgspec.structs.replace(Config().journal, segment_ns=5 * S))
    world.run(tmp_path / "run", config=config)
    segments = sorted((tmp_path / "run/journal").glob("*.segment"))
    assert len(segments) >= 4
    for path in segments[:2]:
        path.unlink()
    rest = replayed(tmp_path / "run", tmp_path / "again.jsonl")
    assert rest
    assert (tmp_path / "run/decisions.jsonl").read_bytes().endswith(rest)


@pytest.mark.parametrize("damage", ["torn", "a flipped bit", "its head"])
def test_after_a_damaged_segment_the_journal_goes_on_from_the_next_and_the_rest_replays_exactly(tmp_path: Path, damage: str) -> None:
    config = Config(journal=msgspec.structs.replace(Config().journal, segment_ns=5 * S))
    world.run(tmp_path / "run", config=config)
    path = sorted((tmp_path / "run/journal").glob("*.segment"))[2]
    data = bytearray(path.read_bytes())
    if damage == "torn":
        del data[-len(data) // 3 :]
    else:
        data[len(data) * 2 // 3 if damage == "a flipped bit" else 60] ^= 1
    path.write_bytes(data)

    (hole,) = JournalReader(tmp_path / "run").holes
    assert hole.t_from_ns is not None and hole.t_to_ns is not None
    assert 0 < hole.t_to_ns - hole.t_from_ns < 7 * S
    written = read_decisions(tmp_path / "run/decisions.jsonl")
    log = Log()
    with DecisionLog(tmp_path / "again.jsonl") as decisions:
        replay_journal(tmp_path / "run", decisions, observers=[log])
    again = read_decisions(tmp_path / "again.jsonl")
    lost = [decision for decision in written if decision not in again]
    assert [decision for decision in written if decision in again] == again
    assert all(hole.t_from_ns <= decision.t_ns <= hole.t_to_ns for decision in lost)
    assert len(lost) < len(written)
    assert not [event for event, _ in log.steps if hole.t_from_ns < event.t_ns < hole.t_to_ns]
    assert log.steps[-1][0].t_ns > 35 * S


def test_a_whole_journal_is_replayed_step_by_step_and_its_later_snapshots_are_not_taken_up(tmp_path: Path) -> None:
    config = Config(journal=msgspec.structs.replace(Config().journal, segment_ns=5 * S))
    world.run(tmp_path / "run", config=config)
    for path in sorted((tmp_path / "run/journal").glob("*.segment"))[1:]:
        with_snapshot(path, b"no snapshot at all")
    assert replayed(tmp_path / "run", tmp_path / "again.jsonl") == (tmp_path / "run/decisions.jsonl").read_bytes()


def with_snapshot(path: Path, snapshot: bytes) -> None:
    """Give a segment another snapshot, its checksum and all."""
    head, *rest = bodies(path, Loss())
    first = decode(head)
    assert isinstance(first, Head)
    records = [codec.encode(msgspec.structs.replace(first, snapshot=snapshot)), *rest]
    path.write_bytes(MAGIC + b"".join(framed(body) for body in records))


def test_after_forgetting_the_journal_still_replays_exactly_and_holds_no_trace(tmp_path: Path) -> None:
    world.run(tmp_path / "run", *world.WORDS, FORGET)
    assert replayed(tmp_path / "run", tmp_path / "again.jsonl") == (tmp_path / "run/decisions.jsonl").read_bytes()
    for path in (tmp_path / "run").rglob("*"):
        if path.is_file():
            assert b"4071" not in path.read_bytes(), path
            assert b"pixels of the letter" not in path.read_bytes(), path
    times = [record.event.t_ns for record in JournalReader(tmp_path / "run") if isinstance(record, Step)]
    assert not [t for t in times if 24 * S <= t < 31 * S]
    assert min(times) == 0
    assert max(times) > 35 * S


def test_forgetting_a_thing_leaves_no_trace_of_its_name_in_any_file(tmp_path: Path) -> None:
    world.run(tmp_path / "run", *world.WORDS, Forget(t_ns=31 * S, scope=Scope("thing", name="mug")))
    for path in (tmp_path / "run").rglob("*"):
        if path.is_file():
            assert b"mug" not in path.read_bytes().lower(), path
    assert replayed(tmp_path / "run", tmp_path / "again.jsonl") == (tmp_path / "run/decisions.jsonl").read_bytes()


def test_a_question_that_is_open_while_its_thing_is_forgotten_leaves_no_trace_of_its_name_in_any_file(tmp_path: Path) -> None:
    class SilentLog(ReplayHost):
        """Its searches are never answered, so that a question stays open until the core gives up."""

        def _work(self, command: Work, t_ns: int) -> None:
            if not isinstance(command, Search):
                super()._work(command, t_ns)

    core, run, log = Core(Config(), Session(EVERYTHING, has_gaze=False)), tmp_path / "run", Log()
    core.memory._parts.sightings.state.complete_since_ns = 1  # as after a long day: what is older stands in the log
    head = Head(version="1", segment=0, config=core.config, session=Session(EVERYTHING, has_gaze=False), snapshot=b"")
    run.mkdir()
    with (
        open_store(run / "log", log_bytes=core.config.store.log_bytes) as store,
        Journal(run / "journal", head, core.snapshot) as journal,
        DecisionLog(run / "decisions.jsonl") as decisions,
    ):
        workers = Workers(FrameRing(core.config.capture.ring_bytes), ScriptedLooker(world.see), store)
        host = SilentLog(core, workers, journal, decisions, eyes=None, observers=[log])
        taught = Taught(t_ns=2 * S, concept=Concept("mug", (world.MUG,)))
        asked = Asked(t_ns=9 * S, question="q1", text="where was my mug?")
        host.run(world.frames(length_ns=12 * S), script=(taught, asked, Forget(t_ns=9 * S + 300 * MS, scope=Scope("thing", name="mug"))))
    assert [command.query.names for _, commands in log.steps for command in commands if isinstance(command, Search)] == [("mug",)]
    assert log.said()[-2:] == ["That was forgotten while you asked.", "Forgotten: what you named."]
    for path in run.rglob("*"):
        if path.is_file():
            assert b"mug" not in path.read_bytes().lower(), path
    assert b"That was forgotten while you asked." in (run / "decisions.jsonl").read_bytes()
    assert replayed(run, tmp_path / "again.jsonl") == (run / "decisions.jsonl").read_bytes()


def test_a_snapshot_taken_at_any_step_goes_on_exactly(tmp_path: Path) -> None:
    log = Log()
    world.run(tmp_path / "run", observers=[log])
    head = JournalReader(tmp_path / "run").heads[0]
    one = Core(head.config, head.session)
    for n, (event, commands) in enumerate(log.steps):
        if n % 500 == 250:
            two = Core(head.config, head.session)
            two.restore(one.snapshot())
            assert two.snapshot() == one.snapshot()
            one = two
        assert [type(command) for command in one.feed(event)] == [type(command) for command in commands]


@pytest.mark.parametrize("delay_ms", [40, 300])
def test_late_gaze_changes_no_pair(tmp_path: Path, delay_ms: int) -> None:
    logs = {delay: Log() for delay in (0, delay_ms)}
    for delay, log in logs.items():
        world.run(tmp_path / str(delay), observers=[log], gaze_delay_ns=delay * MS)
    pairs = {delay: [(p.frame_seq, p.gaze, p.residual_ns) for p in log.percepts] for delay, log in logs.items()}
    assert len(pairs[0]) == 360
    assert pairs[0] == pairs[delay_ms]


def test_nothing_from_the_future_is_read(tmp_path: Path) -> None:
    """Whatever comes after 18 s may change: what was decided until then does not."""

    def other(command: Look) -> Sequence[LookedRegion]:
        if command.t_capture_ns >= 18 * S:
            return [LookedRegion(region.kind, region.box) for region in command.regions]
        return world.see(command)

    world.run(tmp_path / "a")
    world.run(tmp_path / "b", looker=ScriptedLooker(other))
    before = [[d for d in read_decisions(tmp_path / name / "decisions.jsonl") if d.t_ns < 18 * S] for name in "ab"]
    assert len(before[0]) >= 3
    assert before[0] == before[1]


def test_every_look_is_of_a_frame_already_captured_and_every_answer_comes_after_its_question(tmp_path: Path) -> None:
    log = Log()
    world.run(tmp_path / "run", observers=[log])
    asked = {}
    for event, commands in log.steps:
        for command in commands:
            if isinstance(command, Look):
                assert command.t_capture_ns <= event.t_ns
                assert command.deadline_ns > event.t_ns
                asked[command.id] = event.t_ns
        if isinstance(event, Looked):
            assert event.t_ns >= asked[event.answers]


def test_a_first_view_of_something_else_is_outvoted_and_a_lesson_takes_one_look_more(tmp_path: Path) -> None:
    """The eyes go elsewhere for a moment, just as the wearer says: this is my mug."""

    def see(command: Look) -> Sequence[LookedRegion]:
        regions = world.see(command)
        if command.why == "teach" and command.t_capture_ns < taught.t_ns + 500 * MS:
            return [msgspec.structs.replace(region, vector=world.WALL) for region in regions]
        return regions

    taught, log = Taught(t_ns=5 * S, concept=Concept("mug")), Log()
    played = world.run(tmp_path / "run", taught, looker=ScriptedLooker(see), observers=[log])
    looks = [command for _, commands in log.steps for command in commands if isinstance(command, Look) and command.why == "teach"]
    assert len(looks) == 4
    assert min(look.t_capture_ns for look in looks) >= taught.t_ns
    assert all(np.array_equal(view, world.MUG) for view in played.core.memory.concepts["mug"].views)
    assert len(played.core.memory.concepts["mug"].views) == 3
    assert played.core.dropped["view:unlike"] == 1
    assert replayed(tmp_path / "run", tmp_path / "again.jsonl") == (tmp_path / "run/decisions.jsonl").read_bytes()


def test_a_frame_that_has_left_the_ring_is_a_failure_not_a_crash(tmp_path: Path) -> None:
    # Room for two frames: gaze that comes 300 ms late asks for frames that are gone.
    config = Config(capture=msgspec.structs.replace(Config().capture, ring_bytes=2 * world.WIDTH_PX * world.HEIGHT_PX * 3))
    log = Log()
    played = world.run(tmp_path / "run", config=config, observers=[log], gaze_delay_ns=300 * MS)
    failures = [event for event, _ in log.steps if isinstance(event, Failed)]
    assert failures
    assert {failure.reason for failure in failures} == {"evicted"}
    assert played.cost.failed_looks == {"evicted": len(failures)}


def test_a_model_that_fails_is_a_failure_and_the_run_goes_on(tmp_path: Path) -> None:
    class Broken(ScriptedLooker):
        def look(self, command: Look, crops: Sequence[Crop]) -> tuple[LookedRegion, ...]:
            if 4 * S < command.t_capture_ns < 8 * S:
                raise ModelError("the network broke", hint="none")
            return super().look(command, crops)

    log = Log()
    world.run(tmp_path / "run", looker=Broken(world.see), observers=[log])
    assert {event.reason for event, _ in log.steps if isinstance(event, Failed)} == {"modelerror"}
    assert any("cat" in text for text in log.said())


def test_a_command_nobody_answers_is_given_up_at_its_deadline_and_its_late_answer_is_counted() -> None:
    core = Core(Config(), Session(EVERYTHING, has_gaze=False))
    look = None
    for n, frame in enumerate(world.frames(length_ns=10 * S)):
        for command in core.feed(seen(frame.seq, frame.t_capture_ns)):
            if isinstance(command, Look) and look is None:
                look = command
        core.feed(Tick(t_ns=n * 100 * MS))
    assert look is not None
    assert look.deadline_ns < 10 * S
    late = Looked(t_ns=10 * S, answers=look.id, frame_seq=look.frame_seq, t_capture_ns=look.t_capture_ns, regions=())
    core.feed(late)
    assert core.dropped["result:late"] == 1


def test_an_event_from_the_past_changes_nothing_and_is_counted() -> None:
    core = Core(Config(), Session(EVERYTHING))
    core.feed(Tick(t_ns=10 * S))
    before = core.snapshot()
    assert core.feed(Tick(t_ns=9 * S)) == ()
    assert core.dropped == {"event:clock": 1}
    core.state.dropped.clear()
    assert core.snapshot() == before


def test_what_is_forgotten_leaves_the_witness_too(tmp_path: Path) -> None:
    witness = Witness()
    world.run(tmp_path / "run", *world.WORDS, FORGET, observers=[witness])
    assert not [percept for percept in witness.percepts if 24 * S <= percept.t_capture_ns < 30 * S]
    ((t_ns, scope, from_ns),) = witness.forgotten
    assert (t_ns, scope.kind, from_ns) == (31 * S, "since", 24 * S)


def test_an_erase_goes_out_before_what_is_said_about_it(tmp_path: Path) -> None:
    log = Log()
    world.run(tmp_path / "run", *world.WORDS, FORGET, observers=[log])
    (commands,) = [commands for event, commands in log.steps if isinstance(event, Forget)]
    kinds = [type(command) for command in commands]
    assert Erase in kinds
    assert kinds.index(Erase) < min([kinds.index(kind) for kind in (Say, Record) if kind in kinds], default=len(kinds))


def test_a_journal_of_another_core_is_refused_with_the_moment_it_parts(tmp_path: Path) -> None:
    world.run(tmp_path / "run")
    reader = JournalReader(tmp_path / "run")
    changed = Config(speak=msgspec.structs.replace(Config().speak, read_aloud_ns=500 * MS))
    head = msgspec.structs.replace(reader.heads[0], config=changed)
    with Journal(tmp_path / "other/journal", head, Core(changed, head.session).snapshot) as journal:
        for record in reader:
            if isinstance(record, Step):
                journal.step(record.event, record.commands)
    with DecisionLog(tmp_path / "again.jsonl") as decisions, pytest.raises(JournalError, match="does not replay as written: at"):
        replay_journal(tmp_path / "other", decisions)


def seen(seq: int, t_ns: int) -> Event:
    signals = Signals(motion=0.0, blur=0.0, light=0.5, glimpse=bytes(32))
    return FrameSeen(t_ns=t_ns, seq=seq, t_capture_ns=t_ns, width_px=160, height_px=90, signals=signals)
