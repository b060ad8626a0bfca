"""``edge-runtime top`` as text: how the daemon is, and what it did in the last seconds."""

from __future__ import annotations

from collections.abc import Sequence

from apps.daemon.heard import Heard
from apps.dashboard import rates
from apps.dashboard.rates import Rate, Span
from apps.dashboard.status_page import about_lines, ailing_lines, kept_lines, process_lines
from apps.dashboard.tables import NOT_KNOWN, paragraphs, span, table
from edge_runtime.transport.statuses import AGE_BOUNDS_NS


def top_lines(heard: Heard, width: int) -> list[str]:
    """Everything, the most urgent first: a low window cuts the end off."""
    parts = [
        process_lines(heard),
        ailing_lines(heard.ailments, width),
        about_lines(heard, width),
        [*_window_line(heard), *_age_lines(rates.spans(heard))],
        _rate_lines("lets go", rates.drops(heard)),
        _rate_lines("does", rates.tallies(heard)),
        kept_lines(heard),
    ]
    return paragraphs(parts)


def fitted(lines: Sequence[str], width: int, height: int) -> list[str]:
    """As much as a window shows without moving: lines are cut at its edge, and the last says how many more there are."""
    shown = (
        list(lines) if len(lines) < height else [*lines[: height - 2], f"({len(lines) - height + 2} more lines: make the window taller)"]
    )
    return [line[: width - 1] for line in shown]


def _window_line(heard: Heard) -> list[str]:
    if not heard.newest:
        return []
    if not heard.earlier:
        return ["How much happens now is not known yet."]
    return [f"In the last {span(rates.window_ns(heard))}; totals since each process started:"]


def _age_lines(found: Sequence[Span]) -> list[str]:
    rows = [(one.process, one.stage, *_counted(one), span(one.newest_ns)) for one in found]
    return table(("process", "ages of", "count", "half within", "95 % within", "newest"), rows) if rows else []


def _counted(one: Span) -> tuple[str, str, str]:
    if one.count is None:
        return NOT_KNOWN, NOT_KNOWN, NOT_KNOWN
    return str(one.count), _bound(one.count, one.p50_ns), _bound(one.count, one.p95_ns)


def _bound(count: int, bound_ns: int | None) -> str:
    if not count:
        return "-"
    return f"> {span(AGE_BOUNDS_NS[-1])}" if bound_ns is None else span(bound_ns)


def _rate_lines(title: str, found: Sequence[Rate]) -> list[str]:
    rows = [(rate.process, rate.name, NOT_KNOWN if rate.per_s is None else f"{rate.per_s:.1f}", str(rate.total)) for rate in found]
    return table(("process", title, "per s", "total"), rows) if rows else []
