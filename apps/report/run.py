"""What a report is made of: one run, as the host that drove it saw it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edge_runtime.protocol import Command, Event
from edge_runtime.records import Dropped, Scope, Sighting
from edge_runtime.types import Percept


@dataclass(frozen=True)
class Still:
    """A small picture of a whole frame.

    Attributes:
        t_ns: Capture time, stream clock.
        frame_seq: The frame.
        jpeg: A JPEG file, about 320 px wide.
    """

    t_ns: int
    frame_seq: int
    jpeg: bytes


@dataclass(frozen=True)
class Gauge:
    """Bytes in use at one moment, beside the limits they must stay under.

    Attributes:
        t_ns: Stream time.
        ram_bytes: Everything remembered in memory.
        ram_limit_bytes: Its limit.
        tiers: Bytes of each tier of the memory; they add up to at most ``ram_bytes``.
        log_bytes: The log on disk.
        log_limit_bytes: Its limit.
        journal_bytes: The journal on disk.
        journal_limit_bytes: Its limit.
    """

    t_ns: int
    ram_bytes: int
    ram_limit_bytes: int
    tiers: Mapping[str, int]
    log_bytes: int
    log_limit_bytes: int
    journal_bytes: int
    journal_limit_bytes: int


@dataclass(frozen=True)
class Run:
    """Everything the page may show.

    Attributes:
        title: A few words.
        note: How the input was made, under which licences, and what the run cannot show. Blank lines part paragraphs; lines that
            start with ``- `` are list items.
        made_with: Bundle and versions.
        width_px: Width of the frames.
        height_px: Height of the frames.
        duration_ns: Length of the stream.
        hfov_deg: Horizontal field of view of the scene camera.
        stills: About two a second, in time order; empty where there are no pixels (a journal).
        events: ``(index, event)`` in the order they reached the core.
        commands: ``(index of the event that caused it, command)`` in order.
        percepts: Moments, in frame order.
        sightings: What is remembered at the end.
        places: Names of places by id.
        thumbs: JPEG files by thumbnail id.
        gauges: One a second, in time order.
        dropped: Totals by what and reason.
        forgotten: ``(when the wearer asked, scope, earliest trace)``. Whatever lies between the two times is gone.
        stats: Further lines, in the order they are to be shown: ``{"real time factor": "2.1"}``.
    """

    title: str
    note: str
    made_with: str
    width_px: int
    height_px: int
    duration_ns: int
    hfov_deg: float
    stills: Sequence[Still] = ()
    events: Sequence[tuple[int, Event]] = ()
    commands: Sequence[tuple[int, Command]] = ()
    percepts: Sequence[Percept] = ()
    sightings: Sequence[Sighting] = ()
    places: Mapping[int, str] = field(default_factory=dict)
    thumbs: Mapping[str, bytes] = field(default_factory=dict)
    gauges: Sequence[Gauge] = ()
    dropped: Sequence[Dropped] = ()
    forgotten: Sequence[tuple[int, Scope, int]] = ()
    stats: Mapping[str, str] = field(default_factory=dict)

    @property
    def origin_ns(self) -> int:
        """Stream time that the page calls 0:00: 0, unless the stream's clock plainly started elsewhere (a live run)."""
        first = min((event.t_ns for _, event in self.events), default=0)
        return first if first > self.duration_ns else 0
