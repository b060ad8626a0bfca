"""A wearer for tests of the memory: looks, lessons and wishes in stream time, without models, pixels or a clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from edge_runtime.config import RememberConfig, S
from edge_runtime.facts import Attended, Remembered
from edge_runtime.outbox import Outbox
from edge_runtime.protocol import Append, Command, Erase, Erased, Event, Eye, Failed, Feedback, Forget, Look, Looked, Stored, Taught, Tick
from edge_runtime.records import Concept, Receipt, Row, Scope
from edge_runtime.remember import Memory
from edge_runtime.store import Store
from edge_runtime.types import WHOLE, Box, Capabilities, LabelHint, LookedRegion, RegionKind, TextLine, Thumb, Tokens, Vector
from gaze.types import EyeEvent

DIM = 64
MODELS = Capabilities(bundle="test", vector=True, labels=True, text=True, tokens=True, vector_dim=DIM)
SETTINGS = RememberConfig(concept_accept=0.40, concept_ask=0.30, concept_margin=0.05, label_accept=0.70, text_accept=0.80, place_same=0.45)
"""Spelt out, so that tests speak of these numbers and not of whatever the defaults are."""
LEFT, RIGHT, MIDDLE = Box(0.1, 0.3, 0.3, 0.6), Box(0.7, 0.3, 0.9, 0.6), Box(0.4, 0.4, 0.6, 0.6)


def direction(seed: int) -> Vector:
    """A unit vector of its own for every thing."""
    vector = np.random.default_rng(seed).standard_normal(DIM)
    unit: Vector = (vector / np.linalg.norm(vector)).astype(np.float32)
    return unit


def like(vector: Vector, cosine: float, seed: int = 0) -> Vector:
    """A unit vector at a given cosine from another."""
    other = direction(10_000 + seed).astype(np.float64)
    base = vector.astype(np.float64)
    other -= other @ base * base
    mixed: Vector = (cosine * base + np.sqrt(1 - cosine**2) * other / np.linalg.norm(other)).astype(np.float32)
    return mixed


def seen(
    vector: Vector | None = None,
    kind: RegionKind = "foveal",
    box: Box = MIDDLE,
    *,
    labels: Sequence[tuple[str, float]] = (),
    text: Sequence[str] = (),
    sure: float = 0.95,
    jpeg: bytes | None = None,
    tokens: Tokens | None = None,
) -> LookedRegion:
    """One region as a model would give it; the thumbnail gets its id from the look."""
    lines = tuple(TextLine(words, sure, Box(box.x0, box.y0 + i * 0.05, box.x1, box.y0 + i * 0.05 + 0.04)) for i, words in enumerate(text))
    hints = tuple(LabelHint(name, confidence) for name, confidence in labels)
    thumb = None if jpeg is None else Thumb("", len(jpeg), jpeg)
    return LookedRegion(kind, box, vector=vector, tokens=tokens, labels=hints, lines=lines, thumb=thumb)


def place(vector: Vector) -> LookedRegion:
    """An overview."""
    return seen(vector, "overview", WHOLE)


class Wearer:
    """Feeds a memory and keeps what it sends to the log.

    Args:
        config: Of the memory.
        models: What the models can do.
        log: ``stores`` answers every append, ``fails`` refuses it, ``silent`` says nothing.
        store: A log on disk that takes what ``stores`` answers; it also erases.
    """

    def __init__(
        self,
        config: RememberConfig | None = None,
        models: Capabilities = MODELS,
        log: Literal["stores", "fails", "silent"] = "stores",
        store: Store | None = None,
    ) -> None:
        self.config = config or SETTINGS
        self.models = models
        self.memory = Memory(self.config, models)
        self.log = log
        self.store = store
        self.commands: list[Command] = []
        self.dropped: list[tuple[str, str, int]] = []
        self.unanswered: list[int] = []
        self.next_id = 1
        self.seq = 0

    def feed(self, event: Event, cause: Look | None = None, boundary_ns: int | None = None) -> Remembered:
        """Feed one event; the log answers at once."""
        out = Outbox(self.next_id)
        result = self.memory.feed(event, Attended(boundary_ns=boundary_ns), cause, out)
        self.next_id = out.next_id
        self.commands.extend(out.commands)
        self.dropped.extend((drop.what, drop.reason, drop.count) for drop in result.dropped)
        for command in out.commands:
            if isinstance(command, Erase) and self.store is not None:
                self.feed(
                    Erased(t_ns=event.t_ns, answers=command.id, receipt=self.store.erase(command.scope, command.sightings, command.rows))
                )
            if isinstance(command, Append) and self.log == "stores":
                if self.store is not None:
                    self.store.append(command.rows)
                self.feed(Stored(t_ns=event.t_ns, answers=command.id, receipt=Receipt(len(command.rows))))
            elif isinstance(command, Append) and self.log == "fails":
                self.feed(Failed(t_ns=event.t_ns, answers=command.id, reason="storeerror"))
            elif isinstance(command, Append):
                self.unanswered.append(command.id)
        return result

    def look(
        self, t_s: float, *regions: LookedRegion, why: str = "fixation", eye: int | None = None, new_scene: bool = False
    ) -> Remembered:
        """One look, answered as soon as it is asked for."""
        self.seq += 1
        t_ns = round(t_s * S)
        named = []
        for i, region in enumerate(regions):
            thumb = None if region.thumb is None else Thumb(f"{self.seq}-{i}", region.thumb.nbytes, region.thumb.data)
            named.append(LookedRegion(region.kind, region.box, region.vector, region.tokens, region.labels, region.lines, thumb))
        cause = Look(id=0, deadline_ns=t_ns, frame_seq=self.seq, t_capture_ns=t_ns, regions=(), why=why, eye_id=eye)
        event = Looked(t_ns=t_ns, answers=0, frame_seq=self.seq, t_capture_ns=t_ns, regions=tuple(named))
        return self.feed(event, cause, t_ns if new_scene else None)

    def tick(self, t_s: float) -> Remembered:
        return self.feed(Tick(t_ns=round(t_s * S)))

    def eye(self, number: int, start_s: float, end_s: float, kind: Literal["fixation", "dwell", "saccade"] = "fixation") -> Remembered:
        """An eye movement that has ended."""
        start_ns, end_ns = round(start_s * S), round(end_s * S)
        event = EyeEvent(number, kind, start_ns, end_ns, 0.5, 0.5, 0.2, "final", end_ns)
        return self.feed(Eye(t_ns=end_ns, event=event))

    def catch_up(self, t_s: float) -> None:
        """The log works again: what it never answered counts as failed, and whatever is due gets written."""
        self.log = "stores"
        for number in self.unanswered:
            self.feed(Failed(t_ns=round(t_s * S), answers=number, reason="deadline"))
        self.unanswered.clear()
        for wait_s in range(0, 300, 40):
            self.tick(t_s + wait_s)

    def teach(self, t_s: float, name: str, *views: Vector) -> Remembered:
        return self.feed(Taught(t_ns=round(t_s * S), concept=Concept(name, views, round(t_s * S))))

    def says(self, t_s: float, verdict: Literal["yes", "no"]) -> Remembered:
        return self.feed(Feedback(t_ns=round(t_s * S), decision=1, verdict=verdict))

    def forget(self, t_s: float, scope: Scope) -> Erase:
        """A wish to forget; returns the command it leads to."""
        self.feed(Forget(t_ns=round(t_s * S), scope=scope))
        return next(command for command in reversed(self.commands) if isinstance(command, Erase))

    def rows(self) -> list[Row]:
        """Every row sent to the log so far."""
        return [row for command in self.commands if isinstance(command, Append | Erase) for row in command.rows]

    def count(self, what: str, reason: str) -> int:
        """How many of something were let go for a reason."""
        return sum(count for name, why, count in self.dropped if (name, why) == (what, reason))
