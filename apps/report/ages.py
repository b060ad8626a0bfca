"""How old everything was, and what was let go and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from apps.report.chain import Chain, newest
from apps.report.charts import histogram, quantile
from apps.report.markup import Markup, el
from apps.report.run import Run
from apps.report.wording import span, words


@dataclass(frozen=True)
class Ages:
    """Samples in ms, in the order they came about.

    Attributes:
        residual_ms: Gaze time minus frame time of every pair, signed.
        look_ms: From the capture of a frame to the result of a look at it.
        speech_ms: From the newest evidence to the sentence it supports, where the sentence is about now.
        answers: Sentences that look back by their nature, left out of ``speech_ms``.
    """

    residual_ms: tuple[float, ...]
    look_ms: tuple[float, ...]
    speech_ms: tuple[float, ...]
    answers: int


def measure(chain: Chain) -> Ages:
    """Collect the ages of a run."""
    now, answers = [], 0
    for spoken in chain.spoken:
        last = newest(spoken.say.response.evidence)
        if spoken.say.response.question:
            answers += 1
        elif last is not None:
            now.append((spoken.t_ns - last.t_ns) / 1e6)
    return Ages(
        tuple(p.residual_ns / 1e6 for p in chain.run.percepts if p.residual_ns is not None),
        tuple((a.looked.t_ns - a.look.t_capture_ns) / 1e6 for a in chain.looks if a.looked is not None),
        tuple(now),
        answers,
    )


def section(chain: Chain) -> Markup:
    """Section "Ages and drops"."""
    ages = measure(chain)
    frames = len(chain.run.percepts)
    residual_note = f"of {frames:,} moments, {frames - len(ages.residual_ms):,} without gaze near enough in time"
    panels = [
        _panel("Gaze to frame", "how far apart gaze and frame were taken; negative: the gaze came first", ages.residual_ms, residual_note),
        _panel("Frame to result", "from the capture of a frame until the result of a look at it was known", ages.look_ms, ""),
        _panel(
            "Evidence to speech",
            "how old the newest evidence was when a sentence was said",
            ages.speech_ms,
            f"{ages.answers} answers look back by their nature and are left out",
        ),
    ]
    return el("section", el("h2", "Ages"), el("div.panels", panels), el("h3", "What was let go, and why"), drops(chain.run), id="ages")


def _panel(name: str, meaning: str, values: Sequence[float], note: str) -> Markup:
    head = [el("h3", name), el("p.faint", meaning[0].upper() + meaning[1:] + ".")]
    if not values:
        return el("div.panel", head, el("p", "None in this run."), _note(note))
    magnitudes = [abs(v) for v in values] if min(values) < 0 else list(values)
    unit, scale = ("s", 1000.0) if quantile(magnitudes, 0.5) >= 3000 else ("ms", 1.0)
    figures = {"count": f"{len(values):,}", "median": _age(quantile(values, 0.5))}
    figures |= {"95 %": _age(quantile(magnitudes, 0.95)), "worst": _age(max(magnitudes))}
    numbers = el("dl.figures", [el("div", el("dt", key), el("dd", value)) for key, value in figures.items()])
    label = f"{name}: " + ", ".join(f"{key} {value}" for key, value in figures.items())
    return el(
        "div.panel",
        head,
        numbers,
        histogram([v / scale for v in values], unit, label),
        _note(note),
    )


def _note(note: str) -> Markup | None:
    return el("p.faint", note[0].upper() + note[1:] + ".") if note else None


def _age(age_ms: float) -> str:
    return span(round(age_ms * 1e6))


def drops(run: Run) -> Markup:
    """The table of everything let go."""
    if not run.dropped:
        return el("p", "Nothing was let go in this run.")
    totals: dict[tuple[str, str], int] = {}
    for drop in run.dropped:
        totals[drop.what, drop.reason] = totals.get((drop.what, drop.reason), 0) + drop.count
    rows = [
        el("tr", el("th", words(what), scope="row"), el("td", words(reason)), el("td", el("code", reason)), el("td.figure", f"{count:,}"))
        for (what, reason), count in sorted(totals.items(), key=lambda item: (-item[1], item[0]))
    ]
    head = el("tr", [el("th", name, scope="col") for name in ("What", "Why", "Code")], el("th.figure", "How many", scope="col"))
    return el(
        "div.scroll", el("table.drops", el("thead", head), el("tbody", rows)), tabindex="0", role="region", aria_label="What was let go"
    )
