"""``simulator --camera server``: a camera of this machine, tried before a page is opened."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from apps.main import main
from apps.simulator import wear
from devices.cameras import open_webcam
from edge_runtime.config import Config
from edge_runtime.journal import JournalReader
from edge_runtime.models.looker import ThumbLooker
from edge_runtime.models.opening import only_looking


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="device files are Linux")
def test_without_a_camera_it_ends_with_one_line_and_a_hint_and_no_page_is_opened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert main(["simulator", "--camera", "server", "--device", "97", "--out", str(out), "--no-open"]) == 5
    said = capsys.readouterr()
    assert said.out == ""
    line, hint = said.err.splitlines()
    assert line == "edge-runtime: there is no camera at /dev/video97"
    assert hint.startswith("hint: ")
    assert not out.exists()


def test_the_run_knows_the_size_that_the_camera_really_gives(tmp_path: Path) -> None:
    """A video file, read through the capture that reads cameras, gives 4 to 3 where 16 to 9 is asked for."""
    film = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter.fourcc(*"MJPG"), 30.0, (320, 240))
    for _ in range(3):
        writer.write(np.full((240, 320, 3), 90, np.uint8))
    writer.release()
    camera = open_webcam(str(film), offered_hz=10.0, opener=lambda device: cv2.VideoCapture(str(device)))
    with wear("server", camera, tmp_path / "run", Config(), only_looking(ThumbLooker())):
        pass
    head = JournalReader(tmp_path / "run").heads[0]
    assert (head.width_px, head.height_px) == (320, 240)
    assert "it gives 320 x 240" in head.note
