"""The page put together, and written so that it is there as a whole or not at all."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from pathlib import Path

from apps.report import ages, closing, decisions, gauges, sightings, stage, story, strip
from apps.report.chain import Chain
from apps.report.head import head
from apps.report.markup import Markup, el, join
from apps.report.pictures import Pool, cut
from apps.report.redact import redact
from apps.report.run import Run
from apps.report.turns import turns
from apps.report.why import Explainer
from edge_runtime.errors import DeviceError

STYLES = ("page.css", "film.css", "tables.css")
SCRIPT = "page.js"


def write_report(run: Run, path: Path) -> None:
    """Write the report of a run as one HTML file that needs nothing else.

    Whatever lies in a forgotten span is taken out first, whether or not the host has done so already.

    Raises:
        DeviceError: The file cannot be written.
    """
    text = render(run)
    fresh = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        raise DeviceError(f"{path} cannot be written: {error.strerror}", hint="free some disk or choose another --out") from error


def render(run: Run) -> str:
    """Make the page. The same run gives the same bytes."""
    run = redact(run)
    chain = Chain(run)
    pool = Pool(run.thumbs, run.width_px / run.height_px)
    cited = {e.frame_seq for s in chain.spoken for e in s.say.response.evidence}
    cells = cut(run.stills, run.duration_ns, run.origin_ns, lambda seq: 2 if seq in cited else int(seq in chain.by_frame))
    explainer = Explainer(chain, pool, cells)
    told = turns(chain)
    body = [
        head(chain, told),
        el(
            "main",
            story.section(told, explainer),
            strip.section(chain, pool, cells, told),
            sightings.section(run, explainer),
            gauges.section(run),
            decisions.section(chain.decisions, explainer),
            ages.section(chain),
            closing.forgotten(run, explainer),
            closing.limits(run),
        ),
        stage.block(chain, told, pool.height),
    ]
    return f"<!DOCTYPE html>\n{_document(run.title, pool, body)}\n"


def _document(title: str, pool: Pool, body: list[Markup]) -> Markup:
    style = "\n".join(_asset(name) for name in STYLES)
    script = _asset(SCRIPT)
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return el(
        "html",
        el(
            "head",
            el("meta", charset="utf-8"),
            el("meta", http_equiv="Content-Security-Policy", content=policy),
            el("meta", name="viewport", content="width=device-width, initial-scale=1"),
            el("meta", name="color-scheme", content="light dark"),
            el("meta", name="referrer", content="no-referrer"),
            el("title", title),
            el("style", Markup(style)),
        ),
        el("body", el("a.skip", "Skip to the story", href="#story"), pool.defs(), _hatch(), join(body), el("script", Markup(script))),
        lang="en",
    )


def _hatch() -> Markup:
    """The pattern of a stretch that is gone; one for all charts."""
    stripe = el("path.hatch", d="M0 8L8 0M-2 2L2 -2M6 10L10 6")
    pattern = el("pattern", stripe, id="hatch", width="8", height="8", patternUnits="userSpaceOnUse")
    return el("svg.pool", el("defs", pattern), width="0", height="0", aria_hidden="true", focusable="false")


def _asset(name: str) -> str:
    return files("apps.report").joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
