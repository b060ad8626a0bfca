"""The tiered token memory: newest looks whole, what was looked at for hours, backgrounds merged, all inside its bytes."""

from __future__ import annotations

from typing import get_args

import numpy as np
import numpy.typing as npt
import pytest

from edge_runtime.config import Config, S, TokenPolicy
from edge_runtime.protocol import Looked
from edge_runtime.records import RetrievalCue, Slab
from edge_runtime.remember.policies import slabs
from edge_runtime.remember.policies.events import Events, condense
from edge_runtime.remember.policies.frames import frames_of, unit_rows
from edge_runtime.remember.policies.named import POLICIES, PRODUCT
from edge_runtime.remember.policies.recent_window import RecentWindow
from edge_runtime.remember.policies.salience import Dwell, gazed
from edge_runtime.remember.policies.tiered import SHORT_SHARE, STANDING_BINS, STANDING_SHARE, Tiered
from edge_runtime.types import Box
from tests.token_looks import look, region

Rows = npt.NDArray[np.float64]
HW, DIM = (8, 8), 32
LOOK_BYTES = slabs.SLAB_BYTES + 64 * (2 * DIM + 36)
BUDGET_BYTES = 24 * LOOK_BYTES
MIDDLE = [27, 28, 35, 36]


def direction(seed: int) -> Rows:
    row = np.random.default_rng(seed).normal(size=DIM)
    return np.asarray(row / np.linalg.norm(row))


def room(seed: int) -> Rows:
    """A scene whose cells are not alike, [P,D]."""
    rows = np.random.default_rng(10_000 + seed).normal(size=(64, DIM))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def glance(seq: int, background: Rows, thing: Rows | None = None) -> tuple[Looked, Box]:
    """A foveal look of second ``seq``, perhaps at a thing in its middle; the crop moves."""
    rng = np.random.default_rng(seq)
    x, y = rng.uniform(0.0, 0.6, 2).tolist()
    emb = background.copy()
    if thing is not None:
        emb[MIDDLE] = thing
    box = Box(x, y, x + 0.4, y + 0.4)
    return look(seq, region(emb + 0.02 * rng.normal(size=emb.shape), HW, "foveal", box), t_ns=seq * S), box


def overview(seq: int, emb: Rows) -> Looked:
    return look(seq, region(emb, HW), t_ns=seq * S)


def in_order(view: Slab) -> bool:
    """Whether what stands is in order of time, and what does not."""
    return all((np.diff(t_ns) >= 0).all() for t_ns in np.split(view.t_ns, [view.standing]))


def slab_of(rows: list[Rows], salience: list[float], t_ns: int = 0) -> Slab:
    count = len(rows)
    times = np.arange(t_ns, t_ns + count, dtype=np.int64)
    pos = np.zeros((count, 3), np.int32)
    return Slab(np.array(rows, np.float16), pos, times, times, np.ones(count, np.float32), np.array(salience, np.float32))


# ---------------------------------------------------------------- the policy


