"""What the wearer dwells on is read aloud, once, verbatim."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher

import msgspec

from edge_runtime.config import SpeakConfig
from edge_runtime.facts import Remembered
from edge_runtime.records import Evidence
from edge_runtime.speak import phrasing
from edge_runtime.speak.governor import Candidate
from edge_runtime.speech import Intention
from gaze.types import EyeEvent

_ALIKE = 0.8
"""Similarity from which two readings are one text, read with an error."""
_SHORTEST = 2
"""Letters and digits that make a text."""
_HELD = ("fixation", "pursuit", "dwell")


class Reading(msgspec.Struct):
    """What is under the gaze, and for how long the eye has held it.

    Attributes:
        text: The lines as voted so far, joined; ``""`` while nothing is read.
        confidence: Mean of the lines, 0..1.
        evidence: The look that was read last.
        held_from_ns: Start of the eye movement that holds it.
        held_to_ns: Its end so far.
        done_ns: When something was last read aloud: a movement that began before has had its text.
    """

    text: str = ""
    confidence: float = 0.0
    evidence: Evidence | None = None
    held_from_ns: int = -1
    held_to_ns: int = -1
    done_ns: int = -1


def took(reading: Reading, seen: Remembered) -> None:
    """Take in what memory has read."""
    if seen.reading and seen.reading_evidence is not None:
        reading.text = ", ".join(line.text.strip() for line in seen.reading)
        reading.confidence = sum(line.confidence for line in seen.reading) / len(seen.reading)
        reading.evidence = seen.reading_evidence


def held(reading: Reading, eye: EyeEvent, config: SpeakConfig) -> None:
    """Take in an eye movement; only one long enough to mean reading counts."""
    if eye.kind in _HELD and eye.duration_ns >= config.read_aloud_ns:
        reading.held_from_ns, reading.held_to_ns = eye.t_start_ns, eye.t_end_ns


def candidate(reading: Reading, said: Iterable[str], config: SpeakConfig, now_ns: int) -> Candidate | None:
    """Offer the text to be read aloud, if the eye has held it long enough and still does.

    Args:
        reading: What is read.
        said: What has been said already; a text that is nearly one of these is that one.
        config: When it may speak.
        now_ns: The present.
    """
    evidence = reading.evidence
    if evidence is None or len("".join(phrasing.words(reading.text))) < _SHORTEST:
        return None
    if reading.held_from_ns <= reading.done_ns or now_ns - reading.held_to_ns > config.stale_ns:
        return None
    if not reading.held_from_ns <= evidence.t_ns <= reading.held_to_ns + config.stale_ns:
        return None
    content = " ".join(phrasing.words(reading.text))
    content = next((other for other in said if _alike(content, other)), content)
    intention = Intention(
        label="read_aloud",
        target=reading.text,
        text=f"It says: {phrasing.quoted(reading.text)}.",
        confidence=min(1.0, reading.confidence),
        asked=False,
        evidence=(evidence,),
        valid_until_ns=evidence.t_ns + config.stale_ns,
        urgency=0,
        reasons=("TEXT_DWELL",),
    )
    return Candidate(intention, key=f"read:{content}", topic=f"read:{content}", content=content)


def _alike(text: str, other: str) -> bool:
    matcher = SequenceMatcher(None, text, other, autojunk=False)
    return matcher.real_quick_ratio() >= _ALIKE and matcher.quick_ratio() >= _ALIKE and matcher.ratio() >= _ALIKE
