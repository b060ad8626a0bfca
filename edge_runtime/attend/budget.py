"""The look budget: a token bucket over stream time. Most frames are never encoded, because looks are what costs."""

from __future__ import annotations

import msgspec


class BudgetState(msgspec.Struct):
    """Looks saved up, and when that was counted."""

    saved: float = 0.0
    t_ns: int = -1


def spend(state: BudgetState, now_ns: int, cost: float, *, per_s: float, burst: int) -> bool:
    """Spend ``cost`` looks if they are there.

    Args:
        state: Changed in place.
        now_ns: Stream time; it never goes back.
        cost: In looks.
        per_s: Looks a second that accrue; 0 means that looks are free.
        burst: Most that can be saved up; a fresh budget is full.
    """
    if per_s == 0.0:
        return True
    _accrue(state, now_ns, per_s, burst)
    if state.saved < cost:
        return False
    state.saved -= cost
    return True


def charge(state: BudgetState, now_ns: int, cost: float, *, per_s: float, burst: int) -> None:
    """Spend ``cost`` looks whether they are there or not; what is owed then, at most a burst, is taken from those to come."""
    if per_s > 0.0:
        _accrue(state, now_ns, per_s, burst)
        state.saved = max(-float(burst), state.saved - cost)


def _accrue(state: BudgetState, now_ns: int, per_s: float, burst: int) -> None:
    if state.t_ns < 0:
        state.saved = float(burst)
    else:
        state.saved = min(float(burst), state.saved + (now_ns - state.t_ns) * 1e-9 * per_s)
    state.t_ns = now_ns
