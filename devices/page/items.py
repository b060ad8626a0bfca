"""What the rolls of a page hold: lines of the conversation, sightings, decisions, watches, concepts.

Terms as in :mod:`devices.page.views`.
"""

from __future__ import annotations

from typing import Literal

from devices.page.views import View
from edge_runtime.types import Box


class Line(View, frozen=True):
    """One line of the conversation. Roll ``said``.

    Attributes:
        key: Unique.
        who: ``wearer``, ``glasses`` or ``notice`` (the machine about itself).
        t_ns: When.
        text: The words.
        kind: ``answer``, ``alert``, ``read_aloud``, ``confirm``, ``learned``, ``refuse``, ``notice``; of the wearer ``ask``, ``teach``,
            ``watch``, ``forget``; of a notice ``info`` or ``trouble``.
        evidence_ns: Capture time of the newest look behind it, or ``None``: what was seen is as old as this.
        thumb: The picture behind it.
        decision: The row in ``decisions``, or ``None``.
        speech_ns: How long our voice takes for it.
    """

    key: int
    who: Literal["wearer", "glasses", "notice"]
    t_ns: int
    text: str
    kind: str
    evidence_ns: int | None = None
    thumb: str | None = None
    decision: int | None = None
    speech_ns: int = 0


class SightingView(View, frozen=True):
    """A sighting. Roll ``sightings``.

    Attributes:
        key: Its id.
        kind: ``concept``, ``text``, ``label``, ``thing``.
        kind_words: The same for a person.
        name: What.
        place: Where in words, or ``""``.
        t_start_ns: From.
        t_end_ns: To.
        confidence: 0..1.
        looks: How many looks showed it.
        gazed: Whether the wearer looked at it.
        gaze_ns: How long.
        box: Where in the picture.
        thumbs: Pictures kept, best first.
    """

    key: int
    kind: str
    kind_words: str
    name: str
    place: str
    t_start_ns: int
    t_end_ns: int
    confidence: float
    looks: int
    gazed: bool
    gaze_ns: int
    box: Box
    thumbs: tuple[str, ...]


class DecisionView(View, frozen=True):
    """A decision. Roll ``decisions``.

    Attributes:
        key: Its id.
        t_ns: When.
        action: ``SPEAK``, ``QUEUE``, ``SILENT`` ...
        text: The sentence that was judged.
        reasons: Why it was worth saying, in words.
        vetoes: Why it was not said, in words.
        watch: The watch, or ``""``.
        score: 0..1.
        evidence_ns: Capture time of the newest look behind it.
        thumb: The picture behind it.
    """

    key: int
    t_ns: int
    action: str
    text: str
    reasons: tuple[str, ...]
    vetoes: tuple[str, ...]
    watch: str
    score: float
    evidence_ns: int | None
    thumb: str | None


class WatchView(View, frozen=True):
    """A standing watch. Roll ``watches``.

    Attributes:
        key: Its id.
        text: What for, in words.
        expires_ns: When it ends; ``None`` stands until removed.
        once: Whether it ends with its first alert.
        told: Whether the present appearance has been told.
    """

    key: str
    text: str
    expires_ns: int | None
    once: bool
    told: bool


class ConceptView(View, frozen=True):
    """Something taught. Roll ``concepts``."""

    key: str
    views: int
    t_taught_ns: int
    thumb: str | None = None
