"""The whole run on one line of time: words, alerts, looks, resting eyes, and what was forgotten."""

from __future__ import annotations

from collections.abc import Sequence

from apps.report.chain import Chain
from apps.report.markup import Markup, el, number
from apps.report.turns import Turn
from apps.report.wording import clock, many

_LEFT, _RIGHT = 84.0, 990.0
_ROWS = {"wearer": 24.0, "glasses": 54.0, "quiet": 80.0, "looks": 106.0, "eyes": 132.0}
_HEIGHT = 172.0
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)


def overview(chain: Chain, story: Sequence[Turn]) -> Markup:
    """The line, as one figure."""
    run = chain.run
    length_ns = max(1, run.duration_ns)

    def x(t_ns: int) -> float:
        return min(_RIGHT, max(_LEFT, _LEFT + (t_ns - run.origin_ns) / length_ns * (_RIGHT - _LEFT)))

    parts: list[object] = [el("text.row", name, x=0, y=_ROWS[key] + 4) for key, name in _NAMES.items()]
    parts += [el("line.row", x1=_LEFT, x2=_RIGHT, y1=y, y2=y) for y in _ROWS.values()]
    for t_ns, _, start_ns in run.forgotten:
        gone = el("rect.gone", x=x(start_ns), y=8, width=max(3.0, x(t_ns) - x(start_ns)), height=136, fill="url(#hatch)")
        parts.append(el("g", el("title", "forgotten at the wearer's request"), gone))
    resting = [e for e in chain.eyes.values() if e.kind in ("fixation", "pursuit")]
    bars = "".join(f"M{number(x(e.t_start_ns))} {_ROWS['eyes']}H{number(max(x(e.t_end_ns), x(e.t_start_ns) + 1))}" for e in resting)
    ticks = "".join(f"M{number(x(a.look.t_capture_ns))} {_ROWS['looks'] - 6}v12" for a in chain.looks)
    parts += [el("path.eyes", d=bars) if bars else None, el("path.looks", d=ticks) if ticks else None]
    parts += [_mark(n, turn, x(turn.t_ns), run.origin_ns) for n, turn in enumerate(story) if turn.side in ("wearer", "glasses", "quiet")]
    step_s = next((s for s in _STEPS_S if length_ns / 1e9 / s <= 12), _STEPS_S[-1])
    for t_s in range(0, int(length_ns // 1e9) + 1, step_s):
        at = x(run.origin_ns + t_s * 10**9)
        parts += [
            el("line.tick", x1=at, x2=at, y1=148, y2=153),
            el("text.num", clock(t_s * 10**9)[:-2], x=at, y=167, text_anchor="middle" if at < _RIGHT - 12 else "end"),
        ]
    told = (
        f"The run on one line: {many(len(chain.looks), 'look')}, {many(len(resting), 'fixation')}, {many(len(chain.spoken), 'sentence')}."
    )
    figure = el("svg.overview", parts, viewBox=f"0 0 1000 {_HEIGHT:.0f}", role="group", aria_label=told)
    return el("div.scroll", figure, tabindex="0", role="region", aria_label="The run on one line, scrolls sideways on small screens")


_NAMES = {"wearer": "wearer", "glasses": "glasses", "quiet": "kept quiet", "looks": "looks", "eyes": "eyes rest"}


def _mark(number_: int, turn: Turn, at: float, origin_ns: int) -> Markup:
    y = _ROWS[turn.side]
    title = el("title", f"{clock(turn.t_ns - origin_ns)}: {turn.text or 'kept quiet'}")
    if turn.side == "quiet":
        return el("g", title, el("circle.hollow", cx=at, cy=y, r=3.5))
    if turn.side == "wearer":
        sign = el("path.said.wearer", d=f"M{number(at - 6)} {number(y - 6)}h12v9h-7l-5 4z")
    else:
        css = "alert" if turn.verb == "alerts" else "plain"
        shape = f"M{number(at)} {number(y - 9)}l8 15h-16z" if css == "alert" else f"M{number(at - 6)} {number(y - 6)}h12v12h-12z"
        sign = el(f"path.said.{css}", d=shape)
    return el("a", title, sign, href=f"#turn-{number_}")
