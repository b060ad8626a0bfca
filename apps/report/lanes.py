"""The lanes under the film, to scale: ruler and scenes, eye movements, looks, words."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from apps.report.chain import AskedLook, Chain
from apps.report.markup import Markup, el, number
from apps.report.turns import Turn
from apps.report.wording import EYES, WHY, S, clock, span, words

CELL_PX = 168
CHAR_PX = 6.4


class Lanes:
    """Everything that has a place along the film.

    Args:
        chain: What happened.
        step_ns: Stream time of one cell of the film.
        count: Number of cells.
    """

    def __init__(self, chain: Chain, step_ns: int, count: int) -> None:
        self.chain = chain
        self.origin_ns = chain.run.origin_ns
        self.step_ns = step_ns
        self.width = count * CELL_PX

    def x(self, t_ns: int) -> float:
        """Place of a moment, px."""
        return min(float(self.width), max(0.0, (t_ns - self.origin_ns) / self.step_ns * CELL_PX))

    def at(self, t_ns: int) -> str:
        """Stream time as the page writes it."""
        return clock(t_ns - self.origin_ns)

    def all(self, story: Sequence[Turn]) -> list[Markup]:
        """The four lanes, top to bottom."""
        return [
            self._lane("Time, scenes", 30, self._ruler()),
            self._lane("Eyes", 30, self._eyes()),
            self._lane("Looks", 30, self._looks()),
            self._lane("Words", 52, self._words(story)),
        ]

    def _lane(self, name: str, height: int, parts: Iterable[object]) -> Markup:
        shape = {"width": str(self.width), "height": str(height), "viewBox": f"0 0 {self.width} {height}"}
        return el(
            "div.lane", el("span.lane-name", name), el("svg", self._gone(height), parts, role="img", aria_label=f"Lane: {name}", **shape)
        )

    def _gone(self, height: int) -> list[Markup]:
        return [
            el("rect.gone", x=self.x(start), y=0, width=max(2.0, self.x(t) - self.x(start)), height=height, fill="url(#hatch)")
            for t, _, start in self.chain.run.forgotten
        ]

    def _ruler(self) -> list[Markup]:
        parts = []
        every = self.step_ns if self.step_ns >= S else S
        t_ns = 0
        while t_ns / self.step_ns * CELL_PX < self.width:
            x = t_ns / self.step_ns * CELL_PX
            parts.append(el("line.tick", x1=x, x2=x, y1=0, y2=9))
            parts.append(el("text.num", clock(t_ns), x=x + 4, y=12))
            t_ns += every
        for asked in self.chain.looks:
            if asked.look.why == "scene":
                x = self.x(asked.look.t_capture_ns)
                flag = el("path.scene", d=f"M{number(x)} 30V14h10l-3 4 3 4h-10")
                parts.append(el("g", el("title", f"{self.at(asked.look.t_capture_ns)}: a new scene"), flag))
        return parts

    def _eyes(self) -> list[Markup]:
        parts = []
        for eye in sorted(self.chain.eyes.values(), key=lambda e: (e.kind != "dwell", e.t_start_ns)):
            x, width = self.x(eye.t_start_ns), max(2.0, self.x(eye.t_end_ns) - self.x(eye.t_start_ns))
            y, height = {"dwell": (25, 3), "saccade": (11, 4), "blink": (6, 14), "lost": (6, 14)}.get(eye.kind, (6, 14))
            title = el("title", f"{self.at(eye.t_start_ns)}: {EYES[eye.kind]}, {span(eye.duration_ns)}")
            parts.append(el("g", title, el(f"rect.eye.{eye.kind}", x=x, y=y, width=width, height=height, rx=2.0)))
        return parts

    def _looks(self) -> list[Markup]:
        return [
            el("g", el("title", self.tell(asked)), mark(asked.look.why, self.x(asked.look.t_capture_ns), 15.0))
            for asked in self.chain.looks
        ]

    def tell(self, asked: AskedLook) -> str:
        """One look in a sentence."""
        look = asked.look
        told = f"{self.at(look.t_capture_ns)}: look {look.id} at frame {look.frame_seq}, because {WHY.get(look.why, words(look.why))}"
        if asked.failed is not None:
            return f"{told}; failed: {words(asked.failed.reason)}"
        read = [line.text for region in (asked.looked.regions if asked.looked else ()) for line in region.lines]
        return f"{told}; read: {', '.join(read[:4])}" if read else told

    def _words(self, story: Sequence[Turn]) -> list[Markup]:
        parts = []
        for side, y in (("wearer", 18), ("glasses", 42)):
            row = [turn for turn in story if turn.side == side]
            for turn, after in itertools.zip_longest(row, row[1:]):
                x = self.x(turn.t_ns)
                room = (self.x(after.t_ns) if after is not None else self.width) - x
                text = cut(turn.text, int((room - 16) / CHAR_PX))
                pin = el(f"circle.pin.{side}", cx=x + 4, cy=y - 4, r=4)
                label = el(f"text.{side}", text, x=x + 13, y=y) if text else None
                parts.append(el("g", el("title", f"{self.at(turn.t_ns)}: {turn.text}"), pin, label))
        return parts


def cut(text: str, chars: int) -> str:
    """Shorten a text to a number of characters; nothing at all where that says nothing."""
    if len(text) <= chars:
        return text
    return text[: chars - 1].rstrip() + "…" if chars >= 6 else ""


def mark(why: str, x: float, y: float) -> Markup:
    """The sign of a look: its shape alone tells the reason."""
    if why == "scene":
        return el("rect.mark.scene", x=x - 5, y=y - 5, width=10, height=10)
    if why == "text":
        return el("path.mark.text", d=f"M{number(x - 6)} {number(y - 6)}h12v4h-4v8h-4v-8h-4z")
    if why == "teach":
        return el("path.mark.teach", d=f"M{number(x)} {number(y - 7)}l7 7-7 7-7-7z")
    if why == "heartbeat":
        return el("circle.mark.heartbeat", cx=x, cy=y, r=4)
    if why == "watch":
        return el("rect.mark.watch", x=x - 4, y=y - 4, width=8, height=8)
    return el("circle.mark.fixation", cx=x, cy=y, r=5)
