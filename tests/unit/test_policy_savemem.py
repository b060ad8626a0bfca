"""SAVEMem: three tiers, salience, late interaction. SV3 needs a text encoder and is not run here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

from edge_runtime.protocol import Looked
from edge_runtime.records import RetrievalCue
from edge_runtime.remember.policies.frames import unit_rows
from edge_runtime.remember.policies.matching import neighbour_cosine, otsu
from edge_runtime.remember.policies.published.savemem import SaveMem
from tests.token_looks import EVERYTHING, dropped, look, region

HW = (8, 8)
CELLS = 64
DIM = 64
ROOM = 2**26
Array = npt.NDArray[np.float64]


def stream(frames: int, *, seed: int = 0, scene_frames: int = 12, noise: float = 0.2) -> list[Array]:
    """Scenes that change every so often, with sensor noise and a thing that moves."""
    rng = np.random.default_rng(seed)
    found = []
    for seq in range(frames):
        if seq % scene_frames == 0:
            scene, thing = rng.normal(size=(CELLS, DIM)), rng.normal(size=(4, DIM))
        emb = scene + noise * rng.normal(size=scene.shape)
        at = seq * 5 % (CELLS - 4)
        emb[at : at + 4] = thing
        found.append(emb)
    return found


def probes(seed: int = 7) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(5, DIM)).astype(np.float32)


def looks(frames: Sequence[Array]) -> list[Looked]:
    return [look(seq, region(emb, HW)) for seq, emb in enumerate(frames)]


# --- SV1: bounds -------------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("asked", [None, probes()])
def test_sv1_all_tiers_together_stay_within_the_bound(asked: npt.NDArray[np.float32] | None) -> None:
    policy = SaveMem(ROOM, probes=asked, short_frames=4, middle_frames=16, most_tokens=1024)
    most = 0
    for one in looks(stream(600)):
        policy.insert(one, ())
        most = max(most, len(policy.view(EVERYTHING).t_ns))
    assert 900 < most <= 1024


# --- SV2: salience -----------------------------------------------------------------------------------------------------------------


def patch_survives(seed: int, *, aligned: bool) -> bool:
    """Whether anything of a patch of 3 x 3 tokens in frame 30 of 100 is still there at the end, long after it left the middle tier."""
    rng, asked = np.random.default_rng(seed), probes()
    policy = SaveMem(ROOM, probes=asked, short_frames=4, middle_frames=16, most_tokens=4 * CELLS + 16 * 45 + 60)
    scene = rng.normal(size=(CELLS, DIM))
    patch = asked[0] if aligned else rng.normal(size=DIM)
    for seq in range(100):
        emb = scene + 0.6 * rng.normal(size=scene.shape)
        if seq == 30:
            emb.reshape(8, 8, DIM)[2:5, 2:5] = patch
        policy.insert(look(seq, region(emb, HW)), ())
    slab = policy.view(EVERYTHING)
    inside = (slab.pos[:, 0] == 30) & ((slab.pos[:, 1:] >= 2) & (slab.pos[:, 1:] <= 4)).all(axis=1)
    return bool(inside.any())


@pytest.mark.slow
def test_sv2_a_patch_that_questions_ask_about_reaches_the_long_tier_and_another_does_not() -> None:
    seeds = range(50)
    yes, no = sum(patch_survives(seed, aligned=True) for seed in seeds), sum(patch_survives(seed, aligned=False) for seed in seeds)
    assert fisher_one_sided(yes, no, 50) < 0.01
    assert yes >= 45


def fisher_one_sided(more: int, fewer: int, each: int) -> float:
    """Probability of so large a difference of two counts out of ``each`` by chance (Fisher's exact test)."""
    total = more + fewer
    ways = [math.comb(each, k) * math.comb(each, total - k) for k in range(max(0, total - each), min(each, total) + 1)]
    return sum(math.comb(each, k) * math.comb(each, total - k) for k in range(more, min(each, total) + 1)) / sum(ways)


# --- SV4: incremental is batch -----------------------------------------------------------------------------------------------------


def thinned(frames: Sequence[Array], short: int, asked: npt.NDArray[np.float32]) -> list[set[int]]:
    """What the middle tier keeps of each frame that has left the short one, worked out from all frames at once."""
    units = [unit_rows(emb.astype(np.float16)) for emb in frames]
    apart = [1.0 - neighbour_cosine(b, a, HW) for a, b in pairwise(units)]
    back = [1.0 - neighbour_cosine(a, b, HW) for a, b in pairwise(units)]
    found = []
    for at in range(len(frames) - short):
        before = apart[at - 1] > otsu(apart[at - 1], 0.0, 2.0) if at else np.ones(CELLS, np.bool_)
        keep = before | (back[at] > otsu(back[at], 0.0, 2.0))
        earlier = [part.mean() for part in apart[: at - 1]] if at else []
        scene = bool(earlier) and apart[at - 1].mean() > 1.5 * np.mean(earlier)
        if not scene:
            salience = (units[at] @ unit_rows(asked).T).max(axis=1)
            keep &= 1.0 - back[at] <= 0.8 + 0.15 * salience
        found.append(set(np.flatnonzero(keep).tolist()))
    return found


def test_sv4_one_frame_at_a_time_gives_what_all_frames_at_once_give() -> None:
    frames, asked = stream(40), probes()
    policy = SaveMem(ROOM, probes=asked, short_frames=4, middle_frames=1000, most_tokens=10**6)
    for one in looks(frames):
        policy.insert(one, ())
    slab = policy.view(EVERYTHING)
    for at, expected in enumerate(thinned(frames, 4, asked)):
        rows = slab.pos[slab.pos[:, 0] == at]
        assert set((rows[:, 1] * 8 + rows[:, 2]).tolist()) == expected
    assert np.count_nonzero(slab.pos[:, 0] >= 36) == 4 * CELLS


def test_sv4_stopping_and_going_on_makes_no_difference() -> None:
    through, stopped = (SaveMem(ROOM, probes=probes(), short_frames=4, middle_frames=6, most_tokens=600) for _ in range(2))
    for one in looks(stream(60)):
        through.insert(one, ())
        stopped.insert(one, ())
        again = SaveMem(ROOM, probes=probes(), short_frames=4, middle_frames=6, most_tokens=600)
        again.load(stopped.state())
        stopped = again
    assert stopped.state() == through.state()


# --- The rest ----------------------------------------------------------------------------------------------------------------------


def test_the_newest_frames_are_whole() -> None:
    policy = SaveMem(ROOM, short_frames=4)
    for one in looks(stream(30)):
        policy.insert(one, ())
    pos = policy.view(EVERYTHING).pos
    assert [np.count_nonzero(pos[:, 0] == seq) for seq in (26, 27, 28, 29)] == [CELLS] * 4


def test_without_probes_connected_tokens_that_are_alike_become_one() -> None:
    policy = SaveMem(ROOM, short_frames=1, middle_frames=1)
    left, right = np.random.default_rng(0).normal(size=(2, DIM))
    halves = np.where((np.arange(CELLS) % 8 < 4)[:, None], left, right)
    gone = 0
    for seq in range(4):
        gone += dropped(policy.insert(look(seq, region(halves * (1 if seq % 2 else -1), HW)), ()))
    slab = policy.view(EVERYTHING)
    assert slab.weight[slab.pos[:, 0] == 0].tolist() == [32.0, 32.0]
    assert slab.weight.sum() + gone == 4 * CELLS


def test_a_question_finds_the_frame_it_is_about_and_the_newest_are_there_anyway() -> None:
    policy, frames = SaveMem(ROOM, short_frames=2, most_tokens=4000), stream(60, scene_frames=1)
    for one in looks(frames):
        policy.insert(one, ())
    cue = RetrievalCue(tokens=frames[20][:40].astype(np.float16))
    seen = set(policy.view(4 * CELLS, cue).pos[:, 0].tolist())
    assert {20, 58, 59} <= seen
    assert 20 not in policy.view(4 * CELLS).pos[:, 0]


def test_tokens_that_do_not_fit_the_probes_are_refused() -> None:
    policy = SaveMem(ROOM, probes=probes())
    drops = policy.insert(look(1, region(np.ones((4, DIM + 1)), (2, 2))), ())
    assert [(drop.reason, drop.count) for drop in drops] == [("shape", 4)]
