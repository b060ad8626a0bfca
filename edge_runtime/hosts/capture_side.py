"""Beside the sensors: frames are kept and measured, eye events are found, and what was noticed is handed on as events."""

from __future__ import annotations

import threading
from collections.abc import Callable

from edge_runtime import pixels
from edge_runtime.hosts.capture import Frame, FrameRing
from edge_runtime.pixels import Picture
from edge_runtime.protocol import Eye, FrameSeen, Gaze
from edge_runtime.records import Dropped
from gaze import EyeEvents
from gaze.types import GazeSample

Put = Callable[[FrameSeen | Gaze | Eye], None]
"""Hands an event on; called from whichever thread noticed something."""


class CaptureSide:
    """What happens beside the sensors. Frames come from one thread; gaze may come from another.

    Args:
        ring: Keeps the frames.
        eyes: Finds eye events; ``None`` without gaze.
        put: Takes events.
        count: Takes what is let go.
        first_seq: Number of the first frame: a capture process that takes over from another begins beyond its numbers.

    Attributes:
        ring: The same.
        frames: Frames offered so far.
        samples: Gaze samples so far.
        newest_ns: Capture time of the newest frame.
    """

    def __init__(self, ring: FrameRing, eyes: EyeEvents | None, put: Put, count: Callable[[Dropped], None], *, first_seq: int = 0) -> None:
        self.ring = ring
        self.frames = self.samples = 0
        self.newest_ns: int | None = None
        self._eyes = eyes
        self._lock = threading.Lock()
        self._put = put
        self._count = count
        self._first_seq = first_seq
        self._luma: pixels.Luma | None = None

    def offer(self, image: Picture, t_capture_ns: int) -> Frame:
        """Take a frame in: uint8 BGR [H, W, 3], captured at ``t_capture_ns`` of stream time."""
        signals, self._luma = pixels.signals(image, self._luma)
        frame = Frame(self._first_seq + self.frames, t_capture_ns, image)
        for drop in self.ring.push(frame):
            self._count(drop)
        height, width = image.shape[:2]
        self._put(FrameSeen(t_ns=t_capture_ns, seq=frame.seq, t_capture_ns=t_capture_ns, width_px=width, height_px=height, signals=signals))
        self.frames += 1
        self.newest_ns = t_capture_ns
        return frame

    def look_at(self, samples: tuple[GazeSample, ...]) -> None:
        """Take gaze samples, times in stream time; eye events are found at once, and go before the samples."""
        self.samples += len(samples)
        with self._lock:
            events = [] if self._eyes is None else self._eyes.feed(samples)
        for event in events:
            self._put(Eye(t_ns=event.t_emit_ns, event=event))
        self._put(Gaze(t_ns=samples[-1].t_ns if samples else 0, samples=samples))

    def use(self, eyes: EyeEvents) -> None:
        """Find eye events with another detector from now on: pictures have another shape."""
        with self._lock:
            self._eyes = eyes

    def pass_time(self, t_ns: int) -> None:
        """Say what time it is: an eye movement ends though no sample comes any more."""
        with self._lock:
            events = [] if self._eyes is None else self._eyes.advance(t_ns)
        for event in events:
            self._put(Eye(t_ns=event.t_emit_ns, event=event))

    @property
    def dropped(self) -> tuple[Dropped, ...]:
        """Gaze samples that were left out so far, by reason."""
        with self._lock:
            left_out = {} if self._eyes is None else dict(self._eyes.dropped)
        return tuple(Dropped("gaze_sample", reason, count) for reason, count in sorted(left_out.items()) if count)
