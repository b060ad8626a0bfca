"""What a camera can be called on the command line, and what of it may be repeated."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from devices.cameras import FORMS, Camera, Pipeline, Player, Rtsp, Synthetic, Webcam, open_camera
from devices.cameras.masked import masked
from edge_runtime.errors import UsageError, VideoError


def camera(spec: str, hfov_deg: float | None = None) -> Camera:
    return open_camera(spec, offered_hz=10.0, hfov_deg=hfov_deg)


@pytest.mark.parametrize(
    ("spec", "kind", "name"),
    [
        ("0", Webcam, "camera 0"),
        ("/dev/video2", Webcam, "/dev/video2"),
        ("gst:videotestsrc ! videoflip", Pipeline, "pipeline"),
        ("csi:1", Pipeline, "sensor 1"),
        ("rtsp://127.0.0.1:8554/live", Rtsp, "rtsp://127.0.0.1:8554/…"),
        ("rtsps://10.0.0.7", Rtsp, "rtsps://10.0.0.7"),
        ("synthetic", Synthetic, "synthetic"),
    ],
)
def test_every_form_finds_its_camera_and_nothing_is_opened_yet(spec: str, kind: type[Camera], name: str) -> None:
    found = camera(spec)
    assert type(found) is kind
    assert found.name == name
    assert (found.width_px, found.height_px) == (1280, 720)
    assert "1280 x 720" in found.note
    assert found.live


def test_a_film_is_looked_into_at_once_and_played_at_its_speed(tmp_path: Path) -> None:
    film = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (160, 120))
    writer.write(np.zeros((120, 160, 3), np.uint8))
    writer.release()
    found = camera(str(film))
    assert isinstance(found, Player)
    assert (found.width_px, found.height_px, found.live) == (160, 120, False)
    assert found.note == "A video file, 160 x 120, no gaze of its own. Its field of view is assumed: 90 degrees."
    assert camera(str(film), 70.0).note.endswith("Its field of view is as given: 70 degrees.")

    film.write_bytes(b"no film")
    with pytest.raises(VideoError, match="cannot be decoded"):
        camera(str(film))


@pytest.mark.parametrize("spec", ["", "camera", "-1", "٣", "gst", "csi:", "csi:left", "/nowhere/film.mp4", "rtp://host/", "Synthetic"])
def test_a_word_that_means_no_camera_is_answered_with_the_forms(spec: str) -> None:
    with pytest.raises(UsageError, match="no camera or file called") as caught:
        camera(spec)
    assert FORMS in caught.value.hint
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(("spec", "words"), [("gst:", "pipeline is empty"), ("gst:v4l2src device='/dev/video0", "No closing quotation")])
def test_a_pipeline_that_is_none_is_said(spec: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        camera(spec)


@pytest.mark.parametrize("spec", ["0", "gst:videotestsrc", "csi:0", "rtsp://127.0.0.1/x"])
def test_a_field_of_view_is_assumed_unless_it_is_given(spec: str) -> None:
    assert "Its field of view is assumed: " in camera(spec).note
    given = camera(spec, 61.5)
    assert given.hfov_deg == 61.5
    assert "Its field of view is as given: 61.5 degrees." in given.note


@pytest.mark.parametrize(("spec", "hfov_deg"), [("gallery", 60.0), ("synthetic", 60.0), ("0", 0.0), ("0", 180.0), ("0", float("nan"))])
def test_a_field_of_view_that_cannot_be_is_refused(spec: str, hfov_deg: float) -> None:
    with pytest.raises(UsageError, match="field of view"):
        camera(spec, hfov_deg)


def test_what_has_not_been_tried_on_a_board_says_so() -> None:
    assert "never been tried" in camera("csi:0").note


# ------------------------------------------------------------ passwords

SECRETS = [
    "rtsp://wearer:hunter2@10.0.0.7:554/live",
    "rtsp://wearer:hun@ter2@10.0.0.7/live",
    "rtsp://wearer:hun/ter2@10.0.0.7/live",
    "rtsp://10.0.0.7/user=admin&password=hunter2&channel=1",
    "rtsp://10.0.0.7/user=admin_password=hun@ter2",
    "rtsp://10.0.0.7/live?token=hunter2",
    "rtsp://10.0.0.7?hunter2",
    "rtsps://hunter2@10.0.0.7:322/#ter2",
]


@pytest.mark.parametrize("url", SECRETS)
def test_a_password_in_an_address_is_shown_nowhere(url: str) -> None:
    found = camera(url)
    with pytest.raises(UsageError) as wrong:
        camera(f"x{url}")
    pipeline = camera(f"gst:rtspsrc location={url} user-pw=hunter2 ! decodebin")
    shown = [found.name, found.note, repr(found), str(wrong.value), wrong.value.hint, pipeline.name, pipeline.note, masked(f'to "{url}".')]
    assert not [words for words in shown if "hun" in words or "ter2" in words]
    assert pipeline.note.startswith("A GStreamer pipeline (rtspsrc ! decodebin);")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("no address here: 3 of 4", "no address here: 3 of 4"),
        ("rtsp://10.0.0.7:554", "rtsp://10.0.0.7:554"),
        ("rtsp://a:b@10.0.0.7:554/live", "rtsp://10.0.0.7:554/…"),
        ("rtsp://a:b/c@10.0.0.7/", "rtsp://…"),
        ("rtspsrc user-pw=b protocols=tcp", "rtspsrc user-pw=… protocols=tcp"),
        ('srtsrc passphrase = "b c" latency=1', "srtsrc passphrase = … latency=1"),
    ],
)
def test_the_rest_may_be_shown(words: str, shown: str) -> None:
    assert masked(words) == shown
