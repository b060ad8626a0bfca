"""Choosing what fits a question: scores set right for time, counts, coverage."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime.config import S
from edge_runtime.errors import UsageError
from edge_runtime.records import Note
from edge_runtime.remember.policies import select
from edge_runtime.remember.policies.frames import unit_rows

HOUR_NS = 3600 * S


def over_an_hour(count: int) -> select.Times:
    return np.linspace(0, HOUR_NS, count).astype(np.int64)


def drifting(rise_per_hour: float, seed: int = 0) -> tuple[select.Floats, select.Times, select.Chosen]:
    """1,800 scores that rise over an hour, fifty of them (the last number) of frames that fit."""
    rng = np.random.default_rng(seed)
    t_ns = over_an_hour(1800)
    fitting = np.sort(rng.choice(1800, 50, replace=False))
    score = 0.1 * rng.normal(size=1800) + rise_per_hour * (t_ns / HOUR_NS)
    score[fitting] += 0.5
    return score.astype(np.float32), t_ns, fitting


def recall_by_quarter(score: select.Floats, fitting: select.Chosen) -> list[float]:
    found = np.isin(fitting, select.best_in_time(score, 64))
    return [float(found[fitting // 450 == quarter].mean()) for quarter in range(4)]


# --- Trend ------------------------------------------------------------------------------------------------------------------------


def test_a_steady_rise_is_taken_out_and_the_level_stays() -> None:
    t_ns = over_an_hour(100)
    flat = select.detrended((0.2 + 0.5 * t_ns / HOUR_NS).astype(np.float32), t_ns)
    assert np.allclose(flat, 0.45, atol=1e-5)


def test_early_frames_are_found_as_well_as_late_ones() -> None:
    score, t_ns, fitting = drifting(1.0)
    plain = recall_by_quarter(score, fitting)
    mended = recall_by_quarter(select.detrended(score, t_ns), fitting)
    assert plain[0] < plain[3] - 0.5, "the control is biased to late frames"
    assert min(mended) >= 0.95 and abs(mended[0] - mended[3]) <= 0.03


def test_what_fits_is_no_trend() -> None:
    score = np.full(160, 0.1, np.float32)
    score[120:] = 0.9
    assert np.allclose(select.detrended(score, over_an_hour(160)), score, atol=1e-6)


def test_what_is_no_number_is_worst_and_no_part_of_the_trend() -> None:
    score = np.linspace(0.0, 1.0, 100).astype(np.float32)
    score[:30] = np.nan
    flat = select.detrended(score, over_an_hour(100))
    assert np.isneginf(flat[:30]).all() and np.allclose(flat[30:], 0.5, atol=1e-5)
    assert np.isneginf(select.detrended(np.full(100, np.nan, np.float32), over_an_hour(100))).all()


def test_few_scores_and_scores_of_one_time_have_no_trend() -> None:
    rising = np.arange(31, dtype=np.float32)
    assert select.detrended(rising, over_an_hour(31)).tolist() == rising.tolist()
    many = np.arange(100, dtype=np.float32)
    assert select.detrended(many, np.full(100, S)).tolist() == many.tolist()
    assert len(select.detrended(np.empty(0, np.float32), np.empty(0, np.int64))) == 0


# --- The best ---------------------------------------------------------------------------------------------------------------------


def test_the_best_come_in_order_of_time() -> None:
    assert select.best_in_time(np.array([0.1, 0.9, 0.3, 0.8], np.float32), 2).tolist() == [1, 3]
    assert select.best_in_time(np.array([0.1, 0.9], np.float32), 9).tolist() == [0, 1]
    assert select.best_in_time(np.array([0.1], np.float32), 0).tolist() == []


def test_of_equals_the_later_is_chosen_and_what_is_no_number_is_worst() -> None:
    assert select.best_in_time(np.zeros(5, np.float32), 2).tolist() == [3, 4]
    assert select.ranked(np.array([np.nan, 0.0, -np.inf, 1.0], np.float32)).tolist() == [3, 1, 2, 0]


def test_even_scores_keep_all_and_uneven_ones_few() -> None:
    even = np.full(100, 0.5, np.float32)
    uneven = np.where(np.arange(100) < 10, 1.0, 0.1).astype(np.float32)
    assert select.adaptive_count(even) == 100
    assert select.adaptive_count(uneven) == 90, "the published floor"
    assert select.adaptive_count(uneven, floor=0.0) == 10
    between = np.tile(np.array([0.825, 1.175], np.float32), 50)  # a variation of 0.175, half way
    assert select.adaptive_count(between, floor=0.0) == 55


def test_counts_of_nothing_of_zeros_and_of_fewer_than_asked() -> None:
    assert select.adaptive_count(np.empty(0, np.float32)) == 0
    assert select.adaptive_count(np.zeros(20, np.float32)) == 20
    assert select.adaptive_count(np.array([1.0, -1.0], np.float32), floor=0.0) == 2
    assert select.adaptive_count(np.full(3, np.nan, np.float32)) == 3


# --- Pages and coverage -----------------------------------------------------------------------------------------------------------


def test_a_page_is_the_mean_of_its_rows() -> None:
    rows = np.arange(10, dtype=np.float32).reshape(5, 2)
    assert select.page_means(rows, 2).tolist() == [[1.0, 2.0], [5.0, 6.0], [8.0, 9.0]]
    assert select.page_means(np.empty((0, 2), np.float32), 2).shape == (0, 2)


def test_l1_score_then_coverage_keeps_most_of_both() -> None:
    rng = np.random.default_rng(0)
    score = rng.exponential(size=100_000).astype(np.float32)
    score[-5000:] *= 9 * 95_000 / 5000
    assert 0.88 <= score[-5000:].sum() / score.sum() <= 0.92
    t_ns = np.arange(100_000) * S
    top = select.best_in_time(score, 4000)
    ours = select.covering(score, t_ns, 4000, 1000)

    def covered(chosen: select.Chosen) -> float:
        return len(np.unique(chosen // 100)) / 1000

    assert len(np.unique(ours)) == 4000 and (np.diff(ours) > 0).all()
    assert covered(top) <= 0.05
    assert covered(ours) >= 0.85
    assert score[ours].sum() >= 0.60 * score[top].sum()


def test_what_lasts_is_the_best_of_each_bin_of_time() -> None:
    score = np.array([1, 5, 3, 9, 2, 4], np.float32)
    t_ns = np.array([0, 1, 9, 10, 11, 25]) * S
    assert select.lasting(score, t_ns, 3, 1).tolist() == [1, 3, 5]
    assert select.lasting(score, t_ns, 3, 2).tolist() == [1, 2, 3, 4, 5]
    assert select.lasting(score, t_ns, 2, 1).tolist() == [3, 5], "of 20 s each: 0 to 19 s, 20 to 39 s"
    assert select.lasting(score, t_ns, 1, 9).tolist() == [0, 1, 2, 3, 4, 5]
    assert select.lasting(score, t_ns, 3, 0).tolist() == select.lasting(score[:0], t_ns[:0], 3, 2).tolist() == []


def test_what_comes_later_changes_what_lasts_at_its_end_alone() -> None:
    rng = np.random.default_rng(0)
    score, t_ns = rng.normal(size=4000).astype(np.float32), np.arange(4000) * S
    before = select.lasting(score[:3000], t_ns[:3000], 32, 12).tolist()
    for count in (3001, 3100, 3800):
        after = select.lasting(score[:count], t_ns[:count], 32, 12).tolist()
        assert after[: len(before) - 12] == before[:-12]


def test_coverage_fills_what_is_left_by_score() -> None:
    score = np.array([9, 8, 7, 6, 1, 1], np.float32)
    t_ns = np.array([0, 0, 0, 0, 99, 99])
    assert select.covering(score, t_ns, 4, 2).tolist() == [0, 1, 4, 5], "two by score, one stretch is full, two of the other"
    assert select.covering(score, t_ns, 5, 2).tolist() == [0, 1, 2, 4, 5], "more than the stretches hold"
    assert select.covering(score, t_ns, 99, 2).tolist() == [0, 1, 2, 3, 4, 5]
    assert select.covering(score, t_ns, 0, 2).tolist() == []
    assert select.covering(score[:0], t_ns[:0], 3, 2).tolist() == []


def test_coverage_needs_stretches() -> None:
    with pytest.raises(UsageError, match="0 stretches"):
        select.covering(np.ones(3, np.float32), np.arange(3), 2, 0)


# --- Tokens and words -------------------------------------------------------------------------------------------------------------


def test_a_run_fits_as_its_tokens_do_in_the_mean() -> None:
    query = unit_rows(np.array([[1.0, 0.0], [0.0, 1.0]]))
    unit = unit_rows(np.array([[1.0, 0.0], [0.0, 2.0], [-1.0, 0.0], [0.0, 0.0]]))
    bounds = np.array([0, 2, 2, 4])
    assert select.late_interaction(query, unit, bounds).tolist() == [1.0, 0.0, 0.0]
    assert select.late_interaction(query[:0], unit, bounds).tolist() == [0.0, 0.0, 0.0]


def test_rare_words_weigh_more_and_forms_do_not_count() -> None:
    texts = ["mug, table", "Cat, table", 'text "EXIT", table', ""]
    assert select.ranked(select.shared_words("the exit by the table?", texts))[0] == 2
    assert select.shared_words("sofa", texts).tolist() == [0.0] * 4
    assert select.shared_words("mug", []).tolist() == []


def test_a_note_counts_as_a_token_for_every_four_characters() -> None:
    assert [select.note_tokens(Note(0, 1, text)) for text in ("", "a", "four", "fives")] == [0, 1, 1, 2]
