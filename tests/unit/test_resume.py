"""A run that goes on after a crash: the core stands where it stood, what is lost is said, and a run starts in any case."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from edge_runtime import codec
from edge_runtime.config import Config, JournalConfig, S
from edge_runtime.core import Core, Snapshot
from edge_runtime.decisions import DecisionLog, read_decisions
from edge_runtime.hosts.resume import Resumed, resume
from edge_runtime.journal import ForgettingNote, Head, Journal, JournalReader, Step
from edge_runtime.journal.format import MAGIC, Loss, bodies, decode, framed
from edge_runtime.journal.segment import segment_paths
from edge_runtime.models.scripted import EVERYTHING
from edge_runtime.protocol import (
    Append,
    Asked,
    Command,
    Erase,
    Event,
    Failed,
    Forget,
    Look,
    Record,
    Say,
    SpeechEnded,
    Tick,
    UserSpeech,
)
from edge_runtime.records import Scope
from edge_runtime.types import Capabilities, Session
from tests import world
from tests.lives import Died, life, replayed

SESSION = Session(EVERYTHING)
SHORT = Config(journal=msgspec.structs.replace(JournalConfig(), segment_bytes=1 << 14, segment_ns=3 * S))
FORGET = Forget(t_ns=31 * S, scope=Scope("since", t_from_ns=24 * S))

When = Callable[[Event, tuple[Command, ...]], bool]


def cut_short(run: Path, when: When, *, config: Config = SHORT, words: Sequence[Event] = world.WORDS) -> bytes:
    """Live until a step that ``when`` recognises has been carried out, and no longer; returns the snapshot of the core as it stood."""
    stood: list[bytes] = []

    def observe(event: Event, commands: tuple[Command, ...], core: Core) -> None:
        if when(event, commands):
            stood.append(core.snapshot())
            raise Died

    with pytest.raises(Died), life(run, observe, config) as (host, resumed):
        if resumed is not None:
            host.take_up(resumed)
        host.go_on(words)
    return stood[0]


def facts(snapshot: bytes) -> Snapshot:
    """A snapshot without the counts of tokens: token memory begins empty after a restart."""
    found = codec.decode(snapshot, Snapshot)
    found.core.dropped = {code: count for code, count in found.core.dropped.items() if not code.startswith("token:")}
    return found


def at(seconds: float) -> When:
    return lambda event, commands: event.t_ns >= seconds * S


def giving(kind: type[Command]) -> When:
    return lambda event, commands: any(isinstance(command, kind) for command in commands)


def alerting(event: Event, commands: tuple[Command, ...]) -> bool:
    return any(isinstance(command, Say) and command.response.watch for command in commands)


def live_on(run: Path, words: Sequence[Event] = (), *, config: Config = SHORT) -> list[Command]:
    """Go on to the end of the world; returns all commands."""
    done: list[Command] = []
    with life(run, lambda event, commands, core: done.extend(commands), config) as (host, resumed):
        assert resumed is not None
        host.take_up(resumed)
        host.go_on(words)
    return done


def resumed(run: Path, config: Config = SHORT, session: Session = SESSION) -> Resumed:
    found = resume(run, config, session)
    assert found is not None
    return found


def said(commands: Sequence[Command]) -> list[str]:
    return [command.response.text for command in commands if isinstance(command, Say)]


# ---------------------------------------------------------------- the core


def test_a_folder_without_a_journal_is_a_first_run(tmp_path: Path) -> None:
    assert resume(tmp_path, Config(), SESSION) is None


@pytest.mark.parametrize("seconds", [0.0, 5.3, 21.0, 33.3])
def test_the_core_stands_where_it_stood(tmp_path: Path, seconds: float) -> None:
    stood = cut_short(tmp_path, at(seconds))
    found = resumed(tmp_path)
    assert facts(found.core.snapshot()) == facts(stood)
    assert (found.standing, found.notes, found.dropped) == ("whole", (), ())
    assert found.t_last_ns == found.core.state.t_ns >= seconds * S


def test_watches_concepts_facts_and_what_may_be_said_are_there_after_every_restart(tmp_path: Path) -> None:
    words = list(world.WORDS[:2])
    for seconds in (6, 11, 13.5, 17, 23):
        cut_short(tmp_path, at(seconds), words=[words.pop(0)] if words and words[0].t_ns < seconds * S else [])
    core = resumed(tmp_path).core
    assert [watch.id for watch in core.speaker.state.watches] == ["w1"]
    assert core.memory.concepts["mug"].views
    assert len(core.speaker.state.delivery.ledger.watches["w1"]) == 1, "the alert that was said counts against the watch's budget"
    assert core.speaker.state.delivery.ledger.contents


def test_no_more_than_the_newest_segment_is_read(tmp_path: Path) -> None:
    stood = cut_short(tmp_path, at(20))
    for path in segment_paths(tmp_path / "journal")[:-1]:
        path.write_bytes(b"not a journal at all")
    assert facts(resumed(tmp_path).core.snapshot()) == facts(stood)


# ---------------------------------------------------------------- what was under way


def test_an_alert_that_was_given_out_counts_as_spoken_and_is_never_given_out_again(tmp_path: Path) -> None:
    cut_short(tmp_path, alerting)
    found = resumed(tmp_path)
    (voice,) = found.core.speaker.state.delivery.voices
    text = voice.candidate.intention.text
    assert SpeechEnded(t_ns=found.t_last_ns, answers=voice.say, spoken_chars=len(text)) in found.owed
    assert text not in said(live_on(tmp_path))


def test_a_sentence_that_still_waited_for_its_turn_is_said_after_the_restart(tmp_path: Path) -> None:
    talk = UserSpeech(t_ns=16 * S - 1, phase="start")
    cut_short(tmp_path, at(17), words=[*world.WORDS[:4], talk])
    assert resumed(tmp_path).core.speaker.waiting
    assert any("mug" in sentence for sentence in said(live_on(tmp_path)))


def test_a_wearer_who_was_talking_is_taken_to_have_ended_or_nothing_would_ever_be_said(tmp_path: Path) -> None:
    cut_short(tmp_path, lambda event, _: isinstance(event, UserSpeech), words=[UserSpeech(t_ns=15 * S, phase="start")])
    found = resumed(tmp_path)
    assert UserSpeech(t_ns=found.t_last_ns, phase="end") in found.owed
    cut_short(tmp_path, at(18))
    assert not [event for event in resumed(tmp_path).owed if isinstance(event, UserSpeech)]


def test_whatever_else_was_under_way_has_failed(tmp_path: Path) -> None:
    cut_short(tmp_path, giving(Look))
    found = resumed(tmp_path)
    (pending,) = found.core.state.pending
    assert found.owed == (Failed(t_ns=found.t_last_ns, answers=pending, reason="restart"),)
    for event in found.owed:
        found.core.feed(event)
    assert not found.core.state.pending


def test_facts_whose_rows_were_under_way_are_written_again(tmp_path: Path) -> None:
    cut_short(tmp_path, giving(Append))
    under_way = resumed(tmp_path).core.memory._parts.state.rows.under_way
    due = {number for batch in under_way.values() for number in batch.sightings}
    rows = [row.sighting.id for command in live_on(tmp_path) if isinstance(command, Append) for row in command.rows]
    assert due and due <= set(rows)


# ---------------------------------------------------------------- a journal that is torn or damaged


def test_a_torn_tail_costs_what_is_in_it_and_is_said(tmp_path: Path) -> None:
    stood = cut_short(tmp_path, at(7.04))
    path = segment_paths(tmp_path / "journal")[-1]
    path.write_bytes(path.read_bytes() + b"\x99half a record")
    found = resumed(tmp_path)
    assert found.standing == "earlier" and [(drop.what, drop.reason) for drop in found.dropped] == [("step", "torn")]
    assert "14 bytes" in found.notes[0] and "what came after 7.0 s is lost" in found.notes[0]
    assert facts(found.core.snapshot()).core == facts(stood).core


def test_numbers_that_may_have_been_given_in_what_is_lost_are_not_given_again(tmp_path: Path) -> None:
    cut_short(tmp_path, at(21), config=Config())
    given = resumed(tmp_path).core.memory._parts.state.sightings.next_id
    (path,) = segment_paths(tmp_path / "journal")
    path.write_bytes(path.read_bytes()[: -path.stat().st_size // 3])
    assert resumed(tmp_path).core.memory._parts.state.sightings.next_id > given
    decisions = len(read_decisions(tmp_path / "decisions.jsonl"))
    live_on(tmp_path, [Asked(t_ns=22 * S, question="q9", text="where was my mug?")])
    ids = [decision.id for decision in read_decisions(tmp_path / "decisions.jsonl")]
    assert len(ids) > decisions and sorted(set(ids)) == ids


def test_where_the_newest_head_is_damaged_the_segment_before_it_is_gone_on_from(tmp_path: Path) -> None:
    cut_short(tmp_path, at(22))
    *_, before, newest = segment_paths(tmp_path / "journal")
    data = bytearray(newest.read_bytes())
    data[200] ^= 1
    newest.write_bytes(data)
    found = resumed(tmp_path)
    assert found.standing == "earlier" and f"Segment {int(newest.stem)} of the journal cannot be read" in found.notes[0]
    last = [record for record in map(decode, bodies(before, Loss())) if isinstance(record, Step)][-1]
    assert found.core.state.t_ns == last.event.t_ns
    assert [watch.id for watch in found.core.speaker.state.watches] == ["w1"]


def test_a_segment_that_was_just_being_begun_has_cost_nothing(tmp_path: Path) -> None:
    stood = cut_short(tmp_path, at(9))
    last = segment_paths(tmp_path / "journal")[-1]
    (tmp_path / "journal" / f"{int(last.stem) + 1:06d}.fresh").write_bytes(last.read_bytes()[:100])
    found = resumed(tmp_path)
    assert (found.standing, found.notes) == ("whole", ())
    assert facts(found.core.snapshot()) == facts(stood)
    live_on(tmp_path)
    assert JournalReader(tmp_path).holes == ()


def test_a_run_starts_where_nothing_of_the_journal_can_be_used_and_says_so(tmp_path: Path) -> None:
    cut_short(tmp_path, at(21))
    for path in segment_paths(tmp_path / "journal"):
        path.write_bytes(b"x" * 100)
    found = resumed(tmp_path)
    assert found.standing == "fresh" and found.core.state.t_ns == -1 and found.owed == ()
    assert "Nothing of the journal can be used" in found.notes[-1]
    assert found.t_last_ns == read_decisions(tmp_path / "decisions.jsonl")[-1].t_ns
    live_on(tmp_path)
    ids = [decision.id for decision in read_decisions(tmp_path / "decisions.jsonl")]
    assert sorted(set(ids)) == ids


def test_a_journal_of_another_version_is_followed_as_far_as_the_core_answers_alike(tmp_path: Path) -> None:
    cut_short(tmp_path, at(2.5), config=Config())
    (path,) = segment_paths(tmp_path / "journal")
    head, *steps = map(decode, bodies(path, Loss()))
    at_step = next(number for number, step in enumerate(steps) if any(isinstance(command, Look) for command in step.commands))
    steps[at_step] = Step(steps[at_step].event, ())  # type: ignore[union-attr]
    path.write_bytes(MAGIC + b"".join(framed(codec.encode(record)) for record in (head, *steps)))
    found = resumed(tmp_path)
    assert found.standing == "earlier" and "another version" in found.notes[0]
    assert found.core.state.t_ns == steps[at_step].event.t_ns  # type: ignore[union-attr]


def test_a_step_that_breaks_the_core_does_not_keep_the_run_from_starting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_short(tmp_path, at(21))

    def broken(core: Core, event: Event) -> tuple[Command, ...]:
        raise KeyError("a bug")

    monkeypatch.setattr(Core, "feed", broken)
    found = resumed(tmp_path)
    assert found.standing == "earlier" and "KeyError" in found.notes[0]
    assert [watch.id for watch in found.core.speaker.state.watches] == ["w1"], "the snapshot in the head is there all the same"


# ---------------------------------------------------------------- other settings, other models


def test_a_run_goes_on_under_new_settings_and_says_which_differ(tmp_path: Path) -> None:
    cut_short(tmp_path, at(21))
    config = msgspec.structs.replace(SHORT, speak=msgspec.structs.replace(SHORT.speak, watch_per_hour=3))
    found = resumed(tmp_path, config)
    assert found.core.config == config
    assert (found.standing, found.notes) == ("whole", ("These settings have changed since: speak.watch_per_hour.",))
    assert [watch.id for watch in found.core.speaker.state.watches] == ["w1"]


def test_a_smaller_memory_holds_its_bound_from_the_first_event_on(tmp_path: Path) -> None:
    cut_short(tmp_path, at(35))
    config = msgspec.structs.replace(SHORT, remember=msgspec.structs.replace(SHORT.remember, ram_bytes=65536))
    core = resumed(tmp_path, config).core
    core.feed(Tick(t_ns=36 * S))
    assert core.nbytes() <= 65536


def test_with_other_models_facts_and_watches_stay_and_it_is_said_that_pictures_may_not_match(tmp_path: Path) -> None:
    cut_short(tmp_path, at(21))
    found = resumed(tmp_path, session=Session(Capabilities("other 2", vector=True, vector_dim=8)))
    assert found.notes == ("The models were scripted and are other 2: what was taught may have to be shown again.",)
    for event in found.owed:
        found.core.feed(event)
    assert "Your mug is in view now" in said(found.core.feed(Asked(t_ns=22 * S, question="q9", text="where was my mug?")))[0]
    assert [watch.id for watch in found.core.speaker.state.watches] == ["w1"]


# ---------------------------------------------------------------- the journal goes on


def test_the_whole_journal_replays_exactly_across_restarts(tmp_path: Path) -> None:
    for seconds in (6, 14, 21):
        cut_short(tmp_path, at(seconds), words=[word for word in world.WORDS if seconds - 8 < word.t_ns / S <= seconds])
    live_on(tmp_path, world.WORDS[-1:])
    decisions = (tmp_path / "decisions.jsonl").read_bytes()
    assert decisions.count(b"\n") > 6 and b"mug" in decisions
    assert replayed(tmp_path, tmp_path / "again.jsonl") == decisions
    assert [head.anew for head in JournalReader(tmp_path).heads].count(True) == 4


def test_it_replays_exactly_where_settings_and_models_have_changed_on_the_way(tmp_path: Path) -> None:
    cut_short(tmp_path, at(14))
    quiet = msgspec.structs.replace(SHORT, speak=msgspec.structs.replace(SHORT.speak, quiet=True))
    live_on(tmp_path, world.WORDS[3:], config=quiet)
    decisions = (tmp_path / "decisions.jsonl").read_bytes()
    assert b"QUIET_HOURS" in decisions
    assert replayed(tmp_path, tmp_path / "again.jsonl") == decisions


def test_it_replays_after_a_torn_tail_and_from_there_on_exactly(tmp_path: Path) -> None:
    cut_short(tmp_path, at(14))
    path = segment_paths(tmp_path / "journal")[-1]
    path.write_bytes(path.read_bytes()[:-5])
    live_on(tmp_path, world.WORDS[3:])
    assert replayed(tmp_path, tmp_path / "again.jsonl") == (tmp_path / "decisions.jsonl").read_bytes()
    assert len(JournalReader(tmp_path).holes) == 1


def test_every_segment_goes_on_exactly_from_its_head_whatever_event_turned_to_it(tmp_path: Path) -> None:
    tight = Config(journal=msgspec.structs.replace(JournalConfig(), segment_bytes=4096, segment_ns=0))
    with life(tmp_path, lambda *_: None, tight) as (host, _):
        host.go_on(world.WORDS)
    paths = segment_paths(tmp_path / "journal")
    assert len(paths) > 50
    for path in paths:
        head, *steps = map(decode, bodies(path, Loss()))
        assert isinstance(head, Head)
        core = Core(head.config, head.session)
        core.restore(head.snapshot)
        for step in steps:
            assert isinstance(step, Step)
            assert [(type(command), command.id) for command in core.feed(step.event)] == [
                (type(command), command.id) for command in step.commands
            ], f"{path.name} at {step.event.t_ns / S:.2f} s"


# ---------------------------------------------------------------- decisions


def decided(run: Path) -> bytes:
    """Decisions of a run whose core has just decided something, and which was cut short then."""
    cut_short(run, lambda event, commands: event.t_ns > 17 * S and giving(Record)(event, commands))
    return (run / "decisions.jsonl").read_bytes()


@pytest.mark.parametrize("lost", [0, 1, 30], ids=["none", "its last byte", "half a line"])
def test_a_decision_that_had_not_reached_its_file_whole_is_completed(tmp_path: Path, lost: int) -> None:
    decisions = decided(tmp_path)
    (tmp_path / "decisions.jsonl").write_bytes(decisions[: len(decisions) - lost])
    resumed(tmp_path)
    assert (tmp_path / "decisions.jsonl").read_bytes() == decisions == replayed(tmp_path, tmp_path / "again.jsonl")


@pytest.mark.parametrize("left", [0, 1, 3])
def test_decisions_that_a_lost_power_took_are_found_in_older_segments(tmp_path: Path, left: int) -> None:
    decisions = decided(tmp_path)
    (tmp_path / "decisions.jsonl").write_bytes(b"".join(decisions.splitlines(keepends=True)[:left]))
    resumed(tmp_path)
    assert (tmp_path / "decisions.jsonl").read_bytes() == decisions


def test_decisions_that_are_gone_altogether_are_written_again(tmp_path: Path) -> None:
    decisions = decided(tmp_path)
    (tmp_path / "decisions.jsonl").unlink()
    resumed(tmp_path)
    assert (tmp_path / "decisions.jsonl").read_bytes() == decisions


def test_decisions_that_were_forgotten_are_not_brought_back(tmp_path: Path) -> None:
    cut_short(tmp_path, lambda event, commands: isinstance(event, Forget), words=[*world.WORDS, FORGET])
    decisions = (tmp_path / "decisions.jsonl").read_bytes()
    resumed(tmp_path)
    assert (tmp_path / "decisions.jsonl").read_bytes() == decisions
    assert all(decision.t_ns < 24 * S or decision.t_ns >= 31 * S for decision in read_decisions(tmp_path / "decisions.jsonl"))


def test_a_disk_that_refuses_the_decisions_does_not_keep_the_run_from_starting(tmp_path: Path) -> None:
    decided(tmp_path)
    (tmp_path / "decisions.jsonl").unlink()
    (tmp_path / "decisions.jsonl").mkdir()
    found = resumed(tmp_path)
    assert ("record", "disk") in [(drop.what, drop.reason) for drop in found.dropped]


# ---------------------------------------------------------------- forgetting that was cut short


def left_of(run: Path, secret: bytes) -> list[str]:
    return [str(path) for path in run.rglob("*") if path.is_file() and secret in path.read_bytes()]


def forgetting_cut_short(run: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """A process that died while it forgot: before the journal forgot, or while the log did."""

    def die(*_: object) -> None:
        raise Died

    with monkeypatch.context() as patch, pytest.raises(Died), life(run, lambda *_: None, SHORT) as (host, _):
        if where == "the journal":
            patch.setattr(Journal, "forget", die)
        elif where == "the old segments":
            patch.setattr(Journal, "_erase", die)
        else:
            patch.setattr(DecisionLog, "forget", die)
        host.go_on([*world.WORDS, FORGET])


@pytest.mark.parametrize("where", ["the journal", "the old segments", "the decisions"])
def test_what_was_being_forgotten_is_gone_after_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    forgetting_cut_short(tmp_path, monkeypatch, where)
    assert left_of(tmp_path, b"4071")
    found = resumed(tmp_path)
    assert found.notes == ("Forgetting was cut short, and is carried out now.",)
    assert [type(event) for event in found.owed if isinstance(event, Forget)] == ([Forget] if where == "the journal" else [])
    assert [order.scope for order in found.orders] == ([] if where == "the journal" else [FORGET.scope])
    done = live_on(tmp_path)
    assert left_of(tmp_path, b"4071") == []
    assert [sentence for sentence in said(done) if sentence.startswith("Forgotten")] == ["Forgotten: the last 7 seconds."]
    assert ForgettingNote(tmp_path / "journal").read() == ()
    assert replayed(tmp_path, tmp_path / "again.jsonl") == (tmp_path / "decisions.jsonl").read_bytes()
    assert [watch.id for watch in resumed(tmp_path).core.speaker.state.watches] == ["w1"]


def test_a_note_that_was_only_left_over_is_taken_away(tmp_path: Path) -> None:
    order: list[Erase] = []

    def observe(event: Event, commands: tuple[Command, ...], core: Core) -> None:
        order.extend(command for command in commands if isinstance(command, Erase))

    with life(tmp_path, observe, SHORT) as (host, _):
        host.go_on([*world.WORDS, FORGET])
    note = ForgettingNote(tmp_path / "journal")
    note.write(FORGET, order[0])
    found = resumed(tmp_path)
    assert (found.owed, found.orders, found.notes, note.read()) == ((), (), (), ())


def test_a_note_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    cut_short(tmp_path, at(21))
    (tmp_path / "journal" / "forgetting").write_bytes(b"\x99 torn")
    found = resumed(tmp_path)
    assert ("erasure", "note") in [(drop.what, drop.reason) for drop in found.dropped]
    assert "forgotten is of no use" in found.notes[0]
    assert [watch.id for watch in found.core.speaker.state.watches] == ["w1"]
