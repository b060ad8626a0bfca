"""The journal: bounded in bytes, without pixels, readable after a crash, and able to forget."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edge_runtime.config import Config, JournalConfig, S
from edge_runtime.errors import DeviceError, JournalError
from edge_runtime.journal import Forgetting, ForgettingNote, Gap, Head, Hole, Journal, JournalReader, Step
from edge_runtime.journal.forgetting_note import MOST_NOTED
from edge_runtime.journal.format import Loss, bodies
from edge_runtime.journal.segment import Segment
from edge_runtime.journal.writer import MOST_STEPS
from edge_runtime.protocol import Append, Asked, Command, Erase, Event, Forget, Looked, Record, Say, Tick, WatchSet
from edge_runtime.records import Evidence, Row, Scope, Sighting, What
from edge_runtime.speech import Decision, Response
from edge_runtime.types import WHOLE, LookedRegion, Session, Thumb, Tokens

JPEG = b"\xff\xd8 the pixels of a face \xff\xd9"


def journal(folder: Path, snapshot: Callable[[], bytes] = lambda: b"state", **settings: int | bool) -> Journal:
    config = Config(journal=msgspec.convert({**msgspec.to_builtins(JournalConfig()), **settings}, JournalConfig))
    head = Head(version="1", segment=0, config=config, session=Session(), snapshot=b"")
    return Journal(folder, head, snapshot)


def steps(folder: Path) -> list[Step]:
    return [record for record in JournalReader(folder) if isinstance(record, Step)]


def looked(t_ns: int, value: float = 1.0) -> Looked:
    tokens = Tokens((2, 2), 3, np.full((4, 3), value, np.float16))
    region = LookedRegion("foveal", WHOLE, tokens=tokens, thumb=Thumb("1-0", len(JPEG), JPEG))
    return Looked(t_ns=t_ns, answers=1, frame_seq=1, t_capture_ns=t_ns, regions=(region,))


def append(t_ns: int) -> Append:
    seen = Evidence(1, t_ns, WHOLE, "1-0")
    sighting = Sighting(1, What("concept", "mug"), None, WHOLE, t_ns, t_ns, 1.0, 1, True, 0, (seen,))
    return Append(id=1, deadline_ns=t_ns, rows=(Row(sighting, "", (Thumb("1-0", len(JPEG), JPEG),)),))


def decision(t_ns: int) -> Record:
    return Record(id=9, deadline_ns=t_ns, decision=Decision(1, t_ns, "SPEAK", "", (), (), (), 1.0, t_ns, "Forgotten."))


def test_what_is_written_is_read_back_in_order(tmp_path: Path) -> None:
    with journal(tmp_path) as writer:
        for t in range(5):
            writer.step(Tick(t_ns=t * S), ())
    assert [step.event.t_ns for step in steps(tmp_path)] == [t * S for t in range(5)]


def test_no_pixels_are_written_unless_recording_is_on(tmp_path: Path) -> None:
    with journal(tmp_path / "off") as writer:
        writer.step(looked(0), (append(0),))
    assert all(JPEG not in path.read_bytes() for path in (tmp_path / "off").iterdir())
    with journal(tmp_path / "on", record_pixels=True) as writer:
        writer.step(looked(0), (append(0),))
    assert any(JPEG in path.read_bytes() for path in (tmp_path / "on").iterdir())


def test_tokens_stand_beside_the_segment_and_come_back(tmp_path: Path) -> None:
    with journal(tmp_path) as writer:
        for t in range(3):
            writer.step(looked(t, float(t)), ())
    for t, step in enumerate(steps(tmp_path)):
        assert isinstance(step.event, Looked)
        tokens = step.event.regions[0].tokens
        assert tokens is not None and tokens.emb is not None
        assert np.array_equal(tokens.emb, np.full((4, 3), float(t), np.float16))


def test_without_the_token_file_the_sizes_remain(tmp_path: Path) -> None:
    with journal(tmp_path) as writer:
        writer.step(looked(0), ())
    for path in tmp_path.glob("*.tokens"):
        path.unlink()
    (step,) = steps(tmp_path)
    assert isinstance(step.event, Looked)
    tokens = step.event.regions[0].tokens
    assert tokens is not None
    assert tokens.emb is None
    assert tokens.nbytes == 24


def test_bytes_stay_under_the_bound_after_every_step(tmp_path: Path) -> None:
    bound = 65536
    with journal(tmp_path, journal_bytes=bound, segment_bytes=8192) as writer:
        for t in range(3000):
            writer.step(Asked(t_ns=t, question="q", text="where was my mug? " * 5), ())
            assert writer.nbytes <= bound
        assert writer.nbytes == sum(path.stat().st_size for path in tmp_path.iterdir())
        assert writer.dropped_steps + len(steps(tmp_path)) == 3000
        assert writer.dropped_steps > 0


def test_a_new_segment_starts_with_a_snapshot_of_what_the_steps_before_it_have_made(tmp_path: Path) -> None:
    state = {"n": 0}
    with journal(tmp_path, lambda: str(state["n"]).encode(), segment_ns=9 * S) as writer:
        for t in range(39):
            state["n"] += 1  # the core has taken the event in before its step is written
            # Longer than a head, since a segment is never shorter than its head.
            writer.step(Asked(t_ns=t * S, question="q", text="x" * 1000), ())
    heads = JournalReader(tmp_path).heads
    assert [head.snapshot for head in heads] == [b"0", b"10", b"20", b"30"]


def test_a_snapshot_larger_than_the_bound_stops_the_journal_and_is_counted(tmp_path: Path) -> None:
    with journal(tmp_path, lambda: bytes(100_000), journal_bytes=65536) as writer:
        for t in range(5):
            writer.step(Tick(t_ns=t), ())
            assert writer.nbytes <= 65536
        assert writer.stopped
        assert writer.dropped_steps == 5


@pytest.mark.parametrize("lost", [1, 7, 20])
def test_a_torn_tail_costs_only_itself_and_is_said(tmp_path: Path, lost: int) -> None:
    with journal(tmp_path) as writer:
        for t in range(5):
            writer.step(Tick(t_ns=t), ())
    (path,) = tmp_path.glob("*.segment")
    path.write_bytes(path.read_bytes()[:-lost])
    reader = JournalReader(tmp_path)
    assert sum(isinstance(record, Step) for record in reader) == 4
    assert reader.torn_bytes > 0


def test_a_flipped_bit_ends_the_segment_there(tmp_path: Path) -> None:
    with journal(tmp_path) as writer:
        for t in range(5):
            writer.step(Tick(t_ns=t), ())
    (path,) = tmp_path.glob("*.segment")
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    assert len(steps(tmp_path)) == 4


def in_pieces(folder: Path) -> list[Path]:
    """Three segments of ten steps, a second apart, and one of nine."""
    with journal(folder, segment_ns=9 * S) as writer:
        for t in range(39):
            writer.step(Asked(t_ns=t * S, question="q", text="x" * 1000), ())
    return sorted(folder.glob("*.segment"))


def test_a_journal_that_is_whole_has_no_hole(tmp_path: Path) -> None:
    in_pieces(tmp_path)
    reader = JournalReader(tmp_path)
    assert (reader.holes, reader.torn_bytes) == ((), 0)


def test_what_is_damaged_in_the_middle_is_a_hole_that_says_where_it_is(tmp_path: Path) -> None:
    path = in_pieces(tmp_path)[1]
    data = bytearray(path.read_bytes())
    at = len(data) - 5 * 1000
    data[at] ^= 1
    path.write_bytes(data)
    reader = JournalReader(tmp_path)
    read = [step.event.t_ns // S for step in steps(tmp_path)]
    last = max(t for t in read if t < 20)
    assert read == [*range(last + 1), *range(20, 39)]
    (hole,) = reader.holes
    assert (hole.segment, hole.t_from_ns, hole.t_to_ns) == (1, last * S, 20 * S)
    assert len(data) - at < hole.nbytes == reader.torn_bytes < len(data)


@pytest.mark.parametrize("left", [0, 5, 100], ids=["an empty file", "half a first line", "half a head"])
def test_a_segment_without_a_whole_head_is_a_hole_and_the_others_are_read(tmp_path: Path, left: int) -> None:
    path = in_pieces(tmp_path)[2]
    path.write_bytes(path.read_bytes()[:left])
    reader = JournalReader(tmp_path)
    assert [head.segment for head in reader.heads] == [0, 1, 3]
    lost = reader.torn_bytes
    assert reader.holes == (Hole(2, lost, 19 * S, 30 * S),)
    assert 0 <= lost <= left
    assert [step.event.t_ns // S for step in steps(tmp_path)] == [*range(20), *range(30, 39)]


def test_holes_at_the_beginning_and_at_the_end_have_no_step_on_one_side(tmp_path: Path) -> None:
    first, *_, last = in_pieces(tmp_path)
    first.write_bytes(first.read_bytes()[:50])
    last.write_bytes(last.read_bytes()[:-3])
    begin, end = JournalReader(tmp_path).holes
    assert (begin.segment, begin.t_from_ns, begin.t_to_ns) == (0, None, 10 * S)
    assert (end.segment, end.t_from_ns, end.t_to_ns) == (3, 37 * S, None)


def test_zeros_that_a_lost_power_left_behind_are_no_records(tmp_path: Path) -> None:
    path = in_pieces(tmp_path)[3]
    path.write_bytes(path.read_bytes() + bytes(4096))
    assert len(steps(tmp_path)) == 39
    assert JournalReader(tmp_path).holes == (Hole(3, 4096, 38 * S, None),)


def test_a_journal_of_which_nothing_can_be_read_is_said(tmp_path: Path) -> None:
    for path in in_pieces(tmp_path):
        path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(JournalError, match="damaged throughout") as caught:
        JournalReader(tmp_path)
    assert "record another" in caught.value.hint


def test_forgetting_a_span_leaves_what_came_before_and_a_gap(tmp_path: Path) -> None:
    with journal(tmp_path, segment_ns=3 * S) as writer:
        for t in range(10):
            text = "what is my PIN 4071?" if t >= 5 else "hello"
            writer.step(Asked(t_ns=t * S, question="q", text=text), ())
        assert writer.forget(5 * S, 10 * S, Scope("since", t_from_ns=5 * S), (decision(10 * S),)) == 5 * S
        writer.step(Tick(t_ns=11 * S), ())
    assert all(b"4071" not in path.read_bytes() for path in tmp_path.iterdir())
    assert [step.event.t_ns // S for step in steps(tmp_path)] == [0, 1, 2, 3, 4, 11]
    last = JournalReader(tmp_path).heads[-1]
    assert last.gap == Gap(5 * S, 10 * S, "since")
    assert last.commands == (decision(10 * S),)


def test_tokens_are_cut_with_the_steps_that_made_them(tmp_path: Path) -> None:
    with journal(tmp_path) as writer:
        for t in range(4):
            writer.step(looked(t * S, float(t)), ())
        writer.forget(2 * S, 4 * S, Scope("since", t_from_ns=2 * S))
    (tokens,) = tmp_path.glob("*.tokens")
    assert tokens.stat().st_size == 2 * 24


def test_forgetting_a_thing_goes_back_to_the_first_step_that_names_it(tmp_path: Path) -> None:
    with journal(tmp_path) as writer:
        writer.step(Tick(t_ns=0), ())
        writer.step(Asked(t_ns=S, question="q", text="tell me when I see my Mug"), ())
        writer.step(Tick(t_ns=2 * S), ())
        assert writer.forget(2 * S, 3 * S, Scope("thing", name="mug")) == S
    assert [step.event.t_ns for step in steps(tmp_path)] == [0]
    assert all(b"mug" not in path.read_bytes().lower() for path in tmp_path.iterdir())


def test_forgetting_everything_leaves_one_empty_segment(tmp_path: Path) -> None:
    with journal(tmp_path, segment_ns=S) as writer:
        for t in range(5):
            writer.step(Tick(t_ns=t * S), ())
        writer.forget(0, 5 * S, Scope("all"))
        assert steps(tmp_path) == []
        writer.step(Tick(t_ns=6 * S), ())
    assert [step.event.t_ns for step in steps(tmp_path)] == [6 * S]


def test_forgetting_on_a_full_disk_makes_the_room_for_the_segment_that_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = Segment.begin

    def needs_room(segment: Segment, head: Head) -> None:
        if any(b"4071" in path.read_bytes() for path in tmp_path.iterdir()):
            raise OSError(28, "No space left on device")
        begin(segment, head)

    with journal(tmp_path) as writer:
        writer.step(Asked(t_ns=S, question="q", text="what is my PIN 4071?"), ())
        monkeypatch.setattr(Segment, "begin", needs_room)
        writer.forget(0, 2 * S, Scope("all"))
    assert all(b"4071" not in path.read_bytes() for path in tmp_path.iterdir())
    (head,) = JournalReader(tmp_path).heads
    assert head.gap == Gap(0, 2 * S, "all")


def test_a_head_to_go_on_from_is_on_the_disk_before_anything_is_erased(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Died(BaseException):
        pass

    def die(*_: object) -> None:
        raise Died

    with journal(tmp_path, lambda: b"after forgetting") as writer, pytest.raises(Died), monkeypatch.context() as patch:
        writer.step(Asked(t_ns=S, question="q", text="what is my PIN 4071?"), ())
        patch.setattr(Segment, "unlink", die)
        writer.forget(0, 2 * S, Scope("all"))
    assert [(head.snapshot, head.gap is not None) for head in JournalReader(tmp_path).heads][-1] == (b"after forgetting", True)


# ---------------------------------------------------------------- going on


def going_on(folder: Path, snapshot: Callable[[], bytes] = lambda: b"state", config: Config | None = None) -> Journal:
    return Journal.going_on(folder, Head("1", 0, config or Config(), Session(), b""), snapshot)


def test_a_journal_goes_on_in_a_segment_whose_core_was_made_anew(tmp_path: Path) -> None:
    with journal(tmp_path) as writer:
        writer.step(Tick(t_ns=S), ())
    with going_on(tmp_path, lambda: b"restored") as writer:
        writer.step(Tick(t_ns=2 * S), ())
    assert [(head.segment, head.anew, head.snapshot) for head in JournalReader(tmp_path).heads] == [
        (0, False, b"state"),
        (1, True, b"restored"),
    ]
    assert [step.event.t_ns for step in steps(tmp_path)] == [S, 2 * S]


def test_in_a_folder_without_a_journal_it_begins(tmp_path: Path) -> None:
    going_on(tmp_path / "run" / "journal").close()
    assert [head.segment for head in JournalReader(tmp_path / "run").heads] == [0]


def test_what_earlier_lives_have_left_counts_for_the_bound_and_is_let_go_first(tmp_path: Path) -> None:
    in_pieces(tmp_path)
    before = sum(path.stat().st_size for path in tmp_path.iterdir())
    config = Config(journal=msgspec.structs.replace(JournalConfig(), journal_bytes=65536))
    with going_on(tmp_path, config=config) as writer:
        assert writer.nbytes > before
        for t in range(40, 80):
            writer.step(Asked(t_ns=t * S, question="q", text="x" * 1000), ())
            assert writer.nbytes == sum(path.stat().st_size for path in tmp_path.iterdir()) <= 65536
    assert writer.dropped_steps + len(steps(tmp_path)) == 39 + 40
    assert writer.dropped_steps > 0


def test_a_segment_that_was_being_begun_or_cut_when_the_process_died_is_swept_away(tmp_path: Path) -> None:
    last = in_pieces(tmp_path)[-1]
    (tmp_path / "000004.fresh").write_bytes(last.read_bytes()[:60])
    (tmp_path / "000001.fresh").write_bytes(b"half a copy")
    going_on(tmp_path).close()
    assert [head.segment for head in JournalReader(tmp_path).heads] == [0, 1, 2, 3, 4]
    assert (JournalReader(tmp_path).holes, list(tmp_path.glob("*.fresh"))) == ((), [])


def test_new_settings_begin_a_segment_that_says_so(tmp_path: Path) -> None:
    config = Config(journal=msgspec.structs.replace(JournalConfig(), record_pixels=True))
    with journal(tmp_path) as writer:
        writer.step(looked(0), ())
        writer.reconfigure(config)
        writer.step(looked(S), ())
    before, after = JournalReader(tmp_path).heads
    assert (before.anew, after.anew, after.config, after.session) == (False, True, config, before.session)
    assert [JPEG in path.read_bytes() for path in sorted(tmp_path.glob("*.segment"))] == [False, True]


def test_a_segment_has_no_more_steps_than_may_be_fed_again_however_large_its_head(tmp_path: Path) -> None:
    with journal(tmp_path, lambda: bytes(4_000_000), segment_ns=0) as writer:
        for t in range(MOST_STEPS + 5):
            writer.step(Tick(t_ns=t), ())
    paths = sorted(tmp_path.glob("*.segment"))
    assert [sum(1 for _ in bodies(path, Loss())) - 1 for path in paths] == [MOST_STEPS, 5]


@pytest.mark.parametrize(
    ("event", "command", "on_the_disk"),
    [
        (Tick(t_ns=S), None, False),
        (looked(S), append(S), True),
        (Tick(t_ns=S), Say(id=1, deadline_ns=S, response=Response("Now.", "speech", 1, 1.0, (), ())), True),
        (WatchSet(t_ns=S, watch="w", text="tell me when I see my mug"), None, True),
    ],
    ids=["a tick", "rows for the log", "a sentence", "a watch"],
)
def test_what_cannot_be_taken_back_is_on_the_disk_before_it_is_carried_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, event: Event, command: Command | None, on_the_disk: bool
) -> None:
    with journal(tmp_path) as writer:
        asked: list[int] = []
        monkeypatch.setattr(os, "fsync", asked.append)
        writer.step(event, () if command is None else (command,))
        assert bool(asked) == on_the_disk


# ---------------------------------------------------------------- the note of what is being forgotten


def wish(name: str, number: int) -> tuple[Forget, Erase]:
    scope = Scope("thing", name=name)
    return Forget(t_ns=number * S, scope=scope), Erase(id=number, deadline_ns=S, scope=scope, sightings=(number,), rows=append(0).rows)


def test_a_wish_is_noted_with_the_order_it_was_answered_with_until_that_is_done(tmp_path: Path) -> None:
    note = ForgettingNote(tmp_path / "journal")
    assert note.read() == ()
    note.write(*wish("mug", 7))
    note.write(*wish("cat", 8))
    assert ForgettingNote(tmp_path / "journal").read() == (Forgetting(*wish("mug", 7)), Forgetting(*wish("cat", 8)))
    note.clear(7)
    note.clear(99)
    assert [one.order.id for one in note.read()] == [8]
    note.clear(8)
    assert list((tmp_path / "journal").iterdir()) == []


def test_a_wish_that_is_fed_again_takes_the_place_of_the_one_that_was_cut_short(tmp_path: Path) -> None:
    note = ForgettingNote(tmp_path)
    note.write(*wish("mug", 7))
    note.write(*wish("mug", 12))
    assert [one.order.id for one in note.read()] == [12]


def test_no_more_wishes_are_noted_than_the_core_waits_for(tmp_path: Path) -> None:
    note = ForgettingNote(tmp_path)
    for number in range(MOST_NOTED):
        note.write(*wish(f"thing {number}", number))
    with pytest.raises(DeviceError, match="under way already") as caught:
        note.write(*wish("mug", 99))
    assert caught.value.hint


@pytest.mark.parametrize("damage", [b"", b"\x99", b"something else"])
def test_a_note_that_is_damaged_is_said_and_can_be_taken_away(tmp_path: Path, damage: bytes) -> None:
    note = ForgettingNote(tmp_path)
    (tmp_path / "forgetting").write_bytes(damage)
    with pytest.raises(JournalError, match="cannot be read") as caught:
        note.read()
    assert "forget it again" in caught.value.hint
    note.remove()
    assert note.read() == ()


# ---------------------------------------------------------------- what cannot be used


def test_a_folder_that_holds_a_journal_is_not_overwritten(tmp_path: Path) -> None:
    journal(tmp_path).close()
    with pytest.raises(DeviceError, match="already holds a journal") as caught:
        journal(tmp_path)
    assert "--out" in caught.value.hint


def test_a_folder_without_a_journal_is_said(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="no journal in") as caught:
        JournalReader(tmp_path)
    assert "replay" in caught.value.hint


def test_a_file_of_another_kind_is_said(tmp_path: Path) -> None:
    (tmp_path / "000000.segment").write_bytes(b"something else entirely")
    with pytest.raises(JournalError, match="is not a journal of this version") as caught:
        JournalReader(tmp_path)
    assert "version" in caught.value.hint
