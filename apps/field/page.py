"""A field report as a page: one HTML file that needs nothing else, in the clothes of the report of a run."""

from __future__ import annotations

import base64
import hashlib
import math
from importlib.resources import files

from apps.field.report import WORDS, Cost, Report, State
from apps.field.wording import NOT_KNOWN, bandwidth, load_of, name_of, slowed, told
from apps.report.charts import meter
from apps.report.markup import Markup, el

_STYLES = (("apps.report", "page.css"), ("apps.report", "tables.css"), ("apps.field", "field.css"))
_SECTIONS = {"costs": "What things cost", "machine": "The machine", "software": "The software", "limits": "Limits"}
_LEAST_US, _MOST_US = 1.0, 1e6
"""Ends of the bars, which are logarithmic."""
_LIMITS = (
    "Times are of one thing at a time on a machine that did nothing else for this project: in a run several go on at once and take longer.",
    "A row is appended when it is on the disk, so that figure is one of the disk. It lay where this user's programs keep their state.",
    "The bus was measured between two threads with a bus each; the bytes go through the system's sockets as between processes.",
    "Gaze samples came four at a time, 200 a second, and crops were 448 x 448 px.",
)


def render(report: Report) -> str:
    """Make the page. The same report gives the same bytes."""
    style = "\n".join(files(package).joinpath(name).read_text(encoding="utf-8") for package, name in _STYLES)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    page = el(
        "html",
        el(
            "head",
            el("meta", charset="utf-8"),
            el("meta", http_equiv="Content-Security-Policy", content=policy),
            el("meta", name="viewport", content="width=device-width, initial-scale=1"),
            el("meta", name="color-scheme", content="light dark"),
            el("meta", name="referrer", content="no-referrer"),
            el("title", f"Field report: {name_of(report.machine)}"),
            el("style", Markup(style)),
        ),
        el("body", _head(report), el("main", _costs(report), _machine(report), _software(report), _limits(report))),
        lang="en",
    )
    return f"<!DOCTYPE html>\n{page}\n"


def _head(report: Report) -> Markup:
    machine, before = report.machine, report.before
    lead = f"Measured on {report.date}. Power mode: {before.power_mode or NOT_KNOWN}. Load at the start: {load_of(machine, before)}."
    return el(
        "header.head",
        el("p.eyebrow", "edge_runtime, field report"),
        el("h1", name_of(machine)),
        el("p.lead", lead),
        el("nav", el("ul", [el("li", el("a", name, href=f"#{key}")) for key, name in _SECTIONS.items()]), aria_label="Sections"),
        el("dl.facts-big", [_fact(*fact) for fact in _facts(report)]),
    )


def _facts(report: Report) -> list[tuple[str, str, str]]:
    """Four facts: value, name, and a few words more."""

    def cost(key: str) -> tuple[str, str, str]:
        found = report.costs.get(key)
        return (told(found.median_us), f"to {WORDS[key]}", f"p95 {told(found.p95_us)}") if found else ("not measured", WORDS[key], "")

    memory = report.costs.get("memcpy")
    hottest = f"{report.hottest_c:.1f} °C" if report.hottest_c is not None else NOT_KNOWN
    return [
        cost("encode"),
        cost("read"),
        (bandwidth(memory) if memory else "not measured", "of memory copied", ""),
        (hottest, "at the hottest", slowed(report.slowed)),
    ]


def _fact(value: str, name: str, more: str) -> Markup:
    return el("div", el("dt", name), el("dd", el("b", value), el("span", more)))


def _costs(report: Report) -> Markup:
    heads = ("To", "", "Median", "p95", "Processor", "Calls")
    rows = [_row(key, words, report) for key, words in WORDS.items()]
    lead = (
        "What one of each takes: time on the clock, as a median and as what 95 of 100 keep, and processor time of all threads, as a mean."
    )
    return el(
        "section",
        el("h2", _SECTIONS["costs"]),
        el("p.lead", f"{lead} The bars are logarithmic, from 1 µs to 1 s."),
        el(
            "div.scroll",
            el(
                "table.costs",
                el(
                    "thead",
                    el("tr", [el(css, head, scope="col") for css, head in zip(("th", "th.bars", *["th.figure"] * 4), heads, strict=True)]),
                ),
                el("tbody", rows),
            ),
        ),
        id="costs",
    )


