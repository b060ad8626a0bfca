"""The board: bounded, newest wins, and whoever reads it now and then ends up knowing exactly what is on it."""

from __future__ import annotations

import threading
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.page.board import BOUNDS, Board, BoardReader
from devices.page.items import ConceptView, Line, WatchView
from devices.page.mirror import read_update
from devices.page.views import ENCODER, Update, View
from edge_runtime.errors import InputError
from tests.pretend_glasses import Shown, frame


def line(key: int, text: str = "hello") -> Line:
    return Line(key, "wearer", key * 10, text, "ask")


def read(board: Board, revision: int) -> tuple[int, Update]:
    revision, update = board.since(revision)
    assert update is not None
    return revision, update


def everything(board: Board) -> Shown:
    shown = Shown()
    update = BoardReader(board).read()
    if update is not None:
        shown.take(update)
    return shown


def test_an_empty_board_has_nothing_to_say() -> None:
    assert Board().since(0) == (0, None)


def test_of_a_part_the_newest_value_wins_and_an_equal_one_is_no_news() -> None:
    board = Board()
    board.show("frame", frame(1))
    board.show("frame", frame(2))
    revision, update = read(board, 0)
    assert update.parts == {"frame": frame(2)}
    board.show("frame", frame(2))
    assert board.since(revision) == (revision, None)


def test_a_first_reader_is_told_everything_and_to_forget_what_it_had() -> None:
    board = Board()
    board.pass_time(77)
    board.show("frame", frame(1))
    board.put("said", 1, line(1))
    _, update = read(board, 0)
    assert update.fresh
    assert update.t_ns == 77
    assert update.rolls["said"].items == (line(1),)
    assert {roll for roll, changes in update.rolls.items() if changes.whole} == set(BOUNDS)


def test_a_reader_that_knows_some_is_told_only_the_rest() -> None:
    board = Board()
    board.show("frame", frame(1))
    board.put("said", 1, line(1))
    revision, _ = read(board, 0)
    board.put("said", 2, line(2))
    revision, update = read(board, revision)
    assert not update.fresh
    assert update.parts == {}
    assert update.rolls["said"].items == (line(2),)
    assert not update.rolls["said"].whole
    assert set(update.rolls) == {"said"}


def test_an_item_changes_in_its_place() -> None:
    board = Board()
    for key in (1, 2, 3):
        board.put("said", key, line(key))
    revision, _ = read(board, 0)
    board.put("said", 2, line(2, "changed"))
    _, update = read(board, revision)
    assert update.rolls["said"].items == (line(2, "changed"),)
    assert list(everything(board).rolls["said"]) == [1, 2, 3]


def test_a_roll_is_bounded_and_its_oldest_item_leaves() -> None:
    for roll, bound in BOUNDS.items():
        board = Board()
        for key in range(bound + 10):
            board.put(roll, key, line(key))
        assert list(everything(board).rolls[roll]) == list(range(10, bound + 10))


def test_an_item_that_left_leaves_the_readers_too() -> None:
    board = Board()
    for key in range(BOUNDS["watches"]):
        board.put("watches", key, line(key))
    revision, _ = read(board, 0)
    board.put("watches", 999, line(999))
    _, update = read(board, revision)
    assert update.rolls["watches"].whole
    assert len(update.rolls["watches"].items) == BOUNDS["watches"]


def test_letting_go_of_items_tells_readers_the_whole_roll_even_an_empty_one() -> None:
    board = Board()
    board.put("watches", "w1", WatchView("w1", "my mug", None, False, False))
    revision, _ = read(board, 0)
    board.keep("watches", lambda _: False)
    revision, update = read(board, revision)
    assert update.rolls["watches"].whole
    assert update.rolls["watches"].items == ()
    board.keep("watches", lambda _: False)
    assert board.since(revision) == (revision, None)


def test_after_a_refresh_every_reader_starts_anew() -> None:
    board = Board()
    board.put("said", 1, line(1, "the secret"))
    early, late = BoardReader(board), BoardReader(board)
    early.read()
    board.keep("said", lambda _: False)
    board.refresh()
    for reader in (early, late):
        update = reader.read()
        assert update is not None
        assert update.fresh
        assert b"the secret" not in msgspec.json.encode(update)
        assert reader.read() is None


