"""What stood on a board, moment by moment: bounded in bytes, and exact at every moment that is held."""

from __future__ import annotations

import numpy as np

from apps.glasses.reel import CHUNK, Reel
from devices.page.board import BOUNDS, Board
from devices.page.items import Line
from devices.page.views import Changes, Update

SEED = 5


def line(key: int, text: str = "") -> Line:
    return Line(key=key, who="notice", t_ns=key, text=text or f"line {key}", kind="info")


def test_a_reel_never_holds_more_than_its_bytes_and_still_knows_every_moment_it_holds() -> None:
    """A long conversation on a real board, long enough that its roll is full, items change, leave, and are forgotten."""
    board, reel, chance = Board(), Reel(60_000), np.random.default_rng(SEED)
    cursor, full = 0, {}
    for n in range(3000):
        act = chance.random()
        if act < 0.9:
            board.put("said", n, line(n))
        elif act < 0.98:
            board.put("said", max(0, n - int(chance.integers(1, 50))), line(n, "changed"))
        elif act < 0.995:
            lost = int(chance.integers(n + 1))
            board.keep("said", lambda item, lost=lost: item.t_ns % 7 != lost % 7)  # type: ignore[misc]
            board.put("said", lost, line(lost, "again"))
        else:
            board.refresh()
        cursor, update = board.since(cursor)
        assert update is not None
        reel.add(n, update)
        assert reel.nbytes <= 60_000
        whole = board.since(0)[1]
        assert whole is not None
        full[n] = whole.rolls["said"]
    assert reel.first > 500
    assert reel.t_from_ns == reel.first - 1
    for t_ns in map(int, chance.integers(reel.t_from_ns, 3000, 60)):
        assert reel.moment(reel.until(t_ns)).all()["said"] == full[t_ns]


def test_a_roll_that_is_full_costs_a_line_for_a_line() -> None:
    board, reel, cursor = Board(), Reel(), 0
    sizes = []
    for n in range(2 * BOUNDS["said"]):
        board.put("said", n, line(n))
        cursor, update = board.since(cursor)
        assert update is not None
        before = reel.nbytes
        reel.add(n, update)
        sizes.append(reel.nbytes - before)
    assert BOUNDS["said"] * 2 < CHUNK
    assert max(sizes) < 250


def test_what_changes_nothing_is_not_kept() -> None:
    reel = Reel()
    update = Update(n=0, t_ns=0, rolls={"said": Changes((line(1),))})
    reel.add(0, update)
    before = reel.nbytes
    reel.add(1, update)
    reel.add(2, Update(n=0, t_ns=2, rolls={"said": Changes((line(1),), whole=True)}))
    assert reel.nbytes == before
    assert reel.moment(reel.until(2)).rolls["said"] == {1: line(1)}
