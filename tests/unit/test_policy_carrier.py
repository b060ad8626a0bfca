"""VideoScan: one token a frame, and of two alike the older goes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from edge_runtime.records import Dropped, Slab
from edge_runtime.remember.policies.frames import unit_rows
from edge_runtime.remember.policies.published import carrier
from edge_runtime.remember.policies.published.carrier import Carrier
from edge_runtime.remember.policies.recent_window import RecentWindow
from tests.token_looks import EVERYTHING, look, region

AMPLE_BYTES = 2**20


def represented(scenes: npt.NDArray[np.floating], slab: Slab) -> int:
    return int(((unit_rows(scenes) @ unit_rows(slab.emb).T).max(axis=1) >= 0.8).sum())


def test_vs1_scenes_of_any_length_are_represented() -> None:
    rng = np.random.default_rng(0)
    scenes = rng.normal(size=(50, 32))
    share = 1.0 / np.arange(1, 51)
    lengths = np.maximum(1, np.floor(10_000 * share / share.sum()).astype(int))
    lengths[0] += 10_000 - lengths.sum()
    policy, control = Carrier(AMPLE_BYTES, carriers=64), RecentWindow(65 * 1100)
    sizes, seq = [], 0
    for scene in rng.permutation(50):
        for _ in range(lengths[scene]):
            one = look(seq, region((scenes[scene] + 0.3 * rng.normal(size=32))[None], (1, 1)))
            policy.insert(one)
            control.insert(one)
            sizes.append(policy.nbytes())
            seq += 1
    assert seq == 10_000 and len(set(sizes[65:])) == 1
    shown = policy.view(EVERYTHING)
    assert len(shown.t_ns) == 65 and shown.weight.sum() == 10_000
    assert represented(scenes, shown) >= 48
    assert represented(scenes, control.view(65)) < 20


def test_vs1_two_similarities_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    computed = []

    def counting(a: Slab, b: Slab) -> float:
        computed.append(cosine(a, b))
        return computed[-1]

    cosine = carrier._cosine
    monkeypatch.setattr(carrier, "_cosine", counting)
    rng, policy = np.random.default_rng(0), Carrier(AMPLE_BYTES, carriers=64)
    for seq in range(500):
        before = len(computed)
        policy.insert(look(seq, region(rng.normal(size=(1, 8)), (1, 1))))
        assert len(computed) - before <= 2
    assert len(computed) > 500


def test_the_older_of_the_most_similar_neighbours_goes_and_the_younger_stands_for_it() -> None:
    policy = Carrier(AMPLE_BYTES, carriers=3)
    for seq, angle in enumerate([0.0, 1.0, 1.1, 3.0, 5.0]):
        policy.insert(look(seq, region(np.array([[np.cos(angle), np.sin(angle)]]), (1, 1)), t_ns=seq))
    shown = policy.view(4)
    assert shown.t_ns.tolist() == [0, 1, 3, 4] and shown.t_end_ns.tolist() == [0, 2, 3, 4]
    assert shown.weight.tolist() == [1, 2, 1, 1]
    assert np.allclose(shown.emb[1], [np.cos(1.1), np.sin(1.1)], atol=1e-3), "with its own numbers"


def test_the_current_look_is_whole_and_earlier_ones_are_carriers() -> None:
    policy = Carrier(AMPLE_BYTES)
    for seq in range(3):
        policy.insert(look(seq, region(np.full((6, 4), seq + 1.0), (2, 3)), t_ns=seq))
    assert policy.view(EVERYTHING).t_ns.tolist() == [0, 1] + [2] * 6
    assert policy.view(5).weight.tolist() == [6, 6, 6], "without room for it, its carrier is shown"


def test_a_budget_for_one_carrier_keeps_one() -> None:
    policy = Carrier(1000)
    drops = [policy.insert(look(seq, region(np.random.default_rng(seq).normal(size=(16, 4)), (4, 4)))) for seq in range(3)]
    assert drops == [(), (), ()] and policy.view(EVERYTHING).weight.tolist() == [48]
    assert Carrier(100).insert(look(0, region(np.ones((16, 4)), (4, 4)))) == (Dropped("token", "budget", 16),)
