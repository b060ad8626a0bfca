"""The table of who says what to whom, and the page made of it."""

from __future__ import annotations

from typing import get_args

import pytest

from edge_runtime import protocol
from edge_runtime.config import MIB
from edge_runtime.transport.routes import AT_HOME, MESSAGES, ROUTES
from edge_runtime.transport.statuses import Role
from scripts import wire_docs

STATUS = {"status/capture", "status/core", "status/model", "status/supervisor"}


def test_each_process_says_this_and_hears_that() -> None:
    says = {role: {route.name for route in ROUTES.values() if route.sender == role} for role in get_args(Role)}
    hears = {role: {route.name for route in ROUTES.values() if role in route.receivers} for role in get_args(Role)}
    assert says == {
        "supervisor": {"orders", "status/supervisor"},
        "capture": {"frames", "senses", "crops", "kept", "pointed", "peeked", "status/capture"},
        "core": {"looks", "prompts", "forgets", "keeping", "replies", "shown", "said", "status/core"},
        "model": {"looked", "endings", "words", "forgot", "cuts", "status/model"},
        "client": {"calls", "points", "views", "peeks"},
    }
    assert hears == {
        "supervisor": {"status/capture", "status/core", "status/model"},
        "capture": {"cuts", "keeping", "points", "peeks", "orders"},
        "core": {"frames", "senses", "kept", "looked", "endings", "words", "forgot", "calls", "views", "orders", *STATUS} - {"status/core"},
        "model": {"looks", "prompts", "forgets", "crops", "orders"},
        "client": {"replies", "pointed", "shown", "peeked", "said", *STATUS},
    }


def test_what_concerns_the_log_the_voice_and_the_files_stays_in_the_cores_process() -> None:
    # Whoever adds an event or a command decides here whether it travels.
    assert {kind.__name__ for kind in AT_HOME} == {
        *("Append", "Search", "Erase", "Found", "Stored", "Erased", "Record"),
        *("SpeechStarted", "SpeechEnded", "Tick", "QuietHours", "BoardChanged", "Cancel"),
        *("Asked", "WatchSet", "WatchRemoved", "Taught", "Forget", "Feedback", "Muted"),
    }


def test_pixels_leave_the_capture_process_as_crops_for_the_model_and_as_what_a_page_asks_to_see() -> None:
    def ways(message: str) -> list[tuple[str, tuple[str, ...]]]:
        return [(route.sender, route.receivers) for route in ROUTES.values() if message in {kind.__name__ for kind in route.messages}]

    assert ways("Crops") == [("capture", ("model",))]
    assert ways("Peeked") == [("capture", ("client",))]
    assert ways("Picture") == [("core", ("client",))]


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
