"""TDC: key frames whole, of the others what is new."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from edge_runtime.remember.policies.published.key_delta import KeyDelta
from tests.token_looks import EVERYTHING, dropped, look, region

HW = (8, 8)
CELLS = 64
DIM = 64
ROOM = 2**26
Array = npt.NDArray[np.float64]


def scenes(frames: int, scene_frames: int) -> list[Array]:
    """Scenes with sensor noise and a thing of four tokens that moves through them."""
    rng = np.random.default_rng(0)
    found = []
    for seq in range(frames):
        if seq % scene_frames == 0:
            scene, thing = rng.normal(size=(CELLS, DIM)), rng.normal(size=(4, DIM))
        emb = scene + 0.15 * rng.normal(size=scene.shape)
        at = seq * 4 % (CELLS - 4)
        emb[at : at + 4] = thing
        found.append(emb)
    return found


def insert(policy: KeyDelta, frames: Iterable[Array]) -> int:
    return sum(dropped(policy.insert(look(seq, region(emb, HW)), ())) for seq, emb in enumerate(frames))


def keys(policy: KeyDelta) -> list[int]:
    """Frames of which all tokens are kept."""
    seqs, counts = np.unique(policy.view(EVERYTHING).pos[:, 0], return_counts=True)
    return [int(seq) for seq in seqs[counts == CELLS]]


def test_td1_at_most_40_percent_of_the_tokens_are_kept_and_keys_come_back_as_they_were() -> None:
    policy, frames = KeyDelta(ROOM, tau=0.9), scenes(80, 80)
    insert(policy, frames)
    slab = policy.view(EVERYTHING)
    assert len(slab.t_ns) <= 0.4 * 80 * CELLS
    assert keys(policy) == list(range(0, 80, 8))
    for seq in keys(policy):
        assert (slab.emb[slab.pos[:, 0] == seq] == frames[seq].astype(np.float16)).all()


def test_a_new_scene_begins_with_a_key() -> None:
    policy = KeyDelta(ROOM, tau=0.9, chunk=100)
    insert(policy, scenes(60, 12))
    assert keys(policy) == [0, 12, 24, 36, 48]


def test_a_delta_is_what_differs_from_all_that_is_kept_of_the_chunk() -> None:
    policy, key = KeyDelta(ROOM, tau=0.9, chunk=8), np.random.default_rng(1).normal(size=(CELLS, DIM))
    changed = key.copy()
    changed[20] = np.random.default_rng(2).normal(size=DIM)
    insert(policy, [key, changed, changed])
    assert policy.view(EVERYTHING).pos[CELLS:].tolist() == [[1, 2, 4]]


def test_no_delta_outlives_its_key() -> None:
    policy = KeyDelta(4 * CELLS * DIM * 2, tau=0.9)
    for seq, emb in enumerate(scenes(120, 30)):
        policy.insert(look(seq, region(emb, HW)), ())
        pos = policy.view(EVERYTHING).pos
        oldest = int(pos[0, 0])
        assert np.count_nonzero(pos[:, 0] == oldest) == CELLS
