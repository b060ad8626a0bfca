"""Where text stands: from the probability map of a text detector to straight crops, in reading order.

Differentiable binarisation (Liao et al., AAAI 2020) draws every line of text as a shrunken core. The core's smallest
enclosing rectangle is grown back by the Vatti distance ``area * ratio / perimeter``, which for a rectangle is exact with one
addition. Fragments of one line are joined before they are read, since words that come and go between looks cannot be
voted on.

Everything here is a pure function. Coordinates are pixels, origin top left; angles are degrees, clockwise as seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
import numpy.typing as npt

from edge_runtime.pixels import Picture

Quad = npt.NDArray[np.float32]
"""float32 [4,2] pixels: top left, top right, bottom right, bottom left, as the text is read."""
ProbabilityMap = npt.NDArray[np.float32]
"""float32 [H,W], 0..1."""

TEXT_FROM = 0.3
"""Probability from which a pixel belongs to a core."""
CORE_MEAN = 0.5
"""Mean probability inside a core's rectangle from which it counts."""
GROW = 1.6
"""Ratio of the Vatti distance."""
CORE_MIN_PX = 3.0
"""Shorter side of the smallest core."""
GIANT = 0.4
"""Height of a line, as a share of the picture's longer side, beyond which it is a shape and not a line of text."""
UPRIGHT = 1.5
"""Height to width from which a line may stand on its end."""
STANDING = 3.0
"""Height to width from which it certainly does: no character is that narrow."""
CANDIDATES = 100
"""Cores looked at, the largest first."""

_CONTRAST = 3.0  # most that the contrast of a tile is raised
_LEVEL_DEG = 10.0  # lines this far apart in direction are not one line
_JOIN_GAP = 0.6  # widest gap inside a line, in line heights: wider than a space, narrower than a column's gutter
_SAME_HEIGHT = 0.55  # smaller to larger height of two fragments of one line: "a" beside "PUSH"
_SAME_ROW = 0.4  # how far two fragments' middles may be apart, in line heights


