"""The look budget is a token bucket over stream time."""

from __future__ import annotations

from edge_runtime.attend.budget import BudgetState, charge, spend
from edge_runtime.config import S


def test_a_fresh_budget_is_full_and_then_empty() -> None:
    state = BudgetState()
    assert [spend(state, 0, 1.0, per_s=1.0, burst=3) for _ in range(4)] == [True, True, True, False]


def test_looks_accrue_with_stream_time() -> None:
    state = BudgetState()
    for _ in range(3):
        spend(state, 0, 1.0, per_s=2.0, burst=3)
    assert not spend(state, S // 4, 1.0, per_s=2.0, burst=3)
    assert spend(state, S // 2, 1.0, per_s=2.0, burst=3)


def test_what_is_refused_costs_nothing() -> None:
    state = BudgetState()
    assert not spend(state, 0, 5.0, per_s=1.0, burst=3)
    assert spend(state, 0, 3.0, per_s=1.0, burst=3)


def test_over_a_minute_the_rate_holds() -> None:
    state = BudgetState()
    spent = sum(spend(state, t * S // 10, 1.0, per_s=2.0, burst=4) for t in range(600))
    assert 119 <= spent <= 124


def test_rate_zero_means_that_looks_are_free() -> None:
    state = BudgetState()
    assert all(spend(state, 0, 1.0, per_s=0.0, burst=1) for _ in range(100))


def test_what_is_charged_is_paid_by_the_looks_to_come() -> None:
    state = BudgetState()
    for _ in range(4):
        charge(state, 0, 1.0, per_s=1.0, burst=3)
    assert not spend(state, 1 * S, 1.0, per_s=1.0, burst=3)
    assert spend(state, 2 * S, 1.0, per_s=1.0, burst=3)


def test_no_more_than_a_burst_is_ever_owed() -> None:
    state = BudgetState()
    for _ in range(100):
        charge(state, 0, 1.0, per_s=1.0, burst=3)
    assert not spend(state, 3 * S, 1.0, per_s=1.0, burst=3)
    assert spend(state, 4 * S, 1.0, per_s=1.0, burst=3)


def test_where_looks_are_free_nothing_is_charged() -> None:
    state = BudgetState()
    charge(state, 0, 1.0, per_s=0.0, burst=1)
    assert state == BudgetState()
