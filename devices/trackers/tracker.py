"""What a live run needs of a source of gaze."""

from __future__ import annotations

import threading
from collections.abc import Generator
from typing import Protocol, runtime_checkable

from edge_runtime.pixels import Picture
from edge_runtime.records import Dropped
from gaze.types import GazeSample, GazeSource


class Tracker(Protocol):
    """Gives gaze in real time."""

    @property
    def name(self) -> str:
        """A word or two."""
        ...

    @property
    def note(self) -> str:
        """How its gaze comes about, and in whose picture it lies, in words."""
        ...

    @property
    def source(self) -> GazeSource:
        """The source of all of its samples."""
        ...

    @property
    def clock_error_ns(self) -> int | None:
        """How far the times of its samples may be off at most; 0 where they are taken by our clock, ``None`` while that is not known."""
        ...

    def samples(self, stopping: threading.Event) -> Generator[tuple[GazeSample, ...], None, None]:
        """Give samples, at least one at a time, until ``stopping`` is set; waits between them.

        Their ``t_ns`` is on this machine's monotonic clock, and always goes up. The device is let go when this ends or is closed.

        Raises:
            DeviceError: There is no tracker, or there is none any more.
            MissingExtra: A package that speaks to it is not installed.
        """
        ...

    def dropped(self) -> tuple[Dropped, ...]:
        """What it had and did not give so far, with reasons."""
        ...


@runtime_checkable
class Watching(Protocol):
    """A tracker that has to be shown the camera's pictures."""

    def see(self, image: Picture, t_ns: int) -> None:
        """Take in a picture; returns soon and keeps no pixel of it.

        Args:
            image: uint8 BGR [H, W, 3].
            t_ns: When it was taken, on this machine's monotonic clock.
        """
        ...
