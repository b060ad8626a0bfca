"""VideoITG's contract: scores in, numbers of frames out, the same wherever they were ranked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge_runtime.config import S
from edge_runtime.errors import InputError
from edge_runtime.records import RetrievalCue
from edge_runtime.remember.policies import select
from edge_runtime.remember.policies.frames import unit_rows
from edge_runtime.remember.policies.published.frame_scorer import (
    CosineScorer,
    FrameScorer,
    Ranking,
    chosen,
    from_jsonl,
    ranking_of,
    to_jsonl,
)

SCORES = arrays(np.float32, st.integers(0, 60), elements=st.floats(-1, 1, width=32) | st.just(float("nan")))


@given(SCORES, st.integers(0, 70))
def test_a_ranking_made_elsewhere_chooses_as_one_made_here(score: select.Floats, k: int) -> None:
    (offline,) = from_jsonl(to_jsonl([ranking_of("q1", score)]))
    assert chosen(offline, k).tolist() == select.best_in_time(score, k).tolist()
    assert sorted(offline.ranked) == list(range(len(score)))


def test_the_best_32_of_512_come_in_order_of_time() -> None:
    rng = np.random.default_rng(0)
    score = rng.random(512).astype(np.float32)
    numbers = chosen(ranking_of("q", score))
    assert len(numbers) == 32 and (np.diff(numbers) > 0).all()
    assert score[numbers].min() >= np.sort(score)[-32]


def test_the_example_finds_the_frames_asked_for() -> None:
    rng = np.random.default_rng(0)
    vectors = unit_rows(rng.normal(size=(512, 64)))
    asked = unit_rows((vectors[40] + vectors[300])[None])[0]
    scorer: FrameScorer = CosineScorer()
    t_ns = np.arange(512) * S // 2
    assert chosen(ranking_of("q", scorer.scores(vectors, t_ns, RetrievalCue(vector=asked))), 2).tolist() == [40, 300]
    assert scorer.scores(vectors, t_ns, RetrievalCue()).tolist() == [0.0] * 512
    assert scorer.scores(vectors, t_ns, RetrievalCue(vector=asked[:3])).tolist() == [0.0] * 512


def test_a_line_a_question() -> None:
    data = to_jsonl([Ranking("q1", (2, 0, 1)), Ranking("q2", ())])
    assert data == b'{"question":"q1","ranked":[2,0,1]}\n{"question":"q2","ranked":[]}\n'
    assert from_jsonl(b"\n" + data + b"  \n") == [Ranking("q1", (2, 0, 1)), Ranking("q2", ())]


@pytest.mark.parametrize(
    "line", ['{"question": "q"}', "no json", '{"question": "q", "ranked": [1, 1]}', '{"question": "q", "ranked": [-1]}']
)
def test_a_line_that_is_no_ranking_is_refused_by_its_number(line: str) -> None:
    with pytest.raises(InputError, match="line 2 is no ranking"):
        from_jsonl(b'{"question": "q", "ranked": []}\n' + line.encode())
