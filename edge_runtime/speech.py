"""What is said, and what was decided about saying it. Frozen like :mod:`edge_runtime.types`."""

from __future__ import annotations

from typing import Literal

from edge_runtime.records import Evidence
from edge_runtime.types import Value


class Intention(Value, frozen=True):
    """Something that may be worth saying, before anybody has asked whether it may be said.

    Attributes:
        label: What kind of sentence it is.
        target: What it is about.
        text: The sentence.
        confidence: 0..1.
        asked: Whether the wearer asked for it (an answer, a watch). What nobody asked for obeys every veto.
        evidence: The looks behind it.
        valid_until_ns: After this it is stale.
        watch: The watch it belongs to, or ``""``.
        urgency: 0 (whenever) to 3 (safety).
        reasons: Machine codes, most important first.

    Raises:
        ValueError: A claim about the world (alert, read_aloud, confirm) without evidence.
    """

    label: Literal["answer", "alert", "read_aloud", "confirm", "learned", "refuse", "notice"]
    target: str
    text: str
    confidence: float
    asked: bool
    evidence: tuple[Evidence, ...]
    valid_until_ns: int
    watch: str = ""
    urgency: int = 1
    reasons: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.label in ("alert", "read_aloud", "confirm") and not self.evidence:
            raise ValueError(f"an intention to {self.label} needs evidence")


Action = Literal["SPEAK", "QUEUE", "REVISE", "RETRACT", "SILENT"]


class Decision(Value, frozen=True):
    """What was decided about an intention. One line of ``decisions.jsonl``, in this order of fields.

    Attributes:
        id: Counts up.
        t_ns: Stream time.
        action: What was done.
        watch: The watch it belongs to, or ``""``.
        reasons: Why it was worth saying.
        vetoes: Why it was not said (now), in the governor's order; empty for SPEAK.
        evidence: The looks behind it.
        score: 0..1.
        valid_until_ns: After this it would be stale.
        text: The sentence.
    """

    id: int
    t_ns: int
    action: Action
    watch: str
    reasons: tuple[str, ...]
    vetoes: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    score: float
    valid_until_ns: int
    text: str


class Response(Value, frozen=True):
    """Something said to the wearer.

    Attributes:
        text: The sentence.
        modality: How.
        urgency: 0..3.
        confidence: 0..1.
        evidence: The looks behind it.
        trace: Stage name and stream time (ns) of what led here: ``captured``, ``looked``, ``decided``.
        question: Id of the question it answers, or ``""``.
        choice: Index into the options of a question that had some; ``None``: abstained or no options.
        watch: Id of the watch it comes from, or ``""``.
    """

    text: str
    modality: Literal["speech", "text", "haptic", "none"]
    urgency: int
    confidence: float
    evidence: tuple[Evidence, ...]
    trace: tuple[tuple[str, int], ...] = ()
    question: str = ""
    choice: int | None = None
    watch: str = ""
