"""Who may come in: our own page, with the token, from this machine. And how much it may send."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.page.guard import BYTES_PER_S, MOST_FAULTS_LOGGED, NOT_HERE, S_NS, TEXT_BURST, TEXTS_PER_S, Bucket, Careful, Door, Measure
from tests.pretend_glasses import PretendGlasses

DOOR = Door("s3cret-token", 8642)
HOME = {"Host": "127.0.0.1:8642"}
FROM_PAGE = {**HOME, "Origin": "http://127.0.0.1:8642", "Sec-Fetch-Site": "same-origin"}


def test_the_page_is_there_for_who_knows_the_token() -> None:
    assert DOOR.refusal("/s3cret-token/", HOME) is None
    assert DOOR.refusal("/s3cret-token/page.js", HOME) is None
    assert DOOR.refusal("/s3cret-token/", {"Host": "localhost:8642"}) is None
    assert DOOR.rest("/s3cret-token/thumb/1-2.jpg") == "thumb/1-2.jpg"


@pytest.mark.parametrize(
    "path",
    ["", "/", "//", "/s3cret-token", "/s3cret-toke/", "/s3cret-token2/", "/S3CRET-TOKEN/", "/%733cret-token/", "s3cret-token/", "/é/"],
)
def test_without_the_token_there_is_nothing(path: str) -> None:
    assert DOOR.refusal(path, HOME) == 404


def test_the_words_of_a_404_name_neither_token_nor_reason() -> None:
    assert "token" not in NOT_HERE
    assert "the address that the terminal printed" in NOT_HERE


@pytest.mark.parametrize(
    "host", [None, "", "127.0.0.1", "127.0.0.1:80", "evil.example:8642", "127.0.0.1.evil.example:8642", "127.0.0.1:8642,x", "[::1]:8642"]
)
def test_a_name_that_was_pointed_at_this_machine_gets_nothing(host: str | None) -> None:
    assert DOOR.refusal("/s3cret-token/", {} if host is None else {"Host": host}) == 403


@pytest.mark.parametrize("host", ["127.0.0.1:8642", "localhost:8642"])
def test_a_websocket_comes_from_the_page_of_the_same_host(host: str) -> None:
    assert DOOR.refusal("/s3cret-token/ws", {"Host": host, "Origin": f"http://{host}"}) is None


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "",
        "null",
        "https://127.0.0.1:8642",
        "http://127.0.0.1",
        "http://localhost:8642",
        "http://127.0.0.1:86420",
        "http://evil.example",
    ],
)
def test_a_websocket_from_anywhere_else_is_refused(origin: str | None) -> None:
    headers = HOME if origin is None else {**HOME, "Origin": origin}
    assert DOOR.refusal("/s3cret-token/ws", headers) == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "Same-Origin"])
def test_another_site_gets_no_part_of_the_page_though_it_may_link_to_it(site: str) -> None:
    for part in ("page.js", "picture.jpg", "thumb/1-2.jpg", "ws"):
        assert DOOR.refusal(f"/s3cret-token/{part}", {**FROM_PAGE, "Sec-Fetch-Site": site}) == 403
    assert DOOR.refusal("/s3cret-token/", {**HOME, "Sec-Fetch-Site": site}) is None


def test_a_page_may_load_from_nowhere_else_and_be_framed_by_nobody() -> None:
    headers = DOOR.headers()
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    for rule in ("script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"):
        assert f"{rule};" in f"{policy};"
    assert "unsafe" not in policy
    assert "https:" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert "microphone=()" in headers["Permissions-Policy"]


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(1, 5)), max_size=200))
def test_a_bucket_gives_no_more_than_its_rate_and_one_burst(steps: list[tuple[int, int]]) -> None:
    bucket, t_ns, given_out = Bucket(7, 11, 0), 0, 0
    for pause_ns, units in steps:
        t_ns += pause_ns
        given_out += units if bucket.take(units, t_ns) else 0
        assert given_out <= 11 + 7 * t_ns / S_NS + 1e-6


def test_a_burst_passes_and_then_so_many_a_second() -> None:
    measure = Measure(0)
    assert sum(measure.text(10, 0) for _ in range(1000)) == TEXT_BURST
    assert sum(measure.text(10, S_NS) for _ in range(1000)) == TEXTS_PER_S


def test_bytes_are_measured_too() -> None:
    measure = Measure(0)
    assert sum(measure.picture(2**20, 0) for _ in range(40)) == BYTES_PER_S // 2**20
    assert not measure.text(1000, 0)


def test_tiny_pictures_are_measured_by_their_number() -> None:
    measure = Measure(0)
    assert sum(measure.picture(1, 0) for _ in range(5000)) < 200


def test_too_much_for_ten_seconds_is_a_flood_and_once_is_not() -> None:
    measure = Measure(0)
    for t_ns in range(0, 10 * S_NS, S_NS // 10):
        assert not measure.is_flood(t_ns)
        for _ in range(300):
            measure.text(10, t_ns)
    assert measure.is_flood(10 * S_NS)

    measure = Measure(0)
    for _ in range(300):
        measure.text(10, 0)
    assert measure.text(10, 4 * S_NS)
    assert not measure.is_flood(11 * S_NS)


def test_a_fault_is_counted_every_time_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    glasses = PretendGlasses()
    glasses.breaks = {"picture"}
    careful = Careful(glasses)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            assert careful.call(glasses.picture) is None
        assert careful.call(glasses.thumb, "1-1") is None
    assert glasses.counts == {"page:fault": 3}
    assert [record.exc_info is not None for record in caplog.records] == [True]
    assert "picture is broken" in caplog.text


def test_faults_of_ever_new_kinds_do_not_fill_memory(caplog: pytest.LogCaptureFixture) -> None:
    careful = Careful(PretendGlasses())
    for number in range(200):
        careful.fault(ValueError(str(number)))
    assert len(caplog.records) == MOST_FAULTS_LOGGED
