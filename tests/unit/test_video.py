"""Video files: real ones, written here, cut off and turned for real."""

from __future__ import annotations

import logging
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from devices.video import VideoFile, open_video
from edge_runtime.config import MS, S
from edge_runtime.errors import VideoError
from edge_runtime.records import Dropped

SIZE = (160, 120)


def grey(number: int) -> int:
    """How bright a frame is."""
    return 20 + 67 * number % 211


def write(path: Path, frames: int, *, fps: float = 30.0, codec: str = "mp4v", size: tuple[int, int] = SIZE) -> Path:
    """A video of grey frames; no frame is like its neighbours, so that one can be told from the next after lossy coding."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, size)
    assert writer.isOpened()
    for number in range(frames):
        writer.write(np.full((size[1], size[0], 3), grey(number), np.uint8))
    writer.release()
    return path


def cut(path: Path, share: float) -> Path:
    """The same file without its end."""
    data = path.read_bytes()
    short = path.with_name(f"cut-{path.name}")
    short.write_bytes(data[: int(share * len(data))])
    return short


# ------------------------------------------------------------ frames and their times


@pytest.mark.parametrize(("name", "codec"), [("clip.mp4", "mp4v"), ("clip.avi", "MJPG"), ("clip.mkv", "MJPG")])
def test_every_third_frame_of_30_is_offered_at_10_hz_at_its_own_time(tmp_path: Path, name: str, codec: str) -> None:
    video = VideoFile(write(tmp_path / name, 60, codec=codec), offered_hz=10.0)

    frames = list(video.frames())

    assert [frame.seq for frame in frames] == list(range(20))
    assert [round(frame.t_capture_ns / (100 * MS), 1) for frame in frames] == [float(n) for n in range(20)]
    assert video.dropped() == (Dropped("frame", "rate", 40),)
    for frame in frames:
        assert frame.image.shape == (120, 160, 3)
        assert frame.image.dtype == np.uint8
        assert float(frame.image.mean()) == pytest.approx(grey(3 * frame.seq), abs=12)


def test_the_first_frame_is_at_zero_and_times_rise(tmp_path: Path) -> None:
    frames = list(VideoFile(write(tmp_path / "clip.mp4", 50, fps=25.0), offered_hz=10.0).frames())
    times = [frame.t_capture_ns for frame in frames]

    assert times[0] == 0
    assert times == sorted(set(times))
    assert len(times) == 20  # two seconds: 25 does not divide by 10, but the rate is kept on the long run


def test_a_slow_video_is_offered_whole(tmp_path: Path) -> None:
    video = VideoFile(write(tmp_path / "clip.mp4", 12, fps=6.0), offered_hz=10.0)

    assert [round(frame.t_capture_ns / S * 6) for frame in video.frames()] == list(range(12))
    assert video.dropped() == ()


def test_playing_twice_gives_the_same_and_counts_afresh(tmp_path: Path) -> None:
    video = VideoFile(write(tmp_path / "clip.avi", 30, codec="MJPG"), offered_hz=10.0)

    first = [(frame.seq, frame.t_capture_ns, frame.image.tobytes()) for frame in video.frames()]
    again = [(frame.seq, frame.t_capture_ns, frame.image.tobytes()) for frame in video.frames()]

    assert first == again
    assert video.skipped == 20


def test_a_pass_that_is_given_up_does_not_hold_the_file(tmp_path: Path) -> None:
    video = VideoFile(write(tmp_path / "clip.mp4", 30), offered_hz=10.0)
    frames = video.frames()
    next(frames)
    frames.close()  # type: ignore[attr-defined]

    assert len(list(video.frames())) == 10


def test_a_header_without_a_length_is_counted_out(tmp_path: Path) -> None:
    stream = b"".join(bytes(cv2.imencode(".jpg", np.full((120, 160, 3), 4 * n, np.uint8))[1]) for n in range(25))
    (tmp_path / "raw.mjpeg").write_bytes(stream)

    recording = open_video(tmp_path / "raw.mjpeg", offered_hz=100.0)

    assert recording.duration_ns == 1 * S
    assert len(list(recording.frames())) == 25


def test_a_recording_says_what_it_is(tmp_path: Path) -> None:
    recording = open_video(write(tmp_path / "walk.mp4", 60), offered_hz=10.0)

    assert (recording.name, recording.width_px, recording.height_px) == ("walk", 160, 120)
    assert (recording.has_gaze, recording.gaze, recording.script) == (False, (), ())
    assert recording.duration_ns == 2 * S
    assert recording.note == "A video file, 160 x 120, no gaze of its own."


def test_a_video_held_upright_is_turned_upright(tmp_path: Path) -> None:
    data = bytearray(write(tmp_path / "clip.mp4", 10).read_bytes())
    # The track header of an MP4 file ends in a matrix (ISO 14496-12, 8.3.2); this one turns the picture by a quarter.
    matrix = data.index(b"tkhd") + 4 + 40
    data[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, SIZE[1] << 16, 0, 1 << 30)
    (tmp_path / "upright.mp4").write_bytes(data)

    recording = open_video(tmp_path / "upright.mp4", offered_hz=30.0)

    assert (recording.width_px, recording.height_px) == (120, 160)
    assert {frame.image.shape for frame in recording.frames()} == {(160, 120, 3)}


def test_a_change_of_resolution_loses_no_frame(tmp_path: Path) -> None:
    sizes = [(120, 160)] * 10 + [(240, 320)] * 10
    stream = b"".join(bytes(cv2.imencode(".jpg", np.full((*size, 3), 8 * n, np.uint8))[1]) for n, size in enumerate(sizes))
    (tmp_path / "change.mjpeg").write_bytes(stream)

    frames = list(VideoFile(tmp_path / "change.mjpeg", offered_hz=100.0).frames())

    assert [round(float(frame.image.mean()) / 8) for frame in frames] == list(range(20))


# ------------------------------------------------------------ what is cut off


@pytest.mark.parametrize(("name", "codec"), [("clip.avi", "MJPG"), ("clip.mkv", "MJPG")])
def test_a_file_cut_off_delivers_what_there_is_and_says_how_much_is_lost(
    tmp_path: Path, name: str, codec: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = cut(write(tmp_path / name, 60, codec=codec), 0.6)
    video = VideoFile(path, offered_hz=30.0)

    with caplog.at_level(logging.WARNING):
        delivered = len(list(video.frames()))

    assert 30 <= delivered <= 40
    assert video.dropped() == (Dropped("frame", "truncated", 60 - delivered),)
    assert caplog.messages == [f"{path} ends early: {60 - delivered} of 60 frames are missing"]


def test_a_whole_file_is_not_said_to_be_cut_off(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    list(VideoFile(write(tmp_path / "clip.mp4", 60), offered_hz=10.0).frames())

    assert caplog.messages == []


def test_an_mp4_without_its_end_cannot_be_read_and_the_hint_says_why(tmp_path: Path) -> None:
    path = cut(write(tmp_path / "clip.mp4", 60), 0.6)

    with pytest.raises(VideoError, match=f"{path} cannot be decoded as a video") as caught:
        open_video(path, offered_hz=10.0)

    assert "an MP4 file is unreadable without its end" in caught.value.hint


# ------------------------------------------------------------ what is no video


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"nowhere\.mp4 does not exist") as caught:
        open_video(tmp_path / "nowhere.mp4", offered_hz=10.0)

    assert caught.value.hint == "give the path of a video file, or 'sample' or 'street'"
    assert caught.value.exit_code == 3


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="is a folder, not a video") as caught:
        open_video(tmp_path, offered_hz=10.0)

    assert caught.value.hint == "a folder is replayed when it holds a journal"


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()

    with pytest.raises(VideoError, match=r"empty\.mp4 is empty") as caught:
        open_video(tmp_path / "empty.mp4", offered_hz=10.0)

    assert caught.value.hint == "the recording or the copy was cut off; get it again"


@pytest.mark.parametrize("data", [b"this is a letter, not a film\n" * 99, bytes(range(256)) * 40], ids=["text", "bytes"])
def test_something_that_is_no_video(tmp_path: Path, data: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "film.mp4").write_bytes(data)

    with pytest.raises(VideoError, match=r"film\.mp4 cannot be decoded as a video") as caught:
        open_video(tmp_path / "film.mp4", offered_hz=10.0)

    assert caught.value.hint.startswith("check that a player opens it; MP4, MKV, AVI and MOV")
    assert capfd.readouterr().err == "", "the decoder keeps its own words to itself"


def test_a_video_without_frames(tmp_path: Path) -> None:
    path = write(tmp_path / "none.avi", 0, codec="MJPG")

    with pytest.raises(VideoError, match=r"none\.avi (holds no frame that can be decoded|cannot be decoded as a video|is empty)") as caught:
        open_video(path, offered_hz=10.0)

    assert "cut off" in caught.value.hint


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "clip.mp4", 3)

    def refuse(self: Path, *_: object, **__: object) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(VideoError, match=r"clip\.mp4 cannot be read: Permission denied") as caught:
        open_video(path, offered_hz=10.0)

    assert caught.value.hint == "check the permissions of the file and its folder"


def test_a_rate_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frames are offered at a positive rate, got 0"):
        open_video(tmp_path / "clip.mp4", offered_hz=0.0)
