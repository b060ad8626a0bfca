"""A page's clock in our time: measured by round trips, believed by the shortest, started anew when it jumps."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from devices.page.clock import KEPT_NS, MOST_PROBES, ClockMap, Pointer

MS = 1_000_000
PAGE_STARTED_NS = 90_000 * MS


def probe(clock: ClockMap, at_ms: float, *, there_ms: float = 1.0, back_ms: float = 1.0, page_ahead_ms: float = 0.0) -> None:
    """An update that left at a moment, and its acknowledgement."""
    seen_ns = round((at_ms + there_ms) * MS)
    page_ms = (seen_ns - PAGE_STARTED_NS) / MS + page_ahead_ms
    clock.feed(round(at_ms * MS), page_ms, round((at_ms + there_ms + back_ms) * MS))


def page_ms(at_ms: float, page_ahead_ms: float = 0.0) -> float:
    return at_ms - PAGE_STARTED_NS / MS + page_ahead_ms


def test_before_the_first_probe_nothing_is_known() -> None:
    clock = ClockMap()
    assert clock.best is None
    assert clock.to_stream_ns(12.5) is None
    assert clock.place(12.5, 0, MS) == "unmapped"


def test_one_probe_maps_to_within_half_its_round_trip() -> None:
    clock = ClockMap()
    probe(clock, 100_000, there_ms=9, back_ms=1)
    t_ns = clock.to_stream_ns(page_ms(100_500))
    assert clock.best is not None and t_ns is not None
    assert clock.best.error_ns == 5 * MS
    assert abs(t_ns - 100_500 * MS) == 4 * MS


def test_the_shortest_round_trip_is_believed() -> None:
    clock = ClockMap()
    probe(clock, 100_000, there_ms=40, back_ms=2)
    probe(clock, 101_000, there_ms=0.5, back_ms=0.5)
    probe(clock, 102_000, there_ms=1, back_ms=30)
    assert clock.best is not None and clock.best.error_ns == MS // 2
    assert clock.to_stream_ns(page_ms(103_000)) == 103_000 * MS
    assert clock.jumps == 0


def test_a_good_probe_is_forgotten_after_a_minute_and_after_64_others() -> None:
    clock = ClockMap()
    probe(clock, 100_000, there_ms=0.5, back_ms=0.5)
    probe(clock, 100_000 + KEPT_NS / MS + 10, there_ms=3, back_ms=3)
    assert clock.best is not None and clock.best.error_ns == 3 * MS
    for count in range(MOST_PROBES):
        probe(clock, 161_000 + count, there_ms=4, back_ms=4)
    assert clock.best.error_ns == 4 * MS


def test_a_slow_message_is_no_jump() -> None:
    clock = ClockMap()
    probe(clock, 100_000)
    for at_ms in (101_000, 102_000, 103_000, 104_000):
        probe(clock, at_ms, there_ms=2000, back_ms=1)
    assert clock.jumps == 0
    assert clock.to_stream_ns(page_ms(105_000)) == 105_000 * MS


def test_one_odd_probe_is_not_believed_three_in_a_row_are() -> None:
    clock = ClockMap()
    probe(clock, 100_000)
    probe(clock, 101_000, page_ahead_ms=-3_600_000)
    probe(clock, 102_000)
    probe(clock, 103_000, page_ahead_ms=-3_600_000)
    probe(clock, 104_000, page_ahead_ms=-3_600_000)
    assert clock.to_stream_ns(page_ms(104_500)) == 104_500 * MS
    probe(clock, 105_000, page_ahead_ms=-3_600_000)
    assert clock.jumps == 1
    assert clock.to_stream_ns(page_ms(106_000, page_ahead_ms=-3_600_000)) == 106_000 * MS


def test_an_answer_from_before_the_question_is_no_probe() -> None:
    clock = ClockMap()
    clock.feed(2 * MS, 1.0, 1 * MS)
    assert clock.best is None


@given(st.lists(st.tuples(st.floats(0, 500), st.floats(0, 500)), min_size=1, max_size=100))
def test_the_map_is_never_wrong_by_more_than_it_says(trips: list[tuple[float, float]]) -> None:
    clock = ClockMap()
    at_ms = 100_000.0
    for there_ms, back_ms in trips:
        probe(clock, at_ms, there_ms=there_ms, back_ms=back_ms)
        at_ms += 1000
        t_ns = clock.to_stream_ns(page_ms(at_ms))
        assert clock.best is not None and t_ns is not None
        assert abs(t_ns - at_ms * MS) <= clock.best.error_ns + 1000, "give or take a microsecond of the page's own number"
    assert clock.jumps == 0


def pointer(counts: Counter[str]) -> Pointer:
    clock = ClockMap()
    probe(clock, 100_000, there_ms=0, back_ms=0)

    def count(what: str, reason: str) -> None:
        counts[f"{what}:{reason}"] += 1

    return Pointer(clock, count)


def test_samples_become_gaze_of_a_pointer_in_stream_time() -> None:
    counts: Counter[str] = Counter()
    first, second = pointer(counts).take(((page_ms(100_980), 0.25, 0.75), (page_ms(100_996), None, None)), 101_000 * MS)
    assert (first.t_ns, first.x_norm, first.y_norm) == (100_980 * MS, 0.25, 0.75)
    assert (first.source, first.confidence, first.valid) == ("pointer", 1.0, True)
    assert second.t_ns == 100_996 * MS
    assert not second.valid
    assert not counts


def test_samples_a_little_ahead_are_of_now_and_far_ahead_are_none() -> None:
    counts: Counter[str] = Counter()
    (sample,) = pointer(counts).take(((page_ms(101_090), 0.5, 0.5), (page_ms(101_110), 0.5, 0.5)), 101_000 * MS)
    assert sample.t_ns == 101_000 * MS
    assert counts == {"gaze_sample:future": 1}


def test_samples_more_than_a_second_old_are_late() -> None:
    counts: Counter[str] = Counter()
    (sample,) = pointer(counts).take(((page_ms(99_999), 0.5, 0.5), (page_ms(100_001), 0.5, 0.5)), 101_000 * MS)
    assert sample.t_ns == 100_001 * MS
    assert counts == {"gaze_sample:late": 1}


def test_samples_rise_in_time_across_messages() -> None:
    counts: Counter[str] = Counter()
    eyes = pointer(counts)
    assert len(eyes.take(((page_ms(100_900), 0.1, 0.1), (page_ms(100_900), 0.2, 0.2)), 101_000 * MS)) == 1
    assert eyes.take(((page_ms(100_890), 0.3, 0.3),), 101_000 * MS) == ()
    assert len(eyes.take(((page_ms(100_901), 0.4, 0.4),), 101_000 * MS)) == 1
    assert counts == {"gaze_sample:clock": 2}


def test_half_a_point_and_a_point_beyond_all_bounds_are_unreadable() -> None:
    counts: Counter[str] = Counter()
    assert pointer(counts).take(((page_ms(100_990), 0.5, None), (page_ms(100_991), 1e11, 0.5)), 101_000 * MS) == ()
    assert counts == {"gaze_sample:unreadable": 2}


@given(st.lists(st.tuples(st.floats(), st.none() | st.floats(), st.none() | st.floats()), max_size=64), st.integers(0, 2**62))
def test_whatever_a_page_sends_every_sample_is_taken_or_counted(
    samples: list[tuple[float, float | None, float | None]], now_ns: int
) -> None:
    counts: Counter[str] = Counter()
    taken = pointer(counts).take(samples, now_ns)
    assert len(taken) + counts.total() == len(samples)
    times = [sample.t_ns for sample in taken]
    assert times == sorted(set(times))
    assert all(now_ns - 1_000 * MS <= t_ns <= now_ns for t_ns in times)
