"""Every decision in one table: what was done, why it was worth saying, why it was not said."""

from __future__ import annotations

from collections.abc import Sequence

from apps.report.chain import newest
from apps.report.choose import choose
from apps.report.markup import Markup, el, join
from apps.report.why import Explainer
from apps.report.wording import many, span
from edge_runtime.speech import Decision

MAX_ROWS = 1500
NONE = "\N{EN DASH}"
_ACTIONS = ("SPEAK", "QUEUE", "REVISE", "RETRACT", "SILENT")
_COLUMNS = ("Time", "Action", "Words", "Reasons", "Vetoes")
_FIGURES = ("Score", "Evidence age", "Valid for")


def section(decisions: Sequence[Decision], explainer: Explainer) -> Markup:
    """Section "Decisions"."""
    head = el("h2", "Decisions")
    if not decisions:
        return el("section", head, el("p", "No decision was taken in this run."), id="decisions")
    shown = decisions[:MAX_ROWS]
    left = len(decisions) - len(shown)
    top = el("tr", [el("th", name, scope="col") for name in _COLUMNS], [el("th.figure", name, scope="col") for name in _FIGURES])
    table = el("table.decisions", el("thead", top), el("tbody", [_row(d, explainer) for d in shown]))
    lead = el("p.lead", "Spoken or not, each with its reasons. A veto names the governor's check that stopped it.")
    more = el("p.faint", f"{many(left, 'more decision')} in decisions.jsonl.") if left else None
    scroll = el("div.scroll", table, tabindex="0", role="region", aria_label="Table of decisions, scrolls sideways")
    return el("section", head, lead, el("div.filtered", _filter(shown), scroll), more, id="decisions")


def _filter(shown: Sequence[Decision]) -> Markup:
    return choose("action", [("all", "all", len(shown)), *((a, a.lower(), sum(d.action == a for d in shown)) for a in _ACTIONS)])


def _row(decision: Decision, explainer: Explainer) -> Markup:
    last = newest(decision.evidence)
    left = decision.valid_until_ns - decision.t_ns
    valid = NONE if left <= 0 else span(left) if left < 24 * 3600 * 10**9 else "always"
    watch = el("span.faint", " watch ", el("code", decision.watch)) if decision.watch else None
    return el(
        "tr",
        el("td", explainer.link(decision.t_ns)),
        el("td", el("span.action", decision.action)),
        el("td.text", el("bdi", decision.text), watch),
        el("td", join([el("code", reason) for reason in decision.reasons], " ")),
        el("td", join([el("code.veto", veto) for veto in decision.vetoes], " ") if decision.vetoes else "none"),
        el("td.figure", f"{decision.score:.2f}"),
        el("td.figure", span(decision.t_ns - last.t_ns) if last is not None else NONE),
        el("td.figure", valid),
        data_action=decision.action,
    )
