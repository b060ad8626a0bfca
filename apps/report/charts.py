"""Two small charts: a histogram of ages and a stacked area of bytes. Plain SVG, numbers beside it, nothing to hover for."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from apps.report.markup import Markup, el, number

WIDTH = 340.0
HEIGHT = 150.0
_LEFT, _BOTTOM, _TOP = 8.0, 24.0, 16.0
MIN_BINS, MAX_BINS = 9, 24


def quantile(values: Sequence[float], q: float) -> float:
    """The value below which a share ``q`` of a sample lies (nearest rank).

    Raises:
        ValueError: No values.
    """
    if not values:
        raise ValueError("a quantile of nothing")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, math.ceil(q * len(ordered)) - 1))]


def nice(step: float) -> float:
    """The next of 1, 2, 5 times a power of ten at or above ``step``."""
    if step <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(step))
    return next(m * power for m in (1.0, 2.0, 5.0, 10.0) if m * power >= step * 0.999999)


def bins(values: Sequence[float]) -> tuple[float, float, list[int], int]:
    """Count values into equal bins: first edge, bin width, counts, and how many lie beyond the last bin.

    The range ends at the 98th percentile, so that one straggler does not press all others into one bar.
    """
    low, high = min(values), quantile(values, 0.98)
    width = nice(max(high - low, abs(high) * 0.1, 1e-9) / 16)
    first = math.floor(low / width) * width
    count = min(MAX_BINS, int((high - first) / width) + 1)
    if count < MIN_BINS:  # values that are all alike stand as a narrow bar in the middle
        room = (MIN_BINS - count) // 2
        first -= width * (room if low < 0 else min(room, round(first / width)))
        count = MIN_BINS
    counts, beyond = [0] * count, 0
    for value in values:
        place = int((value - first) / width)
        if place < count:
            counts[place] += 1
        else:
            beyond += 1
    return first, width, counts, beyond


def histogram(values: Sequence[float], unit: str, label: str) -> Markup:
    """Bars of a sample. ``values`` in ``unit``; at least one."""
    first, width, counts, beyond = bins(values)
    bars = len(counts) + (2 if beyond else 0)
    room = (WIDTH - 2 * _LEFT) / bars
    top = max(*counts, beyond, 1)
    base = HEIGHT - _BOTTOM
    parts = []
    for place, count in [*enumerate(counts), *([(len(counts) + 1, beyond)] if beyond else [])]:
        if count:
            tall = max(1.5, (base - _TOP) * count / top)
            title = el(
                "title",
                f"{number(first + place * width)} to {number(first + (place + 1) * width)} {unit}: {count}"
                if place < len(counts)
                else f"more: {count}",
            )
            css = "bar" if place < len(counts) else "bar.beyond"
            parts.append(
                el("g", title, el(f"rect.{css}", x=_LEFT + place * room + 0.5, y=base - tall, width=max(1.0, room - 1), height=tall))
            )
    end = _LEFT + len(counts) * room
    parts += [
        el("line.axis", x1=_LEFT, x2=WIDTH - _LEFT, y1=base, y2=base),
        el("text.num", number(first), x=_LEFT, y=HEIGHT - 7),
        el("text.num", f"{number(first + len(counts) * width)} {unit}", x=end, y=HEIGHT - 7, text_anchor="end"),
        el("text.num", f"{top:,}", x=_LEFT, y=11),
    ]
    if first < 0 < first + len(counts) * width:
        zero = _LEFT - first / width * room
        parts.append(el("line.zero", x1=zero, x2=zero, y1=_TOP, y2=base))
        if _LEFT + 30 < zero < end - 45:
            parts.append(el("text.num", "0", x=zero, y=HEIGHT - 7, text_anchor="middle"))
    if beyond:
        parts.append(el("text.num", "more", x=WIDTH - _LEFT, y=HEIGHT - 7, text_anchor="end"))
    return el("svg.chart", parts, viewBox=f"0 0 {WIDTH:.0f} {HEIGHT:.0f}", role="img", aria_label=label)


def stacked(
    times: Sequence[float],
    layers: Mapping[str, Sequence[float]],
    shades: Mapping[str, int],
    show: Callable[[float], str],
    label: str,
    end: str,
) -> Markup:
    """Layers on top of each other over time, scaled to their own highest sum.

    Args:
        times: Seconds, rising, at least one.
        layers: Values by layer, one a time; drawn from the bottom up.
        shades: Which of the page's shades a layer has.
        show: Writes a value.
        label: What a reader hears instead of the chart.
        end: Label of the right end.
    """
    sums = [sum(layer[i] for layer in layers.values()) for i in range(len(times))]
    top = max(*sums, 1e-9) if len(sums) > 1 else max(sums[0], 1e-9)
    base, room = HEIGHT - _BOTTOM, WIDTH - 2 * _LEFT
    first, length = times[0], max(times[-1] - times[0], 1e-9)
    xs = [_LEFT + (t - first) / length * room for t in times]
    if len(xs) == 1:
        xs, layers = [_LEFT, WIDTH - _LEFT], {name: [layer[0]] * 2 for name, layer in layers.items()}
    floor = [0.0] * len(xs)
    parts = []
    for name, layer in layers.items():
        roof = [low + high for low, high in zip(floor, layer, strict=True)]
        upper = "L".join(f"{number(x)} {number(base - (base - _TOP) * v / top)}" for x, v in zip(xs, roof, strict=True))
        lower = "L".join(
            f"{number(x)} {number(base - (base - _TOP) * v / top)}" for x, v in zip(reversed(xs), reversed(floor), strict=True)
        )
        parts.append(el("g", el("title", name), el(f"path.layer.s{shades.get(name, 0)}", d=f"M{upper}L{lower}Z")))
        floor = roof
    parts += [
        el("line.axis", x1=_LEFT, x2=WIDTH - _LEFT, y1=base, y2=base),
        el("line.top", x1=_LEFT, x2=WIDTH - _LEFT, y1=_TOP, y2=_TOP),
        el("text.num", show(top), x=_LEFT, y=11),
        el("text.num", "0:00.0", x=_LEFT, y=HEIGHT - 7),
        el("text.num", end, x=WIDTH - _LEFT, y=HEIGHT - 7, text_anchor="end"),
    ]
    return el("svg.chart", parts, viewBox=f"0 0 {WIDTH:.0f} {HEIGHT:.0f}", role="img", aria_label=label)


def meter(share: float, label: str) -> Markup:
    """A full-scale bar: how much of a limit is used, 0..1."""
    width = 1000.0 * min(1.0, max(0.0, share))
    fill = el("rect.fill", x=0, y=0, width=max(2.0, width), height=12) if share > 0 else None
    return el(
        "svg.meter",
        el("rect.track", x=0, y=0, width=1000, height=12),
        fill,
        viewBox="0 0 1000 12",
        preserveAspectRatio="none",
        role="img",
        aria_label=label,
    )
