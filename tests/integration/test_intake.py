"""What comes in through live glasses: pictures that are taken or refused, a camera that fails, its light, and whose gaze counts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import time
from pathlib import Path

import numpy as np
import pytest

from apps.glasses.intake import REFUSED, TROUBLE
from devices.page.requests import (
    CameraTrouble,
    GazeFrom,
    SwitchCamera,
)
from edge_runtime import pixels
from edge_runtime.config import MS, CaptureConfig, Config, JournalConfig, S
from edge_runtime.protocol import FrameSeen
from gaze.types import GazeSample
from tests.worn import PATIENCE_S, Worn, jpeg, worn

DAY = time(12, 0)


@pytest.fixture
def head(tmp_path: Path) -> Iterator[Worn]:
    with worn(tmp_path / "run") as glasses:
        yield glasses


# ---------------------------------------------------------------- pictures


def test_a_picture_that_is_none_or_of_no_use_is_refused_in_words_and_counted(head: Worn) -> None:
    head.go_to(5.0)
    whole = jpeg()
    cases = {
        b"": "picture:unreadable",
        b"\xff\xd8 and nothing": "picture:unreadable",
        whole[:200]: "picture:unreadable",
        jpeg(1921, 1080): "picture:size",
        jpeg(63, 63): "picture:size",
        jpeg(640, 100): "picture:size",
    }
    for data, code in cases.items():
        head.pass_time(0.2)
        assert head.glasses.see(data, head.glasses.time_ns()) == REFUSED[code]
    assert head.camera["state"] == "waiting"
    assert head.glasses.picture() is None
    drops = head.drops()
    assert (drops["picture:unreadable"], drops["picture:size"]) == (3, 3)


def test_the_size_is_read_before_anything_is_decoded(head: Worn) -> None:
    bomb = bytearray(jpeg(64, 64))
    at = bomb.index(b"\xff\xc0")
    bomb[at + 5 : at + 9] = (60_000).to_bytes(2, "big") * 2  # ten gigabytes of pixels, in a kilobyte
    assert head.glasses.see(bytes(bomb), S) == REFUSED["picture:size"]


def test_times_must_rise_and_not_lie_ahead(head: Worn) -> None:
    head.go_to(5.0)
    assert head.glasses.see(jpeg(), 5 * S) == ""
    assert head.glasses.see(jpeg(), 5 * S) == REFUSED["picture:clock"]
    assert head.glasses.see(jpeg(), 4 * S) == REFUSED["picture:clock"]
    assert head.glasses.see(jpeg(), 6 * S) == REFUSED["picture:clock"]
    assert head.drops()["picture:clock"] == 3


def test_more_pictures_than_are_wanted_are_refused_and_as_many_as_are_wanted_are_not(tmp_path: Path) -> None:
    with worn(tmp_path / "run", config=Config(capture=CaptureConfig(offered_hz=5.0))) as head:
        refused = 0
        for n in range(100):
            head.go_to(5.0 + n * 0.02)
            refused += head.glasses.see(jpeg(), head.glasses.time_ns()) == REFUSED["picture:rate"]
        assert 100 - 13 <= refused <= 100 - 10  # two seconds at five a second and a tenth more, and one saved up
        for n in range(20):
            head.go_to(10.0 + n * 0.2 + (n % 2) * 0.05)  # a camera whose pictures come unevenly
            assert head.glasses.see(jpeg(), head.glasses.time_ns()) == ""
        head.go_to(60.0)  # after a long pause
        words = [head.glasses.see(jpeg(), head.glasses.time_ns() - 50 * MS + n) for n in range(10)]
        assert words == ["", "", *[REFUSED["picture:rate"]] * 8]


def test_a_picture_becomes_a_frame_and_the_newest_can_be_fetched(head: Worn) -> None:
    head.go_to(5.0)
    assert head.glasses.see(jpeg(1920, 1080), 4900 * MS) == ""
    seen = head.steps.wait_for(FrameSeen)
    assert (seen.t_capture_ns, seen.width_px, seen.height_px) == (4900 * MS, 1920, 1080)
    got = head.glasses.picture()
    assert got is not None
    assert got[0] == seen.seq
    assert pixels.jpeg_decode(got[1]).shape == (540, 960, 3)


def test_pictures_of_a_page_are_not_taken_where_they_come_from_elsewhere(tmp_path: Path) -> None:
    with worn(tmp_path / "run", camera="gallery") as head:
        assert head.glasses.see(jpeg(), S) == REFUSED["picture:unwanted"]
        head.go_to(1.0)
        assert head.glasses.take(np.zeros((90, 160, 3), np.uint8), S) == ""
        assert head.steps.wait_for(FrameSeen).t_capture_ns == S


# ---------------------------------------------------------------- the camera, and its light


def test_the_light_is_on_while_frames_are_held_and_says_what_is_kept(head: Worn) -> None:
    assert head.camera["keeping"] is False
    assert "No frame is held" in head.camera["keeping_words"]
    head.look(3.0)
    head.glasses.on_second(DAY)
    assert (head.camera["state"], head.camera["keeping"]) == ("seeing", True)
    assert "Frames of the last about 3 s" in head.camera["keeping_words"]
    assert "in the log on this machine" in head.camera["keeping_words"]


def test_it_is_always_on_where_the_journal_keeps_pictures(tmp_path: Path) -> None:
    with worn(tmp_path / "run", config=Config(journal=JournalConfig(record_pixels=True))) as head:
        assert head.camera["keeping"] is True
        assert "in the log and in the journal" in head.camera["keeping_words"]


def test_a_camera_switched_off_sees_nothing_and_holds_nothing(tmp_path: Path) -> None:
    switched: list[bool] = []
    with worn(tmp_path / "run", switch=switched.append) as head:
        head.look(0.5)
        assert head.hear(SwitchCamera(on=False)) == (True, "The camera is off, and the frames that were held are gone.")
        assert (head.camera["on"], head.camera["state"], head.camera["keeping"]) == (False, "off", False)
        assert head.glasses.picture() is None
        head.pass_time(0.2)
        assert head.glasses.see(jpeg(), head.glasses.time_ns()) == REFUSED["camera:off"]
        head.hear(CameraTrouble(name="NotReadableError"))
        head.pass_time(10)
        head.glasses.on_second(DAY)
        assert head.camera["state"] == "off"
        assert head.hear(SwitchCamera(on=True)) == (True, "")
        assert head.camera["state"] == "waiting"
        head.look(0.3)
        assert head.camera["state"] == "seeing"
        assert switched == [False, True]
        assert head.drops()["camera:off"] == 1


def test_no_frame_slips_in_while_the_camera_is_switched_off(head: Worn) -> None:
    under_way = threading.Event()

    def see() -> None:
        for n in range(200):
            if n == 20:
                under_way.set()
            head.glasses.take(np.zeros((90, 160, 3), np.uint8), n * S)

    head.go_to(500.0)
    camera = threading.Thread(target=see)
    camera.start()
    assert under_way.wait(PATIENCE_S)
    head.hear(SwitchCamera(on=False))
    camera.join(PATIENCE_S)
    assert not camera.is_alive()
    assert head.ring.nbytes == 0
    head.glasses.on_second(DAY)
    assert head.camera["keeping"] is False


def test_a_camera_that_falls_silent_is_waited_for(head: Worn) -> None:
    head.look(0.3)
    head.pass_time(2.9)
    head.glasses.on_second(DAY)
    assert head.camera["state"] == "seeing"
    head.pass_time(2.2)
    head.glasses.on_second(DAY)
    assert head.camera["state"] == "waiting"
    assert head.camera["words"] == "No picture for 5 s. Is the page still open, and the camera allowed?"
    head.glasses.tabs(1, wearing=False)
    head.glasses.on_second(DAY)
    assert head.camera["words"] == "No picture for 5 s. No page wears the glasses."
    head.look(0.1)
    assert head.camera["state"] == "seeing"


@pytest.mark.parametrize("name", [*TROUBLE, "TypeError"])
def test_trouble_with_the_webcam_is_said_in_words_once(head: Worn, name: str) -> None:
    for _ in range(3):
        assert head.hear(CameraTrouble(name=name)) == (True, "")
    assert head.camera["state"] == "failed"
    assert head.camera["words"] == TROUBLE.get(name, "The camera cannot be used; the browser calls it TypeError.")
    assert [(line["kind"], line["text"]) for line in head.page.items("said")] == [("trouble", head.camera["words"])]
    head.look(0.1)
    assert head.camera["state"] == "seeing"


def test_a_picture_that_was_still_on_its_way_does_not_make_a_failed_camera_see_again(head: Worn) -> None:
    head.look(0.1)
    head.pass_time(0.05)
    taken_ns = head.glasses.time_ns()
    head.pass_time(0.05)
    head.hear(CameraTrouble(name="TrackEnded"))
    assert head.glasses.see(jpeg(), taken_ns) == ""
    assert (head.camera["state"], head.camera["words"]) == ("failed", TROUBLE["TrackEnded"])
    head.look(0.1)
    assert head.camera["state"] == "seeing"


def test_trouble_with_a_camera_of_this_machine_and_the_end_of_a_film(tmp_path: Path) -> None:
    with worn(tmp_path / "run", camera="server") as head:
        head.hear(CameraTrouble(name="NotFoundError"))
        assert head.camera["state"] == "waiting"  # a page's webcam is not asked for
        head.glasses.trouble("The camera is not there: plug it in.")
        assert (head.camera["state"], head.camera["words"]) == ("failed", "The camera is not there: plug it in.")
        head.glasses.trouble("The film is over.", over=True)
        assert head.camera["state"] == "over"
        assert [line["kind"] for line in head.page.items("said")] == ["trouble", "info"]


# ---------------------------------------------------------------- gaze, clock, counts


def test_one_gaze_counts_at_a_time(tmp_path: Path) -> None:
    with worn(tmp_path / "run", camera="video", own_gaze=True) as head:
        assert head.camera["gaze_from"] == "recording"
        head.go_to(5.0)
        head.glasses.look_at((GazeSample(5 * S, 0.1, 0.1, source="pointer"),))
        head.glasses.look_along((GazeSample(5 * S, 0.9, 0.9),))
        head.steps.wait_until(lambda: head.page.parts.get("eye", {"x_norm": None})["x_norm"] == 0.9)
        assert head.hear(GazeFrom(source="pointer")) == (True, "")
        assert head.camera["gaze_from"] == "pointer"
        head.glasses.look_along((GazeSample(5050 * MS, 0.9, 0.9),))
        head.pass_time(0.1)
        head.glasses.look_at((GazeSample(5100 * MS, 0.2, 0.2, source="pointer"),))
        head.steps.wait_until(lambda: (head.page.parts["eye"]["x_norm"], head.page.parts["eye"]["source"]) == (0.2, "pointer"))
        assert head.drops()["gaze_sample:unwanted"] == 2


def test_bytes_counts_and_the_clock_of_the_page_are_shown(head: Worn) -> None:
    head.look(1.0)
    head.glasses.count("page", "rate", 4)
    head.glasses.measured_clock(-20 * MS, 3 * MS)
    assert head.drops()["page:rate"] == 4
    gauges = head.page.parts["gauges"]
    stores = {store["name"]: store for store in gauges["stores"]}
    assert list(stores) == ["memory", "log", "journal", "frames", "pictures"]
    assert stores["frames"]["used_bytes"] == head.ring.nbytes > 0
    assert stores["log"]["used_bytes"] > 0
    assert stores["journal"]["used_bytes"] > 0
    assert all(store["used_bytes"] <= store["limit_bytes"] for store in stores.values())
    assert (gauges["clock_offset_ms"], gauges["clock_error_ms"]) == (-20.0, 3.0)
