"""The film strip: stills with the eyes and the looks drawn on them, lanes below, and a stage for one moment at a time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from apps.report.chain import Chain
from apps.report.lanes import Lanes, mark
from apps.report.markup import Markup, el
from apps.report.overlay import picture
from apps.report.pictures import Cells, Pool
from apps.report.turns import Turn
from apps.report.wording import EYES, WHY, S, clock, many, span
from gaze.types import EyeEvent

_RESTING = ("fixation", "pursuit", "dwell")


def section(chain: Chain, pool: Pool, cells: Cells, story: Sequence[Turn]) -> Markup:
    """Section "Film strip"."""
    lanes = Lanes(chain, cells.step_ns, cells.count)
    film = _Film(chain, pool, cells)
    figures = [film.cell(number) for number in range(cells.count)]
    reel = el(
        "div.reel" if cells.stills else "div.reel.bare",
        el("div.cells", figures),
        lanes.all(story),
        tabindex="0",
        role="region",
        aria_label="Film strip, scrolls sideways",
        id="reel",
    )
    return el("section", el("h2", "Film strip"), el("p.lead", _lead(chain, cells)), _stage(chain, pool), _legend(), reel, id="film")


def _lead(chain: Chain, cells: Cells) -> str:
    if not cells.stills:
        return "There are no pictures: this run was played from a journal, which keeps none. The lanes show eyes, looks and words."
    every = "Two stills a second" if cells.step_ns < S else f"One still for every {span(cells.step_ns)}"
    shown = len(cells.stills)
    thinned = f"; {shown} of {cells.offered} stills are shown, so that this file stays small" if shown < cells.offered else ""
    return (
        f"{every}{thinned}. The dot is the gaze at the moment of the frame; the ring is the fixation around it, larger the longer it lasts."
    )


def _legend() -> Markup:
    signs = [
        el("li", el("svg", mark(why, 9.0, 9.0), width="18", height="18", viewBox="0 0 18 18", aria_hidden="true"), f"look, {text}")
        for why, text in WHY.items()
    ]
    boxes = [("foveal", "region around the gaze"), ("text", "region read"), ("watch", "region of a watch"), ("overview", "whole picture")]
    shapes = [
        el(
            "li",
            el(
                "svg",
                el(f"rect.region.{kind}", x=2, y=3, width=20, height=12, rx=2),
                width="24",
                height="18",
                viewBox="0 0 24 18",
                aria_hidden="true",
            ),
            text,
        )
        for kind, text in boxes
    ]
    near = el("li.faint", "A region drawn thin belongs to a neighbouring frame.")
    return el("details.legend", el("summary", "What the signs mean"), el("ul", signs, shapes, near))


def _stage(chain: Chain, pool: Pool) -> Markup:
    """The larger picture; the page's script fills it, so it is hidden where no script runs."""
    last_ms = max(0, chain.run.duration_ns // 1_000_000)
    slider = el("input", type="range", id="scrub", min="0", max=str(last_ms), step="20", value="0", aria_label="Moment of the run")
    buttons = [
        el("button", "◀", type="button", id="back", aria_label="Half a second back"),
        el("button", "Play", type="button", id="play"),
        el("button", "▶", type="button", id="on", aria_label="Half a second on"),
    ]
    view = el("svg.still", id="view", viewBox=f"0 0 1000 {pool.height:.0f}", role="img", aria_label="The frame of the chosen moment")
    return el(
        "div.stage",
        el("div.view", view, el("div.controls", buttons, slider, el("output", clock(0), id="now", for_="scrub"))),
        el("div.known", el("h3", "Known at this moment"), el("dl", id="known"), aria_live="off"),
        id="stage",
        hidden=True,
    )


class _Film:
    """The cells of the strip."""

    def __init__(self, chain: Chain, pool: Pool, cells: Cells) -> None:
        self.chain, self.pool, self.cells = chain, pool, cells
        self.origin_ns = chain.run.origin_ns
        self.resting = sorted((e for e in chain.eyes.values() if e.kind in _RESTING[:2]), key=lambda e: e.t_start_ns)
        self.starts = [e.t_start_ns for e in self.resting]
        self.looks: dict[int, list[int]] = {}
        for place, asked in enumerate(chain.looks):
            self.looks.setdefault(cells.number(asked.look.t_capture_ns - self.origin_ns), []).append(place)

    def eye_at(self, t_ns: int) -> EyeEvent | None:
        """The fixation or pursuit under way at a moment."""
        place = bisect_right(self.starts, t_ns) - 1
        return self.resting[place] if place >= 0 and self.resting[place].t_end_ns >= t_ns else None

    def cell(self, number: int) -> Markup:
        """One stretch of the film."""
        start_ns = number * self.cells.step_ns
        middle_ns = self.origin_ns + start_ns + self.cells.step_ns // 2
        still = self.cells.stills.get(number)
        attributes = {"id": f"film-{number}", "data_t": start_ns // 1_000_000}
        if still is None:
            gone = any(t_from <= middle_ns <= t for t, _, t_from in self.chain.run.forgotten)
            text = "forgotten" if gone else "no picture"
            return el(
                "figure.cell.hatched" if gone else "figure.cell.blank", el("p", text), el("figcaption", clock(start_ns)), **attributes
            )
        percept, eye = self.chain.percepts.get(still.frame_seq), self.eye_at(still.t_ns)
        looks = [self.chain.looks[place].look for place in self.looks.get(number, ())]
        alt = f"Still of {clock(still.t_ns - self.origin_ns)}. "
        if percept is not None and percept.gaze is not None and percept.gaze.x_norm is not None and percept.gaze.y_norm is not None:
            alt += f"Gaze {percept.gaze.x_norm:.0%} from the left, {percept.gaze.y_norm:.0%} from the top. "
        alt += f"{EYES[eye.kind].capitalize()} of {span(eye.duration_ns)}. " if eye is not None else ""
        alt += f"{many(len(looks), 'look')}: {', '.join(look.why for look in looks)}." if looks else "Not looked at."
        shot = picture(self.pool, still, looks, percept, eye, alt)
        if shot is None:
            return el("figure.cell.blank", el("p", "not a JPEG"), el("figcaption", clock(start_ns)), **attributes)
        frame = {"data_still": still.frame_seq, "data_at": (still.t_ns - self.origin_ns) // 1_000_000}
        return el("figure.cell", shot, el("figcaption", clock(still.t_ns - self.origin_ns)), **attributes, **frame)
