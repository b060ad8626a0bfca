"""What the eye did at every sample: said at once, and said again for good.

Events are for programs that wait for things; labels are for those that want an answer for each sample. The first label of a sample
comes 12 ms after it, or with the next sample where that is later; the last one within 100 ms, at any rate.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from gaze.first_sight import FirstSight
from gaze.roughness import MS
from gaze.types import EyeKind, Stage

_SIGHT_NS = 12 * MS


class EyeLabel(NamedTuple):
    """What the eye did when a sample was taken.

    Attributes:
        t_ns: Time of the sample.
        kind: ``fixation``, ``pursuit``, ``saccade``, ``blink`` or ``lost``.
        stage: ``provisional`` at first sight, ``final`` once it cannot change.
        t_emit_ns: Stream time at which this could first be said.
    """

    t_ns: int
    kind: EyeKind
    stage: Stage
    t_emit_ns: int


class LabelBook:
    """Keeps the samples that still wait for a label.

    Args:
        late_ns: How long a sample may wait for its final one.
    """

    def __init__(self, late_ns: int) -> None:
        self._late_ns = late_ns
        self.sight = FirstSight()
        self._waiting: deque[int] = deque()  # for the final label
        self._unseen: deque[int] = deque()  # for the first one
        self._out: list[EyeLabel] = []

    def add(self, t_ns: int, step_ns: int, blind: EyeKind | None) -> None:
        """A sample was taken; ``blind`` says why it shows no gaze."""
        until_ns = t_ns if blind is not None else t_ns - max(_SIGHT_NS, step_ns + step_ns // 4)
        while self._unseen and self._unseen[0] < until_ns:
            # its successor is late or has no gaze: nothing more will be known of it in time
            due_ns = min(t_ns, self._unseen[0] + max(_SIGHT_NS, step_ns + step_ns // 4))
            self._see(self._unseen[0], "saccade" if self.sight.moving else "fixation", due_ns)
        self._waiting.append(t_ns)
        self._unseen.append(t_ns)
        if blind is not None:
            self._see(t_ns, blind, t_ns)

    def look(self, held: EyeKind) -> None:
        """Pass on what was seen at first sight, calling held gaze ``held``."""
        for t_ns, moving, now_ns in self.sight.said:
            if self._unseen and self._unseen[0] <= t_ns:
                self._see(t_ns, "saccade" if moving else held, now_ns)
        self.sight.said.clear()

    def settle(self, before_ns: int, kind: EyeKind, now_ns: int) -> None:
        """All samples before a time that still wait are of this kind, for good."""
        waiting = self._waiting
        while waiting and waiting[0] < before_ns:
            self._out.append(EyeLabel(waiting.popleft(), kind, "final", now_ns))

    def settle_late(self, now_ns: int, kind: EyeKind, blind_ns: int | None) -> None:
        """Samples that have waited for as long as a label may are of this kind; those since ``blind_ns`` showed no gaze."""
        waiting, late_ns = self._waiting, self._late_ns
        while waiting and waiting[0] + late_ns < now_ns:
            t_ns = waiting.popleft()
            guess: EyeKind = "blink" if kind != "lost" and blind_ns is not None and t_ns >= blind_ns else kind
            self._out.append(EyeLabel(t_ns, guess, "final", t_ns + late_ns))

    def close(self, now_ns: int, step_ns: int) -> None:
        """Samples stopped coming: what was not seen yet never will be."""
        while self._unseen:
            due_ns = min(now_ns, self._unseen[0] + max(_SIGHT_NS, step_ns + step_ns // 4))
            self._see(self._unseen[0], "saccade" if self.sight.moving else "fixation", due_ns)

    def take(self) -> list[EyeLabel]:
        """The labels since the last call."""
        out, self._out = self._out, []
        return out

    def _see(self, t_ns: int, kind: EyeKind, now_ns: int) -> None:
        while self._unseen and self._unseen[0] <= t_ns:
            self._out.append(EyeLabel(self._unseen.popleft(), kind, "provisional", now_ns))
