"""The page's pictures: each is embedded once, within a byte budget, and drawn from there wherever it is shown."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from apps.report.markup import Markup, el
from apps.report.run import Still

S = 1_000_000_000
STILL_BYTES = 3_800_000
"""Stills as they stand in the page, base64 included; with the thumbnails and some text this keeps a page near 6 MB."""
THUMB_BYTES = 1_400_000
STEPS_NS = tuple(int(s * S) for s in (0.5, 1, 2, 3, 5, 10, 15, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600))
MAX_CELLS = 240

_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a JPEG file in px from its frame header (ITU-T T.81, B.2.2); ``None`` if it is no JPEG."""
    if data[:2] != b"\xff\xd8":
        return None
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in _SOF:
            height, width = int.from_bytes(data[at + 5 : at + 7], "big"), int.from_bytes(data[at + 7 : at + 9], "big")
            return (width, height) if width and height else None
        if marker == 0xFF:
            at += 1
            continue
        at += 2 + length
    return None


def base64_size(nbytes: int) -> int:
    """Characters that so many bytes take in a page."""
    return (nbytes + 2) // 3 * 4


@dataclass
class Pool:
    """Pictures that stand once in a hidden part of the page and are referred to by id.

    Attributes:
        refused: Thumbnails not shown, by reason: ``"budget"``, ``"not a JPEG"``, ``"absent"``.
    """

    thumbs: Mapping[str, bytes]
    aspect: float
    refused: dict[str, int] = field(default_factory=dict)
    _parts: list[Markup] = field(default_factory=list)
    _known: dict[str, tuple[str, int, int] | None] = field(default_factory=dict)
    _stills: set[int] = field(default_factory=set)
    _thumb_bytes: int = 0

    @property
    def height(self) -> float:
        """Height of a still on the page, where its width is 1000."""
        return 1000.0 / self.aspect

    def add_still(self, still: Still) -> bool:
        """Embed a still; returns whether it is a picture."""
        if jpeg_size(still.jpeg) is None:
            return False
        if still.frame_seq not in self._stills:
            self._stills.add(still.frame_seq)
            self._parts.append(_image(f"still-{still.frame_seq}", still.jpeg, 1000, self.height))
        return True

    def thumb(self, thumb_id: str | None, alt: str) -> Markup | None:
        """Draw a thumbnail; ``None`` if there is none to show. Why there is none is counted once a picture."""
        if thumb_id is None:
            return None
        if thumb_id not in self._known:
            self._known[thumb_id] = self._embed(thumb_id)
        known = self._known[thumb_id]
        if known is None:
            return None
        name, width, height = known
        return el("svg.thumb", el("use", href=f"#{name}"), viewBox=f"0 0 {width} {height}", role="img", aria_label=alt)

    def _embed(self, thumb_id: str) -> tuple[str, int, int] | None:
        data = self.thumbs.get(thumb_id)
        size = jpeg_size(data) if data is not None else None
        if data is None or size is None:
            self._refuse("absent" if data is None else "not a JPEG")
            return None
        if self._thumb_bytes + base64_size(len(data)) > THUMB_BYTES:
            self._refuse("budget")
            return None
        self._thumb_bytes += base64_size(len(data))
        name = f"thumb-{len(self._known)}"
        self._parts.append(_image(name, data, *size))
        return (name, *size)

    def _refuse(self, reason: str) -> None:
        self.refused[reason] = self.refused.get(reason, 0) + 1

    def defs(self) -> Markup:
        """The hidden part that holds every picture."""
        return el("svg.pool", el("defs", self._parts), width="0", height="0", aria_hidden="true", focusable="false")


def _image(name: str, jpeg: bytes, width: float, height: float) -> Markup:
    href = "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
    return el("image", id=name, href=href, width=float(width), height=float(height), preserveAspectRatio="none")


@dataclass(frozen=True)
class Cells:
    """The film cut into equal stretches, at most one still for each.

    Attributes:
        step_ns: Length of a stretch.
        count: How many there are.
        stills: The still of a stretch by its number.
        offered: How many stills there were to choose from.
    """

    step_ns: int
    count: int
    stills: Mapping[int, Still]
    offered: int

    def number(self, since_ns: int) -> int:
        """The stretch a moment lies in; ``since_ns`` counts from the start of the stream."""
        return min(self.count - 1, max(0, since_ns // self.step_ns))


def cut(stills: Sequence[Still], duration_ns: int, origin_ns: int, worth: Callable[[int], int]) -> Cells:
    """Choose the stills to show: one a stretch, the frame of most ``worth``, stretches as short as the budget allows."""
    gaps = sorted(b.t_ns - a.t_ns for a, b in itertools.pairwise(stills))
    usual_ns = gaps[len(gaps) // 2] if gaps else 0
    cells = Cells(STEPS_NS[-1], 1, {}, len(stills))
    for step_ns in STEPS_NS:
        count = max(1, -(-max(duration_ns, 1) // step_ns))
        last = step_ns == STEPS_NS[-1]
        if not last and (count > MAX_CELLS or step_ns < 0.75 * usual_ns):
            continue
        cells = Cells(step_ns, count, _chosen(stills, step_ns, count, origin_ns, worth), len(stills))
        if sum(base64_size(len(s.jpeg)) for s in cells.stills.values()) <= STILL_BYTES:
            return cells
    return cells


def _chosen(stills: Sequence[Still], step_ns: int, count: int, origin_ns: int, worth: Callable[[int], int]) -> dict[int, Still]:
    """The best still of every stretch; a stretch without one borrows a neighbour's spare, as long as time still runs forward."""
    chosen: dict[int, Still] = {}
    spare: dict[int, list[Still]] = {}
    for still in stills:
        number = min(count - 1, max(0, (still.t_ns - origin_ns) // step_ns))
        before = chosen.get(number)
        if before is None or worth(still.frame_seq) > worth(before.frame_seq):
            chosen[number] = still
            still = before or still
        if still is not chosen[number]:
            spare.setdefault(number, []).append(still)
    for number in range(count):
        if number in chosen:
            continue
        floor, roof = chosen.get(number - 1), chosen.get(number + 1)
        able = [s for s in spare.get(number - 1, []) if floor is None or s.t_ns > floor.t_ns]
        able += [s for s in spare.get(number + 1, []) if roof is None or s.t_ns < roof.t_ns]
        if able:
            middle_ns = origin_ns + number * step_ns + step_ns // 2
            chosen[number] = min(able, key=lambda s: abs(s.t_ns - middle_ns))
    return dict(sorted(chosen.items()))
