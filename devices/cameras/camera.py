"""What a live run needs of a camera."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Protocol

from edge_runtime.pixels import Picture
from edge_runtime.records import Dropped
from gaze.types import GazeSample

Wait = Callable[[threading.Event, float], bool]
"""Waits so many seconds, or until the event is set; whether it is set. :meth:`threading.Event.wait` is one."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture, as it is handed over.

    Attributes:
        image: uint8 BGR [H, W, 3].
        age_ns: How long before being handed over it was taken; never negative.
        gaze: The recording's own samples since the last shot, in order. Their ``t_ns`` is counted from the moment the shot is
            handed over, so it is never positive: add the time of that to have them on another clock.
        t_handed_ns: When it was handed over, on the monotonic clock; ``None`` where nobody noted it. A thread may get to it later.
    """

    image: Picture
    age_ns: int
    gaze: tuple[GazeSample, ...] = ()
    t_handed_ns: int | None = None


class Camera(Protocol):
    """Gives pictures in real time."""

    @property
    def name(self) -> str:
        """A word or two."""
        ...

    @property
    def width_px(self) -> int:
        """Of its pictures."""
        ...

    @property
    def height_px(self) -> int:
        """Of its pictures."""
        ...

    @property
    def hfov_deg(self) -> float:
        """Horizontal field of view."""
        ...

    @property
    def note(self) -> str:
        """How its pictures are made, in words, with their licences where they have any."""
        ...

    @property
    def live(self) -> bool:
        """Whether it gives pictures all the time, so that silence is trouble. A film may hold still."""
        ...

    @property
    def own_gaze(self) -> bool:
        """Whether gaze comes with them."""
        ...

    def shots(self, stopping: threading.Event) -> Generator[Shot, None, None]:
        """Take pictures until ``stopping`` is set; waits between them. The device is let go when this ends or is closed.

        Raises:
            CameraError: There is no camera, or there is none any more.
        """
        ...

    def dropped(self) -> tuple[Dropped, ...]:
        """What has not been handed over so far, with reasons."""
        ...
