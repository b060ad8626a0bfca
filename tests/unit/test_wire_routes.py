"""The table of who says what to whom, and the page made of it."""

from __future__ import annotations

from typing import get_args

import pytest

from edge_runtime import protocol
from edge_runtime.config import MIB
from edge_runtime.transport.messages import Role
from edge_runtime.transport.routes import AT_HOME, MESSAGES, ROUTES
from scripts import wire_docs

STATUS = {"status/capture", "status/core", "status/model"}


def test_each_process_says_this_and_hears_that() -> None:
    says = {role: {route.name for route in ROUTES.values() if route.sender == role} for role in get_args(Role)}
    hears = {role: {route.name for route in ROUTES.values() if role in route.receivers} for role in get_args(Role)}
    assert says == {
        "supervisor": {"orders"},
        "capture": {"frames", "senses", "crops", "status/capture"},
        "core": {"work", "forget", "replies", "said", "status/core"},
        "model": {"looked", "words", "cuts", "status/model"},
        "client": {"calls"},
    }
    assert hears == {
        "supervisor": STATUS,
        "capture": {"cuts", "forget", "orders"},
        "core": {"frames", "senses", "looked", "words", "calls", "orders", "status/capture", "status/model"},
        "model": {"work", "crops", "orders"},
        "client": {"replies", "said", *STATUS},
    }


def test_what_concerns_the_log_the_voice_and_the_files_stays_in_the_cores_process() -> None:
    # Whoever adds an event or a command decides here whether it travels.
    assert {kind.__name__ for kind in AT_HOME} == {
        *("Append", "Search", "Erase", "Found", "Stored", "Erased", "Record"),
        *("SpeechStarted", "SpeechEnded", "Tick", "QuietHours"),
        *("Asked", "WatchSet", "WatchRemoved", "Taught", "Forget", "Feedback", "Muted"),
    }


def test_pixels_travel_to_the_model_and_nowhere_else() -> None:
    carriers = [route for route in ROUTES.values() if "Crops" in {kind.__name__ for kind in route.messages}]
    assert [(route.sender, route.receivers) for route in carriers] == [("capture", ("model",))]


@pytest.mark.parametrize("name", ROUTES)
def test_a_route_leads_from_one_process_to_others(name: str) -> None:
    route = ROUTES[name]
    assert route.sender not in route.receivers
    assert len(set(route.receivers)) == len(route.receivers) > 0
    assert len(set(route.messages)) == len(route.messages) > 0
    assert route.topic == f"er1/{route.name}"
    assert len(route.topic) <= 24
    if route.answers:
        asked = ROUTES[route.answers]
        assert (asked.sender,) == route.receivers
        assert asked.receivers == (route.sender,)


def test_every_event_and_command_travels_or_stays_and_no_two_messages_share_a_tag() -> None:
    kinds = {kind for route in ROUTES.values() for kind in route.messages}
    assert len({kind.__name__ for kind in (*kinds, *AT_HOME)}) == len(kinds) + len(AT_HOME)
    assert set(get_args(protocol.Event | protocol.Command)) <= {*kinds, *AT_HOME}


def test_all_that_may_wait_is_bounded_in_bytes() -> None:
    waiting = [route.max_bytes * route.max_waiting * (1 + len(route.receivers)) for route in ROUTES.values()]
    assert min(waiting) > 0
    assert sum(waiting) <= 160 * MIB


def test_the_page_is_up_to_date() -> None:
    assert wire_docs.PAGE.read_text(encoding="utf-8") == wire_docs.page(), "run: python -m scripts.wire_docs"


def test_the_page_tells_of_every_route_message_and_field() -> None:
    page = wire_docs.page()
    assert not [name for name in ROUTES if f"| `{name}` |" not in page]
    for name, kind in MESSAGES.items():
        section = page.partition(f"### {name}\n")[2].partition("\n### ")[0]
        assert not [field for field in kind.__struct_fields__ if f"| `{field}` |" not in section], name
    assert page.count("\n### Status\n") == 1
    assert "| `t_capture_ns` | integer | ns | |" in page
