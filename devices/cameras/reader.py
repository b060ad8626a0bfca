"""The thread that reads a device: always its newest picture.

It reads all the time, because devices and their drivers queue: who only reads when a picture is wanted sees what was, not what is.
The thread also keeps a device that has stopped answering from stopping us.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

import cv2

from edge_runtime.errors import CameraError
from edge_runtime.pixels import Picture

_log = logging.getLogger(__name__)
_LOOK_S = 0.1
_END_S = 0.8


class Device(Protocol):
    """Something opened that gives pictures."""

    def grab(self) -> int | None:
        """Wait for the next picture and take it; when it was taken, nanoseconds, monotonic. ``None``: it was told to end.

        Raises:
            CameraError: There is none any more.
        """
        ...

    def picture(self) -> Picture | None:
        """Decode what was grabbed, uint8 BGR [H, W, 3]; ``None`` where that cannot be done."""
        ...

    def release(self) -> None:
        """Let go of it."""
        ...


OpenDevice = Callable[[threading.Event], Device]
"""Opens a device, or raises a :class:`CameraError`. A device that can give up waiting does so once the event is set."""


class Reader(threading.Thread):
    """Holds a device, and its newest picture. The device is opened, read and let go in this thread alone.

    Args:
        name: Of the camera, for messages.
        opener: Opens the device.
        period_ns: Pictures closer together than this are not decoded, and counted as ``rate``; those replaced by a newer one before
            anybody fetched them as ``behind``, those that cannot be decoded as ``unreadable``.
        now_ns: The monotonic clock.
        dropped: Where they are counted.
    """

    def __init__(self, name: str, opener: OpenDevice, *, period_ns: int, now_ns: Callable[[], int], dropped: Counter[str]) -> None:
        super().__init__(name="camera reader", daemon=True)
        self._camera, self._opener, self._now_ns, self._period_ns, self._dropped = name, opener, now_ns, period_ns, dropped
        self._changed = threading.Condition()
        self._newest: tuple[Picture, int] | None = None
        self._failed: Exception | None = None
        self._ending = threading.Event()

    def newest(self, stopping: threading.Event, *, limit_s: float | None = None) -> tuple[Picture, int] | None:
        """Wait for a picture that has not been fetched yet, and the time it was taken; ``None`` once ``stopping`` is set.

        Raises:
            CameraError: No more will come, or none has come within ``limit_s``.
        """
        until_s = None if limit_s is None else time.monotonic() + limit_s
        with self._changed:
            while not stopping.is_set():
                if self._newest is not None:
                    found, self._newest = self._newest, None
                    return found
                if self._failed is not None:
                    raise self._failed
                if until_s is not None and time.monotonic() > until_s:
                    raise CameraError(f"{self._camera} gives no pictures", hint="plug it in again, or into another socket of the machine")
                self._changed.wait(_LOOK_S)
        return None

    def end(self) -> None:
        """Have the device let go, within a second; a device that does not answer is left to its thread, and that is said."""
        self._ending.set()
        self.join(_END_S)
        if self.is_alive():
            _log.warning("%s does not answer: the thread that reads it is left behind until it does", self._camera)

    def run(self) -> None:
        """Read until the end, or until the device fails."""
        try:
            device = self._opener(self._ending)
            try:
                self._read(device)
            finally:
                device.release()
        except cv2.error as error:
            self._fail(CameraError(f"{self._camera} fails: {error.err}", hint="plug it in again"))
        except Exception as error:  # a fault, too, is for who waits for pictures: nobody else would hear of it
            self._fail(error)

    def _read(self, device: Device) -> None:
        due_ns: int | None = None
        while not self._ending.is_set():
            t_ns = device.grab()
            if t_ns is None:
                return
            now_ns = self._now_ns()
            due_ns = now_ns if due_ns is None else due_ns
            # A tenth of a period of slack: every third of 30 pictures a second is to make exactly ten.
            if now_ns + self._period_ns // 10 < due_ns:
                self._dropped["rate"] += 1
                continue
            due_ns = max(due_ns + self._period_ns, now_ns + self._period_ns // 2)
            image = device.picture()
            if image is None:
                self._dropped["unreadable"] += 1
                continue
            with self._changed:
                if self._newest is not None:
                    self._dropped["behind"] += 1
                self._newest = image, t_ns
                self._changed.notify()

    def _fail(self, error: Exception) -> None:
        with self._changed:
            self._failed = error
            self._changed.notify()
