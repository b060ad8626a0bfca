"""What a prompt is kept or taken apart by: texts, rows of pictures, or whole pictures; and what of an old prompt serves a new one."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from edge_runtime.models.language_picture import Picture

_DIGEST_BYTES = 16
NO_PICTURE = -1


@dataclass(frozen=True)
class Unit:
    """A part of a prompt that is there or not.

    Attributes:
        digest: Of what it is.
        rows: Rows that it takes.
        positions: Positions that it takes.
        picture: Which picture it is of; :data:`NO_PICTURE` for words.
    """

    digest: bytes
    rows: int
    positions: int
    picture: int = NO_PICTURE


Gap = tuple[int, int]
"""Units that are left out: number of the first, and of the first behind them."""


def text_unit(tokens: Sequence[int]) -> Unit:
    """A text."""
    return Unit(_digest(b"text", b" ".join(b"%d" % token for token in tokens)), len(tokens), len(tokens))


def loose_rows(picture: Picture, number: int) -> list[Unit]:
    """The rows of a picture one by one, where places in the picture make no difference to the model."""
    return [Unit(_digest(b"row", row.tobytes()), 1, 1, number) for row in picture.rows]


def whole_picture(picture: Picture, number: int, positions: int) -> Unit:
    """A picture that is kept whole or not at all."""
    places = b"" if picture.cells is None else picture.cells.tobytes()
    return Unit(
        _digest(b"picture", b"%d %d " % (picture.grid or (0, 0)) + places + picture.rows.tobytes()), len(picture.rows), positions, number
    )


def alike(held: Sequence[Unit], wanted: Sequence[Unit]) -> int:
    """How many come first in both."""
    both = min(len(held), len(wanted))
    return next((k for k in range(both) if held[k].digest != wanted[k].digest), both)


def reusable(held: Sequence[Unit], wanted: Sequence[Unit]) -> tuple[int, list[Gap]]:
    """How much of a new prompt an old one gives if stretches of it are left out.

    Nothing is left out for the sake of words alone: what is left has seen what went, and words are soon read again.

    Args:
        held: The old prompt.
        wanted: The new one.

    Returns:
        How many units of the old prompt serve, the gaps among them counted, and the gaps. What serves ends where a picture ends.
    """
    places: dict[bytes, list[int]] = {}
    for number, unit in enumerate(held):
        places.setdefault(unit.digest, []).append(number)
    at = had = alike(held, wanted)
    gaps: list[Gap] = []
    while had < len(wanted):
        later = places.get(wanted[had].digest, [])
        first = bisect_left(later, at)
        if first == len(later):
            break
        run = alike(held[later[first] :], wanted[had:])
        if all(unit.picture == NO_PICTURE for unit in held[later[first] : later[first] + run]):
            break
        gaps.append((at, later[first]))
        at, had = later[first] + run, had + run
    serves = to_a_picture(held, at)
    return serves, [gap for gap in gaps if gap[1] < serves]


def to_a_picture(held: Sequence[Unit], count: int) -> int:
    """The most units up to ``count`` that do not end in the middle of a picture: there is no way back to there."""
    while 0 < count < len(held) and held[count].picture == held[count - 1].picture != NO_PICTURE:
        count -= 1
    return count


def _digest(kind: bytes, content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES, person=kind[:16]).digest()
