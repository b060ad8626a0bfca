"""A camera of this machine, through OpenCV (V4L2 on Linux): always its newest picture.

A thread reads the device all the time, because a driver hands out the oldest of up to four pictures first: who only reads when a
picture is wanted sees what was, not what is. The thread also keeps a device that has stopped answering from stopping us.

Its tests run it on real captures of video files and on a scripted device. It has never been run on a real camera.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from devices.cameras.camera import Shot
from edge_runtime.config import MS, S
from edge_runtime.errors import CameraError
from edge_runtime.pixels import Picture
from edge_runtime.records import Dropped

WIDTH_PX, HEIGHT_PX = 1280, 720
"""The size asked for; a camera gives what it can."""
HFOV_DEG = 78.0
"""Of a usual webcam; no driver says it."""
SILENT_S = 5.0
"""A device that gives no picture for this long is taken for dead; a slow one needs two seconds to wake up."""
_LOOK_S = 0.1
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
    hfov_deg: float = HFOV_DEG,
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


class Webcam:
    """A camera of this machine.

    Size and note are what is asked for until the first picture has come, and what came from then on; :func:`open_webcam` makes one
    whose first picture has come.

    Args:
        device: Its number, or its path.
        offered_hz: Pictures handed over a second, at most; those between are counted as ``frame:rate``, and those that were
            replaced by a newer one because nobody fetched them as ``frame:behind``.
        hfov_deg: Horizontal field of view; no driver says it.
        opener: Opens the device.
        now_ns: The clock, the one the driver's own times are on: monotonic.
    """

    own_gaze = False

    def __init__(
        self,
        device: int | str = 0,
        *,
        offered_hz: float,
        hfov_deg: float = HFOV_DEG,
        opener: Opener = open_device,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.name = f"camera {device}" if isinstance(device, int) else device
        self.width_px, self.height_px, self.hfov_deg = WIDTH_PX, HEIGHT_PX, hfov_deg
        self._device = device
        self._period_ns = round(S / offered_hz)
        self._opener = opener
        self._now_ns = now_ns
        self._seen = False
        self._dropped: Counter[str] = Counter()

    @property
    def note(self) -> str:
        """Which camera, and the size of its pictures."""
        size = f"{self.width_px} x {self.height_px}"
        came = f"gives {size}" if self._seen else f"is asked for {size}"
        return f"A camera of this machine ({self.name}); it {came}. Its field of view is assumed: {self.hfov_deg:g} degrees."

    def dropped(self) -> tuple[Dropped, ...]:
        """Pictures that were not handed over so far, with reasons."""
        return tuple(Dropped("frame", reason, count) for reason, count in sorted(dict(self._dropped).items()))

    def shots(self, stopping: threading.Event) -> Generator[Shot, None, None]:
        """Open the camera and hand over its newest picture, again and again, until ``stopping`` is set.

        Raises:
            CameraError: It cannot be opened, gives no pictures, or was unplugged.
        """
        reader = self._reader(self._dropped)
        reader.start()
        try:
            while (found := reader.newest(stopping)) is not None:
                image, t_ns = found
                self._measure(image)
                yield Shot(image, max(0, self._now_ns() - t_ns))
        finally:
            reader.end()

    def probe(self) -> None:
        """Open the camera, take one picture for its size, and let the camera go.

        Raises:
            CameraError: As :meth:`shots`.
        """
        reader = self._reader(Counter())  # nobody has asked for what comes after the first picture: it is not lost
        reader.start()
        try:
            found = reader.newest(threading.Event())
        finally:
            reader.end()
        reader.join(SILENT_S)  # or it would seem held by another program when it is opened again
        if found is not None:
            self._measure(found[0])

    def _reader(self, dropped: Counter[str]) -> _Reader:
        return _Reader(self.name, lambda: self._opener(self._device), self._now_ns, self._period_ns, dropped)

    def _measure(self, image: Picture) -> None:
        self.height_px, self.width_px = image.shape[:2]
        self._seen = True


class _Reader(threading.Thread):
    """Holds the device, and the newest picture of it. The device is opened, read and let go in this thread alone."""

    def __init__(self, name: str, opener: Callable[[], Capture], now_ns: Callable[[], int], period_ns: int, dropped: Counter[str]) -> None:
        super().__init__(name="webcam", daemon=True)
        self._name, self._opener, self._now_ns, self._period_ns, self._dropped = name, opener, now_ns, period_ns, dropped
        self._changed = threading.Condition()
        self._newest: tuple[Picture, int] | None = None
        self._failed: CameraError | None = None
        self._ending = threading.Event()

    def newest(self, stopping: threading.Event) -> tuple[Picture, int] | None:
        """Wait for a picture that has not been fetched yet, and the time it was taken; ``None`` once ``stopping`` is set.

        Raises:
            CameraError: No more will come.
        """
        until_s = time.monotonic() + SILENT_S
        with self._changed:
            while not stopping.is_set():
                if self._newest is not None:
                    found, self._newest = self._newest, None
                    return found
                if self._failed is not None:
                    raise self._failed
                if time.monotonic() > until_s:
                    raise CameraError(f"{self._name} gives no pictures", hint="plug it in again, or into another socket of the machine")
                self._changed.wait(_LOOK_S)
        return None

    def end(self) -> None:
        """Have the device let go; a device that does not answer is left to its thread."""
        self._ending.set()
        self.join(0.5)

    def run(self) -> None:
        """Read until the end, or until the device fails."""
        try:
            capture = self._opener()
            try:
                _ask_for_size(capture)
                self._read(capture)
            finally:
                capture.release()
        except CameraError as error:
            self._fail(error)
        except cv2.error as error:
            self._fail(CameraError(f"{self._name} fails: {error.err}", hint="plug it in again"))

    def _read(self, capture: Capture) -> None:
        due_ns: int | None = None
        while not self._ending.is_set():
            if not capture.grab():
                raise CameraError(f"{self._name} was unplugged, or gives no more pictures", hint="plug it in again")
            now_ns = self._now_ns()
            due_ns = now_ns if due_ns is None else due_ns
            # A tenth of a period of slack: every third of 30 pictures a second is to make exactly ten.
            if now_ns + self._period_ns // 10 < due_ns:
                self._dropped["rate"] += 1
                continue
            due_ns = max(due_ns + self._period_ns, now_ns + self._period_ns // 2)
            whole, image = capture.retrieve()
            if not whole or image is None:
                self._dropped["unreadable"] += 1
                continue
            with self._changed:
                if self._newest is not None:
                    self._dropped["behind"] += 1
                self._newest = np.ascontiguousarray(image, dtype=np.uint8), _taken_ns(capture, now_ns)
                self._changed.notify()

    def _fail(self, error: CameraError) -> None:
        with self._changed:
            self._failed = error
            self._changed.notify()


def _ask_for_size(capture: Capture) -> None:
    # Compressed, or a USB 2 camera gives five pictures a second at this size.
    capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, WIDTH_PX)
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, HEIGHT_PX)
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)


def _taken_ns(capture: Capture, grabbed_ns: int) -> int:
    """When the driver says the picture was taken, if that is a time of our clock; else when it was grabbed."""
    said_ns = round(capture.get(cv2.CAP_PROP_POS_MSEC) * MS)
    return said_ns if 0 <= grabbed_ns - said_ns <= _OLDEST_NS else grabbed_ns
