"""A camera of this machine, through OpenCV (V4L2 on Linux).

Its tests run it on real captures of video files and on a scripted device. It has never been run on a real camera.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from devices.cameras.device import HEIGHT_PX, WIDTH_PX, DeviceCamera
from edge_runtime.config import MS, S
from edge_runtime.errors import CameraError
from edge_runtime.pixels import Picture

HFOV_DEG = 78.0
"""Of a usual webcam; no driver says it."""
_OLDEST_NS = 2 * S


class Capture(Protocol):
    """What is used of ``cv2.VideoCapture``."""

    def grab(self) -> bool:
        """Take the next picture from the device; waits for it."""
        ...

    def retrieve(self) -> tuple[bool, Any]:
        """Decode what was grabbed."""
        ...

    def get(self, propId: int, /) -> float:
        """Read a property."""
        ...

    def set(self, propId: int, value: float, /) -> bool:
        """Ask for a property."""
        ...

    def release(self) -> None:
        """Let the device go."""
        ...


Opener = Callable[[int | str], Capture]


def open_device(device: int | str) -> Capture:
    """Open a camera by its number or its path, such as ``/dev/video0``.

    Raises:
        CameraError: It is not there, not allowed, held by another program, or no camera.
    """
    path = Path(f"/dev/video{device}" if isinstance(device, int) else device)
    on_linux = sys.platform.startswith("linux")
    if on_linux:
        if not path.exists():
            others = ", ".join(str(other) for other in sorted(path.parent.glob("video*")) if path.parent == Path("/dev"))
            hint = f"there is {others}" if others else "plug one in; a container or virtual machine needs it passed through"
            raise CameraError(f"there is no camera at {path}", hint=hint)
        if not os.access(path, os.R_OK | os.W_OK):
            raise CameraError(
                f"{path} may not be used by this account",
                hint='on Linux cameras belong to the group "video": sudo usermod -aG video $USER, then log in again',
            )
    # What is wrong is said once, in our words: the driver is named, or OpenCV would go on to try others, and it is to be quiet.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    capture = cv2.VideoCapture(device, cv2.CAP_V4L2 if on_linux else cv2.CAP_ANY)
    if not capture.isOpened():
        capture.release()
        raise CameraError(
            f"{path} does not open",
            hint="close the browser tab or video call that holds it; if nothing does, it gives no pictures: try the next number",
        )
    return capture


def open_webcam(
    device: int | str = 0,
    *,
    offered_hz: float,
    hfov_deg: float | None = None,
    opener: Opener = open_device,
    now_ns: Callable[[], int] = time.monotonic_ns,
) -> Webcam:
    """Try a camera of this machine: it is opened, gives one picture, and is let go again. From then on its size is known.

    The arguments are those of :class:`Webcam`.

    Raises:
        CameraError: It is not there, not allowed, held by another program, or gives no picture within five seconds.
    """
    camera = Webcam(device, offered_hz=offered_hz, hfov_deg=hfov_deg, opener=opener, now_ns=now_ns)
    camera.probe()
    return camera


class Webcam(DeviceCamera):
    """A camera of this machine. It is asked for 1280 x 720, and gives what it can.

    Args:
        device: Its number, or its path.
        offered_hz: Pictures handed over a second, at most.
        hfov_deg: Horizontal field of view; no driver says it, so that :data:`HFOV_DEG` is assumed where it is not given.
        opener: Opens the device.
        now_ns: The clock, the one the driver's own times are on: monotonic.
    """

    def __init__(
        self,
        device: int | str = 0,
        *,
        offered_hz: float,
        hfov_deg: float | None = None,
        opener: Opener = open_device,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        name = f"camera {device}" if isinstance(device, int) else device
        super().__init__(
            name,
            f"A camera of this machine ({name})",
            lambda ending: _Opened(opener(device), name, now_ns),
            offered_hz=offered_hz,
            hfov_deg=hfov_deg,
            usual_hfov_deg=HFOV_DEG,
            now_ns=now_ns,
        )


class _Opened:
    """The device while it is open."""

    def __init__(self, capture: Capture, name: str, now_ns: Callable[[], int]) -> None:
        self._capture, self._name, self._now_ns = capture, name, now_ns
        # Compressed, or a USB 2 camera gives five pictures a second at this size.
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, WIDTH_PX)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, HEIGHT_PX)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)

    def grab(self) -> int:
        """Wait for the next picture; when the driver says it was taken, if that is a time of our clock; else when it came."""
        if not self._capture.grab():
            raise CameraError(f"{self._name} was unplugged, or gives no more pictures", hint="plug it in again")
        now_ns = self._now_ns()
        said_ns = round(self._capture.get(cv2.CAP_PROP_POS_MSEC) * MS)
        return said_ns if 0 <= now_ns - said_ns <= _OLDEST_NS else now_ns

    def picture(self) -> Picture | None:
        """Decode it."""
        whole, image = self._capture.retrieve()
        return np.ascontiguousarray(image, dtype=np.uint8) if whole and image is not None else None

    def release(self) -> None:
        """Let the device go."""
        self._capture.release()
