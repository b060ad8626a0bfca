"""A video file as a recording: decoded on the way, offered at no more than a given rate, by capture time."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path

# The decoder would write its own words to standard error, beside the one line that an error of ours is. It reads this once.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

import cv2
import numpy as np

from devices.recording import Recording
from edge_runtime.config import S
from edge_runtime.errors import VideoError
from edge_runtime.hosts.capture import Frame
from edge_runtime.records import Dropped

_log = logging.getLogger(__name__)

_HINT_PLAY = "check that a player opens it; MP4, MKV, AVI and MOV with common codecs are known to work"
_HINT_CUT = "if the recording or the copy was cut off, get it again; an MP4 file is unreadable without its end"
_USUAL_FPS = 30.0
_MOST_FRAMES = 10**8
"""A header that promises more than this says nothing."""
_HEADER_SLACK = 2
"""Headers count a frame or two that no decoder gives back; only more than that is a loss."""


class VideoFile:
    """Frames of one file, by presentation time.

    The first frame is at 0. Of frames closer together than ``1 / offered_hz`` only the first is offered; the others are counted. A
    file that ends before its own header says so delivers what there is, and says how much was lost. Pictures are turned upright where
    the file says how it was held.

    Args:
        path: The file.
        offered_hz: Frames offered a second, at most.

    Attributes:
        width_px: Of the first frame, upright.
        height_px: Of the first frame, upright.
        duration_ns: As the header says; counted where it does not.
        skipped: Frames not offered because they came too soon; of the last pass.
        missing: Frames that the header promises and the file does not hold; of the last pass that came to the end.
        retimed: Frames whose own time was missing or did not rise, timed by their number instead; of the last pass.

    Raises:
        VideoError: Missing, a folder, empty, not readable, not a video, or without a single frame.
        ValueError: ``offered_hz`` is not positive.
    """

    def __init__(self, path: Path, *, offered_hz: float) -> None:
        if not offered_hz > 0.0:
            raise ValueError(f"frames are offered at a positive rate, got {offered_hz}")
        self.path = path
        self._offered_hz = offered_hz
        self.skipped = self.missing = self.retimed = 0
        _check(path)
        with self._open() as capture:
            whole, image = capture.read()
            if not whole or image is None:
                raise VideoError(f"{path} holds no frame that can be decoded", hint=_HINT_CUT)
            self.height_px, self.width_px = image.shape[:2]
            fps = capture.get(cv2.CAP_PROP_FPS)
            self._fps = fps if np.isfinite(fps) and fps > 0 else _USUAL_FPS
            promised = capture.get(cv2.CAP_PROP_FRAME_COUNT)
            self._promised = int(promised) if 0 < promised < _MOST_FRAMES else 1 + _count(capture)
        self.duration_ns = round(self._promised / self._fps * S)

    def frames(self) -> Iterator[Frame]:
        """Start from the beginning."""
        self.skipped = self.retimed = 0
        period_ns = S / self._offered_hz
        seq = decoded = 0
        first_ns, last_ns, due_ns = 0, -1, 0
        with self._open() as capture:
            while True:
                whole, image = capture.read()
                if not whole or image is None:
                    break
                if decoded == 0:
                    first_ns = _own_time(capture)
                t_ns = self._time(_own_time(capture) - first_ns, decoded, last_ns)
                decoded, last_ns = decoded + 1, t_ns
                # A tenth of a period of slack: frame times are rounded, and 30 Hz must give exactly every third frame at 10 Hz.
                if t_ns + 0.1 * period_ns < due_ns:
                    self.skipped += 1
                    continue
                due_ns = max(due_ns + round(period_ns), t_ns + round(0.5 * period_ns))
                yield Frame(seq, t_ns, np.ascontiguousarray(image, dtype=np.uint8))
                seq += 1
        self._count_missing(decoded)

    def dropped(self) -> tuple[Dropped, ...]:
        """What the last pass did not deliver, and why."""
        counts = (("rate", self.skipped), ("truncated", self.missing))
        return tuple(Dropped("frame", reason, count) for reason, count in counts if count)

    def _count_missing(self, decoded: int) -> None:
        short = self._promised - decoded
        self.missing = short if short > _HEADER_SLACK else 0
        if self.missing:
            _log.warning("%s ends early: %d of %d frames are missing", self.path, self.missing, self._promised)

    @contextlib.contextmanager
    def _open(self) -> Iterator[cv2.VideoCapture]:
        capture = cv2.VideoCapture(str(self.path))
        try:
            if not capture.isOpened():
                raise VideoError(f"{self.path} cannot be decoded as a video", hint=f"{_HINT_PLAY}; {_HINT_CUT}")
            yield capture
        finally:
            capture.release()

    def _time(self, own_ns: int, index: int, last_ns: int) -> int:
        """Presentation time; where the file gives none, or it does not rise, the frame's number over the frame rate."""
        if own_ns > last_ns:
            return own_ns
        self.retimed += 1
        return max(last_ns + 1, round(index / self._fps * S))


def open_video(path: Path, *, offered_hz: float, hfov_deg: float = 90.0) -> Recording:
    """Open a video file as a recording without gaze.

    Args:
        path: The file.
        offered_hz: Frames offered a second, at most.
        hfov_deg: Horizontal field of view of the camera; a file does not say.

    Raises:
        VideoError: As :class:`VideoFile`.
    """
    video = VideoFile(path, offered_hz=offered_hz)
    return Recording(
        name=path.stem,
        frames=video.frames,
        gaze=(),
        script=(),
        width_px=video.width_px,
        height_px=video.height_px,
        hfov_deg=hfov_deg,
        offered_hz=offered_hz,
        duration_ns=video.duration_ns,
        has_gaze=False,
        note=f"A video file, {video.width_px} x {video.height_px}, no gaze of its own.",
        dropped=video.dropped,
    )


def _check(path: Path) -> None:
    """Say what is wrong with a path before the decoder only says that something is."""
    try:
        if path.is_dir():
            raise VideoError(f"{path} is a folder, not a video", hint="a folder is replayed when it holds a journal")
        if not path.exists():
            raise VideoError(f"{path} does not exist", hint="give the path of a video file, or 'sample' or 'street'")
        with path.open("rb") as file:
            if not file.read(1):
                raise VideoError(f"{path} is empty", hint="the recording or the copy was cut off; get it again")
    except OSError as error:
        raise VideoError(f"{path} cannot be read: {error.strerror}", hint="check the permissions of the file and its folder") from error


def _own_time(capture: cv2.VideoCapture) -> int:
    """What the file says about the frame just read, nanoseconds; -1 where it says nothing."""
    t_ms = capture.get(cv2.CAP_PROP_POS_MSEC)
    return round(t_ms * 1e6) if np.isfinite(t_ms) else -1


def _count(capture: cv2.VideoCapture) -> int:
    """Frames left, counted by going through them."""
    count = 0
    while capture.grab():
        count += 1
    return count
