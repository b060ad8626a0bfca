"""Bytes over time, each against its limit."""

from __future__ import annotations

from collections.abc import Sequence

from apps.report.charts import meter, stacked
from apps.report.markup import Markup, el
from apps.report.run import Gauge, Run
from apps.report.wording import clock, percent, size

MAX_POINTS = 400


def section(run: Run) -> Markup:
    """Section "Bytes over time"."""
    head = el("h2", "Bytes over time")
    if not run.gauges:
        return el("section", head, el("p", "Bytes were not measured in this run."), id="bytes")
    gauges = run.gauges[:: -(-len(run.gauges) // MAX_POINTS)]
    tiers = list(dict.fromkeys(name for gauge in gauges for name in gauge.tiers))
    shades = {name: 1 + n % 5 for n, name in enumerate(tiers)}
    memory = {name: [float(g.tiers.get(name, 0)) for g in gauges] for name in tiers}
    rest = [float(max(0, g.ram_bytes - sum(g.tiers.values()))) for g in gauges]
    if any(rest):
        memory["other"] = rest
    panels = [
        _panel(run, "Memory", gauges, memory, shades, [(g.ram_bytes, g.ram_limit_bytes) for g in run.gauges]),
        _panel(
            run,
            "Log on disk",
            gauges,
            {"log": [float(g.log_bytes) for g in gauges]},
            {"log": 1},
            [(g.log_bytes, g.log_limit_bytes) for g in run.gauges],
        ),
        _panel(
            run,
            "Journal on disk",
            gauges,
            {"journal": [float(g.journal_bytes) for g in gauges]},
            {"journal": 1},
            [(g.journal_bytes, g.journal_limit_bytes) for g in run.gauges],
        ),
    ]
    lead = el(
        "p.lead",
        "The bar on top of each chart is to full scale: its right end is the limit. The chart below it is stretched to its own highest.",
    )
    return el("section", head, lead, el("div.panels", panels), id="bytes")


def _panel(
    run: Run, name: str, gauges: Sequence[Gauge], layers: dict[str, list[float]], shades: dict[str, int], used: Sequence[tuple[int, int]]
) -> Markup:
    most, limit = max(used, key=lambda pair: pair[0])
    last = used[-1][0]
    told = f"{name}: at most {size(most)} of {size(limit)}, {percent(most, limit)}; {size(last)} at the end"
    legend = [
        el(
            "li",
            el("svg", el(f"rect.layer.s{shades.get(layer, 0)}", width="12", height="12"), width="12", height="12", aria_hidden="true"),
            f"{layer} {size(values[-1])}",
        )
        for layer, values in layers.items()
    ]
    times = [(g.t_ns - run.origin_ns) / 1e9 for g in gauges]
    chart = stacked(times, layers, shades, size, told, clock(gauges[-1].t_ns - run.origin_ns))
    return el(
        "div.panel",
        el("h3", name),
        el("p.measure", el("b", size(most)), f" at most, {percent(most, limit)} of {size(limit)}"),
        meter(most / limit if limit > 0 else 0.0, f"{percent(most, limit)} of the limit"),
        chart,
        el("ul.keys", legend) if len(layers) > 1 else None,
    )
