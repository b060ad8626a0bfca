"""A run told as a conversation, for a terminal."""

from __future__ import annotations

from typing import TextIO

from apps.report.run import Run
from edge_runtime.config import S
from edge_runtime.protocol import Asked, Failed, Feedback, Forget, Say, Taught, WatchSet


def clock(t_ns: int) -> str:
    """Stream time as ``m:ss.t``."""
    tenths = t_ns * 10 // S
    return f"{tenths // 600}:{tenths // 10 % 60:02d}.{tenths % 10}"


def tell(run: Run, out: TextIO) -> None:
    """Write what the wearer and the glasses said, in order of time; what was forgotten is told as forgotten."""
    lines: list[tuple[int, int, str]] = []
    for order, event in run.events:
        words = _words(event)
        if words:
            lines.append((event.t_ns, 2 * order, f"you      {words}"))
    for order, command in run.commands:
        if isinstance(command, Say):
            t_ns = dict(command.response.trace).get("decided", command.deadline_ns)
            lines.append((t_ns, 2 * order + 1, f"glasses  {command.response.text}"))
    for t_ns, scope, from_ns in run.forgotten:
        what = f"everything since {clock(from_ns)}" if scope.kind != "thing" else "a thing"
        lines.append((t_ns, 0, f"you      forget ({what} is gone from memory, log and journal)"))
    for t_ns, _, words in sorted(lines):
        out.write(f"{clock(t_ns):>8}  {words}\n")


def failures(run: Run) -> list[str]:
    """What did not work while it ran, one line a reason: ``3 requests failed (storeerror): the disk ... is full``."""
    counts: dict[tuple[str, str], int] = {}
    for _, event in run.events:
        if isinstance(event, Failed):
            counts[event.reason, event.detail] = counts.get((event.reason, event.detail), 0) + 1
    return [f"{count} request{'s' * (count > 1)} failed ({reason}): {detail}" for (reason, detail), count in counts.items()]


def _words(event: object) -> str:
    match event:
        case Asked():
            return event.text
        case WatchSet():
            return event.text
        case Taught():
            return f"this is my {event.concept.name}"
        case Feedback():
            return event.verdict
        case Forget():
            return "forget"
        case _:
            return ""
