"""The top of the page: what this is, four facts, three promises as measured in this very run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from apps.report.ages import measure
from apps.report.chain import Chain
from apps.report.charts import quantile
from apps.report.markup import Markup, el
from apps.report.run import Run
from apps.report.timeline import overview
from apps.report.turns import Turn, kind_of
from apps.report.wording import many, percent, size, span
from edge_runtime.protocol import FrameSeen

SECTIONS = {
    "story": "What happened",
    "film": "Film strip",
    "sightings": "Sightings",
    "bytes": "Bytes",
    "decisions": "Decisions",
    "ages": "Ages and drops",
    "forgotten": "Forgotten",
    "limits": "Limits",
}


def head(chain: Chain, story: Sequence[Turn]) -> Markup:
    """Title, one sentence on the input, the facts, the promises and the run on one line."""
    run = chain.run
    return el(
        "header.head",
        el("p.eyebrow", "edge_runtime, report of one run"),
        el("h1", run.title),
        el("p.lead", first_sentence(run.note)),
        el("nav", el("ul", [el("li", el("a", name, href=f"#{key}")) for key, name in SECTIONS.items()]), aria_label="Sections"),
        el("dl.facts-big", [_fact(*fact) for fact in facts(chain)]),
        el("ul.promises", [el("li", el("h2", name), el("p", text)) for name, text in promises(chain)]),
        overview(chain, story),
    )


def first_sentence(note: str) -> str:
    """The first sentence of a note, or all of it where it has only one."""
    paragraph = note.strip().split("\n\n", 1)[0].replace("\n", " ")
    match = re.match(r".{12,}?[.!?](?=\s+[A-Z(]|$)", paragraph)
    return match.group(0) if match else paragraph


def _fact(value: str, name: str, more: str) -> Markup:
    return el("div", el("dt", name), el("dd", el("b", value), el("span", more)))


def facts(chain: Chain) -> list[tuple[str, str, str]]:
    """Four facts: value, name, and a few words more."""
    run = chain.run
    offered = sum(isinstance(event, FrameSeen) for _, event in run.events)
    looked = len({asked.look.frame_seq for asked in chain.looks})
    last = run.gauges[-1] if run.gauges else None
    verbs = Counter(kind_of(s.decision, s.say.response)[1] for s in chain.spoken)
    named = [
        many(verbs[verb], one) for verb, one in (("alerts", "alert"), ("answers", "answer"), ("reads aloud", "reading")) if verbs[verb]
    ]
    other = len(chain.spoken) - verbs["alerts"] - verbs["answers"] - verbs["reads aloud"]
    gone = " outside what was forgotten" if run.forgotten else ""
    return [
        (span(run.duration_ns), "of stream", f"{run.width_px} \N{MULTIPLICATION SIGN} {run.height_px} px, {run.hfov_deg:.0f}° wide"),
        (f"{looked:,} of {offered:,}", "frames looked at", (f"{percent(looked, offered)}{gone}" if offered else "no frames were offered")),
        (f"{len(chain.spoken):,}", "things said", ", ".join(named + ([f"{other} other"] if other else []))),
        (
            size(last.ram_bytes) if last else "not measured",
            "of memory at the end",
            f"{percent(last.ram_bytes, last.ram_limit_bytes)} of {size(last.ram_limit_bytes)}" if last else "",
        ),
    ]


def promises(chain: Chain) -> list[tuple[str, str]]:
    """The three promises, each with what this run shows about it."""
    return [
        ("Bounded in bytes", _bounded(chain.run)),
        ("Every drop has a reason", _dropped(chain.run)),
        ("Age shown on everything", _aged(chain)),
    ]


def _bounded(run: Run) -> str:
    if not run.gauges:
        return "Not measured in this run."
    told, kept = [], True
    for name in ("ram", "log", "journal"):
        used, limit = max((getattr(g, f"{name}_bytes"), getattr(g, f"{name}_limit_bytes")) for g in run.gauges)
        kept = kept and all(getattr(g, f"{name}_bytes") <= getattr(g, f"{name}_limit_bytes") for g in run.gauges)
        told.append(f"{'memory' if name == 'ram' else name} {size(used)} of {size(limit)}")
    return f"At most: {', '.join(told)}. " + ("No limit was passed." if kept else "A limit WAS passed: see the charts.")


def _dropped(run: Run) -> str:
    if not run.dropped:
        return "Nothing was let go."
    total = sum(drop.count for drop in run.dropped)
    reasons = len({(drop.what, drop.reason) for drop in run.dropped})
    return f"{many(total, 'thing was', 'things were')} let go, under {many(reasons, 'reason')}, all of them in the table below."


def _aged(chain: Chain) -> str:
    ages = measure(chain)
    told = []
    if ages.residual_ms:
        told.append(f"Gaze and frame lie {quantile([abs(r) for r in ages.residual_ms], 0.5):.0f} ms apart in the middle of all pairs")
    if ages.look_ms:
        told.append(f"a result is known {span(round(quantile(ages.look_ms, 0.5) * 1e6))} after its frame")
    if ages.speech_ms:
        middle, worst = (span(round(age * 1e6)) for age in (quantile(ages.speech_ms, 0.5), max(ages.speech_ms)))
        told.append(f"evidence is {middle} old when spoken of, {worst} at worst")
    text = ", ".join(told)
    return f"{text[0].upper()}{text[1:]}." if text else "Nothing was measured in this run."
