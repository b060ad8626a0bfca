"""TimeChat-Online, with the last kept token as reference and as released."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pytest

from edge_runtime.config import S
from edge_runtime.records import Dropped, Slab
from edge_runtime.remember.policies.published.dtd import Dtd
from edge_runtime.remember.policies.published.dtd_compat import DtdCompat
from edge_runtime.types import Box
from tests.token_looks import EVERYTHING, GAZE, look, region

HW = (8, 8)
CELLS = 64
DIM = 128
ROOM = 2**26
Array = npt.NDArray[np.float64]
Policy = Dtd | DtdCompat


def scene(seed: int, hw: tuple[int, int] = HW) -> Array:
    return np.random.default_rng(seed).normal(size=(hw[0] * hw[1], DIM))


def noise(rng: np.random.Generator, like: Array, cosine: float = 0.97) -> Array:
    """Sensor noise with which a token has this cosine to itself a frame before."""
    found: Array = np.sqrt(1.0 / cosine - 1.0) * rng.normal(size=like.shape)
    return found


def similar(drops: Sequence[Dropped]) -> int:
    return sum(drop.count for drop in drops if drop.reason == "similar")


def share_dropped(policy: Policy, frames: Iterable[Array], hw: tuple[int, int] = HW) -> float:
    """Of the tokens of all frames after the first."""
    shares = [similar(policy.insert(look(seq, region(emb, hw)), ())) / len(emb) for seq, emb in enumerate(frames)]
    return float(np.mean(shares[1:]))


def kept_cells(slab: Slab, first_seq: int = 0) -> set[tuple[int, int]]:
    return {(row, column) for seq, row, column in slab.pos.tolist() if seq >= first_seq}


# --- D1: a still picture -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [Dtd, DtdCompat])
def test_d1_of_a_still_picture_with_sensor_noise_95_percent_are_dropped(make: Callable[..., Policy]) -> None:
    rng, still = np.random.default_rng(0), scene(1)
    frames = [still + noise(rng, still) for _ in range(60)]
    assert share_dropped(make(ROOM, tau=0.9), frames) >= 0.95


@pytest.mark.parametrize("make", [Dtd, DtdCompat])
def test_d1_an_object_that_moves_over_six_tokens_keeps_those_and_at_most_two_more_or_less(make: Callable[..., Policy]) -> None:
    policy, rng, still, thing = make(ROOM, tau=0.9), np.random.default_rng(0), scene(1), scene(2)[0]
    path = {(3, column) for column in range(1, 7)}
    for seq in range(8):
        emb = still + noise(rng, still)
        if 1 <= seq <= 6:
            emb[3 * 8 + seq] = thing
        policy.insert(look(seq, region(emb, HW)), ())
    assert len(kept_cells(policy.view(EVERYTHING), first_seq=1) ^ path) <= 2


# --- D2: slow drift ----------------------------------------------------------------------------------------------------------------


def drift(frames: int = 120, end_rad: float = 1.37) -> list[Array]:
    """Every token turns slowly, all the way to a cosine of 0.2."""
    start, aside = scene(1), scene(2)
    aside -= (aside * start).sum(1, keepdims=True) / (start * start).sum(1, keepdims=True) * start
    return [np.cos(angle) * start + np.sin(angle) * aside for angle in np.linspace(0.0, end_rad, frames)]


def held_and_kept(policy: Policy) -> tuple[float, float]:
    """The worst mean cosine of the tokens that stand for a frame with the frame, and the share of all tokens kept."""
    worst, held = 1.0, np.zeros((CELLS, DIM))
    frames = drift()
    for seq, emb in enumerate(frames):
        policy.insert(look(seq, region(emb, HW)), ())
        slab = policy.view(EVERYTHING)
        new = slab.pos[:, 0] == seq
        held[slab.pos[new, 1] * 8 + slab.pos[new, 2]] = slab.emb[new]
        cosine = (held * emb).sum(1) / np.linalg.norm(held, axis=1) / np.linalg.norm(emb, axis=1)
        worst = min(worst, float(cosine.mean()))
    return worst, len(policy.view(EVERYTHING).t_ns) / (CELLS * len(frames))


def test_d2_slow_drift_is_held_by_few_tokens() -> None:
    worst, kept = held_and_kept(Dtd(ROOM, tau=0.9))
    assert worst >= 0.9 and kept <= 0.05


def test_d2_the_frame_before_as_reference_loses_slow_drift() -> None:
    worst, kept = held_and_kept(DtdCompat(ROOM, tau=0.9))
    assert worst == pytest.approx(0.20, abs=0.03) and kept == pytest.approx(0.008, abs=0.001)


# --- D3: a turning head ------------------------------------------------------------------------------------------------------------


def pan(frames: int = 40, hw: tuple[int, int] = (14, 14)) -> list[Array]:
    """A wide picture of which each frame shows one column further on."""
    wide = np.random.default_rng(3).normal(size=(hw[0], hw[1] + frames, DIM))
    return [wide[:, at : at + hw[1]].reshape(-1, DIM) for at in range(frames)]


def test_d3_a_pan_by_a_token_a_frame_is_seen_again_one_token_away() -> None:
    assert share_dropped(Dtd(ROOM, tau=0.9), pan(), (14, 14)) >= 0.80


@pytest.mark.parametrize("policy", [Dtd(ROOM, tau=0.9, reach=0), DtdCompat(ROOM, tau=0.9)])
def test_d3_aligned_comparison_sees_nothing_again(policy: Policy) -> None:
    assert share_dropped(policy, pan(), (14, 14)) <= 0.10


# --- D4: the trigger ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("budget_bytes", [ROOM, 6 * CELLS * DIM * 2])
def test_d4_the_trigger_finds_ten_cuts_in_600_frames_at_once(budget_bytes: int) -> None:
    policy, rng = Dtd(budget_bytes, tau=0.9), np.random.default_rng(0)
    cuts, told, emb = set(range(50, 600, 55)), [], scene(0)
    assert len(cuts) == 10
    for seq in range(600):
        if seq in cuts:
            emb = scene(seq)
        shown = emb + noise(rng, emb)
        shown[: seq % 12] = rng.normal(size=(seq % 12, DIM))  # something always moves
        policy.insert(look(seq, region(shown, HW)), ())
        if policy.changed:
            told.append(seq)
    assert cuts <= set(told)
    assert len(set(told) - cuts) <= 1


def test_the_released_trigger_is_a_level() -> None:
    policy = DtdCompat(ROOM, tau=0.9)
    told = []
    for seq, emb in enumerate([scene(0), scene(0), scene(1), scene(2), scene(2)]):
        policy.insert(look(seq, region(emb, HW)), ())
        told.append(policy.changed)
    assert told == [False, False, True, True, False]


# --- The rest ----------------------------------------------------------------------------------------------------------------------


def test_what_is_dropped_is_similar_and_what_is_kept_stands_at_its_own_place() -> None:
    policy, emb = Dtd(ROOM, tau=0.9), scene(1)
    policy.insert(look(1, region(emb, HW)), ())
    emb[20] = scene(2)[20]
    assert policy.insert(look(2, region(emb, HW)), ()) == (Dropped("token", "similar", 63),)
    slab = policy.view(EVERYTHING)
    assert slab.pos[-1].tolist() == [2, 2, 4] and len(slab.t_ns) == 65


def test_where_the_gaze_rests_everything_is_kept_and_as_released_it_makes_no_difference() -> None:
    ours, released, emb = Dtd(ROOM, tau=0.9), DtdCompat(ROOM, tau=0.9), scene(1)
    for seq in (1, 2):
        drops = [policy.insert(look(seq, region(emb, HW)), (GAZE,)) for policy in (ours, released)]
    assert drops == [(Dropped("token", "similar", 60),), (Dropped("token", "similar", 64),)]


def test_the_threshold_is_set_to_a_target_where_told() -> None:
    rng, still = np.random.default_rng(0), scene(1)
    fixed, target = Dtd(ROOM, tau=0.9), Dtd(ROOM, tau=0.9, target_drop=0.8)
    shares = []
    for seq in range(200):
        emb = still + noise(rng, still, cosine=0.7) * rng.uniform(0.0, 1.0, size=(CELLS, 1))
        one = look(seq, region(emb, HW), t_ns=seq * S // 2)
        shares.append((similar(fixed.insert(one, ())) / CELLS, similar(target.insert(one, ())) / CELLS))
    by_fixed, by_target = np.mean(shares[120:], axis=0)
    assert fixed.tau == 0.9 and abs(by_fixed - 0.8) > 0.15
    assert by_target == pytest.approx(0.8, abs=0.06)


@pytest.mark.parametrize("make", [Dtd, DtdCompat])
def test_at_most_so_many_tokens_however_many_bytes(make: Callable[..., Policy]) -> None:
    policy = make(ROOM, tau=0.9, most_tokens=200)
    for seq in range(10):
        policy.insert(look(seq, region(scene(seq), HW)), ())
    slab = policy.view(EVERYTHING)
    assert len(slab.t_ns) == 192 and slab.pos[0, 0] == 7


def test_what_is_still_seen_is_still_shown_after_its_first_frame_has_left() -> None:
    rng, still, everywhere = np.random.default_rng(0), scene(1), {(row, column) for row in range(8) for column in range(8)}
    ours, released = (make(int(4.5 * CELLS * DIM * 2), tau=0.9) for make in (Dtd, DtdCompat))
    whole = []
    for seq in range(60):
        emb = still.copy()
        emb[:16] = rng.normal(size=(16, DIM))  # what always changes pushes the first frame out
        for policy in (ours, released):
            policy.insert(look(seq, region(emb, HW)), ())
        whole.append([kept_cells(policy.view(EVERYTHING)) == everywhere for policy in (ours, released)])
    assert np.mean(whole[20:], axis=0)[0] > 0.75, "but for the frame in which it leaves"
    assert not np.any(whole[20:], axis=0)[1], "as released it never comes back"


def test_a_foveal_crop_that_moved_is_all_new() -> None:
    policy, emb, moved = Dtd(ROOM, tau=0.9), scene(1), Box(0.1, 0.1, 0.3, 0.3)
    policy.insert(look(1, region(emb, HW), region(emb, HW, "foveal", GAZE)), ())
    assert policy.insert(look(2, region(emb, HW, "foveal", moved)), ()) == ()
    assert policy.insert(look(3, region(emb, HW, "foveal", moved)), ()) == (Dropped("token", "similar", 64),)
