"""Is the eye moving? Gaze speed at two time scales, against the noise of the signal itself.

Between two neighbouring samples the speed is the distance from the mean place of the window before to the mean place of the window
after; nothing needs more of the future than the long window. A running median of each speed is the noise, and what counts as fast
is a multiple of it, so one rule serves a still laboratory tracker and a shaking headset. Noise-relative thresholds follow Engbert and
Kliegl (2003) and Nystrom and Holmqvist (2010); the running median makes them causal.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

MS = 1_000_000
_DEG = math.degrees(1.0)
_TRIM = 256
_LEAST_NOISE_DPS = 0.01
_LONGEST_SACCADE_S = 0.2
_YOUNG = 20

Ray: TypeAlias = tuple[float, float, float]
"""Unit direction: x right, y down, z forward, camera frame."""


@dataclass(frozen=True, slots=True)
class SpeedRules:
    """When the eye counts as moving. Speeds in degrees a second.

    Attributes:
        short_ns: Short window: sees saccades and their edges.
        long_ns: Long window: sees slow shifts under noise. Also how far the decision looks ahead.
        on_factor: A movement starts above this multiple of the noise, in either window ...
        on_floor_dps: ... but never below this speed ...
        on_cap_dps: ... and always above this one.
        ahead_factor: The long window does not start one that the short window is about to see at this multiple of its own threshold:
            a large saccade smears over the long window and would seem to begin early.
        off_factor: A movement lasts while the short window is above this multiple of its noise ...
        off_floor_dps: ... and above this speed ...
        off_long: ... or the long window is above this share of its own starting threshold.
        tau_s: Time constant of the running median.
    """

    short_ns: int = 10 * MS
    long_ns: int = 30 * MS
    on_factor: float = 7.0
    on_floor_dps: float = 15.0
    on_cap_dps: float = 200.0
    ahead_factor: float = 3.0
    off_factor: float = 3.0
    off_floor_dps: float = 25.0
    off_long: float = 0.75
    tau_s: float = 0.3


class Step(NamedTuple):
    """The way from one sample to the next, judged.

    Attributes:
        moving: Whether the eye moves on it.
        before: Mean direction of the short window that ends at the earlier sample.
        after: Mean direction of the long window that begins at the later one.
    """

    moving: bool
    before: Ray
    after: Ray


class _Scale:
    """One window length: its outer edges, which only ever move forward, and its noise."""

    __slots__ = ("first", "last", "noise_dps", "width_ns")

    def __init__(self, width_ns: int) -> None:
        self.width_ns = width_ns
        self.noise_dps = 4.0
        self.first = self.last = 0

    def learn(self, speed_dps: float, rate: float) -> None:
        """Move the median one multiplicative step towards a speed seen at rest."""
        factor = 1.0 + rate if speed_dps > self.noise_dps else 1.0 / (1.0 + rate)
        self.noise_dps = max(self.noise_dps * factor, _LEAST_NOISE_DPS)


class Velocity:
    """Judges the steps of one unbroken run of samples, one long window late, in constant memory."""

    def __init__(self, rules: SpeedRules) -> None:
        self._rules = rules
        self._short, self._long = _Scale(rules.short_ns), _Scale(rules.long_ns)
        self._learned = 0
        self._reset()

    @property
    def noise_dps(self) -> float:
        """Median gaze speed at rest in the long window, degrees a second."""
        return self._long.noise_dps

    def push(self, t_ns: int, ray: Ray) -> list[Step]:
        """Add the next sample of the run and return the steps that can now be judged, oldest first."""
        if not self._t_ns:
            self._start_ns = t_ns
        x, y, z, s = self._sums[-1]
        self._t_ns.append(t_ns)
        self._sums.append((x + ray[0], y + ray[1], z + ray[2], s + (t_ns - self._start_ns) * 1e-9))
        return self.wait(t_ns)

    def wait(self, t_ns: int) -> list[Step]:
        """Stream time is ``t_ns`` and no sample of the run came since the last: return the steps that can now be judged."""
        steps: list[Step] = []
        while self._at + 1 < len(self._t_ns) and t_ns - self._t_ns[self._at] >= self._rules.long_ns:
            steps.append(self._judge())
        self._trim()
        return steps

    def flush(self) -> list[Step]:
        """The run is over: judge what is left with windows cut short, and forget the samples but not the noise."""
        steps = [self._judge() for _ in range(len(self._t_ns) - 1 - self._at)]
        self._reset()
        return steps

    def _reset(self) -> None:
        self._start_ns = 0
        self._t_ns: list[int] = []
        # entry k holds the sums of x, y, z and seconds over samples 0..k-1, so that a mean is one subtraction
        self._sums: list[tuple[float, float, float, float]] = [(0.0, 0.0, 0.0, 0.0)]
        self._at = 0  # the step under judgement starts at this sample
        self._ahead: deque[tuple[float, Ray]] = deque()  # short-window speeds from there on
        self._ahead_to = 0
        self._moving = False
        self._moving_s = 0.0
        for scale in (self._short, self._long):
            scale.first = scale.last = 0

    def _judge(self) -> Step:
        rules, at, times = self._rules, self._at, self._t_ns
        until_ns = times[at] + rules.long_ns - rules.short_ns
        while self._ahead_to + 1 < len(times) and (self._ahead_to <= at or times[self._ahead_to] <= until_ns):
            speed_dps, before, _ = self._speed(self._short, self._ahead_to)
            self._ahead.append((speed_dps, before))
            self._ahead_to += 1
        fast_dps, before = self._ahead.popleft()
        slow_dps, _, after = self._speed(self._long, at)
        on_dps, on_long_dps = self._on_dps(self._short), self._on_dps(self._long)
        if self._moving:
            off_dps = min(max(rules.off_factor * self._short.noise_dps, rules.off_floor_dps), rules.on_cap_dps)
            self._moving = fast_dps > off_dps or slow_dps > rules.off_long * on_long_dps
        elif fast_dps > on_dps:
            self._moving = True
        elif slow_dps > on_long_dps:
            self._moving = all(speed_dps <= rules.ahead_factor * on_dps for speed_dps, _ in self._ahead)
        step_s = (times[at + 1] - times[at]) * 1e-9
        self._moving_s = self._moving_s + step_s if self._moving else 0.0
        # a saccade is no noise; but one that never ends is noise that has risen
        if not self._moving or self._moving_s > _LONGEST_SACCADE_S or self._learned < _YOUNG:
            self._learn(step_s, fast_dps, slow_dps)
        self._at += 1
        return Step(self._moving, before, after)

    def _learn(self, step_s: float, fast_dps: float, slow_dps: float) -> None:
        self._learned += 1
        # the first steps are large, so that a wrong first guess does not last
        rate = max(step_s / self._rules.tau_s, 1.0 / self._learned)
        self._short.learn(fast_dps, rate)
        self._long.learn(slow_dps, rate)

    def _on_dps(self, scale: _Scale) -> float:
        return min(max(self._rules.on_factor * scale.noise_dps, self._rules.on_floor_dps), self._rules.on_cap_dps)

    def _speed(self, scale: _Scale, at: int) -> tuple[float, Ray, Ray]:
        """Speed on the step after sample ``at``, degrees a second, and the mean places before and after it.

        A window holds at least one sample, so below the rate it was made for the speed is that from sample to sample.
        """
        times, sums = self._t_ns, self._sums
        start_ns, end_ns = times[at + 1] - scale.width_ns, times[at] + scale.width_ns
        first, last = scale.first, max(scale.last, at + 1)
        while first < at and times[first] < start_ns:
            first += 1
        while last + 1 < len(times) and times[last + 1] <= end_ns:
            last += 1
        scale.first, scale.last = first, last
        x0, y0, z0, s0 = sums[first]
        x1, y1, z1, s1 = sums[at + 1]
        x2, y2, z2, s2 = sums[last + 1]
        n, m = at + 1 - first, last - at
        before = ((x1 - x0) / n, (y1 - y0) / n, (z1 - z0) / n)
        after = ((x2 - x1) / m, (y2 - y1) / m, (z2 - z1) / m)
        return _DEG * math.dist(before, after) / ((s2 - s1) / m - (s1 - s0) / n), before, after

    def _trim(self) -> None:
        """Let go of samples behind both windows, a few hundred at a time."""
        done = min(self._short.first, self._long.first)
        if done < _TRIM:
            return
        x0, y0, z0, s0 = self._sums[done]
        later_s = (self._t_ns[done] - self._start_ns) * 1e-9
        self._start_ns = self._t_ns[done]
        # sums start again from here: they would lose digits over a day without a blink
        kept = enumerate(self._sums[done:])
        self._sums = [(x - x0, y - y0, z - z0, s - s0 - k * later_s) for k, (x, y, z, s) in kept]
        del self._t_ns[:done]
        self._at -= done
        self._ahead_to -= done
        for scale in (self._short, self._long):
            scale.first -= done
            scale.last -= done
