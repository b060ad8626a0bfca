"""Keye-VL 1.5: slow and fast frames, and the resolution that makes all of them fit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.remember.policies.published.slow_fast import SlowFast, frame_tokens, grid_within
from tests.token_looks import EVERYTHING, look, region

HW = (8, 8)
CELLS = 64
FAST = 16  # 4 x 4, the grid nearest to 30 %
DIM = 64
ROOM = 2**26
Array = npt.NDArray[np.float64]


def scene(seed: int) -> Array:
    return np.random.default_rng(seed).normal(size=(CELLS, DIM))


def counts(policy: SlowFast, most: int = EVERYTHING) -> list[int]:
    """Tokens shown of each frame."""
    return [int(count) for count in np.unique(policy.view(most).pos[:, 0], return_counts=True)[1]]


# --- KY1 ---------------------------------------------------------------------------------------------------------------------------


@given(st.integers(0, 400), st.integers(0, 400), st.integers(0, 100_000), st.integers(1, 1024), st.sampled_from([1, 4, 28]))
def test_ky1_the_solver_fits_and_is_within_one_step_of_the_room(slow: int, fast: int, room: int, most: int, step: int) -> None:
    per_slow, per_fast = frame_tokens(slow, fast, room, most, step=step)
    total = slow * per_slow + fast * per_fast
    assert total <= room and per_slow <= most and per_slow % step == per_fast % step == 0
    if per_slow:
        assert abs(per_fast - 0.3 * per_slow) <= step / 2 or per_fast == step
    if per_slow + step <= most:
        bigger = per_slow + step
        assert slow * bigger + fast * max(1, round(0.3 * bigger / step)) * step > room


def test_ky1_drift_makes_a_slow_frame_again_and_again() -> None:
    policy, start, end = SlowFast(ROOM), scene(0), scene(1)
    for seq, angle in enumerate(np.linspace(0.0, 1.5, 60)):
        policy.insert(look(seq, region(np.cos(angle) * start + np.sin(angle) * end, HW)), ())
    found = counts(policy)
    assert set(found) == {CELLS, FAST} and found[0] == CELLS
    assert 3 <= found.count(CELLS) <= 6, "an angle of arccos 0.95 apart each"


# --- The rest ----------------------------------------------------------------------------------------------------------------------


def test_a_still_picture_is_slow_once_and_a_cut_is_slow() -> None:
    policy = SlowFast(ROOM)
    for seq, emb in enumerate([scene(0), scene(0), scene(0), scene(1), scene(1)]):
        policy.insert(look(seq, region(emb, HW)), ())
    assert counts(policy) == [CELLS, FAST, FAST, CELLS, FAST]
    assert policy.view(EVERYTHING).weight.sum() == 5 * CELLS


@pytest.mark.parametrize("room", [700, 200, 100, 21])
def test_a_view_shows_every_frame_as_fine_as_fits(room: int) -> None:
    policy = SlowFast(ROOM)
    for seq in range(20):
        policy.insert(look(seq, region(scene(seq // 4), HW)), ())
    found = counts(policy, room)
    assert len(found) == 20 and sum(found) <= room
    assert min(found[::4]) >= max(found[1::4])


def test_where_there_is_not_a_token_for_each_the_newest_frames_are_shown() -> None:
    policy = SlowFast(ROOM)
    for seq in range(20):
        policy.insert(look(seq, region(scene(seq), HW)), ())
    assert policy.view(7).pos[:, 0].tolist() == list(range(13, 20))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 2000))
def test_a_grid_has_no_more_cells_than_allowed(rows: int, columns: int, tokens: int) -> None:
    tall, wide = grid_within((rows, columns), tokens)
    assert 1 <= tall <= rows and 1 <= wide <= columns and tall * wide <= tokens
    if tokens >= rows * columns:
        assert (tall, wide) == (rows, columns)
