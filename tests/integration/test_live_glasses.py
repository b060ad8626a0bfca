"""The glasses behind a page, over the real live host: what a page asks becomes events, what a camera gives becomes frames.

What comes from the camera is tested in test_intake.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import time
from pathlib import Path

import pytest

from apps.glasses.intake import REFUSED
from devices.page.glasses import Glasses
from devices.page.requests import (
    Ask,
    ForgetWish,
    GazeFrom,
    Got,
    Mute,
    Play,
    RemoveWatch,
    SetQuiet,
    SetWatch,
    SwitchCamera,
    Teach,
    Verdict,
)
from devices.page.views import ENCODER
from edge_runtime.config import MS, S
from edge_runtime.protocol import Feedback, Forget, Muted, QuietHours, Taught, WatchSet
from tests import world
from tests.worn import Worn, jpeg, worn

DAY = time(12, 0)


@pytest.fixture
def head(tmp_path: Path) -> Iterator[Worn]:
    with worn(tmp_path / "run") as glasses:
        yield glasses


# ---------------------------------------------------------------- a day with them


def test_they_are_what_a_server_expects(head: Worn) -> None:
    glasses: Glasses = head.glasses
    update = glasses.reader().read()
    assert update is not None
    assert update.fresh
    assert json.loads(ENCODER.encode(update))["parts"]["camera"]["state"] == "waiting"


def test_read_teach_ask_and_forget(head: Worn) -> None:
    head.look(3.0, 0.65)
    head.steps.wait_until(lambda: "ROOM 204" in head.page.everything())
    head.go_to(4.2)
    head.look(0.5, 0.35)
    assert head.hear(Teach(name="my Mug", key=1)) == (True, "")
    head.look_until(lambda: [concept["key"] for concept in head.page.items("concepts")] == ["mug"], 0.35)
    head.hear(Ask(text=" where is my mug? ", key=2))
    head.look_until(lambda: "Your mug is in view now" in head.page.everything(), 0.35)
    thumb = head.page.items("concepts")[0]["thumb"]
    assert head.glasses.thumb(thumb) == world.JPEG % b"mug"
    assert head.hear(ForgetWish(kind="thing", name="the mug", key=3)) == (True, "")
    head.steps.wait_until(lambda: "Forgotten: what you named." in head.page.said("glasses"))
    assert "mug" not in head.page.everything()
    assert head.glasses.thumb(thumb) is None


def test_what_is_forgotten_is_on_no_page_and_in_no_picture(head: Worn) -> None:
    head.go_to(24.2)
    head.look(3.0, 0.65)
    head.steps.wait_until(lambda: "4071" in head.page.everything())
    thumbs = [thumb for item in head.page.items("sightings") for thumb in item["thumbs"]]
    assert any(head.glasses.thumb(thumb) for thumb in thumbs)
    assert head.glasses.picture() is not None
    assert head.hear(ForgetWish(kind="last", minutes=10)) == (True, "")
    head.steps.wait_until(lambda: any(text.startswith("Forgotten: the last") for text in head.page.said("glasses")))
    assert "4071" not in head.page.everything()
    assert not any(head.glasses.thumb(thumb) for thumb in thumbs)
    assert head.glasses.picture() is None
    head.glasses.on_second(DAY)
    assert head.camera["keeping"] is False


def test_a_picture_taken_before_the_wish_is_not_taken_after_it(head: Worn) -> None:
    head.look(0.3)
    head.pass_time(0.5)
    head.hear(ForgetWish(kind="all"))
    assert head.glasses.see(jpeg(), head.glasses.time_ns() - 50 * MS) == REFUSED["picture:forgotten"]
    head.pass_time(0.1)
    assert head.glasses.see(jpeg(), head.glasses.time_ns()) == ""


# ---------------------------------------------------------------- the wearer's words


def test_words_become_events_with_names_of_their_own(head: Worn) -> None:
    head.go_to(10.0)
    head.hear(SetWatch(text="tell me when I see a dog", minutes=2.0, once=True))
    head.hear(SetWatch(text="tell me when I see a bus"))
    first, second = head.steps.wait_for(WatchSet), head.steps.wait_for(WatchSet, 2)
    assert (first.text, first.expires_ns, first.once) == ("tell me when I see a dog", 130 * S, True)
    assert (second.expires_ns, second.once) == (None, False)
    assert first.watch.startswith("page-")
    assert first.watch != second.watch
    head.steps.wait_until(lambda: len(head.page.items("watches")) == 2)
    head.hear(RemoveWatch(watch=first.watch))
    head.steps.wait_until(lambda: [watch["key"] for watch in head.page.items("watches")] == [second.watch])
    head.hear(Verdict(decision=7, verdict="dismissed"))
    assert head.steps.wait_for(Feedback).decision == 7


@pytest.mark.parametrize(
    ("wish", "kind", "t_from_s", "name"),
    [
        (ForgetWish(kind="last", minutes=0.5), "since", 70.0, ""),
        (ForgetWish(kind="last", minutes=10.0), "since", 0.0, ""),
        (ForgetWish(kind="thing", name=" My  Mug. "), "thing", 0.0, "mug"),
        (ForgetWish(kind="all", name="whatever"), "all", 0.0, ""),
    ],
)
def test_a_wish_to_forget_says_how_far_it_reaches(head: Worn, wish: ForgetWish, kind: str, t_from_s: float, name: str) -> None:
    head.go_to(100.0)
    assert head.hear(wish) == (True, "")
    scope = head.steps.wait_for(Forget).scope
    assert (scope.kind, scope.t_from_ns, scope.name) == (kind, round(t_from_s * S), name)


@pytest.mark.parametrize(("minutes", "until_s"), [(5.0, 310.0), (0.0, 10 + 10 * 365 * 24 * 3600.0), (None, None)])
def test_mute_is_for_so_long_or_until_unmuted(head: Worn, minutes: float | None, until_s: float | None) -> None:
    head.go_to(10.0)
    head.hear(Mute(minutes=minutes))
    assert head.steps.wait_for(Muted).until_ns == (None if until_s is None else round(until_s * S))


def test_what_cannot_be_done_is_said(head: Worn) -> None:
    assert head.hear(Ask(text="  ")) == (False, "There was no question in it.")
    assert head.hear(ForgetWish(kind="thing", name=" ")) == (False, "Say what is to be forgotten.")
    assert head.hear(Teach(name="!")) == (False, "Say what it is called.")
    assert head.hear(Teach(name="mug")) == (False, "There is no camera picture, so there is nothing to teach.")
    assert head.hear(Play(on=True)) == (False, "This is live: time runs by itself.")
    assert head.hear(GazeFrom(source="recording")) == (False, "This camera brings no gaze of its own.")
    assert head.hear(Got(n=1, page_ms=1.0)) == (True, "")


def test_teaching_needs_a_camera_that_sees_and_says_where_to_look(head: Worn) -> None:
    head.go_to(5.0)
    head.glasses.see(jpeg(), head.glasses.time_ns())
    assert head.hear(Teach(name="mug")) == (True, "Now look at it: rest the pointer on your mug.")
    assert head.steps.wait_for(Taught).concept.name == "mug"
    head.pass_time(2.5)
    assert head.hear(Teach(name="mug"))[0] is False
    head.hear(SwitchCamera(on=False))
    assert head.hear(Teach(name="mug")) == (False, "The camera is off, so there is nothing to teach. Switch it on first.")


def test_quiet_hours_begin_and_end_by_the_clock_on_the_wall_and_may_pass_midnight(head: Worn) -> None:
    assert head.hear(SetQuiet(start="22:00", end="")) == (False, "Quiet hours need a beginning and an end.")
    assert head.hear(SetQuiet(start="22:00", end="22:00"))[0] is False
    assert head.hear(SetQuiet(start="22:00", end="07:00")) == (True, "")
    for now in (time(21, 59), time(22, 0), time(23, 30), time(0, 0), time(6, 59), time(7, 0), time(12, 0)):
        head.glasses.on_second(now)
    begun, over = head.steps.wait_for(QuietHours), head.steps.wait_for(QuietHours, 2)
    assert (begun.on, over.on) == (True, False)
    assert sum(isinstance(event, QuietHours) for event in head.steps.events) == 2
    voice = head.page.parts["voice"]
    assert (voice["quiet_from"], voice["quiet_to"]) == ("22:00", "07:00")
    head.hear(SetQuiet(start="09:00", end="17:00"))
    head.glasses.on_second(DAY)
    head.steps.wait_until(lambda: head.page.parts["voice"]["quiet_now"] is True)
    head.hear(SetQuiet(start="", end=""))
    head.glasses.on_second(DAY)
    head.steps.wait_until(lambda: head.page.parts["voice"]["quiet_now"] is False)
