"""The end of the page: what is gone, and what this run cannot show."""

from __future__ import annotations

from apps.report.markup import Markup, el
from apps.report.run import Run
from apps.report.why import Explainer
from apps.report.wording import span, wish


def forgotten(run: Run, explainer: Explainer) -> Markup:
    """Section "Forgotten"."""
    head = el("h2", "Forgotten")
    if not run.forgotten:
        return el("section", head, el("p", "Nothing was forgotten in this run."), id="forgotten")
    rows = [
        el(
            "li.hatched",
            el("p", el("b", f"{explainer.at(t_from_ns)} to {explainer.at(t_ns)}"), f", {span(t_ns - t_from_ns)}"),
            el("p", f"Forgotten at the wearer's request at {explainer.at(t_ns)}: ", el("bdi", wish(scope))),
        )
        for t_ns, scope, t_from_ns in run.forgotten
    ]
    lead = (
        "What was seen, read, said and decided in these stretches is erased from memory, log, journal and pictures. "
        "This page was made afterwards and holds nothing of it."
    )
    return el("section", head, el("p.lead", lead), el("ul.gone", rows), id="forgotten")


def limits(run: Run) -> Markup:
    """Section "Limits": the note in full, how it was made, and whatever else the host had to say."""
    stats = el("dl.stats", [el("div", el("dt", key), el("dd", value)) for key, value in run.stats.items()]) if run.stats else None
    return el(
        "section",
        el("h2", "Limits, and how this was made"),
        paragraphs(run.note),
        el("h3", "Figures of this run") if stats else None,
        stats,
        el("p.faint", "Made with ", run.made_with, ". This file is complete in itself: it loads nothing and sends nothing."),
        id="limits",
    )


def paragraphs(note: str) -> list[Markup]:
    """A note as paragraphs and lists."""
    parts: list[Markup] = []
    for block in note.strip().split("\n\n"):
        lines = [line.strip() for line in block.splitlines() if line.strip()]
        items = [line[2:] for line in lines if line.startswith("- ")]
        text = " ".join(line for line in lines if not line.startswith("- "))
        if text:
            parts.append(el("p", text))
        if items:
            parts.append(el("ul", [el("li", item) for item in items]))
    return parts
