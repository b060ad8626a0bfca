"""The sample keeps its promises: a minute and a half of walking, looking and asking, with answers that are known beforehand."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from devices import gallery
from devices.gallery.camera import FOCAL_PX, WIDTH_PX
from devices.gallery.cards import CARDS, Card
from devices.gallery.gaze import blinks, fixations, stand_at
from devices.gallery.layout import LEDGE_A_M, LEDGE_Y_M, MUG_BACK_NS, MUG_GONE_NS, THINGS, thing_at, things_at
from devices.gallery.motion import GAZE_HZ, track
from devices.gallery.script import (
    EXPECTED,
    FORGET_FROM_NS,
    FORGET_NS,
    MUG_WATCH_NS,
    PRIVATE_NUMBER,
    SCRIPT,
    TAUGHT_NS,
    shares_in_view,
)
from devices.gallery.walk import DURATION_NS
from edge_runtime.config import MS, AttendConfig, S
from edge_runtime.errors import Unreachable
from edge_runtime.protocol import Asked, Forget, Taught, WatchSet
from gaze.geometry import perifovea_px

SEED = gallery.DEFAULT_SEED


# ------------------------------------------------------------ the recording


def test_the_sample_is_a_recording_of_60_to_90_seconds_with_gaze_and_a_script() -> None:
    sample = gallery.sample()

    assert 60 * S <= sample.duration_ns <= 90 * S
    assert (sample.width_px, sample.height_px, sample.hfov_deg) == (960, 540, 90.0)
    assert sample.has_gaze
    assert len(sample.gaze) == sample.duration_ns / S * GAZE_HZ
    assert [sample_.t_ns for sample_ in sample.gaze] == sorted({sample_.t_ns for sample_ in sample.gaze})
    assert list(sample.script) == sorted(sample.script, key=lambda event: event.t_ns)
    assert all(0 <= event.t_ns < sample.duration_ns for event in sample.script)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_gaze_and_another_seed_another() -> None:
    first, again, other = gallery.sample(3).gaze, track.__wrapped__(3).samples(), gallery.sample(4).gaze

    assert first == again
    assert first != other


def test_the_note_says_that_it_is_rendered_and_under_which_licence_each_picture_is_shown() -> None:
    note = gallery.sample().note

    assert note.startswith("Rendered:")
    for photo in gallery.PICTURES:
        assert f"{photo.name}: {Path(photo.file.path).name} of {photo.file.package} {photo.file.version}" in note
        assert photo.file.licence in note
        assert photo.credit in note


def test_every_thing_on_the_wall_has_a_picture_or_a_card_and_none_is_left_over() -> None:
    there = {photo.name for photo in gallery.PICTURES} | {card.name for card in CARDS}

    assert {thing.image for thing in THINGS} == there


def test_without_a_network_preparing_says_what_to_do(isolated: Path) -> None:
    with pytest.raises(Unreachable, match="scikit-image") as caught:
        gallery.prepare()

    assert "pip" in caught.value.hint or "network" in caught.value.hint


# ------------------------------------------------------------ what is there, and when


def test_the_mug_leaves_and_comes_back_elsewhere_and_nobody_sees_it_move() -> None:
    here, there = (thing for thing in THINGS if thing.name == "mug")

    assert here.x_m != there.x_m
    assert "mug" not in {thing.name for thing in things_at(MUG_GONE_NS)}
    assert thing_at("mug", MUG_GONE_NS - 1) is here
    assert thing_at("mug", MUG_BACK_NS) is there
    for mug, moved_ns in ((here, MUG_GONE_NS), (there, MUG_BACK_NS)):
        index = THINGS.index(mug)
        around = (moved_ns + step * 100 * MS for step in range(-20, 21))
        assert all(shares_in_view(track(SEED), t_ns)[index] == 0.0 for t_ns in around)


def test_the_wearer_passes_the_empty_place_and_looks_at_it() -> None:
    empty = [
        fixation
        for fixation in fixations(SEED)
        if fixation.start_ns > MUG_GONE_NS and abs(fixation.x_m - LEDGE_A_M) < 0.2 and abs(fixation.y_m - LEDGE_Y_M) < 0.3
    ]

    assert sum(fixation.end_ns - fixation.start_ns for fixation in empty) > 1.5 * S
    assert all(fixation.what == "" for fixation in empty)


def test_the_mug_comes_back_after_the_watch_is_set_and_is_looked_at_twice_in_one_appearance() -> None:
    truth = gallery.truth()
    looks = [fixation for fixation in truth.looked_at("mug") if fixation.start_ns > MUG_WATCH_NS]
    others = [
        fixation for fixation in truth.fixations if looks[0].start_ns < fixation.start_ns < looks[-1].start_ns and fixation.what != "mug"
    ]
    appearance = truth.in_view("mug")[-1]

    assert others, "between the two looks the eye goes elsewhere"
    assert appearance.start_ns < looks[0].start_ns < looks[-1].end_ns < appearance.end_ns


def test_the_private_letter_is_seen_only_within_what_is_forgotten() -> None:
    letter = [thing.name for thing in THINGS].index("letter")
    seen = [t_ns for t_ns in range(0, DURATION_NS, 50 * MS) if shares_in_view(track(SEED), t_ns)[letter] > 0.0]

    assert seen[0] >= FORGET_FROM_NS
    assert seen[-1] < FORGET_NS


def test_nothing_that_the_journeys_need_lies_within_what_is_forgotten() -> None:
    inside = {fixation.what for fixation in fixations(SEED) if FORGET_FROM_NS <= fixation.start_ns < FORGET_NS}

    assert "letter" in inside
    assert not inside & {"mug", "cat", "room", "exit", "menu"}


def test_the_wearer_looks_at_the_cat_on_two_visits_and_at_it_last_before_the_mug() -> None:
    looks = gallery.truth().looked_at("cat")
    gaps = [after.start_ns - before.end_ns for before, after in pairwise(looks)]
    first_mug = gallery.truth().looked_at("mug")[0]
    before = [fixation for fixation in fixations(SEED) if fixation.end_ns <= first_mug.start_ns]

    assert sum(gap > 3 * S for gap in gaps) == 1
    assert before[-1].what == "cat"


@pytest.mark.parametrize("name", ["room", "letter"])
def test_cards_that_are_to_be_read_are_dwelt_on(name: str) -> None:
    looks = gallery.truth().looked_at(name)
    held = max(
        last.end_ns - first.start_ns
        for number, first in enumerate(looks)
        for last in looks[number:]
        if last.end_ns - first.start_ns < 6 * S
    )

    assert held >= 2.5 * S


@pytest.mark.parametrize("name", ["exit", "menu"])
def test_cards_that_are_only_passed_are_not_dwelt_on_for_two_seconds(name: str) -> None:
    looks = gallery.truth().looked_at(name)

    assert 1.5 * S < looks[-1].end_ns - looks[0].start_ns < 2 * S


def test_the_three_looks_of_the_lesson_are_from_three_sides() -> None:
    poses = [track(SEED).pose(TAUGHT_NS + step * 500 * MS) for step in range(4)]
    moves = [np.hypot(after.x_m - before.x_m, after.z_m - before.z_m) for before, after in pairwise(poses)]

    assert min(moves) > 0.05
    assert sum(moves) > 0.4


# ------------------------------------------------------------ how big things are


def test_what_is_looked_at_fills_a_fifth_to_a_third_of_the_picture_and_most_of_the_perifovea() -> None:
    crop_px = 2 * perifovea_px(WIDTH_PX, 90.0, AttendConfig().perifovea_deg)
    for fixation in gallery.truth().fixations:
        if fixation.what == "" or fixation.end_ns - fixation.start_ns < 300 * MS:
            continue
        thing = thing_at(fixation.what, fixation.start_ns)
        away_m = track(SEED).pose((fixation.start_ns + fixation.end_ns) // 2).z_m
        if away_m > 1.6 or abs(stand_at(fixation.start_ns / S)[0] - thing.x_m) > 0.5:
            continue  # a glance from afar
        width_px = FOCAL_PX * thing.width_m / away_m

        assert 0.20 < width_px / WIDTH_PX < 0.37, (fixation.what, fixation.start_ns / S)
        assert width_px > 0.7 * crop_px


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_letters_are_20_px_high_where_cards_are_read(card: Card) -> None:
    looks = gallery.truth().looked_at(card.name)
    near_m = min(track(SEED).pose(fixation.end_ns).z_m for fixation in looks)

    assert min(line.cap_m for line in card.lines) * FOCAL_PX / near_m >= 20


# ------------------------------------------------------------ the eyes


def test_fixations_last_200_to_600_ms_and_do_not_overlap() -> None:
    path = fixations(SEED)
    lengths = [fixation.end_ns - fixation.start_ns for fixation in path]

    assert max(lengths) <= 600 * MS
    assert np.mean([length >= 200 * MS for length in lengths]) > 0.9
    assert min(lengths) > 150 * MS
    assert all(before.end_ns < after.start_ns for before, after in pairwise(path))


def test_blinks_last_100_to_200_ms_and_leave_no_gaze() -> None:
    closed = blinks(SEED)
    gaze = gallery.sample().gaze

    assert len(closed) > 10
    for blink in closed:
        assert 100 * MS <= blink.end_ns - blink.start_ns <= 200 * MS
        inside = [sample for sample in gaze if blink.start_ns <= sample.t_ns < blink.end_ns]
        assert inside
        assert not any(sample.valid for sample in inside)
    assert sum(not sample.valid for sample in gaze) == sum(
        blink.start_ns <= sample.t_ns < blink.end_ns for blink in closed for sample in gaze
    )


def test_an_eye_tracker_has_a_third_of_a_degree_of_noise() -> None:
    way = track(SEED)
    offsets = []
    for sample in gallery.sample().gaze[::7]:
        if sample.x_norm is not None and sample.y_norm is not None:
            x_norm, y_norm = way.gaze_norm(sample.t_ns)
            if abs(x_norm - 0.5) < 0.1 and abs(y_norm - 0.5) < 0.1:
                offsets.append(np.degrees(np.hypot((sample.x_norm - x_norm) * 2.0, (sample.y_norm - y_norm) * 1.125)))

    assert np.sqrt(np.mean(np.square(offsets))) == pytest.approx(0.3, abs=0.03)


# ------------------------------------------------------------ the script


def test_the_script_asks_for_all_five_journeys() -> None:
    assert {expected.journey for expected in EXPECTED} == {"read", "teach", "find", "alert", "forget"}
    assert {type(event) for event in SCRIPT} == {Taught, Asked, WatchSet, Forget}


def test_every_question_and_watch_has_a_known_answer() -> None:
    asked = {event.question for event in SCRIPT if isinstance(event, Asked)}
    watched = {event.watch for event in SCRIPT if isinstance(event, WatchSet)}
    known = {expected.about for expected in EXPECTED if expected.about}

    assert asked | watched == known


def test_known_answers_come_after_their_questions() -> None:
    times = {getattr(event, "question", getattr(event, "watch", "")): event.t_ns for event in SCRIPT}

    for expected in EXPECTED:
        assert expected.from_ns < expected.to_ns <= DURATION_NS
        assert expected.from_ns >= (times[expected.about] if expected.about else 0)


def test_the_mug_is_taught_while_it_is_looked_at() -> None:
    during = [fixation for fixation in fixations(SEED) if fixation.end_ns > TAUGHT_NS and fixation.start_ns < TAUGHT_NS + 2 * S]

    assert {fixation.what for fixation in during} == {"mug"}


def test_the_last_20_seconds_are_forgotten_and_no_later_answer_may_give_the_number_away() -> None:
    (forget,) = (event for event in SCRIPT if isinstance(event, Forget))

    assert forget.t_ns - forget.scope.t_from_ns == 20 * S
    assert all(PRIVATE_NUMBER in expected.never for expected in EXPECTED if expected.journey == "forget" and expected.from_ns > forget.t_ns)
