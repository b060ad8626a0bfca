"""What the stages hand on: attend tells remember, remember tells speak. Never the other way."""

from __future__ import annotations

from edge_runtime.records import Concept, Dropped, Evidence, Row, Sighting, What
from edge_runtime.types import Percept, TextLine, Value


class Attended(Value, frozen=True):
    """What one event changed in attention.

    Attributes:
        percepts: Moments that became complete, in frame order.
        boundary_ns: Capture time of a frame that starts a new scene, or ``None``.
        dropped: What was let go.
    """

    percepts: tuple[Percept, ...] = ()
    boundary_ns: int | None = None
    dropped: tuple[Dropped, ...] = ()


class Match(Value, frozen=True):
    """One look compared with something nameable, whether or not the score was high enough to claim it.

    Attributes:
        what: The concept, label or text.
        score: Cosine for a concept, probability for a label, 1 for text as read.
        accepted: Whether the memory stands by it (it is then a sighting too).
        gazed: Whether the region was looked at by the wearer (foveal, text) or merely in view.
        evidence: The look.
        sighting: The sighting it went into, if accepted.
    """

    what: What
    score: float
    accepted: bool
    gazed: bool
    evidence: Evidence
    sighting: int | None = None


class Remembered(Value, frozen=True):
    """What one event changed in memory.

    Attributes:
        looked_at_ns: Capture time of the look just taken in, or ``None``: watches re-arm by looks, not by silence.
        opened: Sightings that began with this look.
        extended: Sightings that went on.
        matches: Everything the look was compared with and that scored above noise.
        reading: Text lines under the gaze as voted over looks so far, in reading order; empty if nothing is being read.
        reading_evidence: The look behind ``reading``.
        learned: Concepts that now have all their views.
        unlearned: Concepts whose lesson ran out of time.
        unsure: Matches between "ask" and "accept": worth a question to the wearer.
        rows: To be written to the log.
        dropped: What was let go.
    """

    looked_at_ns: int | None = None
    opened: tuple[Sighting, ...] = ()
    extended: tuple[Sighting, ...] = ()
    matches: tuple[Match, ...] = ()
    reading: tuple[TextLine, ...] = ()
    reading_evidence: Evidence | None = None
    learned: tuple[Concept, ...] = ()
    unlearned: tuple[str, ...] = ()
    unsure: tuple[Match, ...] = ()
    rows: tuple[Row, ...] = ()
    dropped: tuple[Dropped, ...] = ()
