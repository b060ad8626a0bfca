"""Writing a Matroska film of JPEG pictures, each with a time of its own, that stays readable wherever it is cut off.

The video writer of OpenCV keeps no time but its frame rate, does not tell when the disk refuses, and leaves an MP4 file that nobody can
open if the process is killed. Here every picture is a cluster of its own, on disk as soon as it is written, and nothing at the end of the
file is needed to read it. The parts are those of RFC 9559 (Matroska) and RFC 8794 (EBML).
"""

from __future__ import annotations

import struct
from pathlib import Path

from devices.growing_file import GrowingFile

_MS = 1_000_000
_EBML = 0x1A45DFA3
_SEGMENT, _LENGTH_UNKNOWN = 0x18538067, bytes.fromhex("01ffffffffffffff")
_INFO, _TIMESTAMP_SCALE, _DURATION, _MUXING_APP, _WRITING_APP = 0x1549A966, 0x2AD7B1, 0x4489, 0x4D80, 0x5741
_TRACKS, _TRACK_ENTRY, _TRACK_NUMBER, _TRACK_UID, _TRACK_TYPE, _FLAG_LACING = 0x1654AE6B, 0xAE, 0xD7, 0x73C5, 0x83, 0x9C
_DEFAULT_DURATION, _CODEC_ID, _VIDEO, _PIXEL_WIDTH, _PIXEL_HEIGHT = 0x23E383, 0x86, 0xE0, 0xB0, 0xBA
_CLUSTER, _CLUSTER_TIMESTAMP, _SIMPLE_BLOCK = 0x1F43B675, 0xE7, 0xA3
_VOID = 0xEC
_KEY_FRAME = bytes([0x81, 0, 0, 0x80])
"""Track 1, at the time of its cluster, a picture that needs no other."""
_APP = b"edge_runtime"


def picture(t_ms: int, jpeg: bytes) -> bytes:
    """One picture as it stands in the file.

    Args:
        t_ms: When, from the beginning of the film.
        jpeg: A JPEG file.
    """
    return _element(_CLUSTER, _number(_CLUSTER_TIMESTAMP, t_ms) + _element(_SIMPLE_BLOCK, _KEY_FRAME + jpeg))


class MatroskaFile(GrowingFile):
    """A film that is being written. One that was not finished lacks its length, and nothing else.

    Args:
        path: A file that is not there yet.
        width_px: Of every picture.
        height_px: Of every picture.
        period_ns: From picture to picture, about; the true mean is written by :meth:`finish`.

    Raises:
        OSError: The disk refuses.
    """

    def __init__(self, path: Path, *, width_px: int, height_px: int, period_ns: int) -> None:
        super().__init__(path)
        self._size_px = (width_px, height_px)
        try:
            self.append(_head(self._size_px, None, period_ns))
        except OSError:
            self.close()
            raise

    def finish(self, pictures: int, last_ms: int) -> None:
        """Write down how long it lasts.

        Args:
            pictures: How many there are, at least two: one alone lasts for no time.
            last_ms: When the last of them was.

        Raises:
            OSError: The disk refuses.
        """
        period_ms = last_ms / (pictures - 1)
        self.replace(_head(self._size_px, pictures * period_ms, round(period_ms * _MS)))


def _head(size_px: tuple[int, int], duration_ms: float | None, period_ns: int) -> bytes:
    """Everything before the first picture; as many bytes with the duration as without."""
    duration = _element(_DURATION, struct.pack(">d", duration_ms or 0.0))
    info = (
        _number(_TIMESTAMP_SCALE, _MS)
        + _element(_MUXING_APP, _APP)
        + _element(_WRITING_APP, _APP)
        + (_void(len(duration)) if duration_ms is None else duration)
    )
    video = _number(_PIXEL_WIDTH, size_px[0]) + _number(_PIXEL_HEIGHT, size_px[1])
    track = (
        _number(_TRACK_NUMBER, 1)
        + _number(_TRACK_UID, 1)
        + _number(_TRACK_TYPE, 1)
        + _number(_FLAG_LACING, 0)
        + _number(_DEFAULT_DURATION, period_ns)
        + _element(_CODEC_ID, b"V_MJPEG")
        + _element(_VIDEO, video)
    )
    versions = ((0x4286, 1), (0x42F7, 1), (0x42F2, 4), (0x42F3, 8), (0x4287, 4), (0x4285, 2))
    ebml = _element(0x4282, b"matroska") + b"".join(_number(name, value) for name, value in versions)
    segment = _name(_SEGMENT) + _LENGTH_UNKNOWN
    return _element(_EBML, ebml) + segment + _element(_INFO, info) + _element(_TRACKS, _element(_TRACK_ENTRY, track))


def _name(name: int) -> bytes:
    return name.to_bytes((name.bit_length() + 7) // 8, "big")


def _element(name: int, content: bytes) -> bytes:
    return _name(name) + (1 << 56 | len(content)).to_bytes(8, "big") + content


def _number(name: int, value: int) -> bytes:
    return _element(name, value.to_bytes(8, "big"))


def _void(nbytes: int) -> bytes:
    """Nothing, so many bytes of it."""
    return _element(_VOID, bytes(nbytes - len(_element(_VOID, b""))))
