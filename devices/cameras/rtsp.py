"""A camera on the network by RTSP (RFC 2326), through OpenCV's FFmpeg, over TCP.

Nothing is contacted but the address that was given. Whatever the stream carries, only its pictures are decoded. A server that has died
is noticed after :data:`SILENT_S`, sooner where its machine hangs up; trying again is left to the feed.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

# Both are read by OpenCV when it opens a stream. The decoder's own words would hold the address, and with it a password. TCP: over
# wireless UDP loses parts of pictures. What the caller has set is kept.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp")

import cv2
import numpy as np

from devices.cameras.device import DeviceCamera
from devices.cameras.masked import masked
from edge_runtime.config import S
from edge_runtime.errors import CameraError
from edge_runtime.pixels import Picture

HFOV_DEG = 90.0
"""Assumed; no stream says it."""
SILENT_S = 4.0
"""A server that says nothing for this long is given up."""


class Rtsp(DeviceCamera):
    """A camera on the network.

    Args:
        url: ``rtsp://[name:password@]host[:port]/path``. No more than scheme, host and port of it is ever shown.
        offered_hz: Pictures handed over a second, at most.
        hfov_deg: Horizontal field of view; :data:`HFOV_DEG` is assumed where it is not given.
        now_ns: The monotonic clock.
    """

    def __init__(
        self, url: str, *, offered_hz: float, hfov_deg: float | None = None, now_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        name = masked(url)
        super().__init__(
            name,
            f"A camera on the network ({name})",
            lambda ending: _Opened(url, name, ending, now_ns),
            offered_hz=offered_hz,
            hfov_deg=hfov_deg,
            usual_hfov_deg=HFOV_DEG,
            remark=" It does not say when its pictures were taken: their age counts from their arrival.",
            now_ns=now_ns,
        )


class _Opened:
    """The stream while it is open."""

    def __init__(self, url: str, name: str, ending: threading.Event, now_ns: Callable[[], int]) -> None:
        self._name, self._ending, self._now_ns = name, ending, now_ns
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        limit_ms = round(SILENT_S * 1000)
        # One thread: a decoder with several hands each picture out as many pictures late.
        asked = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, limit_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, limit_ms, cv2.CAP_PROP_N_THREADS, 1]
        self._capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, asked)
        if not self._capture.isOpened():
            self._capture.release()
            raise CameraError(f"{name} does not open", hint="is it switched on and in this network; are path, name and password right")

    def grab(self) -> int | None:
        """Wait for the next picture; when it came."""
        asked_ns = self._now_ns()
        if self._capture.grab():
            return self._now_ns()
        if self._ending.is_set():
            return None
        silent = self._now_ns() - asked_ns >= 0.9 * SILENT_S * S
        how = f"has sent nothing for {SILENT_S:g} s" if silent else "has ended its stream"
        raise CameraError(f"{self._name} {how}", hint="is it switched on and in this network; it is asked again by and by")

    def picture(self) -> Picture | None:
        """Decode it."""
        whole, image = self._capture.retrieve()
        return np.ascontiguousarray(image, dtype=np.uint8) if whole and image is not None else None

    def release(self) -> None:
        """Hang up."""
        self._capture.release()
