"""Uncompressed pictures in a stream that says its own size. The streams are written out here; no program is needed."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest

from devices.cameras.y4m import Y4mStream
from edge_runtime.errors import CameraError
from edge_runtime.pixels import Picture

HEAD = b"YUV4MPEG2 W16 H8 F30:1 Ip A1:1 C420jpeg\n"


def stream(data: bytes) -> Y4mStream:
    file = io.BytesIO(data)
    return Y4mStream(lambda buffer: file.readinto(buffer) == len(buffer))


def planes(picture: Picture) -> bytes:
    return bytes(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420).tobytes())


def flat(*bgr: int) -> Picture:
    return np.full((8, 16, 3), bgr, np.uint8)


def test_pictures_come_one_after_the_other_in_their_colours() -> None:
    shown = [flat(255, 0, 0), flat(0, 255, 0), flat(0, 0, 255)]
    pictures = stream(HEAD + b"".join(b"FRAME\n" + planes(picture) for picture in shown))
    assert (pictures.width_px, pictures.height_px) == (0, 0)
    for picture in shown:
        assert pictures.advance()
        assert (pictures.width_px, pictures.height_px) == (16, 8)
        assert np.abs(pictures.picture().astype(int) - picture).max() <= 3
    assert not pictures.advance()


def test_a_picture_is_a_copy_that_the_next_does_not_change() -> None:
    pictures = stream(HEAD + b"FRAME\n" + planes(flat(10, 10, 10)) + b"FRAME\n" + planes(flat(200, 200, 200)))
    pictures.advance()
    first = pictures.picture()
    pictures.advance()
    assert first.mean() < 20
    assert pictures.picture().mean() > 190


def test_a_picture_may_be_passed_over_without_being_converted() -> None:
    pictures = stream(HEAD + b"".join(b"FRAME\n" + planes(flat(n, n, n)) for n in (10, 90, 200)))
    assert pictures.advance() and pictures.advance() and pictures.advance()
    assert pictures.picture().mean() > 190


def test_the_line_of_a_frame_may_say_more() -> None:
    pictures = stream(HEAD + b"FRAME Ip XA=1\n" + planes(flat(90, 90, 90)))
    assert pictures.advance()
    assert abs(pictures.picture().mean() - 90) < 3


@pytest.mark.parametrize("colour", [b"", b" C420", b" C420mpeg2"], ids=["unsaid", "plain", "MPEG-2"])
def test_a_stream_that_does_not_say_its_kind_is_4_2_0(colour: bytes) -> None:
    assert stream(b"YUV4MPEG2 W16 H8" + colour + b"\nFRAME\n" + planes(flat(9, 9, 9))).advance()


@pytest.mark.parametrize("left", [0, 20, len(HEAD), len(HEAD) + 3, len(HEAD) + 6, len(HEAD) + 6 + 191])
def test_a_stream_that_is_cut_off_ends(left: int) -> None:
    whole = HEAD + b"FRAME\n" + planes(flat(9, 9, 9))
    assert len(whole) == len(HEAD) + 6 + 192
    assert not stream(whole[:left]).advance()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"RIFF....AVI LIST\n", "no stream of pictures"),
        (b"\0" * 2000, "no stream of pictures"),
        (b"YUV4MPEG2 W16 H8 C444\n", "kind 444"),
        (b"YUV4MPEG2 W16 H8 C420p10\n", "kind 420p10"),
        (b"YUV4MPEG2 W15 H8\n", "such a size .* 15"),
        (b"YUV4MPEG2 W0 H8\n", "such a size .* 0"),
        (b"YUV4MPEG2 W16\n", "such a size .* none"),
        (b"YUV4MPEG2 W99999999 H8\n", "such a size"),
        (b"YUV4MPEG2 W-16 H8\n", "such a size .* -16"),
    ],
)
def test_what_cannot_be_read_is_said_with_what_can(data: bytes, words: str) -> None:
    with pytest.raises(CameraError, match=words) as caught:
        stream(data + b"FRAME\n").advance()
    assert "I420" in caught.value.hint


def test_a_stream_out_of_step_is_said_and_not_shown() -> None:
    pictures = stream(HEAD + b"FRAME\n" + planes(flat(9, 9, 9)) + b"no line\n" * 40)
    assert pictures.advance()
    with pytest.raises(CameraError, match="out of step"):
        pictures.advance()
