"""The way from a glance to a sentence, step by step, so that someone who was not there can explain one alert."""

from __future__ import annotations

from collections.abc import Sequence

from apps.report.chain import Chain, Spoken, Trail, newest
from apps.report.governor import checks
from apps.report.markup import Markup, el, join
from apps.report.overlay import picture
from apps.report.pictures import Cells, Pool
from apps.report.thoughts import shown, took
from apps.report.wording import EYES, WHY, clock, many, span, words
from edge_runtime.speech import Decision

STILL_TOO_FAR_NS = 1_000_000_000


class Explainer:
    """Explains sentences of one run.

    Args:
        chain: What refers to what.
        pool: The page's pictures.
        cells: The film as it is on the page.
    """

    def __init__(self, chain: Chain, pool: Pool, cells: Cells) -> None:
        self.chain = chain
        self.pool = pool
        self.cells = cells
        self.origin_ns = chain.run.origin_ns

    def at(self, t_ns: int) -> str:
        """Stream time as the page writes it."""
        return clock(t_ns - self.origin_ns)

    def link(self, t_ns: int) -> Markup:
        """A time that leads to its place in the film."""
        since_ns = t_ns - self.origin_ns
        return el(
            "a.when",
            el("time", clock(since_ns)),
            href=f"#film-{self.cells.number(since_ns)}",
            data_t=since_ns // 1_000_000,
            title="show this moment in the film",
        )

    def steps(self, spoken: Spoken) -> Markup:
        """All steps that led to one sentence."""
        response, decision = spoken.say.response, spoken.decision
        answer = bool(response.question)
        evidence = newest(response.evidence)
        trail = self.chain.trail(evidence) if evidence is not None else None
        rows = [self._wanted(decision)]
        if trail is not None:
            rows += [self._glance(trail), self._look(trail), self._found(trail)]
        else:
            rows.append(_step("Evidence", ["Nothing is cited: the sentence says what is not known, or answers the wearer's own words."]))
        thought = self.chain.thought(spoken)
        if thought is not None:
            rows.append(_step("Shown to the model", shown(thought)))
            rows.append(_step("Thought about", took(thought)) if thought.pieces else None)
        if decision is not None:
            rows += [self._weighed(decision), self._held(spoken), _step("Governor", [checks(decision, answer=answer)])]
        rows.append(self._said(spoken, trail, answer=answer))
        shot = self._shot(trail) if trail is not None else None
        return el("div.why", shot, el("ol.steps", [row for row in rows if row is not None]))

    def _wanted(self, decision: Decision | None) -> Markup | None:
        watch = self.chain.watches.get(decision.watch) if decision is not None and decision.watch else None
        if watch is None:
            return None
        return _step("Wanted", ["The wearer said at ", self.at(watch.t_ns), ": ", el("q", el("bdi", watch.text))])

    def _glance(self, trail: Trail) -> Markup | None:
        lines: list[object] = []
        eye, percept = trail.eye, trail.percept
        if eye is not None:
            lines.append(f"{EYES[eye.kind].capitalize()} of {span(eye.duration_ns)}, from {self.at(eye.t_start_ns)}. ")
        if percept is not None and percept.gaze is not None and percept.residual_ns is not None:
            lines.append(f"Gaze and frame {trail.evidence.frame_seq} were taken {abs(percept.residual_ns) / 1e6:.0f} ms apart")
            lines.append(f" (source: {percept.gaze.source}).")
        elif percept is not None:
            lines.append("No gaze was known for this frame.")
        return _step("Eyes", lines) if lines else None

    def _look(self, trail: Trail) -> Markup:
        frame = f"Frame {trail.evidence.frame_seq}, taken at {self.at(trail.evidence.t_ns)}. "
        if trail.asked is None:
            return _step("Look", [frame, "The look itself is no longer in the journal."])
        asked = trail.asked
        because = WHY.get(asked.look.why, words(asked.look.why))
        waited = span(asked.t_asked_ns - asked.look.t_capture_ns)
        lines: list[object] = [frame, f"Look {asked.look.id} was asked for {waited} later because {because}; "]
        lines.append(f"{many(len(asked.look.regions), 'region')}: {', '.join(r.kind for r in asked.look.regions)}. ")
        if asked.looked is not None:
            lines.append(f"The result came {span(asked.looked.t_ns - asked.t_asked_ns)} after that.")
        elif asked.failed is not None:
            lines.append(f"It failed: {words(asked.failed.reason)}.")
        return _step("Look", lines)

    def _found(self, trail: Trail) -> Markup:
        lines: list[object] = []
        sighting, region = trail.sighting, trail.region
        if sighting is not None and sighting.what.kind == "concept":
            taught = self.chain.taught.get(sighting.what.name.casefold())
            shown = f"shown by the wearer at {self.at(taught)}" if taught is not None else "shown by the wearer before"
            lines.append(
                el(
                    "p",
                    "Recognised as ",
                    el("b", el("bdi", sighting.what.name)),
                    f", which was {shown}; at best {sighting.confidence:.2f} alike.",
                )
            )
        elif sighting is not None and sighting.what.kind == "label":
            lines.append(el("p", "Perhaps ", el("bdi", sighting.what.name), f" ({sighting.confidence:.2f}): a hint, not a statement."))
        elif sighting is not None and sighting.what.kind == "thing":
            lines.append(el("p", "A thing without a name."))
        if region is not None and region.lines:
            texts = [join([el("q", el("bdi", line.text)), f" {line.confidence:.2f}"]) for line in region.lines[:6]]
            lines.append(el("p", "Read: ", join(texts, ", "), "."))
        elif sighting is not None and sighting.what.kind == "text":
            lines.append(el("p", "Read: ", el("q", el("bdi", sighting.what.name)), f" {sighting.confidence:.2f}."))
        if region is not None and region.labels:
            hints = [join([el("bdi", hint.label), f" {hint.confidence:.2f}"]) for hint in region.labels[:3]]
            lines.append(el("p.faint", "Hints of the classifier, never stated: ", join(hints, ", "), "."))
        return _step("Found", lines or ["What the look found is not in the journal."])

    def _weighed(self, decision: Decision) -> Markup:
        chips = [el("code", reason) for reason in decision.reasons]
        left = decision.valid_until_ns - decision.t_ns
        until = f" Worth saying for {span(left)} more." if 0 < left < 3600 * 10**9 else None
        return _step(
            "Weighed", [f"Score {decision.score:.2f}. ", "Reasons: " if chips else None, join(chips, " "), "." if chips else None, until]
        )

    def _held(self, spoken: Spoken) -> Markup | None:
        if not spoken.held:
            return None
        held = [f"{self.at(d.t_ns)} ({', '.join(map(words, d.vetoes)) or words(d.action)})" for d in spoken.held]
        return _step("Held back first", ["At ", ", ".join(held), "."])

    def _said(self, spoken: Spoken, trail: Trail | None, *, answer: bool) -> Markup:
        response = spoken.say.response
        lines: list[object] = [f"At {self.at(spoken.t_ns)}, as {response.modality}, urgency {response.urgency} of 3."]
        if trail is not None:
            age = span(spoken.t_ns - trail.evidence.t_ns)
            lines.append(f" Its newest evidence was {age} old" + (": the answer looks back." if answer else "."))
        if response.trace:
            lines.append(el("p.faint", "Stages: ", ", ".join(f"{words(stage)} {self.at(t_ns)}" for stage, t_ns in response.trace), "."))
        return _step("Said", lines)

    def _shot(self, trail: Trail) -> Markup | None:
        """The frame it acted on, or the still nearest to it."""
        evidence = trail.evidence
        still = min(self.cells.stills.values(), key=lambda s: abs(s.t_ns - evidence.t_ns), default=None)
        if still is None or abs(still.t_ns - evidence.t_ns) > STILL_TOO_FAR_NS:
            return None
        apart = still.t_ns - evidence.t_ns
        alt = f"The frame of {self.at(still.t_ns)} with the looked-at region and the gaze drawn on it"
        looks = [trail.asked.look] if trail.asked is not None else []
        shot = picture(self.pool, still, looks, trail.percept, trail.eye, alt, only=evidence.box)
        caption = f"{self.at(evidence.t_ns)}" + (f" (still {span(abs(apart))} {'later' if apart > 0 else 'earlier'})" if apart else "")
        return el("figure.shot", shot, el("figcaption", caption)) if shot is not None else None


def _step(name: str, lines: Sequence[object]) -> Markup:
    return el("li", el("span.step", name), el("div", lines))
