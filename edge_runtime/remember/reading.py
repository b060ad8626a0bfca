"""What is being read: looks at one block of text, put together while the gaze stays on it."""

from __future__ import annotations

from difflib import SequenceMatcher

import msgspec

from edge_runtime.records import Dropped, Evidence
from edge_runtime.remember import sizes
from edge_runtime.remember.text_votes import Reading, best, merge
from edge_runtime.remember.words import fold
from edge_runtime.types import Box, LookedRegion, TextLine

MAX_TEXT = 1000
"""Characters of a block that are kept."""
_OVERLAP = 0.3
_ALIKE = 0.75
_COMPARED = 300


class Block(msgspec.Struct):
    """One block of text under the gaze.

    Attributes:
        reading: The votes.
        lines: What they say, in reading order.
        eye_id: The eye movement that called for the last look.
        box: The region last read; ``None`` once the scene has changed: then only the same eye movement goes on with it.
        t_ns: Capture time of that look.
        heard_ns: When that look came back.
        evidence: The last look that showed text.
        sighting: The sighting it belongs to.
        opened: Whether it opened that sighting, rather than joining an earlier one.
    """

    reading: Reading
    lines: tuple[TextLine, ...]
    eye_id: int | None
    box: Box | None
    t_ns: int
    heard_ns: int
    evidence: Evidence | None = None
    sighting: int | None = None
    opened: bool = False


class ReaderState(msgspec.Struct):
    """The block being read, if any."""

    block: Block | None = None


class Reader:
    """Keeps the block under the gaze.

    Args:
        state: Fresh, or taken from a snapshot.
        accept: Confidence from which a line is kept.
        gap_ns: A block not read for this long is finished.
    """

    def __init__(self, state: ReaderState, accept: float, gap_ns: int) -> None:
        self.state = state
        self._accept = accept
        self._gap_ns = gap_ns

    @property
    def lines(self) -> tuple[TextLine, ...]:
        """What is being read, in reading order."""
        return () if self.state.block is None else self.state.block.lines

    @property
    def evidence(self) -> Evidence | None:
        """The look behind it."""
        return None if self.state.block is None else self.state.block.evidence

    def take(self, region: LookedRegion, eye_id: int | None, evidence: Evidence, heard_ns: int) -> tuple[Block, tuple[Dropped, ...]]:
        """Add one look at text to the block under the gaze, or begin a new one."""
        block = self.state.block
        if block is None or not self._goes_on(block, region, eye_id, evidence.t_ns):
            block = Block(Reading(), (), eye_id, region.box, evidence.t_ns, heard_ns)
        before = block.reading.dropped
        block.reading = merge(block.reading, region.lines)
        lines, cut = _fit(best(block.reading, self._accept))
        block.lines, block.eye_id, block.box, block.t_ns, block.heard_ns = lines, eye_id, region.box, evidence.t_ns, heard_ns
        if region.lines:
            block.evidence = evidence
        self.state.block = block
        lost = block.reading.dropped - before + cut
        return block, (Dropped("text", "length", lost),) if lost else ()

    def look_away(self, box: Box, eye_id: int | None) -> None:
        """The wearer looks at another place: what was being read is finished."""
        block = self.state.block
        if block is not None and not _together(block, box, eye_id):
            self.end()

    def change_scene(self) -> None:
        """The picture has changed: places in it mean nothing any more."""
        if self.state.block is not None:
            self.state.block.box = None

    def expire(self, t_ns: int) -> None:
        """Finish a block that has not been read for a while."""
        if self.state.block is not None and t_ns - self.state.block.heard_ns > self._gap_ns:
            self.end()

    def end(self) -> None:
        """Nothing is being read any more."""
        self.state.block = None

    @property
    def nbytes(self) -> int:
        """What the block weighs."""
        block = self.state.block
        if block is None:
            return 0
        strings = [candidate.text for line in block.reading.lines for candidate in line.strings] + [line.text for line in block.lines]
        lines = len(block.reading.lines) + len(block.lines) + 1
        return sizes.LINE_BYTES * lines + sum(sizes.STRING_BYTES + sizes.text_bytes(text) for text in strings)

    # ------------------------------------------------------------ inside

    def _goes_on(self, block: Block, region: LookedRegion, eye_id: int | None, t_ns: int) -> bool:
        """Whether a look reads on in a block: the eye has not moved, or it has and a line of the block is there again.

        The same spot in the picture is not enough: the head follows the eye, so whatever is read tends to stand in the middle.
        """
        if abs(t_ns - block.t_ns) > self._gap_ns or not _together(block, region.box, eye_id):
            return False
        same_eye = eye_id is not None and eye_id == block.eye_id
        known = [candidate.text for line in block.reading.lines for candidate in line.strings[:1]]
        return same_eye or any(alike(line.text, text) for line in region.lines for text in known)


def text_of(lines: tuple[TextLine, ...]) -> str:
    """A block as one text: its lines verbatim, one below the other."""
    return "\n".join(line.text for line in lines)


def box_of(lines: tuple[TextLine, ...]) -> Box:
    """The smallest box around lines."""
    boxes = [line.box for line in lines]
    return Box(min(b.x0 for b in boxes), min(b.y0 for b in boxes), max(b.x1 for b in boxes), max(b.y1 for b in boxes))


def alike(a: str, b: str) -> bool:
    """Whether two texts are one, give or take what a reader misreads or has not read yet."""
    one, other = fold(a)[:_COMPARED], fold(b)[:_COMPARED]
    if one == other:
        return True
    if not one.strip() or not other.strip():
        return False
    return one in other or other in one or SequenceMatcher(None, one, other, autojunk=False).ratio() >= _ALIKE


def _together(block: Block, box: Box, eye_id: int | None) -> bool:
    same_eye = eye_id is not None and eye_id == block.eye_id
    return same_eye or (block.box is not None and _shared(block.box, box) >= _OVERLAP)


def _shared(a: Box, b: Box) -> float:
    """Overlap of two boxes, 0..1: of the smaller area."""
    width, height = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / min((a.x1 - a.x0) * (a.y1 - a.y0), (b.x1 - b.x0) * (b.y1 - b.y0))


def _fit(lines: tuple[TextLine, ...]) -> tuple[tuple[TextLine, ...], int]:
    """As many whole lines as a block may hold, and how many were left out."""
    room, kept = MAX_TEXT, 0
    for line in lines:
        room -= len(line.text) + 1
        if room < 0:
            break
        kept += 1
    return lines[:kept], len(lines) - kept
