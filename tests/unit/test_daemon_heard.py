"""What a client makes of what it hears: ages, conditions, and what ails."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.daemon.heard import PROCESSES, Heard, LastWords
from edge_runtime.config import MS, S
from edge_runtime.transport.statuses import Child, Reported, Status
from tests.daemon_statuses import ALL_WELL, capture, core, model, supervisor

NOW_NS = 3600 * S
change = msgspec.structs.replace


def heard(*statuses: Status, now_ns: int = NOW_NS) -> Heard:
    return Heard(now_ns, {status.role: status for status in statuses})


def with_child(child: Child) -> Status:
    status = supervisor(NOW_NS)
    return change(status, children=tuple(child if known.role == child.role else known for known in status.children))


def test_where_all_speak_and_are_ready_all_is_well() -> None:
    known = heard(*(speak(NOW_NS - 400 * MS) for speak in ALL_WELL.values()))
    assert known.ailments == ()
    assert [known.condition(role) for role in known.roles] == ["ready"] * 4
    assert known.age_ns("core") == 400 * MS
    assert known.newest_frame_age_ns("capture") == 450 * MS


def test_of_nobody_nothing_is_known() -> None:
    known = Heard()
    assert known.roles == PROCESSES
    assert [known.condition(role) for role in PROCESSES] == ["not known"] * 4
    assert (known.age_ns("core"), known.newest_frame_age_ns("core"), known.pid("core"), known.child("core")) == (None,) * 4
    assert known.ailments[0] == "supervisor: has not been heard"


@pytest.mark.parametrize(
    ("statuses", "ailment"),
    [
        ((change(core(NOW_NS), phase="ailing", trouble="the disk is full"),), "core: ailing: the disk is full"),
        ((change(core(NOW_NS), trouble="no journal"),), "core: no journal"),
        ((change(core(NOW_NS), phase="starting"),), "core: starting"),
        ((core(NOW_NS - 12 * S),), "core: has said nothing for 12 s"),
        ((), "core: has said nothing yet"),
        (
            (with_child(Child("core", 0, "failing", 7, ended="killed by SIGKILL")),),
            "core: failing, started again 7 times; killed by SIGKILL",
        ),
        ((with_child(Child("core", 0, "ended", 1)), core(NOW_NS)), "core: ended, started again once"),
        ((with_child(Child("core", 9, "starting")),), "core: starting"),
    ],
)
def test_what_ails_is_said_in_a_sentence(statuses: tuple[Status, ...], ailment: str) -> None:
    assert heard(supervisor(NOW_NS), capture(NOW_NS), model(NOW_NS), *statuses).ailments == (ailment,)


def test_a_process_that_the_supervisor_does_not_name_is_not_missed() -> None:
    without_model = change(supervisor(NOW_NS), children=(Child("capture", 1, "running"), Child("core", 2, "running")))
    assert heard(without_model, capture(NOW_NS), core(NOW_NS)).ailments == ()


def test_the_number_of_a_process_is_what_its_supervisor_says_now() -> None:
    assert heard(with_child(Child("core", 0, "ended")), core(NOW_NS)).pid("core") is None
    assert heard(core(NOW_NS)).pid("core") == 4713


def test_a_process_is_up_since_its_last_start() -> None:
    assert heard(supervisor(NOW_NS)).up_ns("core") == 65 * S
    assert heard(with_child(Child("core", 0, "failing", since_ns=NOW_NS))).up_ns("core") is None
    assert heard(core(NOW_NS)).up_ns("core") is None


@given(delays_ns=st.lists(st.integers(0, 3 * S), min_size=1), origin_ns=st.integers(0, 2**60))
def test_the_clock_lags_by_the_shortest_delay_and_no_word_has_an_age_below_nothing(delays_ns: list[int], origin_ns: int) -> None:
    words, t_ns = LastWords(), 0
    for delay_ns in delays_ns:
        t_ns += S
        words.take(core(t_ns), 1, origin_ns + t_ns + delay_ns)
        assert (words.at(origin_ns + t_ns + delay_ns).age_ns("core") or 0) >= 0
    assert words.at(origin_ns + t_ns).now_ns == t_ns - min(delays_ns)


def test_words_are_compared_within_ten_and_within_one_start() -> None:
    words = LastWords()
    for second in range(30):
        words.take(core(second * S), 1, second * S)
    assert words.at(30 * S).earlier["core"].t_ns == 19 * S
    words.take(core(31 * S), 2, 31 * S)
    assert "core" not in words.at(31 * S).earlier
    words.take(core(32 * S), 2, 32 * S)
    assert words.at(32 * S).earlier["core"].t_ns == 31 * S


def test_what_the_core_has_heard_stands_for_whoever_was_not_heard_here() -> None:
    words = LastWords()
    words.take(core(100 * S), 1, 500 * S)
    words.take_report(Reported(101 * S, (capture(60 * S), core(90 * S))), 501 * S)
    known = words.at(501 * S)
    assert known.age_ns("capture") == 41 * S
    assert known.newest["core"].t_ns == 100 * S
