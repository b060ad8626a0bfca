"""From a sentence back to the glance: which look, which eye movement, which frame, which watch stand behind a decision."""

from __future__ import annotations

from dataclasses import dataclass

from apps.report.run import Run
from apps.report.thoughts import Thought, thoughts
from edge_runtime.protocol import Command, Eye, Failed, Look, Looked, Record, Say, Taught, WatchSet
from edge_runtime.records import Evidence, Sighting
from edge_runtime.speech import Decision
from edge_runtime.types import LookedRegion, Percept
from gaze.types import EyeEvent


@dataclass(frozen=True)
class AskedLook:
    """A look, when it was asked for, and what came of it."""

    t_asked_ns: int
    look: Look
    looked: Looked | None
    failed: Failed | None


@dataclass(frozen=True)
class Spoken:
    """One sentence, with the decision that let it pass; ``held`` are earlier decisions against the same sentence."""

    index: int
    t_ns: int
    say: Say
    decision: Decision | None
    held: tuple[Decision, ...]


@dataclass(frozen=True)
class Trail:
    """What one piece of evidence leads back to; whatever the run does not tell is ``None``."""

    evidence: Evidence
    asked: AskedLook | None
    region: LookedRegion | None
    eye: EyeEvent | None
    percept: Percept | None
    sighting: Sighting | None


class Chain:
    """Every look, movement, decision and sentence of a run, found by what refers to it."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.times = {index: event.t_ns for index, event in run.events}
        self.percepts = {p.frame_seq: p for p in run.percepts}
        self.eyes: dict[int, EyeEvent] = {}
        self.watches: dict[str, WatchSet] = {}
        self.taught: dict[str, int] = {}
        results: dict[int, Looked] = {}
        failures: dict[int, Failed] = {}
        for _, event in run.events:
            if isinstance(event, Eye):
                self.eyes[event.event.id] = event.event  # later reports of one movement replace earlier ones
            elif isinstance(event, Looked):
                results[event.answers] = event
            elif isinstance(event, Failed):
                failures[event.answers] = event
            elif isinstance(event, WatchSet):
                self.watches[event.watch] = event
            elif isinstance(event, Taught):
                self.taught[event.concept.name.casefold()] = event.t_ns
        self.looks = [
            AskedLook(self.times.get(i, c.t_capture_ns), c, results.get(c.id), failures.get(c.id))
            for i, c in run.commands
            if isinstance(c, Look)
        ]
        self.by_frame: dict[int, list[AskedLook]] = {}
        for asked in self.looks:
            self.by_frame.setdefault(asked.look.frame_seq, []).append(asked)
        self.thoughts = thoughts(run)
        self.decisions = [c.decision for _, c in run.commands if isinstance(c, Record)]
        self.spoken = self._pair()

    def time(self, index: int, command: Command) -> int:
        """When a command was given: with the event that caused it, else as it says itself, else the start of the stream."""
        caused = self.times.get(index)
        return caused if caused is not None else told_ns(command) or self.run.origin_ns

    def thought(self, spoken: Spoken) -> Thought | None:
        """What a language model was asked for this sentence, the last time it was."""
        question = spoken.say.response.question
        return next((t for t in reversed(self.thoughts) if question and t.command.question == question and t.t_ns <= spoken.t_ns), None)

    def _pair(self) -> list[Spoken]:
        """Join every sentence to the decision recorded with it: same cause first, then the latest one with the same words."""
        records = [(i, c.decision) for i, c in self.run.commands if isinstance(c, Record)]
        spoken = []
        for index, say in ((i, c) for i, c in self.run.commands if isinstance(c, Say)):
            t_ns = self.time(index, say)
            text = say.response.text
            passed = [(i, d) for i, d in records if d.text == text and d.action not in ("QUEUE", "SILENT") and i <= index]
            match = next((d for i, d in passed if i == index), passed[-1][1] if passed else None)
            held = tuple(
                d
                for _, d in records
                if match is not None
                and d.action in ("QUEUE", "SILENT")
                and (d.watch, d.text) == (match.watch, match.text)
                and d.id < match.id
            )
            spoken.append(Spoken(index, t_ns, say, match, held[-3:]))
        return spoken

    def trail(self, evidence: Evidence) -> Trail:
        """Follow one piece of evidence back."""
        candidates = self.by_frame.get(evidence.frame_seq, [])
        asked = next((a for a in candidates if any(r.box == evidence.box for r in a.look.regions)), candidates[0] if candidates else None)
        region = None
        if asked is not None and asked.looked is not None and asked.looked.regions:
            region = next((r for r in asked.looked.regions if r.box == evidence.box), None)
        percept = self.percepts.get(evidence.frame_seq)
        eye_id = asked.look.eye_id if asked is not None else None
        if eye_id is None and percept is not None:
            eye_id = percept.eye_id
        eye = self.eyes.get(eye_id) if eye_id is not None else None
        return Trail(evidence, asked, region, eye, percept, self.sighting(evidence))

    def sighting(self, evidence: Evidence) -> Sighting | None:
        """The sighting that keeps this very look, concepts before text before guesses."""
        rank = {"concept": 0, "text": 1, "label": 2, "thing": 3}
        found = [s for s in self.run.sightings if any(e.frame_seq == evidence.frame_seq and e.box == evidence.box for e in s.evidence)]
        return min(found, key=lambda s: rank[s.what.kind], default=None)


def told_ns(command: Command) -> int | None:
    """The time that a command itself tells of its making; ``None`` where it tells none."""
    if isinstance(command, Record):
        return command.decision.t_ns
    return dict(command.response.trace).get("decided") if isinstance(command, Say) else None


def newest(evidence: tuple[Evidence, ...]) -> Evidence | None:
    """The look that was taken last."""
    return max(evidence, key=lambda e: e.t_ns, default=None)
