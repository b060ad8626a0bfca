"""The glasses as the page knows them: what a server needs of a live run, or of a journal that is shown."""

from __future__ import annotations

from typing import Protocol

from devices.page.requests import AnyRequest
from devices.page.views import Told, Update
from gaze.types import GazeSample


class Reader(Protocol):
    """What one tab has been shown so far. Used in the server's thread only."""

    @property
    def t_ns(self) -> int | None:
        """In a film the moment shown; ``None`` where it is always now."""
        ...

    @property
    def playing(self) -> bool:
        """In a film, whether time runs."""
        ...

    @property
    def speed(self) -> float:
        """In a film, how fast time runs when it does."""
        ...

    def read(self) -> Update | None:
        """What is new since the last call (``n``, ``took``, ``told`` and the part ``tab`` are the server's); ``None`` if nothing is."""
        ...

    def steer(self, request: AnyRequest) -> None:
        """Take a :class:`~devices.page.requests.Seek` or :class:`~devices.page.requests.Play`; a live run ignores them."""
        ...


class Glasses(Protocol):
    """Behind a page. Everything here is called in the server's thread and returns at once, but for what says otherwise."""

    def time_ns(self) -> int:
        """Stream time now."""
        ...

    def reader(self) -> Reader:
        """For a new tab; its first update is ``fresh`` and holds everything."""
        ...

    def hear(self, request: AnyRequest) -> Told:
        """Take what the wearer wants; says whether it was taken."""
        ...

    def look_at(self, samples: tuple[GazeSample, ...]) -> None:
        """Take the pointer of the tab that wears, in stream time."""
        ...

    def see(self, jpeg: bytes, t_capture_ns: int) -> str:
        """Take a picture of the tab that wears. Called in a thread of its own, one at a time; may take its time.

        Returns:
            ``""``, or in a person's words why it was not taken.
        """
        ...

    def picture(self) -> tuple[int, bytes] | None:
        """The newest frame as ``(seq, jpeg)``, for a page that has no camera of its own; ``None`` if there is none. May take its time."""
        ...

    def thumb(self, thumb_id: str) -> bytes | None:
        """A kept picture as JPEG. May take its time."""
        ...

    def measured_clock(self, offset_ns: int, error_ns: int) -> None:
        """The clock of the tab that wears, as last measured: page minus stream, give or take."""
        ...

    def count(self, what: str, reason: str, count: int = 1) -> None:
        """Count something that the server let go."""
        ...

    def tabs(self, count: int, *, wearing: bool) -> None:
        """How many tabs are open, and whether one of them wears the glasses."""
        ...
