"""How a running daemon is shown: what stands in the text and the JSON of ``status`` and ``top``."""

from __future__ import annotations

import json
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.daemon.heard import Heard
from apps.dashboard import rates
from apps.dashboard.as_json import status_as_json, top_as_json
from apps.dashboard.rates import quantile_ns
from apps.dashboard.status_page import silence, status_lines
from apps.dashboard.tables import ago, span, table, wrapped
from apps.dashboard.top_page import fitted, top_lines
from edge_runtime.config import MS, S
from edge_runtime.records import Dropped
from edge_runtime.transport.statuses import AGE_BOUNDS_NS, Child, Role, Status, Tally
from tests.daemon_statuses import ALL_WELL, ages, capture, core, supervisor

NOW_NS = 3600 * S
change = msgspec.structs.replace
WELL = Heard(NOW_NS + 400 * MS, {status.role: status for status in (speak(NOW_NS) for speak in ALL_WELL.values())})


def over_ten_seconds() -> Heard:
    """The core has let ten looks go meanwhile, and done 20; half of these took 200 ms, one was older than is counted."""
    now = change(
        core(NOW_NS),
        tallies=(Tally("looks", 854),),
        dropped=(Dropped("look", "budget", 1244),),
        ages=(ages("look", (200, 100), (500, 19), (0, 1)),),
    )
    return Heard(WELL.now_ns, {**WELL.newest, "core": now}, {"core": core(NOW_NS - 10 * S), "capture": capture(NOW_NS - 10 * S)})


def ailing() -> Heard:
    trouble = "the log cannot be written: the disk is full, and what is remembered waits in memory until there is room again"
    children = (
        Child("capture", 4712, "running"),
        Child("core", 4713, "running", 2),
        Child("model", 0, "failing", 7, ended="killed by SIGKILL"),
    )
    ill = change(core(NOW_NS), phase="ailing", trouble=trouble)
    newest: dict[Role, Status] = {
        "supervisor": change(supervisor(NOW_NS), children=children),
        "core": ill,
        "capture": capture(NOW_NS - 7 * S),
    }
    return Heard(NOW_NS + 400 * MS, newest)


@pytest.mark.parametrize("name, heard", [("well", WELL), ("ailing", ailing()), ("unheard", Heard())])
def test_the_status_page(name: str, heard: Heard, golden: Callable[[str, bytes], None]) -> None:
    golden(f"daemon/status_{name}.txt", ("\n".join(status_lines(heard, heard.ailments, 80)) + "\n").encode())


@pytest.mark.parametrize("name, heard", [("later", over_ten_seconds()), ("once", WELL)])
def test_the_top_page(name: str, heard: Heard, golden: Callable[[str, bytes], None]) -> None:
    golden(f"daemon/top_{name}.txt", ("\n".join(top_lines(heard, 80)) + "\n").encode())


@pytest.mark.parametrize("heard", [WELL, ailing(), Heard(), over_ten_seconds()])
def test_both_pages_fit_into_eighty_columns(heard: Heard) -> None:
    assert max(map(len, [*status_lines(heard, heard.ailments, 80), *top_lines(heard, 80)])) <= 80


def test_rates_are_differences_over_the_time_between_two_words() -> None:
    assert [(rate.name, rate.per_s) for rate in rates.tallies(over_ten_seconds()) if rate.process == "core"] == [("looks", 2.0)]
    assert [(rate.name, rate.total, rate.per_s) for rate in rates.drops(over_ten_seconds())][:1] == [("look:budget", 1244, 1.0)]
    assert {rate.per_s for rate in rates.tallies(WELL)} == {None}


def test_of_a_process_that_has_fallen_silent_no_rate_is_known() -> None:
    known = over_ten_seconds()
    silent = Heard(NOW_NS + 4 * S, known.newest, known.earlier)
    assert {rate.per_s for rate in (*rates.tallies(silent), *rates.drops(silent))} == {None}
    assert {one.count for one in rates.spans(silent)} == {None}


