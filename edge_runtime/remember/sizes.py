"""What remembered things weigh: bytes counted the same on every machine, measured against CPython 3.11 on 64-bit Linux.

Arrays and pictures are exact, text is its length, and every object adds a stated overhead: its own, its numbers', and its
entries in the tables that find it. The test beside this holds the sum against what Python really allocates.
"""

from __future__ import annotations

from edge_runtime.records import Concept, Evidence, Sighting
from edge_runtime.types import Thumb, Vector

SIGHTING_BYTES = 680
"""One sighting without evidence, name and vector, with its entries in the tables of facts, names and unwritten rows."""
EVIDENCE_BYTES = 320
THUMB_BYTES = 220
VECTOR_BYTES = 128
CONCEPT_BYTES = 400
ENTRY_BYTES = 300
"""One entry of a small bounded table: an eye movement, a batch on its way to the log, a name asked about."""
NUMBER_BYTES = 80
"""A number or a short name in a list."""
PLACE_BYTES = 700
LINE_BYTES = 700
STRING_BYTES = 200


def text_bytes(text: str) -> int:
    """A string's characters: one byte each if all are ASCII, else four."""
    return len(text) if text.isascii() else 4 * len(text)


def vector_bytes(vector: Vector | None) -> int:
    """A vector float32 [G] or int32 [G] with its array object."""
    return 0 if vector is None else int(vector.nbytes) + VECTOR_BYTES


def evidence_bytes(evidence: tuple[Evidence, ...]) -> int:
    """The looks behind a sighting."""
    return sum(EVIDENCE_BYTES + text_bytes(look.thumb_id or "") for look in evidence)


def sighting_bytes(sighting: Sighting) -> int:
    """A fact without its vector; the name counts twice, once in the fact and once in the table that finds it."""
    return SIGHTING_BYTES + 2 * text_bytes(sighting.what.name) + evidence_bytes(sighting.evidence)


def thumb_bytes(thumb: Thumb) -> int:
    """A thumbnail: the size of its JPEG, whether the bytes are here or not."""
    return THUMB_BYTES + thumb.nbytes + 2 * text_bytes(thumb.id)


def concept_bytes(concept: Concept) -> int:
    """A concept without its views."""
    return CONCEPT_BYTES + 2 * text_bytes(concept.name)


def views_bytes(views: tuple[Vector, ...]) -> int:
    """Views with the mean that is kept of them."""
    return sum(vector_bytes(view) for view in views) + (vector_bytes(views[0]) if views else 0)
