from __future__ import annotations

import pytest

from edge_runtime.clock import Clock, MonotonicClock, VirtualClock


def test_virtual_time_moves_only_when_told() -> None:
    clock = VirtualClock(5)
    assert clock.now_ns() == clock.now_ns() == 5
    clock.advance_to(12)
    assert clock.now_ns() == 12


def test_virtual_time_may_stand_still() -> None:
    clock = VirtualClock(5)
    clock.advance_to(5)
    assert clock.now_ns() == 5


def test_virtual_time_does_not_run_backwards() -> None:
    clock = VirtualClock(5)
    with pytest.raises(ValueError, match="backwards: 4 ns after 5 ns"):
        clock.advance_to(4)
    assert clock.now_ns() == 5


def test_the_machines_clock_never_goes_back() -> None:
    clock: Clock = MonotonicClock()
    readings = [clock.now_ns() for _ in range(1000)]
    assert readings == sorted(readings)
