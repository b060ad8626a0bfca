"""Pupil glasses, live: the maker's own package, as our tracker uses it, against a stand-in for the phone."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import sys
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from devices.trackers import GazeFeed
from devices.trackers.pupil import PupilTracker
from edge_runtime.config import S
from edge_runtime.errors import DeviceError, MissingExtra
from gaze.types import GazeSample
from tests.pupil_stand_in import LAYOUTS, PupilStandIn, payload, steady

INSTALLED = importlib.util.find_spec("pupil_labs") is not None


@pytest.fixture(scope="module")
def package() -> None:
    if not INSTALLED:
        pytest.skip("pupil-labs-realtime-api absent")

    async def ask_nothing() -> None:
        async with importlib.import_module("aiohttp").ClientSession():
            pass

    # The package's resolver keeps one thread for good from its first use on, which no test of ours began.
    asyncio.run(ask_nothing())


def tracker_of(phone: PupilStandIn) -> PupilTracker:
    return PupilTracker("127.0.0.1", port=phone.port)


def first(tracker: PupilTracker, count: int) -> list[GazeSample]:
    """At least so many samples of a tracker, and no more batches than that takes."""
    found: list[GazeSample] = []
    with contextlib.closing(tracker.samples(threading.Event())) as batches:
        for batch in batches:
            found += batch
            if len(found) >= count:
                return found
    raise AssertionError("gaze ended")


def at_once(*packets: bytes | None) -> Callable[[], Iterator[tuple[float, bytes | None]]]:
    """These packets, 5 ms apart, and then none for an hour."""
    return lambda: iter([*((n * 0.005, packet) for n, packet in enumerate(packets)), (3600.0, b"")])


def dropped(tracker: PupilTracker) -> dict[str, int]:
    assert all(loss.what == "gaze_sample" for loss in tracker.dropped())
    return {loss.reason: loss.count for loss in tracker.dropped()}


def test_without_the_package_the_hint_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pupil_labs", None)  # as if it were not installed, also where it is
    monkeypatch.delitem(sys.modules, "pupil_labs.realtime_api.device", raising=False)
    with pytest.raises(MissingExtra) as caught:
        next(PupilTracker("127.0.0.1").samples(threading.Event()))
    assert "edge-runtime[pupil]" in caught.value.hint


@pytest.mark.usefixtures("package")
def test_neons_gaze_comes_with_true_times_on_our_clock_and_in_its_own_camera() -> None:
    with PupilStandIn(steady()) as phone:
        tracker = tracker_of(phone)
        assert tracker.clock_error_ns is None and "not reached" in tracker.note
        found = first(tracker, 100)
        begun_ns = phone.rtsp.played_s[0] * S
    taken_ns = np.array([sample.t_ns for sample in found])
    true_ns = begun_ns + 5_000_000 * np.arange(len(found))
    # times pass through 90 kHz and floating-point seconds since 1970: a few microseconds
    assert tracker.clock_error_ns is not None
    assert np.abs(taken_ns - true_ns).max() <= tracker.clock_error_ns + 20_000
    assert (np.diff(taken_ns) > 0).all()
    x, y = np.array([(sample.x_norm, sample.y_norm) for sample in found]).T
    np.testing.assert_allclose(np.hypot((x - 0.5) * 1600, (y - 0.5) * 1200), 100.0, atol=0.01)
    assert all(sample.worn and sample.source == "tracker" for sample in found)
    assert "Neon" in tracker.note and "1600 x 1200" in tracker.note
    assert tracker.scene is not None and tracker.scene.cx_px == 800.0
    assert tracker.dropped() == ()


@pytest.mark.usefixtures("package")
def test_every_layout_of_a_packet_is_read_and_an_unknown_one_is_counted() -> None:
    packets = [payload(320.0, 900.0, layout=layout) for layout in LAYOUTS]
    with PupilStandIn(at_once(b"what is this", *packets)) as phone:
        tracker = tracker_of(phone)
        found = first(tracker, len(packets))
    places = {(sample.x_norm, sample.y_norm) for sample in found}
    # where each eye has a point of its own and both together have none, their middle is taken
    assert places == {(320 / 1600, 900 / 1200), (330 / 1600, 905 / 1200)}
    assert dropped(tracker) == {"unreadable": 1}


@pytest.mark.usefixtures("package")
def test_invisible_has_another_camera_and_no_calibration() -> None:
    with PupilStandIn(at_once(payload(544.0, 270.0)), neon=False) as phone:
        tracker = tracker_of(phone)
        (sample,) = first(tracker, 1)
        assert phone.asked == ["/api/status"]
    assert (sample.x_norm, sample.y_norm) == (0.5, 0.25)
    assert "Invisible" in tracker.note and tracker.scene is None


@pytest.mark.usefixtures("package")
def test_glasses_off_the_head_and_gaze_that_is_not_known_are_no_gaze() -> None:
    with PupilStandIn(at_once(payload(1.0, 2.0, worn=False), payload(float("nan"), float("nan")))) as phone:
        taken_off, unknown = first(tracker_of(phone), 2)
    assert not taken_off.worn and not taken_off.valid
    assert unknown.worn and not unknown.valid


@pytest.mark.usefixtures("package")
def test_what_the_network_loses_is_counted() -> None:
    with PupilStandIn(at_once(payload(1.0, 1.0), None, None, payload(2.0, 2.0))) as phone:
        tracker = tracker_of(phone)
        assert len(first(tracker, 2)) == 2
    assert dropped(tracker) == {"lost": 2}


@pytest.mark.usefixtures("package")
def test_while_the_phones_clock_is_wrong_its_samples_are_dropped() -> None:
    phone: PupilStandIn

    def set_and_set_back() -> Iterator[tuple[float, bytes | None]]:
        right_s = phone.ahead_s
        phone.ahead_s = right_s + 10.0
        for n in range(20):
            yield n * 0.05, payload(1.0, 1.0)
        phone.ahead_s = right_s  # the report that is sent once a second says so
        yield 1.1, payload(2.0, 2.0)
        yield 3600.0, None

    with PupilStandIn(set_and_set_back) as phone:
        tracker = tracker_of(phone)
        (sample,) = first(tracker, 1)
    assert sample.x_norm == 2.0 / 1600
    assert dropped(tracker) == {"clock": 20}


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(("plugged", "says"), [(True, "gives no gaze"), (False, "no glasses")])
def test_gaze_without_times_is_counted_and_silence_is_explained(plugged: bool, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devices.trackers.pupil.SILENT_S", 0.0)
    phone: PupilStandIn

    def then_unplugged() -> Iterator[tuple[float, bytes | None]]:
        phone.plugged = plugged
        return at_once(payload(1.0, 1.0), payload(2.0, 2.0))()

    with PupilStandIn(then_unplugged, reports=False) as phone:
        tracker = tracker_of(phone)
        with pytest.raises(DeviceError, match=says):
            first(tracker, 1)
    assert dropped(tracker) == {"unmapped": 2}


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("change", "says"), [("unplugged", "no glasses"), ("old", "does not tell the time"), ("away", "cannot be followed")]
)
def test_what_is_wrong_is_said_with_what_to_do(change: str, says: str) -> None:
    with PupilStandIn(steady(), echoes=change != "old") as phone:
        phone.plugged = change != "unplugged"
        tracker = tracker_of(phone)
        if change != "away":
            with pytest.raises(DeviceError, match=says) as caught:
                first(tracker, 1)
    if change == "away":
        with pytest.raises(DeviceError, match=says) as caught:
            first(tracker, 1)
    assert caught.value.hint


@pytest.mark.usefixtures("package")
def test_a_connection_that_breaks_is_said_and_made_again() -> None:
    again, troubles = threading.Event(), list[str]()

    def take(batch: tuple[GazeSample, ...]) -> None:
        if troubles:
            again.set()
        elif batch:
            phone.rtsp.hang_up()

    with PupilStandIn(steady()) as phone:
        tracker = tracker_of(phone)
        with GazeFeed(tracker, take, on_trouble=troubles.append, wait=lambda stopping, seconds: stopping.is_set()) as feed:
            assert again.wait(20.0)
    assert len(phone.rtsp.played_s) >= 2
    assert any("hung up" in words for words in troubles), troubles
    assert ("tracker", "trouble") in {(loss.what, loss.reason) for loss in feed.dropped()}
