"""What is forgotten leaves the page: rolls, parts and pictures, in tabs that are open too."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from apps.display import Display
from apps.display.gazing import Gazing
from apps.display.measuring import Meters
from devices.page.board import Board
from edge_runtime.config import Config, RememberConfig, S
from edge_runtime.core import Core
from edge_runtime.facts import Match, Remembered
from edge_runtime.models.scripted import EVERYTHING
from edge_runtime.protocol import Forget, FrameSeen, Look, Looked, Tick
from edge_runtime.records import Evidence, Scope, What
from edge_runtime.types import WHOLE, LookedRegion, Session, Signals
from tests import world
from tests.shown_world import Page, Shown, show

PIN = "4071"
"""Stands on the letter that is read from 24 s to 30 s."""


@pytest.fixture(scope="module")
def since(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    return forgotten(tmp_path_factory.mktemp("since") / "run", Scope("since", t_from_ns=24 * S))


@pytest.fixture(scope="module")
def mug(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    return forgotten(tmp_path_factory.mktemp("mug") / "run", Scope("thing", name="mug"))


def forgotten(out: Path, scope: Scope) -> Shown:
    script = [event for event in world.WORDS if event.t_ns < 30 * S]
    return show(out, *script, Forget(t_ns=31 * S, scope=scope), at=(30.5,))


def test_a_forgotten_stretch_leaves_the_page(since: Shown) -> None:
    assert PIN in since.pages[30].everything()
    assert PIN not in since.page.everything()
    gone = [thumb for thumb in since.thumbs if 240 <= int(thumb.partition("-")[0]) <= 309]
    assert gone
    assert all(since.display.thumb(thumb) is None for thumb in gone)
    assert any(line["t_ns"] < 24 * S for line in since.page.items("said"))
    assert not any(24 * S <= line["t_ns"] < 31 * S for line in since.page.items("said"))
    assert not any(24 * S <= made["t_ns"] < 31 * S for made in since.page.items("decisions"))


def test_a_page_that_was_open_forgets_too(since: Shown) -> None:
    assert since.follower.everything() == since.page.everything()
    assert since.follower.fresh == 2  # once when it was opened, once to forget


def test_that_it_was_forgotten_is_said_and_stays(since: Shown) -> None:
    lines = since.page.items("said")
    assert [(line["who"], line["text"]) for line in lines if line["t_ns"] >= 31 * S] == [
        ("wearer", "Forget the last moments."),
        ("glasses", "Forgotten: the last 7 seconds."),
    ]


def test_a_thing_that_is_forgotten_is_named_nowhere(mug: Shown) -> None:
    assert "mug" in mug.pages[30].everything()
    assert "mug" not in mug.page.everything()
    assert mug.page.items("concepts") == []
    assert mug.page.items("watches") == []
    left = {item["name"] for item in mug.page.items("sightings")}
    assert {"ROOM 204", "cat"} <= left  # what else was seen is still remembered
    assert not any(mug.display.thumb(thumb) == world.JPEG % b"mug" for thumb in mug.thumbs)
    assert mug.page.said("wearer") == ["Forget that thing."]


def test_after_everything_is_forgotten_only_that_is_left(tmp_path: Path) -> None:
    shown = forgotten(tmp_path / "run", Scope("all"))
    assert shown.page.said("wearer") == ["Forget everything."]
    assert shown.page.said("glasses")[0] == "Forgotten: everything."
    assert all(item["t_start_ns"] >= 31 * S for item in shown.page.items("sightings"))
    assert all(int(thumb.partition("-")[0]) >= 310 for thumb in shown.thumbs if shown.display.thumb(thumb) is not None)


def test_what_stood_at_that_moment_goes_at_once() -> None:
    board = Board()
    display, core = Display(board), Core(Config(), Session(EVERYTHING))
    seen = FrameSeen(t_ns=S, seq=4, t_capture_ns=S, width_px=16, height_px=9, signals=Signals(0.0, 0.0, 0.5, bytes(32)))
    late = FrameSeen(t_ns=3 * S, seq=5, t_capture_ns=S + 1, width_px=16, height_px=9, signals=Signals(0.0, 0.0, 0.5, bytes(32)))
    new = FrameSeen(t_ns=4 * S, seq=6, t_capture_ns=4 * S, width_px=16, height_px=9, signals=Signals(0.0, 0.0, 0.5, bytes(32)))
    shown = []
    for event in (seen, Forget(t_ns=2 * S, scope=Scope("since", t_from_ns=0)), late, new):
        display(event, core.feed(event), core)
        shown.append(Page(board).read().parts["frame"]["seq"])
    assert shown == [4, -1, -1, 6]  # a frame captured before the wish stays out, whenever it comes


def test_a_sighting_the_memory_had_let_go_already_leaves_where_in_doubt(tmp_path: Path) -> None:
    small = Config(remember=RememberConfig(ram_bytes=65536))
    script = (Forget(t_ns=35 * S, scope=Scope("thing", name="ROOM 204")),)
    shown = show(tmp_path / "run", *script, config=small, at=(34,))
    assert shown.core.dropped["sighting:budget"] > 0
    assert "ROOM 204" in shown.pages[34].everything()
    assert "ROOM 204" not in shown.page.everything()


def test_a_look_after_it_is_not_put_together_with_one_before_it() -> None:
    board = Board()
    gazing = Gazing(board, Meters())

    def look(number: int, kind: Literal["foveal", "text"], found: What) -> list[str]:
        command = Look(id=number, deadline_ns=S, frame_seq=number, t_capture_ns=number, regions=(), why="fixation", eye_id=1)
        gazing.follow_looks(Tick(t_ns=number), (command,))
        seen = LookedRegion(kind, WHOLE)
        matches = (Match(found, 1.0, True, True, Evidence(number, number, WHOLE)),)
        event = Looked(t_ns=number, answers=number, frame_seq=number, t_capture_ns=number, regions=(seen,))
        gazing.look(event, Remembered(looked_at_ns=number, matches=matches))
        return [guess["name"] for guess in Page(board).read().parts["gazed"]["guesses"]]

    look(1, "text", What("text", "PIN 4071"))
    assert look(2, "foveal", What("label", "envelope")) == ["PIN 4071", "envelope"]
    gazing.forget(3)
    assert look(4, "foveal", What("label", "envelope")) == ["envelope"]
