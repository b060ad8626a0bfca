"""A recording: frames, gaze and the wearer's words, to be played through the runtime."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edge_runtime.hosts.capture import Frame
from edge_runtime.protocol import Event
from edge_runtime.records import Dropped
from gaze.types import GazeSample


def nothing_dropped() -> tuple[Dropped, ...]:
    """Every frame is delivered."""
    return ()


@dataclass(frozen=True)
class Recording:
    """Everything a replay needs.

    Attributes:
        name: A word or two.
        frames: Starts the frames from the beginning; may be called again.
        gaze: In order of time; empty without gaze.
        script: What the wearer says and does, in order of ``t_ns``.
        width_px: Of the first frame.
        height_px: Of the first frame.
        hfov_deg: Horizontal field of view of the scene camera.
        offered_hz: Frames offered a second, at most.
        duration_ns: Length of the stream.
        has_gaze: Whether a gaze source is connected at all.
        note: How it was made, and under which licences, said plainly.
        dropped: What the last pass over ``frames`` did not deliver, with reasons.
    """

    name: str
    frames: Callable[[], Iterator[Frame]]
    gaze: tuple[GazeSample, ...]
    script: tuple[Event, ...]
    width_px: int
    height_px: int
    hfov_deg: float
    offered_hz: float
    duration_ns: int
    has_gaze: bool
    note: str
    dropped: Callable[[], tuple[Dropped, ...]] = nothing_dropped
