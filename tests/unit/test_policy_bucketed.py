"""LiveVLM's buckets and pages, on embeddings."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_runtime.records import RetrievalCue
from edge_runtime.remember.policies.published.bucketed import Bucketed
from edge_runtime.remember.policies.recent_window import RecentWindow
from tests.token_looks import DIM, EVERYTHING, insert_all, lively, look, region

BUDGET_BYTES = 60_000
LOOKS = 600


def filled(retrieve: float = 0.4) -> Bucketed:
    policy = Bucketed(BUDGET_BYTES, retrieve=retrieve)
    insert_all(policy, lively(LOOKS))
    return policy


def tenths(t_ns: npt.NDArray[np.int64]) -> int:
    """How many tenths of the stream have a token."""
    return len(np.unique(t_ns * 10 // (LOOKS * 10**9 // 3)))


def test_l1_no_stretch_of_time_is_left_out() -> None:
    window = RecentWindow(BUDGET_BYTES)
    insert_all(window, lively(LOOKS))
    assert tenths(window.view(EVERYTHING).t_ns) <= 2
    assert tenths(filled().view(EVERYTHING).t_ns) == 10


def test_l1_what_is_looked_back_on_is_kept_beyond_its_share() -> None:
    policy, rng = Bucketed(30_000), np.random.default_rng(0)
    again = rng.normal(size=(16, DIM))
    for seq in range(400):
        policy.insert(look(seq, region(again if seq % 4 == 3 else rng.normal(size=(16, DIM)), (4, 4))))
    assert (policy.view(EVERYTHING).pos[:, 0] % 4 == 3).mean() > 0.45, "a quarter of what was offered"


def test_l2_what_a_question_is_shown_grows_with_the_share() -> None:
    """The scene asked for is a tenth of the stream: found by 20 % of the pages, and no more of it by all of them."""
    asked = lively(LOOKS)[3].regions[0].tokens
    assert asked is not None and asked.emb is not None
    cue = RetrievalCue(tokens=asked.emb)
    shown, found = [], []
    for retrieve in (0.05, 0.2, 0.4, 1.0):
        policy = filled(retrieve)
        older = len(policy.view(EVERYTHING).t_ns) - 4 * 16
        slab = policy.view(EVERYTHING, cue)
        assert len(slab.t_ns) <= retrieve * older + 16 + 4 * 16 + 8
        shown.append(len(slab.t_ns))
        found.append(int((slab.pos[:, 0] // 7 % 10 == 0).sum()))
    assert shown == sorted(set(shown)), "a curve, not a step"
    assert found == sorted(found) and found[0] < found[2]
    assert found[2] / shown[2] > 1.2 * found[3] / shown[3], "40 % is denser in what was asked for than all"


def test_l2_the_default_is_within_a_budget_of_tokens() -> None:
    policy = filled()
    asked = lively(LOOKS)[3].regions[0].tokens
    assert asked is not None
    for most in (0, 10, 100, 300):
        assert len(policy.view(most, RetrievalCue(tokens=asked.emb)).t_ns) <= most


def test_the_newest_frames_are_whole_and_last() -> None:
    slab = filled().view(EVERYTHING)
    assert [int((slab.pos[:, 0] == seq).sum()) for seq in (LOOKS - 2, LOOKS - 1)] == [24, 16]


def test_a_frame_too_large_to_stay_whole_is_chosen_from() -> None:
    policy = Bucketed(5_000)
    policy.insert(look(0, region(np.random.default_rng(0).normal(size=(256, DIM)), (16, 16))))
    assert 0 < len(policy.view(EVERYTHING).t_ns) < 256 and policy.nbytes() <= 5_000
