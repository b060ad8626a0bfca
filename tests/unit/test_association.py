"""Gaze belongs to the thing whose box explains it; where nothing is near, nothing is said."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaze.association import AssociationRules, Associator, Box, disc_overlap

HFOV_DEG, ASPECT = 90.0, 16 / 9


def box(x_deg: float, y_deg: float, width_deg: float, height_deg: float) -> Box:
    """A box around a point so many degrees right and down of the middle of the picture."""
    x, y = 0.5 + x_deg / HFOV_DEG, 0.5 + y_deg * ASPECT / HFOV_DEG
    w, h = width_deg / HFOV_DEG / 2, height_deg * ASPECT / HFOV_DEG / 2
    return x - w, y - h, x + w, y + h


@pytest.fixture
def eyes() -> Associator:
    return Associator(HFOV_DEG, ASPECT)


def test_the_cup_not_the_table_it_stands_on(eyes: Associator) -> None:
    found = eyes.weigh(0.5, 0.5, [("table", box(0, 8, 60, 30)), ("cup", box(0, 0, 5, 6))])
    assert (found.verdict, found.thing) == ("clear", "cup")
    assert [share.thing for share in found.shares] == ["cup", "table"]
    assert found.shares[0].weight > 0.8 > 0.2 > found.shares[1].weight


def test_the_table_where_the_cup_is_not(eyes: Associator) -> None:
    found = eyes.weigh(0.5, 0.5, [("table", box(0, 8, 60, 30)), ("cup", box(9, 0, 5, 6))])
    assert (found.verdict, found.thing) == ("clear", "table")


def test_where_nothing_is_near_nothing_is_said(eyes: Associator) -> None:
    far = eyes.weigh(0.5, 0.5, [("cup", box(25, 0, 5, 5))])
    assert (far.verdict, far.thing, far.shares, far.nothing) == ("nothing", None, (), 1.0)
    assert eyes.weigh(0.5, 0.5, []).verdict == "nothing"


def test_in_view_is_not_looked_at(eyes: Associator) -> None:
    """The box lies in the perifovea, ten degrees from the gaze."""
    found = eyes.weigh(0.5, 0.5, [("cup", box(12, 0, 4, 4))])
    assert found.verdict == "nothing"
    (share,) = found.shares
    assert share.thing == "cup" and share.overlap > 0 and share.apart_deg == pytest.approx(10.0)


@pytest.mark.parametrize(("beside_deg", "verdict"), [(0.0, "clear"), (2.0, "clear"), (5.0, "nothing"), (9.0, "nothing")])
def test_a_near_miss_within_the_error_of_gaze_is_a_hit(eyes: Associator, beside_deg: float, verdict: str) -> None:
    assert eyes.weigh(0.5, 0.5, [("cup", box(2.5 + beside_deg, 0, 5, 5))]).verdict == verdict


def test_two_things_alike_are_a_tie_and_neither_is_named(eyes: Associator) -> None:
    found = eyes.weigh(0.5, 0.5, [("red cup", box(-3, 0, 5, 5)), ("blue cup", box(3, 0, 5, 5))])
    assert (found.verdict, found.thing, found.tied) == ("tie", None, ("blue cup", "red cup"))


def test_two_boxes_of_one_name_are_no_tie(eyes: Associator) -> None:
    found = eyes.weigh(0.5, 0.5, [("cup", box(-3, 0, 5, 5)), ("cup", box(3, 0, 5, 5))])
    assert (found.verdict, found.thing) == ("clear", "cup")


def test_a_tie_breaks_as_gaze_moves_over(eyes: Associator) -> None:
    things = [("left", box(-3, 0, 5, 5)), ("right", box(3, 0, 5, 5))]
    verdicts = [eyes.weigh(0.5 + d / HFOV_DEG, 0.5, things) for d in (-3.0, 0.0, 3.0)]
    assert [found.thing for found in verdicts] == ["left", None, "right"]


def test_a_hair_does_not_beat_what_it_lies_on(eyes: Associator) -> None:
    found = eyes.weigh(0.5, 0.5, [("hair", box(0, 0, 0.01, 8)), ("cup", box(0, 0, 5, 6))])
    assert found.thing != "hair"


def test_gaze_outside_the_picture_can_still_be_near_something(eyes: Associator) -> None:
    assert eyes.weigh(1.01, 0.5, [("door", (0.9, 0.3, 1.0, 0.7))]).thing == "door"
    assert eyes.weigh(1.3, 0.5, [("door", (0.9, 0.3, 1.0, 0.7))]).shares == ()


@pytest.mark.parametrize("bad", [(0.6, 0.1, 0.5, 0.2), (0.1, 0.2, 0.3, 0.1), (math.nan, 0.0, 1.0, 1.0)])
def test_an_impossible_box_is_refused_by_name(eyes: Associator, bad: Box) -> None:
    with pytest.raises(ValueError, match="'cup'"):
        eyes.weigh(0.5, 0.5, [("cup", bad)])


def test_gaze_that_is_no_number_is_refused(eyes: Associator) -> None:
    with pytest.raises(ValueError, match="finite"):
        eyes.weigh(math.nan, 0.5, [])


def test_impossible_rules_and_cameras_are_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        Associator(HFOV_DEG, ASPECT, rules=AssociationRules(error_deg=0.0))
    with pytest.raises(ValueError, match="field of view"):
        Associator(180.0, ASPECT)


places = st.floats(-0.2, 1.2)
boxes = st.builds(lambda x, y, w, h: (x, y, x + w, y + h), places, places, st.floats(0, 0.8), st.floats(0, 0.8))


@given(places, places, st.lists(boxes, max_size=6))
def test_weights_and_that_of_nothing_add_up_to_one_whatever_the_order(x: float, y: float, found: list[Box]) -> None:
    things = [(str(k), one) for k, one in enumerate(found)]
    eyes = Associator(HFOV_DEG, ASPECT)
    result = eyes.weigh(x, y, things)
    assert sum(share.weight for share in result.shares) + result.nothing == pytest.approx(1.0)
    assert all(0.0 <= share.overlap <= 1.0 + 1e-9 and 0.0 <= share.apart_deg < 13.0 for share in result.shares)
    assert (result.thing is not None) == (result.verdict == "clear")
    assert bool(result.tied) == (result.verdict == "tie")
    other = eyes.weigh(x, y, things[::-1])
    assert (other.verdict, other.thing, set(other.tied)) == (result.verdict, result.thing, set(result.tied))


def test_overlap_with_the_disc_is_exact() -> None:
    assert disc_overlap(-20, -20, 20, 20, 13.0) == pytest.approx(math.pi * 169)
    assert disc_overlap(0, -20, 20, 20, 13.0) == pytest.approx(math.pi * 169 / 2)
    assert disc_overlap(0, 0, 20, 20, 13.0) == pytest.approx(math.pi * 169 / 4)
    assert disc_overlap(-1, -2, 1, 2, 13.0) == pytest.approx(8.0)
    assert disc_overlap(10, 10, 12, 12, 13.0) == 0.0


cuts = st.floats(-15.0, 15.0)


@given(st.lists(cuts, max_size=4), st.lists(cuts, max_size=4))
def test_tiles_of_the_plane_share_the_whole_disc(xs: list[float], ys: list[float]) -> None:
    columns = list(itertools.pairwise(sorted([-14.0, *(x for x in xs if abs(x) < 14), 14.0])))
    rows = list(itertools.pairwise(sorted([-14.0, *(y for y in ys if abs(y) < 14), 14.0])))
    total = sum(disc_overlap(x0, y0, x1, y1, 13.0) for x0, x1 in columns for y0, y1 in rows)
    assert total == pytest.approx(math.pi * 169)
