"""Accounts of the bus: which envelopes are taken, what became of every other number, and who is owed an answer."""

from __future__ import annotations

import pytest

from edge_runtime.records import Dropped
from edge_runtime.transport.accounts import Counts, Desk, Intake, Owed
from edge_runtime.transport.bus import Answer, Ask, Channel, Envelope, Lane

TOPIC = "v1/gaze"
EVERY = Channel(TOPIC, "every", 100, 10, max_age_ns=1000)
NEWEST = Channel(TOPIC, "newest", 100, 10, max_age_ns=1000)
LANE = Lane("v1/crops", 100, 1000)


def sent(*seqs: int, start: int = 1, t_ns: int = 0) -> list[Envelope]:
    return [Envelope(TOPIC, start, seq, t_ns + seq, b"") for seq in seqs]


def drops(counts: Counts) -> dict[str, int]:
    return {drop.reason: drop.count for drop in counts.take()}


def test_where_every_one_counts_they_come_in_order_and_gaps_are_lost() -> None:
    counts = Counts()
    intake, arrived = Intake(EVERY, counts), iter(sent(0, 1, 4))
    taken = [intake.take(arrived, lambda: 0) for _ in range(4)]
    assert [envelope and envelope.seq for envelope in taken] == [0, 1, 4, None]
    assert counts.take() == [Dropped(TOPIC, "lost", 2)]


def test_where_the_newest_wins_the_others_are_behind() -> None:
    counts = Counts()
    taken = Intake(NEWEST, counts).take(sent(0, 1, 4), lambda: 0)
    assert taken is not None and taken.seq == 4
    assert drops(counts) == {"behind": 2, "lost": 2}


@pytest.mark.parametrize("channel", [EVERY, NEWEST])
def test_what_is_too_old_is_late(channel: Channel) -> None:
    counts = Counts()
    taken = Intake(channel, counts).take(sent(0, 1, 2), lambda: 1002)
    assert taken is not None and taken.seq == 2
    assert drops(counts) == {"late": 2}


def test_what_was_sent_before_the_receiver_came_was_not_for_it() -> None:
    counts = Counts()
    Intake(EVERY, counts).take(sent(7), lambda: 0)
    assert counts.take() == []


def test_a_restart_is_no_gap_but_what_it_had_sent_already_is_counted() -> None:
    counts = Counts()
    intake = Intake(EVERY, counts)
    for envelope in (*sent(5), *sent(2, 3, start=2)):
        assert intake.take([envelope], lambda: 0) is envelope
    assert drops(counts) == {"restart": 2}


def test_what_was_overtaken_is_lost_once() -> None:
    counts = Counts()
    taken = Intake(NEWEST, counts).take(sent(0, 3, 1, 2), lambda: 0)
    assert taken is not None and taken.seq == 3
    assert drops(counts) == {"behind": 1, "lost": 2}


def test_around_a_restart_the_newest_is_the_one_sent_last() -> None:
    counts = Counts()
    taken = Intake(NEWEST, counts).take([*sent(0, start=2, t_ns=50), *sent(9, t_ns=0)], lambda: 60)
    assert taken is not None and taken.start_id == 2


def test_a_channel_where_the_newest_wins_needs_a_limit_of_age() -> None:
    with pytest.raises(ValueError, match="limit to its age"):
        Channel(TOPIC, "newest", 100, 10)


@pytest.mark.parametrize("bounds", [(0, 10), (100, 0), (100, 10, -1)])
def test_a_channel_without_bounds_is_refused(bounds: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="bounds above zero"):
        Channel(TOPIC, "every", *bounds)


def test_one_ask_is_owed_one_answer() -> None:
    counts = Counts()
    owed = Owed(counts)
    assert owed.begin(Ask(1, 100, b""))
    assert not owed.begin(Ask(2, 100, b""))
    assert not owed.accept(Answer(2), 50)
    assert owed.accept(Answer(1), 50)
    assert not owed.accept(Answer(1), 50)
    assert counts.take() == [Dropped("result", "late", 2)]


def test_past_its_deadline_an_ask_is_given_up_and_its_answer_is_late() -> None:
    counts = Counts()
    owed = Owed(counts)
    owed.begin(Ask(1, 100, b""))
    assert owed.expired(100) is None
    assert not owed.accept(Answer(1), 101)
    assert owed.expired(101) == Answer(1, missing="deadline")
    assert owed.expired(102) is None
    assert counts.take() == [Dropped("result", "late", 1)]


def test_a_desk_keeps_one_ask_of_each_asker() -> None:
    counts = Counts()
    desk = Desk(LANE, counts)
    for ask in (Ask(1, 100, b"", b"a"), Ask(2, 100, b"", b"b"), Ask(3, 100, b"", b"a")):
        desk.put(ask)
    assert [ask.id for ask in iter(lambda: desk.next(0), None)] == [2, 3]
    assert counts.take() == [Dropped("v1/crops", "cancelled", 1)]


def test_a_desk_passes_over_what_nobody_waits_for() -> None:
    counts = Counts()
    desk = Desk(LANE, counts)
    for ask in (Ask(1, 100, b"", b"a"), Ask(2, 300, b"", b"b"), Ask(3, 300, b"", b"c")):
        desk.put(ask)
    desk.withdraw(b"b", 2)
    wanted = desk.next(200)
    assert wanted is not None and wanted.id == 3
    assert drops(counts) == {"late": 1, "cancelled": 1}


def test_an_ask_at_work_is_wanted_until_withdrawn_or_past_its_deadline() -> None:
    desk = Desk(LANE, Counts())
    desk.put(Ask(1, 100, b"", b"a"))
    ask = desk.next(0)
    assert ask is not None and desk.wants(ask, 100) and not desk.wants(ask, 101)
    desk.withdraw(b"a", 1)
    assert not desk.wants(ask, 50)


def test_a_desk_holds_a_bounded_number_of_askers() -> None:
    counts = Counts()
    desk = Desk(LANE, counts)
    for n in range(100):
        desk.put(Ask(n, 100, b"", str(n).encode()))
    assert sum(1 for _ in iter(lambda: desk.next(0), None)) == 16
    assert counts.take() == [Dropped("v1/crops", "behind", 84)]
