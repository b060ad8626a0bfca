"""What the eyes and the looks did, drawn over a still: gaze dot, fixation ring, looked-at regions."""

from __future__ import annotations

import math
from collections.abc import Iterable

from apps.report.markup import Markup, el
from apps.report.pictures import Pool
from apps.report.run import Still
from edge_runtime.protocol import Look
from edge_runtime.types import Box, Percept
from gaze.types import EyeEvent

WIDTH = 1000.0
"""Every still is drawn 1000 units wide; its height follows from the aspect ratio."""


def ring_radius(duration_ns: int) -> float:
    """Radius of a fixation's ring in those units: its area grows with the duration, up to four seconds."""
    return 26.0 + 54.0 * math.sqrt(min(max(duration_ns, 0) / 1e9, 4.0))


def region(box: Box, kind: str, height: float, *, same_frame: bool = True) -> Markup:
    """A looked-at rectangle. Drawn faintly where the still is a neighbour of the frame that was looked at."""
    inset = 8.0 if kind == "overview" else 0.0
    x, y = box.x0 * WIDTH + inset, box.y0 * height + inset
    width, tall = (box.x1 - box.x0) * WIDTH - 2 * inset, (box.y1 - box.y0) * height - 2 * inset
    shape = {"x": x, "y": y, "width": max(1.0, width), "height": max(1.0, tall), "rx": 6.0}
    near = "" if same_frame else ".near"
    if kind in ("watch", "overview"):  # these cover the whole picture: drawn lightly, or they would hide it
        return el(f"rect.region.{kind}{near}", **shape)
    return el("g", el(f"rect.halo{near}", **shape), el(f"rect.region.{kind}{near}", **shape))


def gaze(percept: Percept | None, eye: EyeEvent | None, height: float) -> Markup | None:
    """The gaze point of a frame, inside the ring of the fixation it belongs to."""
    parts = []
    if eye is not None and eye.kind in ("fixation", "pursuit", "dwell") and eye.x_norm is not None and eye.y_norm is not None:
        where = {"cx": eye.x_norm * WIDTH, "cy": eye.y_norm * height, "r": ring_radius(eye.duration_ns)}
        parts += [el("circle.halo", **where), el("circle.ring", **where)]
    if percept is not None and percept.gaze is not None and percept.gaze.x_norm is not None and percept.gaze.y_norm is not None:
        point = {"cx": percept.gaze.x_norm * WIDTH, "cy": percept.gaze.y_norm * height, "r": 13.0}
        parts += [el("circle.halo", **point), el("circle.dot", **point)]
    return el("g", parts) if parts else None


def picture(
    pool: Pool, still: Still, looks: Iterable[Look], percept: Percept | None, eye: EyeEvent | None, alt: str, *, only: Box | None = None
) -> Markup | None:
    """A still with everything drawn over it; with ``only``, just that one region. ``None`` if the still is no picture."""
    if not pool.add_still(still):
        return None
    boxes = [
        region(r.box, r.kind, pool.height, same_frame=look.frame_seq == still.frame_seq)
        for look in looks
        for r in look.regions
        if only is None or r.box == only
    ]
    return el(
        "svg.still",
        el("use", href=f"#still-{still.frame_seq}"),
        boxes,
        gaze(percept, eye, pool.height),
        viewBox=f"0 0 1000 {pool.height:.0f}",
        role="img",
        aria_label=alt,
    )