def test_the_newest_looks_are_shown_whole_and_in_order() -> None:
    policy = Tiered(BUDGET_BYTES)
    for seq in range(60):
        policy.insert(*_one(glance(seq, room(seq % 5))))
    slab = policy.view(100_000)
    newest = int(SHORT_SHARE * BUDGET_BYTES // LOOK_BYTES)
    assert slab.t_ns.tolist() == sorted(slab.t_ns.tolist())
    assert slab.pos[-64 * newest :, 0].tolist() == [seq for seq in range(60 - newest, 60) for _ in range(64)]


def test_a_still_scene_is_thinned_behind_the_newest_looks() -> None:
    policy = Tiered(BUDGET_BYTES)
    dropped = {"similar": 0, "budget": 0}
    for seq in range(40):
        for drop in policy.insert(overview(seq, room(1))):
            dropped[drop.reason] += drop.count
    assert dropped["similar"] >= 0.9 * 64 * 36 and dropped["budget"] == 0
    assert {0, 37, 38, 39} <= set(policy.view(100_000).pos[:, 0].tolist()) <= {0, 36, 37, 38, 39}, "the first stands for the rest"


def test_what_is_protected_is_never_dropped_as_similar() -> None:
    policy = Tiered(BUDGET_BYTES)
    gaze = Box(0.3, 0.3, 0.7, 0.7)
    reasons = [policy.insert(overview(seq, room(1)), (gaze,)) for seq in range(5)]
    kept = policy.view(100_000)
    cells = {(int(row), int(column)) for seq, row, column in kept.pos if seq == 1}
    assert cells == {(row, column) for row in range(2, 6) for column in range(2, 6)}, "of an older look, where the gaze was"
    assert [(drop.reason, drop.count) for drop in reasons[-1]] == [("similar", 64 - 16)]


def test_what_was_looked_at_is_found_hours_later_and_a_window_has_lost_it() -> None:
    things = {50 * k + 30: direction(k) for k in range(16)}
    found = {}
    for policy in (Tiered(BUDGET_BYTES), RecentWindow(BUDGET_BYTES)):
        for seq in range(900):
            at = 50 * (seq // 50) + 30
            thing = things.get(at) if at <= seq < at + 2 else None
            policy.insert(*_one(glance(seq, room(seq // 10 % 5), thing)))
        slab = policy.view(100_000)
        unit = unit_rows(slab.emb)
        best = [int(slab.t_ns[int((unit @ thing).argmax())]) // S for thing in things.values()]
        found[type(policy)] = sum(at <= t_s <= at + 1 for at, t_s in zip(things, best, strict=True))
    assert found[Tiered] >= 15 and found[RecentWindow] == 0


def test_what_the_gaze_rested_on_is_worth_more_than_what_it_passed_over() -> None:
    policy = Tiered(BUDGET_BYTES)
    rested, passed = direction(1), direction(2)
    for seq in range(200):
        thing = rested if 50 <= seq < 54 else passed if seq == 70 else None
        policy.insert(*_one(glance(seq, room(seq // 10 % 5), thing)))
    slab = policy.view(100_000)
    unit = unit_rows(slab.emb)
    worth = [float(slab.salience[unit @ thing > 0.9].max()) for thing in (rested, passed)]
    assert worth[0] > 2 * worth[1] > 0.0


def test_a_cue_brings_what_is_like_it_beside_the_newest() -> None:
    policy = Tiered(BUDGET_BYTES)
    for seq in range(400):
        policy.insert(*_one(glance(seq, room(seq // 10 % 5), direction(1) if seq == 50 else None)))
    cue = RetrievalCue(tokens=direction(1)[None].astype(np.float16))
    few = policy.view(256, cue)
    assert len(few.t_ns) == 256 and in_order(few)
    assert 50 * S in few.t_ns[few.standing :].tolist() and few.t_ns[-64:].tolist() == [399 * S] * 64
    assert policy.view(1, cue).t_ns.tolist() == [50 * S]
    assert len(policy.view(0, cue).t_ns) == 0


def test_much_of_what_is_shown_stands_whatever_is_asked_and_lasts() -> None:
    policy = Tiered(BUDGET_BYTES)
    for seq in range(2000):
        policy.insert(*_one(glance(seq, room(seq // 10 % 5))))
    standing = []
    for seq in range(2000, 2010):
        policy.insert(*_one(glance(seq, room(seq // 10 % 5))))
        views = [policy.view(1024, cue) for cue in (None, *(RetrievalCue(tokens=room(k).astype(np.float16)) for k in range(5)))]
        assert all(in_order(view) and len(view.t_ns) == 1024 for view in views)
        assert len({view.emb[: view.standing].tobytes() for view in views}) == 1
        standing.append([row.tobytes() for row in views[0].emb[: views[0].standing]])
        assert len({(row.tobytes(), t_ns) for row, t_ns in zip(views[0].emb, views[0].t_ns.tolist(), strict=True)}) == 1024, "none twice"
    # What later looks bring into it comes at its end: the last of its bins of time, or two where one begins.
    per_bin = int(STANDING_SHARE * 1024) // STANDING_BINS
    lasting = next(k for k, rows in enumerate(zip(*standing, strict=False)) if len(set(rows)) > 1)
    assert 200 <= len(standing[-1]) <= STANDING_SHARE * 1024 and lasting >= len(standing[-1]) - 3 * per_bin


def test_what_stands_is_of_all_the_day() -> None:
    policy = Tiered(BUDGET_BYTES)
    for seq in range(2000):
        policy.insert(*_one(glance(seq, room(seq // 10 % 5))))
    view = policy.view(1024)
    quarters = np.bincount(view.t_ns[: view.standing] // (500 * S))
    assert len(quarters) == 4 and quarters.min() >= view.standing / 10


@pytest.mark.parametrize("looks", [0.0, 0.05, 0.3, 1.0, 2.5])
def test_a_memory_too_small_for_a_look_keeps_what_it_can(looks: float) -> None:
    budget_bytes = int(looks * LOOK_BYTES)
    policy = Tiered(budget_bytes)
    dropped = 0
    for seq in range(20):
        dropped += sum(drop.count for drop in policy.insert(*_one(glance(seq, room(seq)))))
        assert policy.nbytes() <= budget_bytes
    assert dropped + slabs.source_tokens(policy.view(10_000)) == 20 * 64
    assert bool(len(policy.view(10_000).t_ns)) == (budget_bytes > slabs.SLAB_BYTES + 100)


def test_the_settings_offer_every_policy_and_the_default_is_one_of_the_products() -> None:
    assert set(get_args(TokenPolicy)) == set(POLICIES)
    assert Config().remember.token_policy in PRODUCT


# ---------------------------------------------------------------- events


def test_few_are_made_of_many_by_taking_up_what_is_alike() -> None:
    a, b = direction(1), direction(2)
    slab = slab_of([a, b, a, a], [1.0, 0.1, 1.0, 1.0])
    stays, gone = condense(slab, 2)
    assert stays.weight.tolist() == [3.0, 1.0] and len(gone.t_ns) == 0
    assert (stays.t_ns.tolist(), stays.t_end_ns.tolist()) == ([0, 1], [3, 1])
    assert np.allclose(unit_rows(stays.emb), [a, b], atol=1e-3)


def test_what_is_like_nothing_goes_by_salience_and_is_handed_back() -> None:
    slab = slab_of([direction(1), direction(2), direction(3)], [0.9, 0.2, 0.8])
    stays, gone = condense(slab, 2)
    assert stays.t_ns.tolist() == [0, 2] and gone.t_ns.tolist() == [1]


def test_neighbours_merge_where_least_is_lost_and_nothing_is_lost_uncounted() -> None:
    same, other = direction(1), [direction(k) for k in (2, 3, 4, 5)]
    events = Events(2)
    for t_ns, rows in ((0, other[:2]), (10, [same, same]), (20, [same, same]), (30, other[2:])):
        events.append(slab_of(rows, [1.0, 1.0], t_ns))
    before = events.nbytes
    assert len(events.shrink().t_ns) == 0
    assert [event.t_ns.tolist()[0] for event in events] == [0, 10, 30] and events[1].weight.sum() == 4.0
    assert sum(map(slabs.source_tokens, events)) == 8 and events.nbytes < before
    gone = sum(slabs.source_tokens(events.shrink()) for _ in range(4))
    assert sum(map(slabs.source_tokens, events)) + gone == 8 and len(events) == 0


def test_a_long_tier_taken_up_again_goes_on_alike() -> None:
    events = Events(3)
    for k in range(8):
        events.append(slab_of([direction(k), direction(k % 3)], [1.0, 0.5], 10 * k))
    other = Events(3, list(events))
    assert other.nbytes == events.nbytes
    for _ in range(8):
        assert np.array_equal(events.shrink().t_ns, other.shrink().t_ns)


# ---------------------------------------------------------------- salience


def test_the_middle_of_a_crop_around_the_gaze_is_worth_most() -> None:
    one, box = glance(1, room(1))
    (frame,), _ = frames_of(one, (box,))
    worth = gazed(frame).reshape(HW)
    assert np.argwhere(worth == worth.max()).tolist() == [[3, 3], [3, 4], [4, 3], [4, 4]]
    assert worth[0, 0] == pytest.approx(0.1) and worth[3, 3] > 0.8


def test_elsewhere_what_is_protected_is_worth_more_and_nothing_is_worth_nothing() -> None:
    emb = room(1)
    emb[27] = 0.0
    (frame,), _ = frames_of(overview(1, emb), (Box(0.3, 0.3, 0.7, 0.7),))
    worth = gazed(frame)
    assert (worth[28], worth[0], worth[27]) == (0.5, pytest.approx(0.1), 0.0)


def test_a_gaze_that_rests_is_counted_on_the_thing_and_not_beside_it() -> None:
    dwell, thing = Dwell(), direction(1)
    counted = []
    for seq in range(6):
        one, box = glance(seq, room(seq), thing)
        (frame,), _ = frames_of(one, (box,))
        looks = dwell.update(frame)
        counted.append(float(looks[27]))
        assert looks[0] == 1.0 and looks[18] == 1.0
    assert counted == [1.0, 2.0, 3.0, 4.0, 4.0, 4.0]
    dwell.clear()
    assert dwell.nbytes == 0 and dwell.update(frame)[27] == 1.0


def _one(shot: tuple[Looked, Box]) -> tuple[Looked, tuple[Box, ...]]:
    return shot[0], (shot[1],)
