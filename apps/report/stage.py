"""What the page's script needs to show one moment: only what had reached the core by then, in small rows of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from apps.report.chain import AskedLook, Chain
from apps.report.markup import Markup, clean, data
from apps.report.turns import Turn
from apps.report.wording import EYES, WHY, size, words
from edge_runtime.protocol import Eye, Gaze

MAX_ROWS = 6000
HINT = 0.2
"""Hints below this say nothing."""
_KINDS = tuple(EYES)

T = TypeVar("T")


def block(chain: Chain, story: Sequence[Turn], height: float) -> Markup:
    """The JSON block: times in ms since the start of the stream, places 0..1, every list in order of time.

    ``start``: the moment shown first. ``gaze``: arrival, capture, x, y (null while there is none). ``eyes``: report, kind, start,
    end, x, y. ``looks``: asked, captured, answered (null if never), reason, regions as kind and corners, result. ``words``: time,
    who, text. ``bytes``: time, text.
    """
    run = chain.run
    value = {
        "height": round(height),
        "start": _start(chain, story),
        "kinds": [EYES[kind] for kind in _KINDS],
        "gaze": thin(_gaze(chain)),
        "eyes": thin(_eyes(chain)),
        "looks": thin([_look(chain, asked) for asked in chain.looks]),
        "words": thin([[_ms(chain, turn.t_ns), turn.side, clean(turn.text)] for turn in story if turn.side in ("wearer", "glasses")]),
        "gone": [[_ms(chain, t_from), _ms(chain, t)] for t, _, t_from in run.forgotten],
        "bytes": thin([[_ms(chain, g.t_ns), f"{size(g.ram_bytes)} of {size(g.ram_limit_bytes)}"] for g in run.gauges]),
    }
    return data(value, "moments")


def _start(chain: Chain, story: Sequence[Turn]) -> int:
    """The moment shown first: an alert if there was one, else a sentence with evidence, else the first look."""
    backed = [t for t in story if t.spoken is not None and t.spoken.say.response.evidence]
    first = next((t for t in backed if t.verb == "alerts"), backed[0] if backed else None)
    if first is not None:
        return _ms(chain, first.t_ns)
    return _ms(chain, chain.looks[0].t_asked_ns) if chain.looks else 0


def thin(rows: list[T]) -> list[T]:
    """Keep at most ``MAX_ROWS`` rows, evenly."""
    stride = -(-len(rows) // MAX_ROWS) if rows else 1
    return rows[::stride]


def _ms(chain: Chain, t_ns: int) -> int:
    return (t_ns - chain.run.origin_ns) // 1_000_000


def _gaze(chain: Chain) -> list[list[object]]:
    rows: list[list[object]] = []
    for _, event in chain.run.events:
        if isinstance(event, Gaze) and event.samples:
            last = event.samples[-1]
            place = (
                [round(last.x_norm, 4), round(last.y_norm, 4)]
                if last.valid and last.x_norm is not None and last.y_norm is not None
                else [None, None]
            )
            rows.append([_ms(chain, event.t_ns), _ms(chain, last.t_ns), *place])
    return rows


def _eyes(chain: Chain) -> list[list[object]]:
    """Reports of movements, thinned to ten a second and movement; dwell runs beside the others and is left out."""
    rows: list[list[object]] = []
    told: dict[int, int] = {}
    for _, report in chain.run.events:
        if not isinstance(report, Eye) or report.event.kind == "dwell":
            continue
        eye = report.event
        if eye.stage != "final" and eye.id in told and report.t_ns - told[eye.id] < 100_000_000:
            continue
        told[eye.id] = report.t_ns
        place = [round(eye.x_norm, 4), round(eye.y_norm, 4)] if eye.x_norm is not None and eye.y_norm is not None else [None, None]
        rows.append([_ms(chain, report.t_ns), _KINDS.index(eye.kind), _ms(chain, eye.t_start_ns), _ms(chain, eye.t_end_ns), *place])
    return rows


def _look(chain: Chain, asked: AskedLook) -> list[object]:
    look = asked.look
    regions = [[r.kind, *(round(v, 4) for v in (r.box.x0, r.box.y0, r.box.x1, r.box.y1))] for r in look.regions]
    answer = asked.looked or asked.failed
    answered = _ms(chain, answer.t_ns) if answer is not None else None
    why = WHY.get(look.why, words(look.why))
    return [_ms(chain, asked.t_asked_ns), _ms(chain, look.t_capture_ns), answered, why, regions, clean(_result(asked))]


def _result(asked: AskedLook) -> str:
    if asked.failed is not None:
        return f"failed: {words(asked.failed.reason)}"
    regions = asked.looked.regions if asked.looked is not None else ()
    read = [f"read “{line.text}”" for region in regions for line in region.lines][:4]
    hints: dict[str, float] = {}
    for hint in (hint for region in regions for hint in region.labels[:1]):
        hints[hint.label] = max(hint.confidence, hints.get(hint.label, 0.0))
    best = sorted(hints.items(), key=lambda item: -item[1])[:2]
    return (
        ", ".join(read + [f"perhaps {label} ({sure:.2f})" for label, sure in best if sure >= HINT]) or "nothing to read, no guess at a name"
    )
