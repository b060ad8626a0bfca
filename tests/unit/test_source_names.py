"""Names of cameras and sources of gaze, before anything is opened."""

from __future__ import annotations

import pytest

from devices.source_names import check_camera, check_gaze
from edge_runtime.errors import UsageError


@pytest.mark.parametrize(
    "name",
    ["0", "12", "/dev/video9", "gst:videotestsrc", "csi:0", "rtsp://10.0.0.4/x", "synthetic", "gallery", "walk.mp4", "/mnt/not/there/yet"],
)
def test_what_may_be_there_later_passes(name: str) -> None:
    check_camera(name)


@pytest.mark.parametrize(
    ("name", "hint"), [("galery", "did you mean gallery"), ("webcam", "a camera is 0 or /dev/video2"), ("", "a camera is")]
)
def test_a_name_that_no_camera_can_have_is_refused(name: str, hint: str) -> None:
    with pytest.raises(UsageError, match="there is no camera called") as raised:
        check_camera(name)
    assert raised.value.hint.startswith(hint)


@pytest.mark.parametrize("name", ["own", "none", "prior", "saliency", "pointer", "aria", "pupil:192.168.1.7"])
def test_gaze_by_its_names(name: str) -> None:
    check_gaze(name)


def test_gaze_that_there_is_not_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="there is no gaze called 'saliencey'") as raised:
        check_gaze("saliencey")
    assert raised.value.hint.startswith("did you mean saliency?")
