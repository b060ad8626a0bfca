"""What a log is found to hold when it is read from outside: its sessions, its weights, its sightings."""

from __future__ import annotations

from edge_runtime.records import Sighting
from edge_runtime.types import Value


class SessionInfo(Value, frozen=True):
    """One session of a log.

    Attributes:
        session: Its number.
        begun_unix_ns: When it began, by the machine's clock; ``None`` if that is not known.
        sightings: How many it holds.
        thumbs: How many thumbnails.
        thumb_bytes: What these weigh, as JPEG.
        t_first_ns: Start of its earliest sighting, stream time; ``None`` without sightings.
        t_last_ns: End of its latest.
        vectors: How many have a vector, and with it a search key.
        merged: How many more they stand for: old sightings of one thing at one place that were made one.
    """

    session: int
    begun_unix_ns: int | None
    sightings: int
    thumbs: int
    thumb_bytes: int
    t_first_ns: int | None
    t_last_ns: int | None
    vectors: int = 0
    merged: int = 0


class Weights(Value, frozen=True):
    """Bytes of a log's files by what they hold: whole pages, so that they add up to the files.

    Attributes:
        total: All of it.
        facts: Sightings, places, and which thumbnails they cite; ``None`` where SQLite was built without ``dbstat``.
        thumbs: Thumbnails; ``None`` likewise.
        index: What names, words, times and thumbnails are found by; ``None`` likewise.
        free: Pages that hold nothing.
        wal: Written and not yet folded into the main file.
        other: SQLite's own; where it cannot be told apart, all but the free pages.
    """

    total: int
    facts: int | None
    thumbs: int | None
    index: int | None
    free: int
    wal: int
    other: int


class Found(Value, frozen=True):
    """A sighting in a log: the session it is of, and the name of its place, ``""`` if unknown."""

    session: int
    sighting: Sighting
    place: str


class Page(Value, frozen=True):
    """A part of what was found, and how many there are in all."""

    found: tuple[Found, ...]
    total: int
