"""What a language model was shown for an answer, and how long it took over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from apps.report.markup import Markup, el
from apps.report.run import Run
from apps.report.wording import many, span, words
from edge_runtime.protocol import Done, Failed, Generate, Prompted, Token
from edge_runtime.records import ShownTokens

_KINDS = {"foveal": "what gaze rested on", "middle": "the middle of the view", "overview": "the whole view", "memory": "memory"}
_WIDTH, _HEIGHT, _BAR = 560, 26, 14
_MOST_LINES = 6
"""More stretches of memory than these are told in one line; the picture shows them all."""


@dataclass(frozen=True)
class Thought:
    """One answer in free language, as the journal tells it.

    Attributes:
        t_ns: When the model was asked.
        command: What it was asked.
        shown: What it was shown; ``None`` if it never began.
        pieces: Pieces of text that came.
        first_ns: When the first of them came.
        ended_ns: When it was done, or failed.
        failed: Why it failed; ``""`` if it did not.
    """

    t_ns: int
    command: Generate
    shown: tuple[ShownTokens, ...] | None
    pieces: int
    first_ns: int | None
    ended_ns: int | None
    failed: str


def thoughts(run: Run) -> list[Thought]:
    """All of a run, in order."""
    times = {index: event.t_ns for index, event in run.events}
    prompted: dict[int, Prompted] = {}
    pieces: dict[int, list[Token]] = {}
    ended: dict[int, Done | Failed] = {}
    for _, event in run.events:
        if isinstance(event, Prompted):
            prompted[event.answers] = event
        elif isinstance(event, Token):
            pieces.setdefault(event.answers, []).append(event)
        elif isinstance(event, Done | Failed):
            ended[event.answers] = event
    found = []
    for index, command in run.commands:
        if not isinstance(command, Generate):
            continue
        came, end, told = pieces.get(command.id, []), ended.get(command.id), prompted.get(command.id)
        found.append(
            Thought(
                t_ns=times.get(index, command.t_asked_ns),
                command=command,
                shown=None if told is None else told.shown,
                pieces=len(came),
                first_ns=came[0].t_ns if came else None,
                ended_ns=None if end is None else end.t_ns,
                failed=end.reason if isinstance(end, Failed) else "",
            )
        )
    return found


def shown(thought: Thought) -> list[object]:
    """What the model was shown: a picture of it along time, and a line for each stretch."""
    if thought.shown is None:
        return [f"The model was asked and gave nothing ({words(thought.failed or 'no answer')})."]
    if not thought.shown:
        return ["No tokens of what was seen: it was given words alone."]
    total = sum(part.count for part in thought.shown)
    rows = [el("li", line) for line in _lines(thought.shown, thought.command.t_asked_ns)]
    return [
        f"{many(total, 'token')} of what was seen, and the question:",
        _picture(thought.shown, thought.command.t_asked_ns),
        el("ul", rows),
    ]


def took(thought: Thought) -> list[object]:
    """How long the model took."""
    if thought.first_ns is None:
        return []
    first = f"The first words came {span(thought.first_ns - thought.t_ns)} after it was asked"
    if thought.ended_ns is None:
        return [f"{first}; it did not come to an end."]
    end = f"it gave up ({words(thought.failed)})" if thought.failed else "it was done"
    return [f"{first}; {end} after {span(thought.ended_ns - thought.t_ns)} and {many(thought.pieces, 'piece')} of text."]


def _lines(parts: Sequence[ShownTokens], asked_ns: int) -> list[str]:
    memory = [part for part in parts if part.kind == "memory"]
    if len(memory) <= _MOST_LINES:
        return [_line(part, asked_ns) for part in parts]
    together = ShownTokens(
        "memory",
        min(part.t_ns for part in memory),
        max(part.t_end_ns for part in memory),
        sum(part.count for part in memory),
        sum(part.stands_for for part in memory),
    )
    told = f"{_line(together, asked_ns)}, in {len(memory)} stretches"
    return [told, *(_line(part, asked_ns) for part in parts if part.kind != "memory")]


def _line(part: ShownTokens, asked_ns: int) -> str:
    stands = f", standing for {part.stands_for:,.0f}" if round(part.stands_for) > part.count else ""
    return f"{_KINDS[part.kind]}: {many(part.count, 'token')}{stands}, {_when(part, asked_ns)}"


def _when(part: ShownTokens, asked_ns: int) -> str:
    first, last = asked_ns - part.t_ns, asked_ns - part.t_end_ns
    if last < 0:
        return f"{span(-last)} after the question began"
    return f"{span(last)} before the question" if first == last else f"from {span(first)} to {span(last)} before the question"


def _picture(parts: Sequence[ShownTokens], asked_ns: int) -> Markup:
    """Stretches of memory and the looks of the question along time; the higher a bar, the more tokens."""
    first = min(part.t_ns for part in parts)
    last = max(asked_ns, *(part.t_end_ns for part in parts))
    most = max(part.count for part in parts)

    def across(t_ns: int) -> float:
        return (_WIDTH - 8) * (t_ns - first) / max(1, last - first) + 4

    bars = []
    for part in parts:
        left, right = across(part.t_ns), across(part.t_end_ns)
        height = max(3.0, _BAR * part.count / most)
        bars.append(
            el(
                f"rect.shown.{part.kind}",
                el("title", _line(part, asked_ns)),
                x=f"{left - 1.5:.1f}",
                y=f"{_HEIGHT - 6 - height:.1f}",
                width=f"{max(3.0, right - left):.1f}",
                height=f"{height:.1f}",
            )
        )
    asked = el("line.asked", x1=f"{across(asked_ns):.1f}", x2=f"{across(asked_ns):.1f}", y1="0", y2=f"{_HEIGHT}")
    label = f"Tokens shown, from {span(asked_ns - first)} before the question up to it"
    return el("svg.shown-along", bars, asked, viewBox=f"0 0 {_WIDTH} {_HEIGHT}", role="img", aria_label=label)
