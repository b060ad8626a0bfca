"""A stay: gaze kept on one thing over several fixations, and what looks have shown there so far.

The eye does not rest on a thing, it steps about on it several times a second. Encoding every step shows the same thing again and again;
so a stay is looked at once when the picture is steady, and then just often enough that memory takes it for one appearance. Text is read
until it is certain, and what is known to bear none is not read again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

from edge_runtime.config import MS, S
from edge_runtime.remember.likeness import exact
from edge_runtime.types import LookedRegion, Vector
from gaze.geometry import tangent_scale

_SAME_COS = math.cos(math.radians(8.0))
"""A fixation that begins no farther than this angle from where the gaze last rested is on the same thing."""
_AWAY_NS = 1 * S
"""After so long without a fixation, wherever the eye rests is looked at as new."""
_BEGUN_NS, _UNSTEADY_NS = 150 * MS, 1 * S
"""A stay is looked at when it is this old and the picture steady, or this old in any case."""
_PASSING_NS = 500 * MS
"""What has not been looked at by then is at least named: a glance in passing counts too."""
_NAMED_AGAIN_NS = 1 * S
"""What has half a name is named again so often: an appearance lasts until it was last known."""
_WATCHED_NS = 100 * MS
_WATCHED_ENOUGH = 5
"""The same while a watch stands, which believes a label that two looks of three give; and how often at most."""
_HALF_KNOWN = 0.5
"""Probability of a label from which more looks may make it certain."""
_SURE = 0.95
"""A reading that is so sure of every line needs no second one."""
_BARE_NS = 10 * S
"""Between readings where there was nothing to be read."""
_ALIKE = 0.6
"""Cosine of two looks from which they show the same thing: what bore no text then bears none now."""


class Stay(msgspec.Struct):
    """Gaze on one thing.

    Attributes:
        t_start_ns: Capture time of its first frame.
        t_end_ns: Capture time of its last frame so far.
        x_norm: Where the gaze rested in that frame.
        y_norm: The same, downwards.
        looked_ns: When it was last looked at; ``None`` before the first time.
        named: How often a look tried to name it.
        named_ns: When one last did.
        vector: What the last look showed: unit vector float32 [G].
        half_known: Whether the last try gave a name that more may make certain.
        read_ns: When it was last read; ``None`` before the first time.
        reading: Whether the answer to that is still to come.
        text: What was read, line by line; ``None`` before the first time.
        text_settled: Whether there is no doubt about that.
    """

    t_start_ns: int
    t_end_ns: int
    x_norm: float
    y_norm: float
    looked_ns: int | None = None
    named: int = 0
    named_ns: int = 0
    vector: Vector | None = None
    half_known: bool = False
    read_ns: int | None = None
    reading: bool = False
    text: tuple[str, ...] | None = None
    text_settled: bool = False

    def goes_on(self, t_ns: int, x_norm: float, y_norm: float, *, hfov_deg: float, aspect: float) -> bool:
        """Whether a fixation that is at this point of the picture now is still on the same thing."""
        if t_ns - self.t_end_ns > _AWAY_NS:
            return False
        wide, high = tangent_scale(hfov_deg, aspect)
        ax, ay, bx, by = (self.x_norm - 0.5) * wide, (self.y_norm - 0.5) * high, (x_norm - 0.5) * wide, (y_norm - 0.5) * high
        return ax * bx + ay * by + 1.0 >= _SAME_COS * math.sqrt((ax * ax + ay * ay + 1.0) * (bx * bx + by * by + 1.0))

    def wants_look(self, t_ns: int, relook_ns: int, *, steady: bool) -> bool:
        """Whether it is time to look at it: ``relook_ns`` after the last time, and first when the picture is ``steady``."""
        if self.looked_ns is None:
            return t_ns - self.t_start_ns >= (_BEGUN_NS if steady else _UNSTEADY_NS)
        return t_ns - self.looked_ns >= relook_ns

    def wants_name(self, t_ns: int, *, watched: bool) -> bool:
        """Whether it should at least be named, which costs little; a standing watch wants to know at once, and for certain."""
        if self.named == 0:
            return t_ns - self.t_start_ns >= (_BEGUN_NS if watched else _PASSING_NS)
        soon = watched and self.named < _WATCHED_ENOUGH
        return self.half_known and t_ns - self.named_ns >= (_WATCHED_NS if soon else _NAMED_AGAIN_NS)

    def wants_reading(self, t_ns: int, every_ns: int, relook_ns: int) -> bool:
        """Whether it is time to read: every ``every_ns`` while there is doubt, then no oftener than a thing is looked at."""
        if self.looked_ns is None:
            return False  # a look costs less, and may show that there is nothing to be read
        if self.read_ns is None:
            return True
        pause_ns = max(every_ns, relook_ns if self.text else _BARE_NS) if self.text_settled else every_ns
        return not self.reading and t_ns - self.read_ns >= pause_ns

    def looked(self, t_ns: int) -> None:
        """It is being looked at, which names it too."""
        self.looked_ns = t_ns
        self.naming(t_ns)

    def naming(self, t_ns: int) -> None:
        """It is being named."""
        self.named, self.named_ns = self.named + 1, t_ns

    def read(self, t_ns: int) -> None:
        """It is being read."""
        self.read_ns, self.reading = t_ns, True

    def was_named(self, region: LookedRegion) -> None:
        """Take in what it was taken for."""
        self.half_known = any(hint.confidence >= _HALF_KNOWN for hint in region.labels)

    def was_seen(self, vector: Vector | None, bare: Iterable[Vector]) -> None:
        """Take in what it looks like; ``bare`` are looks at things that bear no text."""
        self.vector = vector
        if self.read_ns is None and vector is not None and any(_cosine(vector, other) >= _ALIKE for other in bare):
            self.read_ns, self.text_settled = self.looked_ns, True

    def was_read(self, region: LookedRegion) -> None:
        """Take in what a reading showed; what is neither sure nor complete has to read the same twice."""
        text = tuple(line.text for line in region.lines)
        sure = not region.unread and all(line.confidence >= _SURE for line in region.lines)
        self.reading, self.text_settled, self.text = False, sure or text == self.text, text


def _cosine(one: Vector, other: Vector) -> float:
    a, b = exact(one), exact(other)
    length = math.sqrt(int(a @ a)) * math.sqrt(int(b @ b))
    return int(a @ b) / length if length and a.size == b.size else 0.0
