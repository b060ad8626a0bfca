"""What gives way when the board has less to give: one table, asked by whoever does the work."""

from __future__ import annotations

import pytest

from edge_runtime.config import Config
from edge_runtime.core import Core
from edge_runtime.models.scripted import EVERYTHING
from edge_runtime.power import Power, left, reduced
from edge_runtime.protocol import BoardChanged, WatchRemoved, WatchSet
from edge_runtime.types import Session

WORDS: list[tuple[Power, tuple[str, ...]]] = [
    ("full", ()),
    ("reduced", ("thinking", "looks")),
    ("low", ("thinking", "looks", "naming")),
]


@pytest.mark.parametrize(("power", "words"), WORDS)
def test_thinking_gives_way_first_then_looks_then_naming(power: Power, words: tuple[str, ...]) -> None:
    assert reduced(power) == words


def test_thinking_is_given_up_as_soon_as_power_is_short() -> None:
    assert [left(power, "thinking") for power, _ in WORDS] == [1.0, 0.0, 0.0]


def test_looks_become_fewer_step_by_step() -> None:
    assert [left(power, "looks") for power, _ in WORDS] == [1.0, 0.5, 0.25]


def test_naming_goes_on_while_a_watch_waits_for_a_name() -> None:
    assert (left("low", "naming"), left("low", "naming", watched=True)) == (0.0, 1.0)
    assert reduced("low", watched=True) == ("thinking", "looks")


def test_a_core_says_what_is_reduced_now() -> None:
    core = Core(Config(), Session(EVERYTHING))
    told = [core.reduced]
    for event in (
        BoardChanged(t_ns=1, power="low", temperature_c=97.0),
        WatchSet(t_ns=2, watch="w1", text="tell me when I see a bus"),
        WatchRemoved(t_ns=3, watch="w1"),
        BoardChanged(t_ns=4, power="full"),
    ):
        core.feed(event)
        told.append(core.reduced)
    everything = ("thinking", "looks", "naming")
    assert told == [(), everything, ("thinking", "looks"), everything, ()]
