"""What is remembered: one card a sighting, with its picture. A name the classifier guessed stays a guess."""

from __future__ import annotations

from collections.abc import Sequence

from apps.report.charts import meter
from apps.report.choose import choose
from apps.report.markup import Markup, el, join
from apps.report.run import Run
from apps.report.why import Explainer
from apps.report.wording import KINDS, many, span
from edge_runtime.records import Sighting

MAX_CARDS = 300
_ORDER = ("concept", "text", "label", "thing")


def section(run: Run, explainer: Explainer) -> Markup:
    """Section "Sightings"."""
    head = el("h2", "What it remembers")
    if not run.sightings:
        return el("section", head, el("p", "Nothing: no look found anything to keep, or all of it was forgotten."), id="sightings")
    ordered = sorted(run.sightings, key=lambda s: (s.t_start_ns, s.id))
    shown = ordered if len(ordered) <= MAX_CARDS else sorted(sorted(ordered, key=_worth)[:MAX_CARDS], key=lambda s: (s.t_start_ns, s.id))
    cards = [_card(s, run, explainer) for s in shown]
    left = len(ordered) - len(shown)
    lead = el(
        "p.lead",
        "In order of time. What was read, and what the wearer had shown, is stated; a name proposed by a classifier is a hint: “perhaps”.",
    )
    more = (
        el("p.faint", f"{many(left, 'more sighting')} left out to keep this file small: the unnamed and the shortest first.")
        if left
        else None
    )
    refused = {reason: n for reason, n in explainer.pool.refused.items() if n}
    missing = (
        el("p.faint", "Pictures not shown: ", ", ".join(f"{n} {reason}" for reason, n in sorted(refused.items())), ".") if refused else None
    )
    return el("section", head, lead, el("div.filtered", _filter(shown), el("div.cards", cards)), more, missing, id="sightings")


def _worth(sighting: Sighting) -> tuple[int, int]:
    return (_ORDER.index(sighting.what.kind), -sighting.gaze_ns)


def _filter(shown: Sequence[Sighting]) -> Markup:
    return choose("kind", [("all", "all", len(shown)), *((kind, KINDS[kind], sum(s.what.kind == kind for s in shown)) for kind in _ORDER)])


def name_of(sighting: Sighting) -> Markup:
    """What was seen, no more certain than it is."""
    name = el("bdi", sighting.what.name)
    if sighting.what.kind == "text":
        return el("q", name)
    if sighting.what.kind == "label":
        return join([el("span.perhaps", "perhaps "), name])
    return join([name])


def _card(sighting: Sighting, run: Run, explainer: Explainer) -> Markup:
    kept = [e for e in sighting.evidence if e.thumb_id is not None]
    thumbs = [t for t in (explainer.pool.thumb(e.thumb_id, f"Seen at {explainer.at(e.t_ns)}") for e in kept[:4]) if t is not None]
    place = run.places.get(sighting.place_id, f"place {sighting.place_id}") if sighting.place_id is not None else "unknown"
    interval: list[object] = [explainer.link(sighting.t_start_ns)]
    if sighting.t_end_ns - sighting.t_start_ns >= 100_000_000:
        interval += [" to ", explainer.link(sighting.t_end_ns)]
    rows: list[tuple[str, object]] = [
        ("when", interval),
        ("where", el("bdi", place)),
        (
            "looked at",
            f"{span(sighting.gaze_ns)}, {many(sighting.looks, 'look')}"
            if sighting.gazed
            else f"in view only, {many(sighting.looks, 'look')}",
        ),
    ]
    sure = f"{sighting.confidence:.2f}"
    return el(
        "article.card",
        el("div.thumbs", thumbs or el("p.nothing", "no picture kept")),
        el("p.kind", KINDS[sighting.what.kind]),
        el("h3", name_of(sighting)),
        el("dl", [el("div", el("dt", key), el("dd", value)) for key, value in rows]),
        el("div.sure", meter(sighting.confidence, f"confidence {sure}"), el("span", f"confidence {sure}")),
        data_kind=sighting.what.kind,
        id=f"sighting-{sighting.id}",
    )
