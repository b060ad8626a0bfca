"""LiveStar: the better half of the frames behind an answer, and the last."""

from __future__ import annotations

import numpy as np

from edge_runtime.protocol import Looked
from edge_runtime.records import Dropped
from edge_runtime.remember.policies.frames import TokenFrame
from edge_runtime.remember.policies.published.peak_end import PeakEnd, Standing
from tests.token_looks import EVERYTHING, look, region


def frames(count: int) -> list[Looked]:
    return [look(seq, region(np.full((2, 4), seq + 1.0), (1, 2)), t_ns=seq) for seq in range(count)]


def kept(policy: PeakEnd) -> list[int]:
    return sorted(set(policy.view(EVERYTHING).pos[:, 0].tolist()))


def test_pe1_of_each_answer_the_better_half_and_the_last_stay() -> None:
    perplexity = [5, 1, 4, 2, 3, 9, 1, 2, 8, 7, 3, 4, 6, 5, 2, 9, 1, 4, 2, 8, 3, 7, 6, 5, 4]
    answer = [0] * 6 + [1] * 9 + [2] * 10
    policy = PeakEnd(2**20, standing=lambda frame: Standing(answer[frame.seq], perplexity[frame.seq]))
    drops = [policy.insert(one) for one in frames(25)]
    assert drops[:24] == [()] * 24 and drops[24] == (Dropped("token", "skipped", 2 * 12),)
    assert kept(policy) == [1, 3, 4, 5, 6, 7, 10, 14, 16, 17, 18, 20, 24]


def test_without_perplexity_the_stream_is_thinned_evenly() -> None:
    policy = PeakEnd(2**20)
    for one in frames(25):
        policy.insert(one)
    assert kept(policy) == list(range(0, 25, 2))


def test_answers_down_to_their_best_and_last_give_way_by_age() -> None:
    policy = PeakEnd(2**20, frames=4, standing=lambda frame: Standing(frame.seq // 2, frame.seq))
    drops = [policy.insert(one) for one in frames(6)]
    assert drops[3:] == [(), (Dropped("token", "budget", 2),), (Dropped("token", "budget", 2),)]
    assert kept(policy) == [2, 3, 4, 5]


def test_what_is_not_a_number_counts_as_the_worst() -> None:
    value = [2.0, float("nan"), 1.0, float("inf"), 3.0]
    policy = PeakEnd(2**20, frames=4, standing=lambda frame: Standing(0, value[frame.seq]))
    for one in frames(5):
        policy.insert(one)
    assert kept(policy) == [0, 2, 4]


def test_every_frame_is_asked_about_once_in_order() -> None:
    asked: list[int] = []

    def standing(frame: TokenFrame) -> Standing:
        asked.append(frame.seq)
        return Standing(0, 1.0)

    policy = PeakEnd(3000, standing=standing)
    for one in frames(9):
        policy.insert(one)
        assert policy.nbytes() <= 3000
    assert asked == list(range(9))
