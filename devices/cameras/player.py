"""A recording as a camera: at real speed, round and round."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator

from devices.cameras.camera import Shot, Wait
from devices.recording import Recording
from edge_runtime.config import S
from edge_runtime.errors import CameraError
from edge_runtime.records import Dropped
from gaze.types import GazeSample

AGAIN = "The film starts again."
MOST_SKIPPING_NS = 1 * S
"""After skipping for this long a picture is shown all the same, and the film goes on from there: it runs slower than it was taken."""


class Player:
    """Plays a recording as if it were happening now.

    A picture that comes so late that the next one should be there already is skipped and counted (``frame:slow``). Where the
    recording has gaze, all of its samples come along, those of skipped pictures too.

    Args:
        recording: What to play.
        on_round: Told in words whenever the film starts again.
        now_ns: The clock.
        wait: How to wait on it.

    Attributes:
        rounds: How many times the film has come to its end.
    """

    live = False

    def __init__(
        self,
        recording: Recording,
        *,
        on_round: Callable[[str], None] = lambda words: None,
        now_ns: Callable[[], int] = time.monotonic_ns,
        wait: Wait = threading.Event.wait,
    ) -> None:
        self._recording = recording
        self._on_round = on_round
        self._now_ns = now_ns
        self._wait = wait
        self._period_ns = round(S / recording.offered_hz)
        self._dropped: Counter[tuple[str, str]] = Counter()
        self.rounds = 0
        self.name = recording.name
        self.width_px = recording.width_px
        self.height_px = recording.height_px
        self.hfov_deg = recording.hfov_deg
        self.note = recording.note
        self.own_gaze = recording.has_gaze

    def dropped(self) -> tuple[Dropped, ...]:
        """What has not been shown so far, with reasons; what the recording itself leaves out is added at the end of a round."""
        return tuple(Dropped(what, reason, count) for (what, reason), count in sorted(dict(self._dropped).items()))

    def shots(self, stopping: threading.Event) -> Generator[Shot, None, None]:
        """Play from the beginning, and again from the beginning, until ``stopping`` is set.

        Raises:
            CameraError: The recording holds no picture at all.
            EdgeError: It cannot be decoded, or fetched.
        """
        recording = self._recording
        track = _Track(recording.gaze)
        shown_ns = 0
        while True:
            begun, last_ns = False, 0
            for frame in recording.frames():
                if stopping.is_set():
                    return
                t_ns = last_ns = frame.t_capture_ns
                if not begun:
                    # Only now: to open and decode may have taken a while, and that is not the film's time.
                    begun, shown_ns = True, self._now_ns()
                    track.begin(shown_ns, shown_ns - t_ns)
                late_ns = self._now_ns() - track.start_ns - t_ns
                if late_ns > self._period_ns:
                    if self._now_ns() - shown_ns < MOST_SKIPPING_NS:
                        self._dropped["frame", "slow"] += 1
                        continue
                    track.start_ns += late_ns
                if self._wait_until(track.start_ns + t_ns, stopping):
                    return
                shown_ns = self._now_ns()
                yield Shot(frame.image, shown_ns - track.start_ns - t_ns, track.until(shown_ns), shown_ns)
            if not begun:
                raise CameraError(f"{recording.name} holds no picture", hint="choose another film")
            if self._wait_until(track.start_ns + max(recording.duration_ns, last_ns + self._period_ns), stopping):
                return
            for drop in recording.dropped():
                self._dropped[drop.what, drop.reason] += drop.count
            self.rounds += 1
            self._on_round(AGAIN)

    def _wait_until(self, t_ns: int, stopping: threading.Event) -> bool:
        """Whether it is time to stop."""
        left_ns = t_ns - self._now_ns()
        return self._wait(stopping, left_ns / S) if left_ns > 0 else stopping.is_set()


class _Track:
    """The recording's gaze on our clock, handed out as it becomes due.

    Attributes:
        start_ns: When the present round began, on our clock.
    """

    def __init__(self, samples: tuple[GazeSample, ...]) -> None:
        self._samples = samples
        self._next = len(samples)
        self._owed: list[GazeSample] = []
        self.start_ns = 0

    def begin(self, now_ns: int, start_ns: int) -> None:
        """A round begins; what became due in the last one since its last picture is still owed."""
        self._owed += self._due(now_ns)
        self._next = 0
        self.start_ns = start_ns

    def until(self, now_ns: int) -> tuple[GazeSample, ...]:
        """What became due since the last call, times counted from now."""
        taken = (*self._owed, *self._due(now_ns))
        self._owed.clear()
        return tuple(dataclasses.replace(sample, t_ns=sample.t_ns - now_ns) for sample in taken)

    def _due(self, now_ns: int) -> list[GazeSample]:
        first = self._next
        while self._next < len(self._samples) and self.start_ns + self._samples[self._next].t_ns <= now_ns:
            self._next += 1
        return [dataclasses.replace(sample, t_ns=sample.t_ns + self.start_ns) for sample in self._samples[first : self._next]]