def _row(key: str, words: str, report: Report) -> Markup:
    cost = report.costs.get(key)
    if cost is None:
        return el("tr", el("th", words, scope="row"), el("td.faint", f"not measured: {report.left_out[key]}", colspan="5"))
    figures = (told(cost.median_us), told(cost.p95_us), told(cost.cpu_us), f"{cost.n:,}")
    return el("tr", el("th", words, scope="row"), el("td.bars", _bar(cost)), [el("td.figure", figure) for figure in figures])


def _bar(cost: Cost) -> Markup:
    share = math.log(max(cost.median_us, _LEAST_US) / _LEAST_US) / math.log(_MOST_US / _LEAST_US)
    return meter(share, told(cost.median_us))


def _machine(report: Report) -> Markup:
    machine = report.machine
    facts: dict[str, object] = {
        "Model": machine.model,
        "Board profile": machine.profile or "none fits for certain",
        "Device tree": ", ".join(machine.compatible) or "none",
        "Processor": machine.cpu,
        "Cores": machine.cores,
        "Memory": None if machine.memory_gib is None else f"{machine.memory_gib:.1f} GiB",
        "GPU": machine.gpu,
        "Jetson Linux": machine.l4t,
        "JetPack": machine.jetpack,
        "Power mode": report.before.power_mode,
    }
    unreadable = ", ".join(f"{count} {reason}" for reason, count in report.unreadable.items())
    return el(
        "section",
        el("h2", _SECTIONS["machine"]),
        _stats(facts),
        el("h3", "Before and after"),
        _states(report),
        el("p.faint", f"Files of the machine that were of no use: {unreadable}.") if unreadable else None,
        id="machine",
    )


def _states(report: Report) -> Markup:
    """Temperatures, clocks, power and load before the first measurement and after the last."""
    both = [_state(state) for state in (report.before, report.after)]
    heads = [el("th", "", scope="col"), el("th.figure", "Before", scope="col"), el("th.figure", "After", scope="col")]
    names = dict.fromkeys(name for state in both for name in state)
    rows = [el("tr", el("th", name, scope="row"), [el("td.figure", state.get(name, NOT_KNOWN)) for state in both]) for name in names]
    return el("div.scroll", el("table.states", el("thead", el("tr", heads)), el("tbody", rows)))


def _state(state: State) -> dict[str, str]:
    """What is known of a state, in words."""
    known = {zone: f"{temperature_c:.1f} °C" for zone, temperature_c in state.temperatures_c.items()} or {"temperature": NOT_KNOWN}
    for name, clock in state.clocks.items():
        most = "" if clock.most_mhz is None else f" of {clock.most_mhz:,.0f}"
        known[f"clock, {name}"] = f"{clock.now_mhz:,.0f}{most} MHz"
    known["power"] = NOT_KNOWN if state.power_mw is None else f"{state.power_mw / 1000:.1f} W"
    known["load"] = NOT_KNOWN if state.load is None else f"{state.load:.1f}"
    return known


def _stats(facts: dict[str, object]) -> Markup:
    return el("dl.stats", [el("div", el("dt", key), el("dd", NOT_KNOWN if value is None else value)) for key, value in facts.items()])


def _software(report: Report) -> Markup:
    software = report.software
    facts: dict[str, object] = {name: version or "not installed" for name, version in software.versions.items()}
    facts |= {
        f"ONNX Runtime on {name.removesuffix('ExecutionProvider')}": "runs here" if runs else "does not run here"
        for name, runs in software.providers.items()
    }
    facts |= {"Models": software.bundle or "none prepared", "Threads of one inference": software.threads}
    return el("section", el("h2", _SECTIONS["software"]), _stats(facts), id="software")


def _limits(report: Report) -> Markup:
    return el(
        "section",
        el("h2", _SECTIONS["limits"]),
        el("ul", [el("li", limit) for limit in _LIMITS]),
        el("p", "Neither this page nor the JSON beside it names a host or a user, a folder, an address or a serial number."),
        el("p.faint", "Made by ", el("code", report.command), f". Digest of the JSON: {report.sha256}."),
        id="limits",
    )
