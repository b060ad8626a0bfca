"""The capture side: frames stay here, in a ring bounded in bytes; who needs pixels asks for a crop."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from edge_runtime import pixels
from edge_runtime.errors import Evicted
from edge_runtime.pixels import Picture
from edge_runtime.records import Dropped
from edge_runtime.types import Box, Region


@dataclass(frozen=True, slots=True)
class Frame:
    """A camera frame.

    Attributes:
        seq: Counts up by one a frame offered.
        t_capture_ns: Capture time, nanoseconds, stream clock.
        image: uint8 BGR [H, W, 3].
    """

    seq: int
    t_capture_ns: int
    image: Picture


class FrameRing:
    """The newest frames, at most ``max_bytes`` of pixels. The oldest leaves first, and is counted. Safe to use from several threads.

    Args:
        max_bytes: Bound on the pixels held. A single frame larger than this is refused and counted.
    """

    def __init__(self, max_bytes: int) -> None:
        self._lock = threading.Lock()
        self._max_bytes = max_bytes
        self._frames: deque[Frame] = deque()
        self._nbytes = 0
        self.overwritten = 0
        self.refused = 0

    @property
    def nbytes(self) -> int:
        """Bytes of pixels held."""
        return self._nbytes

    @property
    def newest(self) -> Frame | None:
        """The newest frame held."""
        with self._lock:
            return self._frames[-1] if self._frames else None

    def push(self, frame: Frame) -> tuple[Dropped, ...]:
        """Take a frame in; returns it as dropped when it alone is larger than the ring."""
        size = frame.image.nbytes
        with self._lock:
            if size > self._max_bytes:
                self.refused += 1
                return (Dropped("frame", "ring_bytes"),)
            while self._nbytes + size > self._max_bytes:
                self._nbytes -= self._frames.popleft().image.nbytes
                self.overwritten += 1
            self._frames.append(frame)
            self._nbytes += size
        return ()

    def frame(self, seq: int) -> Frame:
        """The frame with this number.

        Raises:
            Evicted: It has left the ring, or was never there.
        """
        with self._lock:
            # Frames are numbered without gaps as long as none was refused, so try the place where it must be first.
            index = seq - self._frames[0].seq if self._frames else -1
            if 0 <= index < len(self._frames) and self._frames[index].seq == seq:
                return self._frames[index]
            for frame in self._frames:
                if frame.seq == seq:
                    return frame
        raise Evicted(f"frame {seq} has left the ring", hint="raise capture.ring_bytes or answer looks sooner")

    def forget(self, t_from_ns: int) -> None:
        """Let go of every frame captured at or after ``t_from_ns``."""
        with self._lock:
            self._frames = deque(frame for frame in self._frames if frame.t_capture_ns < t_from_ns)
            self._nbytes = sum(frame.image.nbytes for frame in self._frames)

    def crops(self, frame_seq: int, regions: Sequence[Region], deadline_ns: int) -> list[Picture]:
        """Parts of a frame, in their order, as :meth:`crop`; there is nothing to wait for.

        Raises:
            Evicted: The frame has left the ring.
        """
        return [self.crop(frame_seq, region.box) for region in regions]

    def crop(self, seq: int, box: Box) -> Picture:
        """Part of a frame: uint8 BGR [h, w, 3], at least one pixel each way; a copy, safe to keep.

        Raises:
            Evicted: The frame has left the ring.
        """
        part: Picture = pixels.crop(self.frame(seq).image, box).copy()
        return part
