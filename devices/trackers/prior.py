"""Where somebody looks of whom nothing is known: ahead. One point, again and again, with little confidence."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator

from devices.cameras.camera import Wait
from edge_runtime.records import Dropped
from gaze.types import GazeSample, GazeSource

CENTRE = (0.5, 0.5)
CONFIDENCE = 0.1
RATE_HZ = 10.0


class Prior:
    """Gives the middle of the picture, or another point, ten times a second.

    Args:
        x_norm: Where, 0 left to 1 right.
        y_norm: Where, 0 top to 1 bottom.
        now_ns: The clock.
        wait: How to wait on it.
    """

    source: GazeSource = "prior"
    clock_error_ns: int | None = 0
    name = "no eye tracker"

    def __init__(
        self,
        x_norm: float = CENTRE[0],
        y_norm: float = CENTRE[1],
        *,
        now_ns: Callable[[], int] = time.monotonic_ns,
        wait: Wait = threading.Event.wait,
    ) -> None:
        self._x_norm, self._y_norm = x_norm, y_norm
        self._now_ns, self._wait = now_ns, wait

    @property
    def note(self) -> str:
        """That it is assumed, and where."""
        return f"Nobody measures where the wearer looks: ({self._x_norm:g}, {self._y_norm:g}) of the picture is assumed"

    def samples(self, stopping: threading.Event) -> Generator[tuple[GazeSample, ...], None, None]:
        """Give the point until ``stopping`` is set."""
        while not stopping.is_set():
            yield (GazeSample(self._now_ns(), self._x_norm, self._y_norm, CONFIDENCE, source=self.source),)
            self._wait(stopping, 1.0 / RATE_HZ)

    def dropped(self) -> tuple[Dropped, ...]:
        """Nothing."""
        return ()