@dataclass(frozen=True, slots=True)
class Rect:
    """A turned rectangle around text.

    Attributes:
        cx: Centre, pixels.
        cy: Centre, pixels.
        w: Side nearer to the horizontal, pixels.
        h: The other side, pixels.
        deg: Direction of ``w``, -45..45 degrees, clockwise as seen.
        score: Mean probability, 0..1.
    """

    cx: float
    cy: float
    w: float
    h: float
    deg: float
    score: float

    def quad(self) -> Quad:
        """The corners, float32 [4,2] pixels, clockwise from the top left."""
        (ux, uy), (vx, vy) = _axes(self.deg)
        ends = [(sx * self.w / 2, sy * self.h / 2) for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
        return np.array([(self.cx + a * ux + b * vx, self.cy + a * uy + b * vy) for a, b in ends], dtype=np.float32)

    def scaled(self, factor: float) -> Rect:
        """The same rectangle in a picture ``factor`` times as large."""
        return Rect(self.cx * factor, self.cy * factor, self.w * factor, self.h * factor, self.deg, self.score)


def even_out(image: Picture) -> Picture:
    """Bring out faint print: contrast-limited adaptive histogram equalisation (Zuiderveld, Graphics Gems IV, 1994) of the luma.

    The detector misses large print of low contrast, dark red on grey, that is plain to the eye.

    Args:
        image: uint8 BGR [H,W,3].
    """
    lab = cv2.cvtColor(image, cv2.COLOR_BGR2LAB)
    lab[..., 0] = cv2.createCLAHE(_CONTRAST, (4, 4)).apply(lab[..., 0])
    evened: Picture = cv2.cvtColor(lab, cv2.COLOR_LAB2BGR).astype(np.uint8, copy=False)
    return evened


def find_text(probability: ProbabilityMap) -> list[Rect]:
    """Turn a probability map into the rectangles of lines of text, in reading order.

    Args:
        probability: float32 [H,W], 0..1.
    """
    lines = join_lines([grow(core) for core in find_cores(probability)])
    largest_px = GIANT * max(probability.shape)
    return reading_order([line for line in lines if min(line.w, line.h) <= largest_px])


def find_cores(probability: ProbabilityMap) -> list[Rect]:
    """Find the shrunken cores of lines: connected pixels above ``TEXT_FROM``, large and sure enough.

    Args:
        probability: float32 [H,W], 0..1.
    """
    mask = (probability > TEXT_FROM).astype(np.uint8)
    # Two levels: outlines of parts, also of parts inside another part's hole; the holes themselves are not text.
    outlines, levels = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    outer = [outline for outline, level in zip(outlines, levels[0] if outlines else (), strict=True) if level[3] < 0]
    cores = []
    for outline in sorted(outer, key=cv2.contourArea, reverse=True)[:CANDIDATES]:
        (cx, cy), (w, h), deg = cv2.minAreaRect(outline)
        if min(w, h) < CORE_MIN_PX:
            continue
        rect = _levelled(cx, cy, w, h, deg)
        if rect.h <= STANDING * rect.w and rect.w <= UPRIGHT * rect.h:
            # About one character: the smallest rectangle around an X lies any way, so take the straight one.
            x, y, width, height = cv2.boundingRect(outline)
            rect = Rect(x + (width - 1) / 2, y + (height - 1) / 2, float(width - 1), float(height - 1), 0.0, 0.0)
        score = _mean_inside(probability, rect.quad())
        if score >= CORE_MEAN:
            cores.append(Rect(rect.cx, rect.cy, rect.w, rect.h, rect.deg, score))
    return cores


def grow(core: Rect) -> Rect:
    """Grow a core back to the line it was shrunk from."""
    by = core.w * core.h * GROW / (2 * (core.w + core.h))
    return Rect(core.cx, core.cy, core.w + 2 * by, core.h + 2 * by, core.deg, core.score)


def join_lines(rects: Sequence[Rect]) -> list[Rect]:
    """Join fragments that stand side by side on one line."""
    line_of = list(range(len(rects)))
    for (i, a), (j, b) in combinations(enumerate(rects), 2):
        if line_of[i] != line_of[j] and _one_line(a, b):
            line_of = [line_of[i] if line == line_of[j] else line for line in line_of]
    groups = [[rect for rect, of in zip(rects, line_of, strict=True) if of == line] for line in dict.fromkeys(line_of)]
    return [_around(group) for group in groups]


def reading_order(rects: Sequence[Rect]) -> list[Rect]:
    """Sort lines: rows from top to bottom, in a row from left to right; a picture that is tilted as a whole is levelled first."""
    if not rects:
        return []
    # The tilt of most of the text, by length: what is about as high as wide has no direction of its own.
    tilts = sorted((rect.deg, rect.w) for rect in rects if rect.w > UPRIGHT * rect.h) or [(0.0, 1.0)]
    passed = np.cumsum([width for _, width in tilts])
    u, v = _axes(tilts[int(np.searchsorted(passed, passed[-1] / 2))][0])
    rows: list[list[Rect]] = []
    for rect in sorted(rects, key=lambda rect: _along(rect, v)):
        last = rows[-1] if rows else []
        if last and _along(rect, v) - sum(_along(one, v) for one in last) / len(last) < 0.5 * min(rect.h, *(one.h for one in last)):
            last.append(rect)
        else:
            rows.append([rect])
    return [rect for row in rows for rect in sorted(row, key=lambda rect: _along(rect, u))]


def straighten(image: Picture, quad: Quad, height_px: int, longest_px: int) -> Picture:
    """Cut a quadrilateral out of a picture as a straight strip.

    Args:
        image: uint8 BGR [H,W,3].
        quad: float32 [4,2] pixels, in reading direction.
        height_px: Height of the strip.
        longest_px: Width of the strip at most; what is longer is squeezed.

    Returns:
        uint8 BGR [height_px, W, 3].
    """
    width = float(np.linalg.norm(quad[1] - quad[0]) + np.linalg.norm(quad[2] - quad[3])) / 2
    height = float(np.linalg.norm(quad[3] - quad[0]) + np.linalg.norm(quad[2] - quad[1])) / 2
    width_px = int(np.clip(round(height_px * width / max(height, 1e-6)), 8, longest_px))
    strip = np.array([[0, 0], [width_px, 0], [width_px, height_px], [0, height_px]], dtype=np.float32)
    transform = cv2.getPerspectiveTransform(quad, strip)
    out = cv2.warpPerspective(image, transform, (width_px, height_px), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return out.astype(np.uint8, copy=False)


def _axes(deg: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Unit vectors along and across a direction."""
    c, s = math.cos(math.radians(deg)), math.sin(math.radians(deg))
    return (c, s), (-s, c)


def _along(rect: Rect, axis: tuple[float, float]) -> float:
    return rect.cx * axis[0] + rect.cy * axis[1]


def _levelled(cx: float, cy: float, w: float, h: float, deg: float) -> Rect:
    """Name the sides so that ``w`` is the one nearer to the horizontal, whatever angle the library chose to report."""
    while deg > 45.0:
        w, h, deg = h, w, deg - 90.0
    while deg <= -45.0:
        w, h, deg = h, w, deg + 90.0
    return Rect(cx, cy, w, h, deg, 0.0)


def _mean_inside(probability: ProbabilityMap, quad: Quad) -> float:
    """Mean probability inside a quadrilateral."""
    height, width = probability.shape
    x0, y0 = np.clip(np.floor(quad.min(axis=0)).astype(int), 0, [width - 1, height - 1])
    x1, y1 = np.clip(np.ceil(quad.max(axis=0)).astype(int), 0, [width - 1, height - 1])
    mask = np.zeros((y1 - y0 + 1, x1 - x0 + 1), dtype=np.uint8)
    cv2.fillPoly(mask, [np.round(quad - [x0, y0]).astype(np.int32)], 1)
    return float(cv2.mean(probability[y0 : y1 + 1, x0 : x1 + 1], mask)[0])


def _one_line(a: Rect, b: Rect) -> bool:
    """Whether two fragments stand side by side on one line."""
    low, high = sorted((a.h, b.h))
    if low < _SAME_HEIGHT * high or math.hypot(a.cx - b.cx, a.cy - b.cy) > (a.w + b.w) / 2 + high:
        return False
    if all(rect.w > UPRIGHT * rect.h for rect in (a, b)) and abs(a.deg - b.deg) > _LEVEL_DEG:
        return False
    longer = a if a.w >= b.w else b
    if longer.h > UPRIGHT * longer.w:
        return False
    u, v = _axes(longer.deg)
    gap = abs(_along(a, u) - _along(b, u)) - (a.w + b.w) / 2
    return abs(_along(a, v) - _along(b, v)) < _SAME_ROW * low and -low < gap < _JOIN_GAP * low


def _around(group: Sequence[Rect]) -> Rect:
    """The rectangle around the fragments of a line, in the direction of the longest."""
    if len(group) == 1:
        return group[0]
    longest = max(group, key=lambda rect: rect.w)
    u, v = _axes(longest.deg)
    corners = np.concatenate([rect.quad() for rect in group]).astype(np.float64)
    x, y = corners @ np.array(u), corners @ np.array(v)
    along, across = (x.min() + x.max()) / 2, (y.min() + y.max()) / 2
    score = sum(rect.score * rect.w for rect in group) / sum(rect.w for rect in group)
    return Rect(
        cx=float(along * u[0] + across * v[0]),
        cy=float(along * u[1] + across * v[1]),
        w=float(np.ptp(x)),
        h=float(np.ptp(y)),
        deg=longest.deg,
        score=score,
    )
