"""Reading: small steps along a line, and returns to the next.

Evidence is summed over saccades, after Campbell and Maglio (2001, A robust algorithm for reading detection, Workshop on Perceptive User
Interfaces). That a line return is asked for, too, follows Kollmorgen and Holmqvist (2007, Automatically detecting reading in eye tracking
data, Lund University Cognitive Studies 144): a few steps to the right alone are no reading.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from gaze.patterns import KEPT, Evidence, Turn, evidence_of
from gaze.visits import MS, Look


@dataclass(frozen=True, slots=True)
class ReadingRules:
    """When gaze reads.

    Along a line forward saccades are some 2 degrees, looks last 0.2 to 0.25 s, one saccade in seven goes back, and a long one returns to
    the next line (Rayner 1998, Psychological Bulletin 124).

    Attributes:
        rightward: Whether lines run from left to right.
        least_deg: Shorter steps are fidgets and count neither way.
        forward_deg: Longest step along the line.
        slope_deg: Most height of a step along the line.
        return_deg: Shortest step back to the next line ...
        line_deg: ... and the most it may go down.
        longest_ns: A look this long is no reading.
        on: Score from which it is reading, if a line return is among it: a step forward 10, a line return 5, a step back -5, a long look
            -10; anything else is a jump: it takes all before, and ``jump`` while reading.
        off: Score at which it no longer is.
        cap: Highest score, which bounds how long it takes to give up.
        jump: What a jump adds while reading.
    """

    rightward: bool = True
    least_deg: float = 0.4
    forward_deg: float = 5.0
    slope_deg: float = 1.0
    return_deg: float = 4.0
    line_deg: float = 4.0
    longest_ns: int = 700 * MS
    on: int = 40
    off: int = 15
    cap: int = 60
    jump: int = -20


class Reading:
    """Small steps along a line, and returns to the next."""

    def __init__(self, rules: ReadingRules) -> None:
        self._rules = rules
        r = rules
        self.rule = (
            f"steps of {r.least_deg:g} to {r.forward_deg:g} deg to the {'right' if r.rightward else 'left'}, "
            f"at most {r.slope_deg:g} deg up or down, and a return of {r.return_deg:g} deg or more "
            f"to a line at most {r.line_deg:g} deg lower; looks under {r.longest_ns / 1e9:g} s"
        )
        self.support: deque[Evidence] = deque(maxlen=KEPT)
        self.active = False
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self._score = self._forward = self._returns = self._run = 0
        self.active = False
        self.support.clear()

    def see(self, look: Look) -> Turn:
        """Take the next look; say whether reading begins or ends with it."""
        gain = self._gain(look)
        if gain is None or (gain <= self._rules.jump and not self.active):
            self._score = 0
        else:
            self._score = min(max(self._score + gain, 0), self._rules.cap)
        if gain is not None and gain > self._rules.jump and self._score > 0:
            self.support.append(evidence_of(look))
        if self.active:
            return "off" if self._score <= self._rules.off else None
        if self._score == 0:
            self.reset()
            # a line may begin with this look
            self.support.append(evidence_of(look))
            return None
        if self._score >= self._rules.on and self._returns:
            self.active = True
            return "on"
        return None

    def found(self) -> str:
        """What was measured."""
        return f"{self._forward} steps forward, {self._returns} line returns"

    def _gain(self, look: Look) -> int | None:
        """Evidence of one step; ``None`` where the step is not known."""
        rules = self._rules
        if look.step_deg is None:
            return None
        along, down = look.step_deg
        along = along if rules.rightward else -along
        if max(abs(along), abs(down)) < rules.least_deg:
            return -10 if look.event.duration_ns > rules.longest_ns else 0
        level = abs(down) <= rules.slope_deg
        if level and rules.least_deg <= along <= rules.forward_deg:
            self._forward += 1
            self._run += 1
            return 10 if look.event.duration_ns <= rules.longest_ns else -10
        # a line of which at least two steps were seen can be returned from
        if along <= -rules.return_deg and -rules.slope_deg <= down <= rules.line_deg and self._run >= 2:
            self._returns += 1
            self._run = 0
            return 5
        if level and -rules.forward_deg <= along < 0.0:
            return -5
        return rules.jump
