"""The stand-in for a network camera, as OpenCV's own FFmpeg meets it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.rtsp_stand_in import MPEG_TS, RtspStandIn, Stream, mpeg_ts, write_mpeg_ts

PICTURES = 12


@pytest.fixture
def film(tmp_path: Path) -> list[tuple[float, bytes]]:
    rng = np.random.default_rng(1)
    path = tmp_path / "film.ts"
    write_mpeg_ts(path, [rng.integers(0, 256, (96, 128, 3), np.uint8) for _ in range(PICTURES)], 30.0)
    return mpeg_ts(path)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_opencv_plays_it_again_and_again_over_one_port(
    film: list[tuple[float, bytes]], transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", f"rtsp_transport;{transport}")
    server = RtspStandIn({"/film": Stream(MPEG_TS, lambda: iter(film))})
    ports = set()
    for _ in range(2):
        with server:
            ports.add(server.port)
            capture = cv2.VideoCapture(server.url("/film"), cv2.CAP_FFMPEG)
            shapes = []
            while capture.grab():
                shapes.append(capture.retrieve()[1].shape)
            capture.release()
        # the decoder keeps the last pictures back until it is told that no more will come, which RTSP does not say
        assert PICTURES - 2 <= len(shapes) <= PICTURES and set(shapes) == {(96, 128, 3)}
    assert len(ports) == 1
    assert [asked.split()[0] for asked in server.asked[:4]] == ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"]


def test_a_path_that_is_not_there_does_not_open(film: list[tuple[float, bytes]]) -> None:
    with RtspStandIn({"/film": Stream(MPEG_TS, lambda: iter(film))}) as server:
        capture = cv2.VideoCapture(server.url("/other"), cv2.CAP_FFMPEG)
        assert not capture.isOpened()
        capture.release()


def test_hanging_up_ends_the_film_and_the_next_caller_is_served(film: list[tuple[float, bytes]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp")
    hangs = [*film, (3600.0, b"")]
    with RtspStandIn({"/film": Stream(MPEG_TS, lambda: iter(hangs))}) as server:
        for _ in range(2):
            capture = cv2.VideoCapture(server.url("/film"), cv2.CAP_FFMPEG)
            assert capture.grab()
            server.hang_up()
            while capture.grab():
                pass
            capture.release()
