"""A camera on the network: a server on this machine that is there, goes away, hangs, and comes back."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from devices.cameras import Feed, Rtsp, read_stamp
from devices.cameras.stamp import Stamp, paint_stamp
from edge_runtime.errors import CameraError
from edge_runtime.pixels import Picture
from tests.feeding import PATIENCE_S, Notes, Pauses
from tests.rtsp_stand_in import MPEG_TS, RtspStandIn, Stream, mpeg_ts, write_mpeg_ts

FPS = 25.0
PICTURES = 50


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[float, bytes]]:
    """Two seconds of pictures that say which they are."""
    path = tmp_path_factory.mktemp("film") / "film.ts"
    pictures: list[Picture] = [np.full((240, 320, 3), 100, np.uint8) for _ in range(PICTURES)]
    for count, picture in enumerate(pictures):
        paint_stamp(picture, Stamp(count, 0))
    write_mpeg_ts(path, pictures, FPS)
    return mpeg_ts(path)


def round_and_round(film: list[tuple[float, bytes]]) -> Iterator[tuple[float, bytes]]:
    for turn in itertools.count():
        yield from ((due_s + turn * PICTURES / FPS, payload) for due_s, payload in film)


def then_hangs(film: list[tuple[float, bytes]]) -> Iterator[tuple[float, bytes]]:
    yield from film
    yield 3600.0, b""


@pytest.fixture
def server(film: list[tuple[float, bytes]]) -> Iterator[RtspStandIn]:
    streams = {
        "/live": Stream(MPEG_TS, lambda: round_and_round(film)),
        "/hangs": Stream(MPEG_TS, lambda: then_hangs(film)),
    }
    with RtspStandIn(streams) as standing:
        yield standing


def test_pictures_come_in_order_and_say_what_they_are(server: RtspStandIn) -> None:
    notes = Notes()
    camera = Rtsp(server.url("/live"), offered_hz=100.0)
    with Feed(camera, notes.take, on_trouble=notes.hear):
        notes.until(lambda: len(notes.shots) >= 20)
    assert notes.words == []
    counts = [stamp.count for shot in notes.shots if (stamp := read_stamp(shot.image)) is not None]
    assert len(counts) >= 18
    assert all(later > earlier or later < 5 for earlier, later in itertools.pairwise(counts))
    assert (camera.width_px, camera.height_px) == (320, 240)
    assert camera.note.startswith(f"A camera on the network (rtsp://127.0.0.1:{server.port}/…); it gives 320 x 240.")
    assert "their age counts from their arrival" in camera.note


def test_a_server_that_goes_away_is_said_and_asked_until_it_is_back(server: RtspStandIn) -> None:
    notes, pauses = Notes(), Pauses()
    with Feed(Rtsp(server.url("/live"), offered_hz=100.0), notes.take, on_trouble=notes.hear, wait=pauses):
        notes.until(lambda: len(notes.shots) >= 3)
        server.__exit__(None, None, None)
        notes.until(lambda: len(notes.words) >= 2)
        before = len(notes.shots)
        server.__enter__()
        notes.until(lambda: len(notes.shots) >= before + 3)
    name = f"rtsp://127.0.0.1:{server.port}/…"
    assert notes.words[0].startswith(f"{name} has ended its stream")
    assert notes.words[1].startswith(f"{name} does not open")
    assert pauses.seconds[:2] == [1.0, 2.0]


def test_a_stream_that_is_not_there_is_said_without_its_password(server: RtspStandIn, capfd: pytest.CaptureFixture[str]) -> None:
    url = server.url("/nowhere").replace("//", "//wearer:hunter2@")
    with pytest.raises(CameraError, match=r"rtsp://127\.0\.0\.1:\d+/… does not open") as refused:
        next(Rtsp(url, offered_hz=10.0).shots(threading.Event()))
    assert "DESCRIBE /nowhere" in server.asked
    said = capfd.readouterr()
    assert "hunter2" not in f"{refused.value} {refused.value.hint} {said.out} {said.err}"


@pytest.mark.slow
def test_a_server_that_falls_silent_is_given_up(server: RtspStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devices.cameras.rtsp.SILENT_S", 0.5)
    shots = Rtsp(server.url("/hangs"), offered_hz=100.0).shots(threading.Event())
    with pytest.raises(CameraError, match=r"has sent nothing for 0\.5 s"):
        for _ in shots:
            pass


@pytest.mark.slow
def test_stopping_does_not_wait_for_a_server_that_says_nothing(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the connection and never answers: the reader is left to the decoder's own time limit, and that is said."""
    monkeypatch.setattr("devices.cameras.rtsp.SILENT_S", 2.0)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        mute.settimeout(PATIENCE_S)
        camera = Rtsp(f"rtsp://127.0.0.1:{mute.getsockname()[1]}/live", offered_hz=10.0)
        with Feed(camera, lambda shot: None, on_trouble=lambda words: None):
            connection, _ = mute.accept()
        assert not any(thread.name == "camera" for thread in threading.enumerate())
        assert "is left behind until it does" in caplog.text
        (reader,) = (thread for thread in threading.enumerate() if thread.name == "camera reader")
        reader.join(PATIENCE_S)
        assert not reader.is_alive()
        connection.close()
