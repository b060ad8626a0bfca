"""What all cameras that are devices share: size and view in words, the newest picture, what was dropped."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Generator

from devices.cameras.camera import Shot
from devices.cameras.reader import OpenDevice, Reader
from edge_runtime.config import S
from edge_runtime.errors import CameraError
from edge_runtime.pixels import Picture
from edge_runtime.records import Dropped

WIDTH_PX, HEIGHT_PX = 1280, 720
"""The size taken for granted until the first picture has come; where a camera can be asked, the size asked for."""
TRY_S = 5.0
"""A camera that is tried has this long for its first picture; a slow one needs two seconds to wake up."""


class DeviceCamera:
    """A camera that gives pictures as they come, and of those the newest.

    Size and note are what is expected until the first picture has come, and what came from then on.

    Args:
        name: A word or two.
        what: What it is, the beginning of its note.
        opener: Opens the device.
        offered_hz: Pictures handed over a second, at most; those between are counted as ``frame:rate``, and those that were
            replaced by a newer one because nobody fetched them as ``frame:behind``.
        hfov_deg: Horizontal field of view; ``None`` where nobody knows it.
        usual_hfov_deg: What is assumed then.
        remark: What else is to be known of its pictures, as the end of its note.
        now_ns: The monotonic clock.
    """

    own_gaze = False
    live = True

    def __init__(
        self,
        name: str,
        what: str,
        opener: OpenDevice,
        *,
        offered_hz: float,
        hfov_deg: float | None,
        usual_hfov_deg: float,
        remark: str = "",
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.name = name
        self.width_px, self.height_px = WIDTH_PX, HEIGHT_PX
        self.hfov_deg = usual_hfov_deg if hfov_deg is None else hfov_deg
        self._what, self._remark = what, remark
        self._view = "assumed" if hfov_deg is None else "as given"
        self._opener = opener
        self._period_ns = round(S / offered_hz)
        self._now_ns = now_ns
        self._seen = False
        self._reader: Reader | None = None
        self._dropped: Counter[str] = Counter()

    @property
    def note(self) -> str:
        """What it is, the size of its pictures, and whether its field of view is known."""
        size = f"{self.width_px} x {self.height_px}"
        came = f"gives {size}" if self._seen else f"is expected to give {size}"
        return f"{self._what}; it {came}. Its field of view is {self._view}: {self.hfov_deg:g} degrees.{self._remark}"

    def dropped(self) -> tuple[Dropped, ...]:
        """Pictures that were not handed over so far, with reasons."""
        return tuple(Dropped("frame", reason, count) for reason, count in sorted(dict(self._dropped).items()))

    def shots(self, stopping: threading.Event) -> Generator[Shot, None, None]:
        """Open the camera and hand over its newest picture, again and again, until ``stopping`` is set.

        Raises:
            CameraError: It cannot be opened, is still held from the last time, gives no pictures, or was unplugged.
        """
        reader = self._read(self._dropped)
        try:
            while (found := reader.newest(stopping)) is not None:
                image, t_ns = found
                self._measure(image)
                now_ns = self._now_ns()
                yield Shot(image, max(0, now_ns - t_ns), t_handed_ns=now_ns)
        finally:
            reader.end()

    def probe(self) -> None:
        """Open the camera, take one picture for its size, and let the camera go.

        Raises:
            CameraError: As :meth:`shots`, or no picture came within :data:`TRY_S`.
        """
        reader = self._read(Counter())  # nobody has asked for what comes after the first picture: it is not lost
        try:
            found = reader.newest(threading.Event(), limit_s=TRY_S)
        finally:
            reader.end()
        if found is not None:
            self._measure(found[0])

    def _read(self, dropped: Counter[str]) -> Reader:
        # A device is held by one reader at a time: threads of a device that hangs must not pile up.
        if self._reader is not None and self._reader.is_alive():
            raise CameraError(
                f"{self.name} does not answer, and is still held from the last time", hint="switch it off and on, or plug it out"
            )
        self._reader = Reader(self.name, self._opener, period_ns=self._period_ns, now_ns=self._now_ns, dropped=dropped)
        self._reader.start()
        return self._reader

    def _measure(self, image: Picture) -> None:
        self.height_px, self.width_px = image.shape[:2]
        self._seen = True
