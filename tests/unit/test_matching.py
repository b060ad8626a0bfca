"""Matching tokens between frames: cosines over a grid, thresholds, references."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from edge_runtime import codec
from edge_runtime.remember.policies.frames import TokenFrame, unit_rows
from edge_runtime.remember.policies.matching import (
    LastKept,
    PreviousFrame,
    aligned_cosine,
    best_neighbour,
    neighbour_cosine,
    otsu,
    shifted_cosine,
)
from edge_runtime.types import WHOLE, Box, RegionKind

HW = (6, 8)
DIM = 32
Array = npt.NDArray[np.float64]


def tokens(seed: int, hw: tuple[int, int] = HW) -> Array:
    return np.random.default_rng(seed).normal(size=(hw[0] * hw[1], DIM))


def unit(emb: Array) -> npt.NDArray[np.float32]:
    return unit_rows(emb)


def frame(
    t_ns: int, emb: Array, *, kind: RegionKind = "overview", box: Box = WHOLE, hw: tuple[int, int] = HW, protected: tuple[int, ...] = ()
) -> TokenFrame:
    mask = np.zeros(len(emb), np.bool_)
    mask[list(protected)] = True
    return TokenFrame(t_ns, t_ns, kind, box, hw, emb.astype(np.float16), unit(emb.mean(axis=0)[None])[0], mask)


def moved(emb: Array, down: int, right: int) -> Array:
    """The same picture moved; what comes in from outside is new."""
    grid = np.roll(emb.reshape(*HW, DIM), (down, right), (0, 1))
    new = tokens(99).reshape(*HW, DIM)
    grid[: max(0, down)], grid[HW[0] + min(0, down) :] = new[: max(0, down)], new[HW[0] + min(0, down) :]
    grid[:, : max(0, right)], grid[:, HW[1] + min(0, right) :] = new[:, : max(0, right)], new[:, HW[1] + min(0, right) :]
    return grid.reshape(-1, DIM)


# --- Cosines ----------------------------------------------------------------------------------------------------------------------


def test_aligned_cosine_compares_the_same_place() -> None:
    a = unit(tokens(0))
    assert np.allclose(aligned_cosine(a, a), 1.0, atol=1e-6)
    assert aligned_cosine(a, unit(tokens(1))).max() < 0.7


def test_a_row_of_zeros_has_cosine_0_with_everything() -> None:
    a = unit(tokens(0) * 0.0)
    for cosine in (aligned_cosine(a, unit(tokens(1))), neighbour_cosine(a, unit(tokens(1)), HW), shifted_cosine(a, unit(tokens(1)), HW)[0]):
        assert set(cosine.tolist()) <= {0.0, -1.0} and not np.isnan(cosine).any()


@pytest.mark.parametrize("hw", [(6, 8), (1, 48), (48, 1), (2, 24)])
@pytest.mark.parametrize("reach", [0, 1, 2])
def test_neighbour_cosine_is_the_best_of_the_cells_around(hw: tuple[int, int], reach: int) -> None:
    a, b = unit(tokens(0)), unit(tokens(1))
    everything = (a @ b.T).reshape(*hw, *hw)
    found = neighbour_cosine(a, b, hw, reach).reshape(hw)
    for y in range(hw[0]):
        for x in range(hw[1]):
            around = everything[y, x, max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
            assert found[y, x] == pytest.approx(around.max(), abs=1e-6)


def test_the_best_neighbour_is_named_and_its_own_cell_wins_a_tie() -> None:
    emb = tokens(0)
    still = best_neighbour(unit(np.ones_like(emb)), unit(np.ones_like(emb)), HW, 1)[1]
    assert still.tolist() == list(range(48))
    source = best_neighbour(unit(moved(emb, 0, 1)), unit(emb), HW, 1)[1].reshape(HW)
    assert (source[:, 1:] == np.arange(48).reshape(HW)[:, :-1]).all()


@pytest.mark.parametrize(("down", "right"), [(0, 0), (1, 0), (0, -2), (-2, 1), (2, 2)])
def test_shifted_cosine_finds_how_the_picture_moved(down: int, right: int) -> None:
    emb = tokens(0)
    cosine, shift = shifted_cosine(unit(moved(emb, down, right)), unit(emb), HW)
    assert shift == (-down, -right)
    inside = HW[0] - abs(down), HW[1] - abs(right)
    assert np.count_nonzero(cosine > 0.99) == inside[0] * inside[1]
    assert np.count_nonzero(cosine == -1.0) == 48 - inside[0] * inside[1]


def test_without_any_difference_there_is_no_shift() -> None:
    same = unit(np.ones((48, DIM)))
    assert shifted_cosine(same, same, HW)[1] == (0, 0)
    assert shifted_cosine(same[:1], same[:1], (1, 1))[1] == (0, 0)


# --- Otsu -------------------------------------------------------------------------------------------------------------------------


def test_otsu_parts_two_classes_in_the_middle_of_their_gap() -> None:
    values = np.concatenate([np.full(50, 0.1), np.full(20, 1.3)]).astype(np.float32)
    assert otsu(values, 0.0, 2.0) == pytest.approx(0.7, abs=0.05)


def test_otsu_maximises_the_variance_between_the_classes() -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(0.5, 0.15, 300), rng.normal(1.2, 0.2, 100)])
    counts, edges = np.histogram(values, 128, (0.0, 2.0))
    middles = (edges[:-1] + edges[1:]) / 2

    def between(edge: float) -> float:
        low, high = counts * (middles < edge), counts * (middles >= edge)
        if not low.sum() or not high.sum():
            return 0.0
        return float(low.sum() * high.sum() * ((low @ middles) / low.sum() - (high @ middles) / high.sum()) ** 2)

    assert between(otsu(values, 0.0, 2.0)) == pytest.approx(max(map(between, edges)))


def test_of_values_all_alike_none_lies_above_the_threshold() -> None:
    for values in (np.full(9, 0.4, np.float32), np.array([0.25], np.float32)):
        assert not (values > otsu(values, 0.0, 2.0)).any()
    assert otsu(np.empty(0, np.float32), 0.0, 2.0) == 0.0


# --- The last kept token as reference ---------------------------------------------------------------------------------------------


def test_what_is_seen_again_is_not_new() -> None:
    reference, emb = LastKept(0.9), tokens(0)
    assert reference.keep(frame(1, emb)).all() and reference.alike is None
    assert not reference.keep(frame(2, emb)).any() and reference.alike == 1.0
    changed = emb.copy()
    changed[7] = tokens(1)[7]
    assert np.flatnonzero(reference.keep(frame(3, changed))).tolist() == [7]
    assert not reference.keep(frame(4, changed)).any()


def test_slow_drift_adds_up_against_the_last_kept_and_never_against_the_frame_before() -> None:
    start, end = tokens(0), tokens(1)
    drift = [start + step * (end - start) for step in np.linspace(0.0, 1.0, 40)]
    kept, before = LastKept(0.9), PreviousFrame(0.9)
    assert sum(int(kept.keep(frame(t, emb)).sum()) for t, emb in enumerate(drift)) > 2 * 48
    assert sum(int(before.keep(frame(t, emb)).sum()) for t, emb in enumerate(drift)) == 48


def test_what_stands_for_a_cell_is_always_alike_to_what_it_shows() -> None:
    reference, emb, rng = LastKept(0.8), tokens(0), np.random.default_rng(5)
    for t in range(60):
        emb = moved(emb, int(rng.integers(-1, 2)), int(rng.integers(-1, 2))) + 0.05 * rng.normal(size=emb.shape)
        reference.keep(frame(t, emb))
        held = unit_rows(reference.held["overview"].emb)
        assert aligned_cosine(unit(emb), held).min() > 0.79


def test_a_picture_that_moves_on_by_a_cell_a_frame_is_held_all_the_way() -> None:
    reference, emb = LastKept(0.9), tokens(0)
    reference.keep(frame(0, emb))
    for t in range(1, 5):
        emb = moved(emb, 0, -1)
        if t == 1:
            assert np.count_nonzero(reference.keep(frame(t, emb))) == HW[0]
        else:
            reference.keep(frame(t, emb))
    assert (reference.held["overview"].t_ns == 0).sum() == HW[0] * (HW[1] - 4)


def test_protected_tokens_are_always_kept() -> None:
    reference, emb = LastKept(0.9), tokens(0)
    reference.keep(frame(1, emb))
    assert np.flatnonzero(reference.keep(frame(2, emb, protected=(3, 4)))).tolist() == [3, 4]
    assert reference.alike == 1.0


def test_kinds_are_held_apart_and_a_box_that_moved_is_all_new() -> None:
    reference, emb = LastKept(0.9), tokens(0)
    reference.keep(frame(1, emb))
    assert reference.keep(frame(1, emb, kind="foveal", box=Box(0.1, 0.1, 0.4, 0.4))).all()
    assert not reference.keep(frame(2, emb)).any()
    assert reference.keep(frame(2, emb, kind="foveal", box=Box(0.2, 0.1, 0.5, 0.4))).all()
    assert not reference.keep(frame(3, emb, kind="foveal", box=Box(0.2, 0.1, 0.5, 0.4))).any()


def test_what_has_left_memory_stands_for_nothing() -> None:
    reference, emb, changed = LastKept(0.9), tokens(0), tokens(0)
    reference.keep(frame(1, emb))
    changed[7] = tokens(1)[7]
    reference.keep(frame(2, changed))
    reference.release(1)
    assert np.flatnonzero(~reference.keep(frame(3, changed))).tolist() == [7]
    assert reference.alike == 1.0, "nothing has changed in the picture"
    assert not reference.keep(frame(4, changed)).any()


@pytest.mark.parametrize("make", [LastKept, PreviousFrame])
def test_a_reference_to_which_a_forgotten_frame_contributed_goes(make: type[LastKept] | type[PreviousFrame]) -> None:
    reference, emb = make(0.9), tokens(0)
    for t in (10, 20, 30):
        reference.keep(frame(t, emb))
    reference.forget(((31, 99), (0, 9)))
    assert reference.nbytes > emb.size * 2
    reference.forget(((30, 30),))
    assert reference.nbytes == 0
    assert reference.keep(frame(40, emb)).all()


@pytest.mark.parametrize("make", [LastKept, PreviousFrame])
def test_a_reference_is_plain_data(make: type[LastKept] | type[PreviousFrame]) -> None:
    reference = make(0.9, 1)
    for t in range(3):
        reference.keep(frame(t, tokens(0) + 0.1 * tokens(t)))
    other = codec.decode(codec.encode(reference), make)
    assert other.nbytes == reference.nbytes
    for t in range(3, 6):
        emb = tokens(0) + 0.3 * tokens(t)
        assert (other.keep(frame(t, emb)) == reference.keep(frame(t, emb))).all()
    assert codec.encode(other) == codec.encode(reference)
