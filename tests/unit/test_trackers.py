"""Sources of gaze that happens now: the thread that runs one, the guesses, and which one is meant."""

from __future__ import annotations

import datetime
import itertools
import math
import struct
import sys
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass

import numpy as np
import pytest

from devices.trackers import GazeFeed, Watching, open_tracker
from devices.trackers.aria import AriaTracker, to_sample
from devices.trackers.clock_offset import offset_of
from devices.trackers.prior import Prior
from devices.trackers.pupil import PupilTracker, gaze_px
from devices.trackers.saliency import Saliency, salient_point
from edge_runtime.errors import DeviceError, MissingExtra, UsageError
from edge_runtime.pixels import Picture
from edge_runtime.records import Dropped
from gaze.types import GazeSample, GazeSource
from tests.pupil_stand_in import LAYOUTS, payload

# ---------------------------------------------------------------- the thread


class Scripted:
    """A tracker that does what it is told: each turn gives batches, and then ends, fails, or waits to be stopped."""

    name, note = "scripted", "what it is told"
    source: GazeSource = "tracker"
    clock_error_ns: int | None = 0

    def __init__(self, *turns: tuple[list[int], Exception | None]) -> None:
        self._turns = iter(turns)
        self.closed = 0

    def samples(self, stopping: threading.Event) -> Generator[tuple[GazeSample, ...], None, None]:
        """One turn; the last one waits."""
        times_ns, fails = next(self._turns, ([], None))
        try:
            for t_ns in times_ns:
                yield (GazeSample(t_ns, 0.5, 0.5),)
            if fails is not None:
                raise fails
            stopping.wait()
        finally:
            self.closed += 1

    def dropped(self) -> tuple[Dropped, ...]:
        """One that the device lost."""
        return (Dropped("gaze_sample", "lost", 1),)


def run(tracker: Scripted, take: Callable[[tuple[GazeSample, ...]], None], until: threading.Event) -> tuple[GazeFeed, list[str]]:
    troubles: list[str] = []
    with GazeFeed(tracker, take, on_trouble=troubles.append, wait=lambda stopping, pause_s: stopping.is_set()) as feed:
        assert until.wait(5.0)
    return feed, troubles


def test_gaze_is_handed_on_and_the_device_let_go() -> None:
    got, enough, tracker = list[int](), threading.Event(), Scripted(([1, 2, 3], None))

    def take(batch: tuple[GazeSample, ...]) -> None:
        got.extend(sample.t_ns for sample in batch)
        if len(got) == 3:
            enough.set()

    feed, troubles = run(tracker, take, enough)
    assert got == [1, 2, 3] and feed.samples == 3
    assert troubles == [] and tracker.closed == 1
    assert feed.dropped() == (Dropped("gaze_sample", "lost", 1),)


def test_a_tracker_that_fails_is_tried_again_and_the_same_words_are_said_once() -> None:
    broken = DeviceError("it is asleep", hint="wake it")
    enough, tracker = threading.Event(), Scripted(([], broken), ([], broken), ([], ValueError("oops")), ([7], None))
    feed, troubles = run(tracker, lambda batch: enough.set(), enough)
    assert troubles == ["it is asleep: wake it", "scripted has a fault: oops"]
    assert tracker.closed == 4
    assert Dropped("tracker", "trouble", 3) in feed.dropped()


def test_pauses_grow_while_it_fails_and_begin_anew_when_gaze_has_come() -> None:
    broken = DeviceError("it is asleep", hint="wake it")
    pauses, enough = list[float](), threading.Event()
    turns: list[tuple[list[int], Exception | None]] = [*[([], broken)] * 5, ([1], broken), ([], broken)]

    def wait(stopping: threading.Event, pause_s: float) -> bool:
        pauses.append(pause_s)
        if len(pauses) == len(turns):
            enough.set()
        return stopping.is_set()

    with GazeFeed(Scripted(*turns), lambda batch: None, on_trouble=lambda words: None, wait=wait):
        assert enough.wait(5.0)
    assert pauses[:7] == [1.0, 2.0, 4.0, 8.0, 10.0, 1.0, 2.0]


def test_gaze_that_cannot_be_taken_in_is_counted_and_the_next_is_taken() -> None:
    enough = threading.Event()

    def take(batch: tuple[GazeSample, ...]) -> None:
        if batch[0].t_ns == 1:
            raise ValueError("no room")
        enough.set()

    feed, troubles = run(Scripted(([1, 2], None)), take, enough)
    assert troubles == ["Gaze of scripted was not taken in: no room"]
    assert feed.samples == 1 and Dropped("gaze_sample", "fault", 1) in feed.dropped()


# ---------------------------------------------------------------- guesses


def picture(spot: tuple[float, float] | None = None) -> Picture:
    image = np.full((360, 640, 3), 90, np.uint8)
    if spot is not None:
        x, y = round(spot[0] * 640), round(spot[1] * 360)
        image[y - 15 : y + 15, x - 15 : x + 15] = (0, 255, 255)
    return image


def test_the_prior_says_the_same_point_again_and_again_with_little_confidence() -> None:
    clock = itertools.count(5)
    stopping, pauses = threading.Event(), list[float]()

    def wait(stopping: threading.Event, pause_s: float) -> bool:
        pauses.append(pause_s)
        if len(pauses) == 3:
            stopping.set()
        return stopping.is_set()

    prior = Prior(now_ns=lambda: next(clock), wait=wait)
    (first,), *others = prior.samples(stopping)
    assert first == GazeSample(5, 0.5, 0.5, 0.1, source="prior")
    assert [sample.t_ns for (sample,) in others] == [6, 7] and set(pauses) == {0.1}
    assert prior.dropped() == ()


