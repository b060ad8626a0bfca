"""VideoStreaming's clips: a constant context, found by key, told by time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from edge_runtime.config import S
from edge_runtime.records import RetrievalCue
from edge_runtime.remember.policies.frames import unit_rows
from edge_runtime.remember.policies.published.clip_keys import ClipKeys
from edge_runtime.types import WHOLE, LookedRegion
from tests.token_looks import look, tokens_of, told_tokens

WIDTH = 32
FRAMES = 16  # to a clip, one a second


def stream(clips: int, budget_bytes: int = 100_000_000) -> tuple[ClipKeys, npt.NDArray[np.float32]]:
    """So many clips of sixteen looks of 4 x 4 tokens, and the vector of each clip."""
    rng = np.random.default_rng(0)
    vectors = unit_rows(rng.normal(size=(clips, WIDTH)))
    policy = ClipKeys(budget_bytes)
    emb = rng.normal(size=(16, 8))
    for seq in range(clips * FRAMES):
        vector = unit_rows(vectors[seq // FRAMES] + 0.1 * rng.normal(size=(1, WIDTH)))[0]
        policy.insert(look(seq, LookedRegion("overview", WHOLE, vector=vector, tokens=tokens_of(emb, (4, 4))), t_ns=seq * S))
    return policy, vectors


def test_v1_the_clip_asked_for_is_among_the_four_shown() -> None:
    policy, vectors = stream(30)
    rng = np.random.default_rng(1)
    for clip, vector in enumerate(vectors):
        asked = unit_rows(vector + unit_rows(rng.normal(size=(1, WIDTH))))[0]
        slab = policy.view(10_000, RetrievalCue(vector=asked))
        assert clip in set((slab.t_ns // (FRAMES * S)).tolist())
        assert len(slab.notes) == 4


@pytest.mark.parametrize("clips", [10, 30, pytest.param(1000, marks=pytest.mark.slow)])
def test_v1_the_context_is_as_long_whatever_is_kept(clips: int) -> None:
    policy, vectors = stream(clips)
    assert len(policy.view(10_000, RetrievalCue(vector=vectors[3])).t_ns) == 4 * FRAMES * 4


def test_v1_each_clip_is_told_by_its_seconds_in_order() -> None:
    policy, vectors = stream(30)
    notes = policy.view(10_000, RetrievalCue(vector=unit_rows((vectors[20] + vectors[4])[None])[0])).notes
    told = [note.text for note in notes]
    assert "From 64 s to 79 s:" in told and "From 320 s to 335 s:" in told
    assert [note.t_start_ns for note in notes] == sorted(note.t_start_ns for note in notes)


def test_a_clip_is_shown_whole_or_not_and_its_note_counts() -> None:
    policy, vectors = stream(5)
    cue = RetrievalCue(vector=vectors[2])
    one_clip = told_tokens(policy.view(10_000, cue)) // 4
    assert told_tokens(policy.view(one_clip - 1, cue)) == 0
    shown = policy.view(one_clip + 1, cue)
    assert len(shown.t_ns) == 64 and len(shown.notes) == 1 and shown.t_ns[0] == 2 * FRAMES * S


def test_a_frame_is_the_means_of_its_quadrants() -> None:
    policy = ClipKeys(10_000)
    emb = np.repeat(np.arange(16.0)[:, None], 8, axis=1)
    policy.insert(look(0, LookedRegion("overview", WHOLE, tokens=tokens_of(emb, (4, 4)))))
    slab = policy.view(100)
    assert slab.emb[:, 0].tolist() == [2.5, 4.5, 10.5, 12.5] and slab.weight.tolist() == [4.0] * 4


def test_the_oldest_go_when_the_bytes_are_full() -> None:
    policy, _ = stream(30, budget_bytes=100_000)
    assert policy.nbytes() <= 100_000
    shown = policy.view(10_000)
    assert shown.t_end_ns[-1] == (30 * FRAMES - 1) * S and shown.t_ns[0] > 0
