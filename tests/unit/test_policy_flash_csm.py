"""Flash-VStream: every scene has a slot, and what is shown in detail is a frame of that scene."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

from edge_runtime.remember.policies.frames import unit_rows
from edge_runtime.remember.policies.published.flash_csm import FlashCsm, Slot
from tests.token_looks import EVERYTHING, insert_all, look, region

FRAMES, SCENES, DIM, HW, LOW = 2000, 40, 16, (4, 4), (2, 2)
AMPLE_BYTES = 2**24


class Walk:
    """Frames drawn from 40 scenes, with noise, and a policy that has seen them all."""

    def __init__(self, frames: int = FRAMES, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.scenes = rng.normal(size=(SCENES, 16, DIM))
        self.scene = rng.integers(0, SCENES, frames)
        self.policy = FlashCsm(AMPLE_BYTES, seed=seed, low_hw=LOW)
        self.sizes = []
        for seq, scene in enumerate(self.scene.tolist()):
            noise = 0.3 * rng.normal(size=(16, DIM))
            self.policy.insert(look(seq, region(self.scenes[scene] + noise, HW)))
            self.sizes.append(self.policy.nbytes())

    def likeness(self) -> npt.NDArray[np.float32]:
        """Cosine of each scene at low resolution with each slot."""
        low = self.scenes.reshape(SCENES, 2, 2, 2, 2, DIM).mean(axis=(2, 4)).reshape(SCENES, -1)
        means = unit_rows(np.stack([slot.mean.emb.ravel() for slot in self.policy.slots]))
        cosine: npt.NDArray[np.float32] = unit_rows(low) @ means.T
        return cosine


@pytest.fixture(scope="module")
def walk() -> Walk:
    return Walk()


@pytest.mark.slow
def test_f1_the_synopsis_is_constant_complete_and_in_order(walk: Walk) -> None:
    slots = walk.policy.slots
    assert len(slots) == 60 and len(set(walk.sizes[60:])) == 1
    assert sum(slot.frames for slot in slots) == FRAMES
    assert sum(float(slot.mean.weight.sum()) for slot in slots) == FRAMES * 16
    assert all(a.t_ns < b.t_ns for a, b in pairwise(slots))
    often = np.bincount(walk.scene, minlength=SCENES) >= 20
    assert often.sum() >= 38 and walk.likeness()[often].max(axis=1).min() >= 0.95


def test_f1_one_seed_gives_one_memory() -> None:
    assert Walk(200).policy.state() == Walk(200).policy.state()


@pytest.mark.slow
def test_f2_the_detail_of_a_heavy_slot_is_a_frame_of_its_scene(walk: Walk) -> None:
    of_slot = walk.likeness().argmax(axis=0)
    heavy = sorted(range(60), key=lambda at: -walk.policy.slots[at].frames)[:30]
    details = [walk.policy.slots[at].detail for at in heavy]
    assert [walk.scene[detail.pos[0, 0]] for detail in details] == of_slot[heavy].tolist()
    assert all(len(detail.t_ns) == 16 for detail in details)


@pytest.mark.slow
def test_a_token_in_detail_does_not_count_twice(walk: Walk) -> None:
    shown = walk.policy.view(EVERYTHING)
    assert shown.weight.sum() == FRAMES * 16 and (shown.weight >= 1).all()
    assert len(shown.t_ns) <= 60 * 4 + 30 * 16


@pytest.mark.slow
def test_little_room_goes_to_the_heaviest_slots_and_then_to_detail(walk: Walk) -> None:
    means = walk.policy.view(60 * 4)
    assert len(means.t_ns) == 60 * 4 and means.weight.sum() == FRAMES * 16
    few = walk.policy.view(2 * 4)
    assert few.weight.sum() == 16 * sum(sorted((slot.frames for slot in walk.policy.slots), reverse=True)[:2])


def test_few_bytes_cost_details_before_slots_and_slots_merge() -> None:
    policy, rng = FlashCsm(30_000, low_hw=LOW), np.random.default_rng(3)
    insert_all(policy, [look(seq, region(rng.normal(size=(16, DIM)), HW)) for seq in range(50)])
    slots = policy.slots
    assert len(slots) > 1 and sum(slot.frames for slot in slots) == 50

    def held(slot: Slot) -> bool:
        return bool(len(slot.detail.t_ns))

    assert 0 < sum(map(held, slots)) < len(slots)
    assert min(slot.frames for slot in slots if held(slot)) >= max(slot.frames for slot in slots if not held(slot))


def test_slots_of_one_shape_merge_and_those_of_another_stay() -> None:
    policy, rng = FlashCsm(AMPLE_BYTES, slots=2), np.random.default_rng(0)
    for seq, hw in enumerate([(1, 2), (2, 2), (1, 2)]):
        policy.insert(look(seq, region(rng.normal(size=(hw[0] * hw[1], DIM)), hw)))
    assert [(slot.frames, len(slot.mean.t_ns)) for slot in policy.slots] == [(2, 2), (1, 4)]
