"""ReKV's external form: needles found however long ago, bytes bounded, answering without a trace."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from edge_runtime.config import S
from edge_runtime.protocol import Looked
from edge_runtime.records import RetrievalCue
from edge_runtime.remember.policies.frames import unit_rows
from edge_runtime.remember.policies.published.rekv_external import RekvExternal
from edge_runtime.types import WHOLE, LookedRegion
from tests.token_looks import EVERYTHING, lively, look, region, tokens_of

FRAMES, NEEDLES, WIDTH = 1800, 50, 64  # an hour at 0.5 frames a second


def seen(seq: int, vector: npt.NDArray[np.float32]) -> Looked:
    """A look of one token, found by this vector, every two seconds."""
    part = LookedRegion("overview", WHOLE, vector=vector, tokens=tokens_of(np.full((1, 4), seq), (1, 1)))
    return look(seq, part, t_ns=seq * 2 * S)


def recall_by_quarter(drift_per_hour: float, seed: int) -> list[float]:
    """Share of fifty needles among the frames shown, when similarity to every question grows by so much an hour."""
    rng = np.random.default_rng(seed)
    vectors = unit_rows(rng.normal(size=(FRAMES, WIDTH)))
    needles = np.sort(rng.choice(FRAMES, NEEDLES, replace=False))
    common = unit_rows(rng.normal(size=(1, WIDTH)))[0]
    asked = unit_rows(vectors[needles] + unit_rows(rng.normal(size=(NEEDLES, WIDTH))) + common)  # noise as loud as the needle
    pull = drift_per_hour / float((asked @ common).mean())
    drifted = unit_rows(vectors + pull * np.linspace(0.0, 1.0, FRAMES)[:, None] * common)
    policy = RekvExternal(10_000_000)
    for seq in range(FRAMES):
        assert policy.insert(seen(seq, drifted[seq])) == ()
    found = np.array([seq in policy.view(EVERYTHING, RetrievalCue(vector=cue)).pos[:, 0] for seq, cue in zip(needles, asked, strict=True)])
    return [float(found[needles * 4 // FRAMES == quarter].mean()) for quarter in range(4)]


@pytest.mark.parametrize("drift_per_hour", [0.0, 0.05])
def test_r1_needles_are_found_in_an_hour_of_frames(drift_per_hour: float) -> None:
    recall = recall_by_quarter(drift_per_hour, seed=0)
    assert np.mean(recall) >= 0.95
    assert abs(recall[0] - recall[3]) <= 0.03


def test_r1_a_question_is_shown_64_whole_frames_in_order_of_time() -> None:
    policy = RekvExternal(10_000_000)
    looks = lively(200)
    for one in looks:
        policy.insert(one)
    cue = RetrievalCue(vector=looks[30].regions[0].vector)
    slab = policy.view(EVERYTHING, cue)
    frames = [len(part) for part in np.split(slab.t_ns, np.flatnonzero(np.diff(slab.t_ns)) + 1)]
    assert (np.diff(slab.t_ns) > 0).sum() + 1 <= 64 and set(frames) <= {8, 16, 24}
    assert 30 in slab.pos[:, 0]
    assert len(policy.view(40, cue).t_ns) in {32, 40} and 30 in policy.view(40, cue).pos[:, 0]


def test_without_a_question_the_newest_are_shown() -> None:
    policy = RekvExternal(10_000_000)
    for seq in range(50):
        policy.insert(look(seq, region(np.full((4, 8), seq), (2, 2))))
    assert sorted(set(policy.view(12).pos[:, 0].tolist())) == [47, 48, 49]


def test_a_question_in_tokens_finds_the_frame_they_are_of() -> None:
    policy, looks = RekvExternal(10_000_000, frames=1), lively(100)
    for one in looks:
        policy.insert(one)
    tokens = looks[50].regions[0].tokens
    assert tokens is not None
    shown = policy.view(EVERYTHING, RetrievalCue(tokens=tokens.emb))
    assert shown.pos[0, 0] // 7 == 50 // 7, "a frame of the same scene"


def test_r2_bytes_stop_growing_when_the_archive_is_full() -> None:
    policy = RekvExternal(60_000)
    sizes = []
    for seq in range(FRAMES):
        policy.insert(look(seq, region(np.full((4, 8), seq % 100), (2, 2)), t_ns=seq * 2 * S))
        sizes.append(policy.nbytes())
    assert max(sizes) <= 60_000
    assert len(set(sizes[100:])) == 1, "not a byte an hour"


def test_r3_answering_leaves_the_state_as_it_was() -> None:
    policy, looks = RekvExternal(60_000), lively(120)
    for one in looks:
        policy.insert(one)
    before = policy.state()
    for one in looks:
        policy.view(100, RetrievalCue(vector=one.regions[0].vector))
    assert policy.state() == before
