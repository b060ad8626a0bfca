"""Is the eye open? An eye tracker's confidence, smoothed over 30 ms, against what it usually is.

Confidence flickers: single good samples lie inside a blink and single bad ones outside. The median over 30 ms overrules both. A blink
is looked for below 0.6, or lower for a tracker that is never sure of anything. That lids show in the detector's confidence is the idea
of Pupil Core's blink detector (Kassner, Patera and Bulling 2014); the median here replaces its matched filter.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from gaze.roughness import MS


@dataclass(frozen=True, slots=True)
class LidRules:
    """When the eye counts as closed.

    Attributes:
        window_ns: Confidence is the median over this long.
        below: The eye is closed where that is below this ...
        below_usual: ... and below this share of the usual confidence.
        usual_s: Time constant of the usual confidence, a running median.
    """

    window_ns: int = 30 * MS
    below: float = 0.6
    below_usual: float = 0.8
    usual_s: float = 10.0


class Lids:
    """Follows the confidence of an eye tracker.

    Args:
        rules: Thresholds.
    """

    __slots__ = ("_last_ns", "_low", "_recent", "_rules", "_seen", "_usual", "least")

    def __init__(self, rules: LidRules | None = None) -> None:
        self._rules = rules or LidRules()
        self._recent: deque[tuple[int, bool]] = deque()  # time, and whether confidence was low
        self._low = 0  # how many of them
        self._usual = 1.0
        self._seen = 0
        self._last_ns = 0
        self.least = self._rules.below
        """A sample below this confidence is no gaze."""

    def shut(self, t_ns: int, confidence: float) -> int | None:
        """Add a sample and say whether the eye is closed.

        Args:
            t_ns: Time of the sample, later than the last one's.
            confidence: Of the sample; 0 where the tracker says nothing.

        Returns:
            Since when: the middle of the window that shows it first. ``None`` while the eye is open.
        """
        rules, recent = self._rules, self._recent
        if confidence == self._usual:
            self._seen += 1
            self._last_ns = t_ns
        elif confidence > 0.0:
            self._learn(t_ns, confidence)
        low = confidence < self.least
        recent.append((t_ns, low))
        self._low += low
        while t_ns - recent[0][0] > rules.window_ns:
            self._low -= recent.popleft()[1]
        count = len(recent)
        if count < 3:  # sampled too slowly for a median
            return t_ns if low else None
        return recent[count // 2][0] if 2 * self._low > count else None

    def _learn(self, t_ns: int, confidence: float) -> None:
        self._seen += 1
        rate = max(1.0 / self._seen, min((t_ns - self._last_ns) * 1e-9, 0.1) / self._rules.usual_s)
        self._last_ns = t_ns
        self._usual += min(rate, abs(confidence - self._usual)) * (1.0 if confidence > self._usual else -1.0)
        self.least = min(self._rules.below, self._rules.below_usual * self._usual)
