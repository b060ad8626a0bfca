"""The story as HTML: the five journeys at a glance, then the conversation with its evidence."""

from __future__ import annotations

from collections.abc import Sequence

from apps.report.chain import newest
from apps.report.markup import Markup, el, join
from apps.report.turns import JOURNEYS, Turn
from apps.report.why import Explainer
from apps.report.wording import clock, many, span, words
from edge_runtime.speech import Decision

MAX_TURNS = 400
MAX_QUIET = 12
_NOT_YET = {
    "read": "Nothing was read aloud",
    "teach": "Nothing was shown and named",
    "find": "Nothing was asked",
    "alert": "No watch was set",
    "forget": "Nothing was forgotten",
}


def section(story: Sequence[Turn], explainer: Explainer) -> Markup:
    """Section "What happened"."""
    shown = story[:MAX_TURNS]
    left = len(story) - len(shown)
    rows = [_turn(number, turn, explainer) for number, turn in enumerate(shown)]
    return el(
        "section",
        el("h2", "What happened"),
        el(
            "p.lead",
            "The wearer's words stand on the left, the glasses' on the right. Open ",
            el("b", "Why"),
            " under a sentence to follow it back to the glance it came from.",
        ),
        _journeys(shown, explainer.origin_ns),
        el("ol.story", rows) if rows else el("p", "Nobody said anything in this run."),
        el("p.faint", f"{many(left, 'more entry', 'more entries')} left out here; they are in decisions.jsonl and the journal.")
        if left
        else None,
        id="story",
    )


def _journeys(story: Sequence[Turn], origin_ns: int) -> Markup:
    cards = []
    for key, name in JOURNEYS.items():
        mine = [(n, turn) for n, turn in enumerate(story) if turn.journey == key]
        told = [(n, turn) for n, turn in mine if turn.side == ("glasses" if key in ("read", "alert") else "wearer")]
        links = [el("a", clock(turn.t_ns - origin_ns), href=f"#turn-{n}") for n, turn in told[:8]]
        more = f" and {len(told) - 8} more" if len(told) > 8 else None
        text = _headline(key, [turn for _, turn in mine], story)
        cards.append(
            el("li" if mine else "li.none", el("h3", name), el("p.what", text), el("p.times", join(links, " "), more) if links else None)
        )
    return el("ol.journeys", cards)


def _headline(key: str, mine: Sequence[Turn], story: Sequence[Turn]) -> str:
    if not mine:
        return _NOT_YET[key] + (" in what is left of this run." if any(turn.side == "gone" for turn in story) else " in this run.")
    said = [turn for turn in mine if turn.spoken is not None]
    if key == "read":
        return f"{many(len(said), 'text')} read aloud after the gaze stayed on it."
    if key == "teach":
        taught = sum(turn.side == "wearer" for turn in mine)
        return f"{many(taught, 'thing')} shown and named, {sum(turn.verb == 'has learned' for turn in said)} confirmed as learned."
    if key == "find":
        backed = sum(bool(turn.spoken and turn.spoken.say.response.evidence) for turn in said)
        return f"{many(sum(t.side == 'wearer' for t in mine), 'question')}; {many(backed, 'answer')} with pictures as evidence."
    if key == "alert":
        watches = sum(turn.verb == "wants to be told" for turn in mine)
        repeats = sum(bool(d.watch) and d.action == "SILENT" for turn in story for d in turn.quiet)
        told = f"{many(watches, 'watch', 'watches')} set, {many(len(said), 'alert') if said else 'no alert'}"
        return f"{told}, {many(repeats, 'repeat')} kept quiet." if repeats else f"{told}."
    failed = sum(turn.verb == "could not" for turn in said)
    outcome = f"{failed} not carried out" if failed else "carried out"
    return f"{many(sum(turn.side == 'wearer' for turn in mine), 'request')}, {outcome}."


def _turn(number: int, turn: Turn, explainer: Explainer) -> Markup:
    time = explainer.link(turn.t_ns)
    id_ = f"turn-{number}"
    if turn.side == "gone":
        return el(
            "li.turn.gone", el("p.hatched", el("b", turn.text), " Nothing of this stretch is shown, because nothing of it is kept."), id=id_
        )
    if turn.side == "quiet":
        return el("li.turn.quiet", time, _quiet(turn, explainer), id=id_)
    if turn.side == "wearer":
        options = el("ul.options", [el("li", el("bdi", option)) for option in turn.options]) if turn.options else None
        bubble = el("div.bubble", el("p.who", time, " ", el("b", "Wearer"), " ", turn.verb), el("p.words", el("bdi", turn.text)), options)
        return el("li.turn.wearer", bubble, id=id_)
    css = ".alert" if turn.verb == "alerts" else ""
    return el(f"li.turn.glasses{css}", el("div.bubble", _glasses(turn, explainer)), id=id_)


def _glasses(turn: Turn, explainer: Explainer) -> list[object]:
    head: list[object] = [
        el("p.who", explainer.link(turn.t_ns), " ", el("b", "Glasses"), " ", turn.verb),
        el("p.words", el("bdi", turn.text)),
    ]
    spoken = turn.spoken
    if spoken is None:
        return head
    response, decision = spoken.say.response, spoken.decision
    last = newest(response.evidence)
    facts: list[object] = []
    if last is not None:
        facts.append(el("span", "evidence ", el("b", span(spoken.t_ns - last.t_ns)), " old"))
    else:
        facts.append(el("span", "nothing to cite"))
    if decision is not None:
        facts.append(el("span", "score ", el("b", f"{decision.score:.2f}")))
        facts += [el("code", reason) for reason in decision.reasons[:4]]
    pictures = []
    for evidence in sorted(response.evidence, key=lambda e: e.t_ns)[:4]:
        alt = f"What was looked at {explainer.at(evidence.t_ns)}, kept as evidence"
        thumb = explainer.pool.thumb(evidence.thumb_id, alt)
        if thumb is not None:
            pictures.append(el("figure", thumb, el("figcaption", explainer.at(evidence.t_ns))))
    why = el("details", el("summary", "Why"), explainer.steps(spoken))
    return [*head, el("div.evidence", pictures) if pictures else None, el("p.facts", facts), why]


def _quiet(turn: Turn, explainer: Explainer) -> Markup:
    if not turn.quiet:
        return el("p.thought", turn.text)
    if len(turn.quiet) == 1:
        return el("p.thought", _thought(turn.quiet[0]))
    lines = [el("li", explainer.at(d.t_ns), " ", _thought(d)) for d in turn.quiet[:MAX_QUIET]]
    left = len(turn.quiet) - len(lines)
    rest = el("li", f"and {left} more, in the table of decisions") if left > 0 else None
    return el("details.thought", el("summary", f"Kept quiet {len(turn.quiet)} times"), el("ul", lines, rest))


def _thought(decision: Decision) -> Markup:
    because = ", ".join(map(words, decision.vetoes)) or ", ".join(map(words, decision.reasons)) or "no reason given"
    verb = {"SILENT": "Kept quiet", "QUEUE": "Waited", "REVISE": "Corrected itself", "RETRACT": "Took back"}[decision.action]
    quote = el("q", el("bdi", decision.text)) if decision.text else None
    return join([verb, ": " if quote else None, quote, f" ({because})"])
