"""GStreamer pipelines, real ones: their pictures, their ends, and what is said of those that fail."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from pathlib import Path

import numpy as np
import pytest

from devices.cameras import Feed, Pipeline, Shot
from edge_runtime.errors import CameraError
from edge_runtime.records import Dropped
from tests.feeding import PATIENCE_S, Notes, Patience, Pauses

needs_gstreamer = pytest.mark.skipif(shutil.which("gst-launch-1.0") is None, reason="gst-launch-1.0 absent")
RED = "videotestsrc pattern=red num-buffers={count} ! video/x-raw,width={width},height={height},framerate=30/1"
LIVE = "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=30/1"


def until_the_end(pipeline: str, *, offered_hz: float = 1e6) -> tuple[list[Shot], Pipeline, CameraError]:
    camera, shots = Pipeline(pipeline, offered_hz=offered_hz), []
    with pytest.raises(CameraError) as ended:
        for shot in camera.shots(threading.Event()):
            shots.append(shot)
    return shots, camera, ended.value


def children() -> list[int]:
    """The processes that we have started and that still run."""
    return [int(number) for listing in Path("/proc/self/task").glob("*/children") for number in listing.read_text().split()]


@needs_gstreamer
@pytest.mark.parametrize("size", [(320, 240), (1280, 720)])
def test_pictures_come_in_their_size_and_colours_and_every_one_is_handed_over_or_counted(size: tuple[int, int]) -> None:
    shots, camera, ended = until_the_end(RED.format(count=20, width=size[0], height=size[1]))
    assert "has come to its end" in str(ended)
    assert len(shots) + sum(drop.count for drop in camera.dropped()) == 20
    assert {(drop.what, drop.reason) for drop in camera.dropped()} <= {("frame", "behind")}
    assert (camera.width_px, camera.height_px) == size
    assert f"A GStreamer pipeline (videotestsrc); it gives {size[0]} x {size[1]}." in camera.note
    for shot in shots:
        assert shot.image.shape == (size[1], size[0], 3)
        assert shot.age_ns >= 0
        assert np.abs(shot.image.astype(int) - (0, 0, 255)).max() <= 4


@needs_gstreamer
def test_pictures_closer_together_than_wanted_are_left_out_and_counted() -> None:
    shots, camera, _ = until_the_end(RED.format(count=20, width=320, height=240), offered_hz=0.01)
    assert len(shots) == 1
    assert camera.dropped() == (Dropped("frame", "rate", 19),)


@needs_gstreamer
@pytest.mark.parametrize(("size", "given"), [((854, 480), (856, 480)), ((321, 241), (320, 240))])
def test_sizes_that_would_come_with_padded_rows_are_scaled_to_the_nearest_that_do_not(
    size: tuple[int, int], given: tuple[int, int]
) -> None:
    bars = f"videotestsrc num-buffers=3 ! video/x-raw,width={size[0]},height={size[1]}"
    shots, camera, _ = until_the_end(bars)
    assert (camera.width_px, camera.height_px) == given
    for shot in shots:
        # Upright bars: every row of the upper half is the same. Rows of a wrong length would lean.
        upper = shot.image[8 : given[1] // 2].astype(int)
        assert np.abs(upper - upper[0]).max() <= 8


@needs_gstreamer
def test_what_a_driver_prints_does_not_get_among_the_pictures() -> None:
    noisy = "videotestsrc pattern=red num-buffers=8 ! video/x-raw,width=320,height=240 ! tee name=both ! queue ! fdsink fd=1 both. ! queue"
    shots, _, ended = until_the_end(noisy)
    assert "has come to its end" in str(ended)
    assert all(np.abs(shot.image.astype(int) - (0, 0, 255)).max() <= 4 for shot in shots)


@needs_gstreamer
@pytest.mark.parametrize(
    ("pipeline", "words"),
    [
        ("nosuchelement ! videoflip", 'no element "nosuchelement"'),
        ("v4l2src device=/dev/video97", "Cannot identify device '/dev/video97'"),
        ("videotestsrc ! jpegenc", "could not link"),
        ("filesrc location=/nowhere.mp4 ! decodebin", "Resource not found"),
    ],
)
def test_a_pipeline_that_fails_is_said_in_its_own_words(pipeline: str, words: str) -> None:
    _, _, ended = until_the_end(pipeline)
    assert words.lower() in str(ended).lower()
    assert str(ended).startswith("pipeline fails: ")
    assert "gst-launch-1.0" in ended.hint


@needs_gstreamer
def test_a_password_is_not_repeated_when_its_pipeline_fails() -> None:
    notes, pauses = Notes(), Pauses(1)
    camera = Pipeline("rtspsrc location=rtsp://wearer:hunter2@127.0.0.1:1/hunter2 user-pw=hunter2 ! decodebin", offered_hz=10.0)
    with Feed(camera, notes.take, on_trouble=notes.hear, wait=pauses):
        notes.until(lambda: bool(notes.words))
    assert not [words for words in notes.words if "hunter2" in words]


def test_without_gstreamer_the_packages_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CameraError, match=r"needs gst-launch-1\.0, which is not installed") as absent:
        next(Pipeline("videotestsrc", offered_hz=10.0).shots(threading.Event()))
    assert "apt install gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good" in absent.value.hint


# ------------------------------------------------------------ as a feed runs it


@needs_gstreamer
def test_stopped_it_leaves_no_process_behind() -> None:
    notes = Notes()
    with Feed(Pipeline(LIVE, offered_hz=30.0), notes.take, on_trouble=notes.hear):
        notes.until(lambda: len(notes.shots) >= 3)
        assert len(children()) == 1
    assert children() == []
    assert notes.words == []


@needs_gstreamer
def test_a_pipeline_that_crashes_is_said_and_started_again() -> None:
    notes = Notes()
    with Feed(Pipeline(LIVE, offered_hz=30.0), notes.take, on_trouble=notes.hear, wait=Pauses()):
        notes.until(lambda: len(notes.shots) >= 3)
        (number,) = children()
        os.kill(number, signal.SIGKILL)
        notes.until(lambda: bool(notes.words))
        before = len(notes.shots)
        notes.until(lambda: len(notes.shots) >= before + 3)
    assert len(notes.words) == 1


@needs_gstreamer
def test_a_pipeline_that_gives_nothing_is_ended_by_the_watchdog() -> None:
    notes, pauses = Notes(), Pauses(1)
    clock = Patience(lambda: bool(children()) and not notes.words)
    camera = Pipeline("videotestsrc is-live=true ! valve drop=true", offered_hz=10.0)
    with Feed(camera, notes.take, on_trouble=notes.hear, wait=pauses, now_ns=clock.now_ns, watch=clock.wait) as feed:
        assert pauses.enough.wait(PATIENCE_S)
        assert children() == []
    assert notes.words == ["pipeline has given no picture for 5 s: it is closed and opened again"]
    assert feed.dropped() == (Dropped("camera", "silent", 1),)