CHANGES = st.one_of(
    st.tuples(st.just("show"), st.sampled_from(["frame", "eye", "voice"]), st.integers(0, 3)),
    st.tuples(st.just("put"), st.sampled_from(list(BOUNDS)), st.tuples(st.integers(0, 400), st.integers(0, 3))),
    st.tuples(st.just("put_many"), st.sampled_from(list(BOUNDS)), st.integers(1, 500)),
    st.tuples(st.just("keep"), st.sampled_from(list(BOUNDS)), st.integers(1, 4)),
    st.tuples(st.just("refresh"), st.none(), st.none()),
    st.tuples(st.just("read"), st.integers(0, 2), st.none()),
)


def change(board: Board, what: str, where: Any, how: Any) -> None:
    if what == "show":
        board.show(where, frame(how))
    elif what == "put":
        board.put(where, how[0], ConceptView(how[0], how[1], 0))
    elif what == "put_many":
        for key in range(how):
            board.put(where, key, ConceptView(str(key), 1, 0))
    elif what == "keep":
        board.keep(where, lambda item: len(str(_key(item))) % how == 0)
    else:
        board.refresh()


def _key(item: View) -> Any:
    return getattr(item, "key", "")


@given(st.lists(CHANGES, max_size=40))
def test_what_readers_put_together_is_what_is_on_the_board(changes: list[tuple[str, Any, Any]]) -> None:
    board = Board()
    readers = [(BoardReader(board), Shown()) for _ in range(3)]
    for what, where, how in changes:
        if what == "read":
            reader, shown = readers[where]
            update = reader.read()
            if update is not None:
                shown.take(update)
        else:
            change(board, what, where, how)
    full = everything(board)
    for reader, shown in readers:
        update = reader.read()
        if update is not None:
            shown.take(update)
        assert shown.parts == full.parts
        for roll in BOUNDS:
            # The order counts as well: oldest first.
            assert list(shown.rolls.get(roll, {}).items()) == list(full.rolls.get(roll, {}).items())
        assert reader.read() is None


@given(st.lists(CHANGES, max_size=40))
def test_a_board_that_follows_another_shows_the_same_to_its_own_readers(changes: list[tuple[str, Any, Any]]) -> None:
    board, mirror, revision = Board(), Board(), 0
    reader, shown = BoardReader(mirror), Shown()
    for what, where, how in [*changes, ("read", 0, None)]:
        if what != "read":
            change(board, what, where, how)
            continue
        revision, update = board.since(revision)
        if update is not None:
            mirror.follow(update)
        if (told := reader.read()) is not None:
            shown.take(told)
    full = everything(board)
    for mirrored in (shown, everything(mirror)):
        assert mirrored.parts == full.parts
        for roll in BOUNDS:
            assert list(mirrored.rolls.get(roll, {}).items()) == list(full.rolls.get(roll, {}).items())


def test_what_is_forgotten_on_one_board_is_forgotten_by_the_tabs_of_the_other() -> None:
    board, mirror = Board(), Board()
    board.put("said", 1, line(1, "the secret"))
    revision, update = read(board, 0)
    mirror.follow(update)
    tab = BoardReader(mirror)
    assert b"the secret" in msgspec.json.encode(tab.read())
    board.keep("said", lambda item: False)
    board.refresh()
    _, update = read(board, revision)
    mirror.follow(update)
    told = tab.read()
    assert told is not None and told.fresh
    assert b"the secret" not in msgspec.json.encode(told)


def test_an_update_is_read_as_it_was_written() -> None:
    board = Board()
    board.pass_time(7)
    board.show("frame", frame(3))
    board.put("said", 1, line(1))
    board.put("watches", "w-1", WatchView("w-1", "a bicycle", None, False, False))
    _, update = read(board, 0)
    assert read_update(ENCODER.encode(update)) == update


@pytest.mark.parametrize("data", [b"", b"{}", b"[" * 10_000, b'{"t_ns":1,"parts":{"frame":{"seq":"x"}}}', b"\xff"])
def test_what_is_no_update_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_update(data)


def test_one_thread_writes_while_another_reads() -> None:
    board, reader, shown, done = Board(), None, Shown(), threading.Event()
    reader = BoardReader(board)

    def write() -> None:
        for key in range(2000):
            board.put("said", key % 300, line(key % 300, str(key)))
            board.show("frame", frame(key))
            if key % 97 == 0:
                board.keep("said", lambda item: _key(item) % 2 == 0)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        update = reader.read()
        if update is not None:
            shown.take(update)
    writer.join()
    update = reader.read()
    if update is not None:
        shown.take(update)
    full = everything(board)
    assert shown.parts == full.parts
    assert list(shown.rolls["said"].items()) == list(full.rolls["said"].items())