def test_ages_are_those_of_the_last_seconds_not_of_the_whole_run() -> None:
    (look,) = (one for one in rates.spans(over_ten_seconds()) if one.process == "core")
    assert (look.count, look.p50_ns, look.p95_ns) == (20, 200 * MS, 500 * MS)


@given(st.lists(st.integers(0, 1000), min_size=len(AGE_BOUNDS_NS) + 1, max_size=len(AGE_BOUNDS_NS) + 1), st.floats(0.01, 1.0))
def test_a_quantile_is_the_least_bound_that_holds_its_share(counts: list[int], share: float) -> None:
    bound_ns = quantile_ns(counts, share)
    index = len(AGE_BOUNDS_NS) if bound_ns is None else AGE_BOUNDS_NS.index(bound_ns)
    assert bound_ns is None or sum(counts[: index + 1]) >= share * sum(counts)
    assert sum(counts) == 0 or sum(counts[:index]) < share * sum(counts)


def test_the_json_has_ages_in_seconds_and_null_for_what_is_not_known() -> None:
    told = json.loads(json.dumps(status_as_json(ailing(), ailing().ailments)))
    assert told["well"] is False and len(told["ails"]) == 3
    assert told["processes"]["core"]["last_word_age_s"] == pytest.approx(0.4)
    assert told["processes"]["core"]["newest_frame_age_s"] == pytest.approx(0.5)
    assert told["processes"]["core"]["talk"]["unasked_left"] == 3.0
    assert told["processes"]["model"] == {
        **dict.fromkeys(("pid", "up_s", "last_word_age_s", "newest_frame_age_s")),
        **{"is": "failing", "restarts": 7, "ended": "killed by SIGKILL"},
    }


def test_the_json_of_top_adds_rates_and_ages() -> None:
    told = json.loads(json.dumps(top_as_json(over_ten_seconds())))
    assert told["over_s"] == 10.0
    assert {"process": "core", "name": "looks", "total": 854, "per_s": 2.0} in told["done_per_s"]
    assert told["ages"][1] == {"process": "core", "stage": "look", "count": 20, "p50_s": 0.2, "p95_s": 0.5, "newest_s": 0.044}


def test_a_window_is_filled_and_never_overrun() -> None:
    lines = [f"line {n} " + "x" * 100 for n in range(40)]
    shown = fitted(lines, 80, 24)
    assert len(shown) == 23 and max(map(len, shown)) == 79
    assert shown[-1] == "(18 more lines: make the window taller)"
    assert fitted(lines[:23], 200, 24) == lines[:23]


@pytest.mark.parametrize(
    ("until_ns", "words"),
    [(None, "not muted"), (NOW_NS, "not muted"), (NOW_NS + 540 * S, "muted for 9 min more"), (NOW_NS + 10**18, "muted until unmuted")],
)
def test_silence_is_said_by_what_is_left_of_it(until_ns: int | None, words: str) -> None:
    assert silence(until_ns, NOW_NS) == words


@pytest.mark.parametrize(
    ("span_ns", "words"), [(None, "not known"), (44 * MS, "44 ms"), (1230 * MS, "1.2 s"), (74 * S, "74 s"), (180 * S, "3 min")]
)
def test_spans_in_few_letters(span_ns: int | None, words: str) -> None:
    assert span(span_ns) == words


def test_an_age_is_said_as_one_would() -> None:
    assert [ago(0), ago(190 * S)] == ["just now", "3 min ago"]


def test_names_stand_left_and_quantities_right() -> None:
    assert table(("a", "name", "count"), [("x", "y", "12345")]) == ["a  name  count", "x  y     12345"]


def test_words_that_were_read_somewhere_move_no_cursor() -> None:
    assert wrapped("a\x1b[2Jb", 80, "") == ["a [2Jb"]
