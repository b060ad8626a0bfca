"""Bytes, rates and drops as the page shows them, and the bound on the pictures it may ask for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from apps.display import Display
from apps.display.measuring import Rate
from apps.display.thumbs import Thumbs
from devices.page.board import Board
from edge_runtime.config import MS, Config, S
from edge_runtime.core import Core
from edge_runtime.errors import ModelError
from edge_runtime.models.looker import Crop
from edge_runtime.models.scripted import ScriptedLooker
from edge_runtime.protocol import Look, Tick
from edge_runtime.records import Dropped
from edge_runtime.types import LookedRegion, Session
from tests import world
from tests.shown_world import Page, Shown, show


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    return show(tmp_path_factory.mktemp("day") / "run", *world.WORDS, at=(9.5,))


def test_gauges_tell_bytes_rates_and_ages(day: Shown) -> None:
    gauges = day.pages[9].parts["gauges"]
    assert 8.4 * S <= gauges["t_ns"] <= 9.5 * S
    memory = gauges["stores"][0]
    assert (memory["name"], memory["limit_bytes"]) == ("memory", Config().remember.ram_bytes)
    assert memory["used_bytes"] == sum(gauges["tiers"].values()) > 0
    assert gauges["frames_per_s"] == pytest.approx(10, abs=0.3)
    assert gauges["gaze_per_s"] == pytest.approx(100, abs=3)
    assert 0 < gauges["looks_per_s"] <= 3
    assert 0 <= gauges["look_ms"] <= 500
    assert (gauges["clock_offset_ms"], gauges["clock_error_ms"]) == (None, None)


def test_they_are_measured_once_a_second(day: Shown) -> None:
    assert world.LENGTH_NS / S <= day.follower.changes["gauges"] <= world.LENGTH_NS / S + 5


def test_a_rate_is_taken_over_the_last_seconds() -> None:
    rate = Rate()
    for n in range(100):
        rate.add(n * S // 10)
    assert rate.per_s(10 * S, 0) == pytest.approx(10, abs=0.3)
    assert rate.per_s(12 * S, 0) == pytest.approx(6, abs=0.3)
    assert rate.per_s(60 * S, 0) == 0


def test_a_look_that_fails_is_counted_with_its_reason(tmp_path: Path) -> None:
    class Broken(ScriptedLooker):
        def look(self, command: Look, crops: Sequence[Crop]) -> tuple[LookedRegion, ...]:
            raise ModelError("the weights are gone", hint="prepare them again")

    shown = show(tmp_path / "run", Tick(t_ns=0), looker=Broken(world.see))
    asked = sum(isinstance(command, Look) for _, commands in shown.steps for command in commands)
    drops = {drop["code"]: drop["count"] for drop in shown.page.parts["drops"]["drops"]}
    assert drops["look:modelerror"] == asked > 10


def test_what_others_let_go_is_counted_beside_it() -> None:
    board = Board()
    display, core = Display(board), Core(Config(), Session())
    display.meters.count("page", "rate", 3)
    display.meters.count("page", "rate")
    display.meters.include(lambda: [Dropped("frame", "slow", 2), Dropped("gaze_sample", "clock", 0)])
    display.meters.clock(1_500 * MS, 2 * MS)
    display(Tick(t_ns=S), core.feed(Tick(t_ns=S)), core)
    page = Page(board).read()
    assert {drop["code"]: drop["count"] for drop in page.parts["drops"]["drops"]} == {"page:rate": 4, "frame:slow": 2}
    assert (page.parts["gauges"]["clock_offset_ms"], page.parts["gauges"]["clock_error_ms"]) == (1500.0, 2.0)


def test_pictures_are_bounded_in_bytes_and_the_first_leaves_first() -> None:
    thumbs = Thumbs(most_bytes=100)
    for n in range(10):
        thumbs.put(f"{n}-0", n, bytes(30))
        thumbs.put(f"{n}-0", n, bytes(30))
        assert thumbs.nbytes <= 100
    assert [n for n in range(10) if thumbs.get(f"{n}-0") is not None] == [7, 8, 9]
    thumbs.forget(8, {"9-0"})
    assert [n for n in range(10) if thumbs.get(f"{n}-0") is not None] == [7, 9]
    assert thumbs.nbytes == 60
