from __future__ import annotations

import pytest

from edge_runtime.metrics import Counters


def test_counts_add_up_by_name_and_reason() -> None:
    counters = Counters()
    counters.add("frame", "late")
    counters.add("frame", "late", 4)
    counters.add("frame", "evicted")
    assert counters.asdict() == {"frame": {"evicted": 1, "late": 5}}


def test_the_order_of_counting_does_not_show() -> None:
    one, other = Counters(), Counters()
    for counters, order in ((one, "abc"), (other, "cab")):
        for name in order:
            counters.add(name, "z")
            counters.add(name, "a")
    assert repr(one.asdict()) == repr(other.asdict())


def test_a_count_cannot_be_taken_back() -> None:
    with pytest.raises(ValueError, match="only grows"):
        Counters().add("frame", "late", -1)
