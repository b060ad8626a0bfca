"""Whatever the network does to echoes, the offset is as far off as it says at most."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from devices.trackers.clock_offset import offset_of
from edge_runtime.config import MS, S

# when an echo is asked for, how long it takes there, and back; nanoseconds
ECHO = st.tuples(st.integers(0, 100 * S), st.integers(0, 300 * MS), st.integers(0, 300 * MS))


@given(apart_ns=st.integers(-(10**15), 10**18), echoes=st.lists(ECHO, min_size=1, max_size=40))
def test_the_true_offset_lies_within_the_error(apart_ns: int, echoes: list[tuple[int, int, int]]) -> None:
    trips, offsets = [], []
    for sent_ns, there_ns, back_ns in echoes:
        t1, t2 = sent_ns // MS, (sent_ns + there_ns + back_ns) // MS
        their = (sent_ns + there_ns + apart_ns + 10**16) // MS  # their clock counts from long before
        trips.append(t2 - t1)
        offsets.append(round((t1 + t2) / 2) - their)
    found = offset_of(trips, offsets, 0)
    assert abs(found.offset_ns - (-apart_ns - 10**16)) <= found.error_ns


@given(age_ns=st.integers(0, 10**13), error=st.integers(0, 100))
def test_the_error_grows_as_the_clocks_drift(age_ns: int, error: int) -> None:
    found = offset_of([2 * error], [0], 7)
    assert found.error_at_ns(7) == found.error_ns == error * MS + MS
    assert found.error_at_ns(7 + age_ns) - found.error_ns == age_ns // 10_000