@pytest.mark.parametrize("spot", [(0.3, 0.4), (0.6, 0.7), (0.7, 0.3)])
def test_what_stands_out_is_guessed(spot: tuple[float, float]) -> None:
    assert math.dist(salient_point(picture(spot)), spot) < 0.06


def test_where_nothing_stands_out_the_middle_is_guessed() -> None:
    assert math.dist(salient_point(picture()), (0.5, 0.5)) < 0.03


def test_a_guess_carries_the_time_of_its_picture_and_says_that_it_is_one() -> None:
    saliency, stopping = Saliency(), threading.Event()
    assert isinstance(saliency, Watching)
    saliency.see(picture((0.3, 0.4)), 123)
    saliency.see(picture((0.6, 0.7)), 124)
    first, second = next(saliency.samples(stopping))
    assert (first.t_ns, second.t_ns) == (123, 124)
    assert first.source == "saliency" and first.confidence == 0.2
    assert saliency.dropped() == ()


def test_guesses_that_nobody_fetches_are_bounded_and_counted() -> None:
    saliency = Saliency()
    for n in range(10):
        saliency.see(picture(), n)
    assert [sample.t_ns for sample in next(saliency.samples(threading.Event()))] == list(range(2, 10))
    assert saliency.dropped() == (Dropped("gaze_sample", "behind", 2),)


def test_no_guess_is_waited_for_once_it_is_over() -> None:
    stopping = threading.Event()
    stopping.set()
    assert list(Saliency().samples(stopping)) == []


# ---------------------------------------------------------------- Pupil Labs


@pytest.mark.parametrize("layout", LAYOUTS)
def test_packets_are_told_apart_by_their_length(layout: str) -> None:
    packet = payload(100.0, 200.0, layout=layout)
    assert len(packet) == LAYOUTS[layout]
    assert gaze_px(packet) == ((110.0, 205.0, True) if layout == "two points" else (100.0, 200.0, True))


@pytest.mark.parametrize("length", [0, 8, 10, 64])
def test_a_length_that_is_not_known_is_not_guessed_at(length: int) -> None:
    assert gaze_px(bytes(length)) is None


def test_only_255_is_worn() -> None:
    assert [gaze_px(struct.pack("!ffB", 1.0, 2.0, worn)) for worn in (0, 1, 255)] == [(1, 2, False), (1, 2, False), (1, 2, True)]


def test_echoes_that_contradict_each_other_tell_of_a_clock_that_was_set() -> None:
    with pytest.raises(ValueError, match="contradict"):
        offset_of([2, 2], [100, 500], 0)
    with pytest.raises(ValueError, match="no echo"):
        offset_of([], [], 0)


# ---------------------------------------------------------------- Aria


@dataclass
class Gaze:
    """The fields of the SDK's gaze that are read."""

    yaw: float
    pitch: float
    combined_gaze_valid: bool = True
    tracking_timestamp: datetime.timedelta = datetime.timedelta(microseconds=1_500_001)


def test_arias_angles_become_a_place_in_a_square_picture() -> None:
    ahead = to_sample(Gaze(0.0, 0.0), offset_ns=7)
    assert ahead == GazeSample(1_500_001_007, 0.5, 0.5)
    left_up = to_sample(Gaze(math.radians(45.0), math.radians(45.0)), offset_ns=0, hfov_deg=90.0)
    assert left_up.x_norm == pytest.approx(0.0) and left_up.y_norm == pytest.approx(0.0)


@pytest.mark.parametrize("gaze", [Gaze(0.1, 0.1, combined_gaze_valid=False), Gaze(math.nan, 0.0), Gaze(0.0, 1.57)])
def test_gaze_that_aria_does_not_vouch_for_or_that_no_picture_holds_is_no_gaze(gaze: Gaze) -> None:
    assert not to_sample(gaze, offset_ns=0).valid


def test_without_arias_sdk_the_hint_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aria.sdk_gen2", None)
    with pytest.raises(MissingExtra) as caught:
        next(AriaTracker().samples(threading.Event()))
    assert "edge-runtime[aria-live]" in caught.value.hint


# ---------------------------------------------------------------- which one is meant


@pytest.mark.parametrize(
    ("spec", "kind", "source"),
    [
        ("prior", Prior, "prior"),
        ("saliency", Saliency, "saliency"),
        ("aria", AriaTracker, "tracker"),
        ("pupil:192.168.1.20", PupilTracker, "tracker"),
        ("pupil:neon.local:8081", PupilTracker, "tracker"),
    ],
)
def test_a_source_is_named_in_a_word(spec: str, kind: type, source: str) -> None:
    tracker = open_tracker(spec)
    assert tracker is not None and isinstance(tracker, kind)
    assert tracker.source == source
    assert tracker.note and tracker.name and tracker.dropped() == ()


@pytest.mark.parametrize("spec", ["own", "none"])
def test_the_cameras_own_gaze_and_no_gaze_need_no_tracker(spec: str) -> None:
    assert open_tracker(spec) is None


@pytest.mark.parametrize("spec", ["", "tobii", "pupil", "pupil:", "pupil:http://x", "pupil:me@x", "pupil:x:many", "prior:0.5", "none:"])
def test_anything_else_is_refused_with_the_forms(spec: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_tracker(spec)
    assert "pupil:ADDRESS" in caught.value.hint
