"""Is the eye moving? Gaze speed at two time scales, against the noise of the signal itself.

Between two neighbouring samples the speed is the distance from the mean place of the window before to the mean place of the window
after; nothing needs more of the future than the long window. What counts as fast is measured on the signal in two ways. A running
median of each speed is what the eye does at rest (drift, tremor, a walking head). The roughness from sample to sample is what the
tracker does (:mod:`gaze.roughness`). So one rule serves a still laboratory tracker and a shaking headset, from 10 to 1000 Hz.

Noise-relative thresholds follow Engbert and Kliegl (2003) and Nystrom and Holmqvist (2010); the running median makes them causal.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import exp, sqrt
from typing import TypeAlias

from gaze.first_sight import FirstSight
from gaze.roughness import MS, Ray, Roughness
from gaze.window import Sums, Window

_TRIM = 256
_LEAST_NOISE_DPS = 0.01
_FIRST_NOISE_DPS = 4.0
_STEPS_NS = 100 * MS
_NEVER_NS = 2**63


@dataclass(frozen=True, slots=True)
class SpeedRules:
    """When the eye counts as moving. Speeds in degrees a second.

    Attributes:
        short_ns: Short window: sees saccades and their edges.
        long_ns: Long window: sees slow shifts under noise. Also how far the decision looks ahead.
        long_steps: The long window spans at least this many sampling steps ...
        long_most_ns: ... but is never longer than this.
        on_factor: A movement starts above this multiple of the noise, in either window ...
        on_floor_dps: ... but never below this speed ...
        on_cap_dps: ... and above this one always, ...
        rough_factor: ... unless the tracker is so rough that this many of its standard deviations are faster still ...
        rough_step_ns: ... which holds up to this sampling step and is weighed down in proportion beyond: slower sampling takes the
            eye's own acceleration for roughness.
        ahead_factor: The long window does not start a movement that the short window is about to see at this multiple of its own
            threshold: a large saccade smears over the long window and would seem to begin early.
        off_factor: A movement lasts while the short window is above this multiple of its noise ...
        off_floor_dps: ... and above this speed, ...
        off_step_deg: ... or, where samples are far apart, this angle a step ...
        off_least_dps: ... but no less than this, ...
        off_rough: ... and above this share of the roughness threshold; ...
        off_long: ... or while the long window is above this share of its own starting threshold.
        tau_s: Time constant of the running median.
        head_share: Where the head's rotation was taken out of the gaze, this share of its speed is added to all thresholds: a camera that
            slips, comes late or moves past near things leaves about so much behind.
        head_ns: A turn of the head counts for so long.
    """

    short_ns: int = 10 * MS
    long_ns: int = 30 * MS
    long_steps: float = 2.5
    long_most_ns: int = 70 * MS
    on_factor: float = 5.0
    on_floor_dps: float = 12.0
    on_cap_dps: float = 120.0
    rough_factor: float = 12.0
    rough_step_ns: int = 5 * MS
    ahead_factor: float = 3.0
    off_factor: float = 2.0
    off_floor_dps: float = 25.0
    off_step_deg: float = 0.08
    off_least_dps: float = 5.0
    off_rough: float = 0.7
    off_long: float = 0.5
    tau_s: float = 0.2
    head_share: float = 0.25
    head_ns: int = 300 * MS


Step: TypeAlias = tuple[bool, Ray, Ray, int]
"""The way from one sample to the next, judged.

Whether the eye moves on it; the mean direction of the short window that ends at the earlier sample; that of the long window that begins
at the later one; and the stream time at which all this could first be said.
"""


class Velocity:
    """Judges the steps of one unbroken run of samples, one long window late, in constant memory.

    Args:
        rules: Thresholds.
        sight: Is shown every step one short window late, if given.
    """

    def __init__(self, rules: SpeedRules, sight: FirstSight | None = None) -> None:
        self._rules = rules
        self._sight = sight
        self._short_dps = self._long_dps = _FIRST_NOISE_DPS  # running medians
        self._learned = 0
        self._head_dps = self._extra_dps = 0.0
        self._roughness = Roughness()
        self._step_ns = 0
        self._expect_ns = 0  # a sample is not awaited any more this long before its window ends
        self._short, self._long = Window(rules.short_ns), Window(rules.long_ns)
        self._rough_step_s = rules.rough_step_ns * 1e-9
        self.due_ns = _NEVER_NS
        """When the next step falls due even if no sample comes."""
        self._reset()

    @property
    def noise_dps(self) -> float:
        """Median gaze speed in the long window, degrees a second."""
        return self._long_dps

    @property
    def step_ns(self) -> int:
        """Running median of the sampling step."""
        return self._step_ns

    def learn_step(self, step_ns: int) -> None:
        """A sample came this long after the one before, valid or not."""
        usual_ns = self._step_ns
        if step_ns == usual_ns:
            return
        if usual_ns:
            most = usual_ns // 20 or 1
            change = step_ns - usual_ns
            usual_ns += most if change > most else -most if change < -most else change
        else:
            usual_ns = step_ns
        self._step_ns = usual_ns = min(usual_ns, _STEPS_NS)
        self._expect_ns = 3 * usual_ns // 4
        rules = self._rules
        long_ns = int(rules.long_steps * usual_ns)
        self._long.widen(rules.long_ns if long_ns < rules.long_ns else min(long_ns, rules.long_most_ns))

    def turn(self, speed_dps: float) -> None:
        """The head turned at this speed since the last sample, and the gaze was turned back."""
        fading = exp(-self._step_ns / self._rules.head_ns)
        self._head_dps = max(speed_dps, self._head_dps * fading)
        self._extra_dps = self._rules.head_share * self._head_dps

    def push(self, t_ns: int, ray: Ray) -> list[Step]:
        """Add the next sample of the run and return the steps that can now be judged, oldest first.

        :meth:`wait` must have been asked up to a moment before.
        """
        if not self._t_ns:
            self._start_ns = t_ns
        x, y, z, s = self._sums[-1]
        self._t_ns.append(t_ns)
        self._sums.append((x + ray[0], y + ray[1], z + ray[2], s + (t_ns - self._start_ns) * 1e-9))
        self._roughness.push(t_ns, ray)
        return self._due(t_ns + self._expect_ns, t_ns)

    def wait(self, t_ns: int) -> list[Step]:
        """Stream time is just before ``t_ns`` and no sample of the run came since the last: return the steps that can now be judged."""
        return self._due(t_ns - 1, None)

    def _due(self, reach_ns: int, now_ns: int | None) -> list[Step]:
        """Judge the steps whose windows end by ``reach_ns``; without ``now_ns``, each at the moment its window ends."""
        times, short_ns, long_ns = self._t_ns, self._rules.short_ns, self._long.width_ns
        last = len(times) - 1
        due_ns = _NEVER_NS
        while self._seen < last:
            due_ns = times[self._seen] + short_ns
            if due_ns > reach_ns:
                break
            self._see(due_ns if now_ns is None else now_ns)
            due_ns = _NEVER_NS
        steps: list[Step] = []
        while self._at < last:
            long_due_ns = times[self._at] + long_ns
            if long_due_ns > reach_ns:
                due_ns = due_ns if due_ns < long_due_ns else long_due_ns
                break
            steps.append(self._judge(long_due_ns if now_ns is None else now_ns))
        self.due_ns = due_ns
        if self._at > 2 * _TRIM:
            self._trim()
        return steps

    def flush(self, t_ns: int) -> list[Step]:
        """The run is over: judge what is left with windows cut short, and forget the samples but not the noise."""
        last = len(self._t_ns) - 1
        while self._seen < last:
            self._see(t_ns)
        steps = [self._judge(t_ns) for _ in range(last - self._at)]
        self._reset()
        return steps

    def hurry(self, t_ns: int) -> Step | None:
        """Judge the next step at once, on what is known at ``t_ns``; ``None`` if there is none."""
        return self._judge(t_ns) if self._at < len(self._t_ns) - 1 else None

    def _reset(self) -> None:
        self._start_ns = 0
        self._t_ns: list[int] = []
        self._sums: list[Sums] = [(0.0, 0.0, 0.0, 0.0)]  # over all samples before this one
        self.due_ns = _NEVER_NS
        self._at = 0  # the step under judgement starts at this sample
        self._seen = 0  # the short window has seen the steps before this one
        self._ahead: deque[tuple[float, Ray, int]] = deque()  # its speeds from there on
        self._moving = False
        self._short.first = self._short.last = self._long.first = self._long.last = 0
        self._roughness.cut()

    def _see(self, now_ns: int) -> None:
        """Measure the next step with the short window."""
        at, times = self._seen, self._t_ns
        t0_ns = times[at]
        speed_dps, before, _ = self._short.measure(at, times, self._sums)
        self._ahead.append((speed_dps, before, t0_ns))
        self._seen = at + 1
        if self._sight is not None:
            step_s = (times[at + 1] - t0_ns) * 1e-9
            rough_dps = self._rough(step_s) * (self._short.scale if times[at + 1] - t0_ns <= self._rules.short_ns else step_s**-1.5)
            self._sight.take(t0_ns, now_ns, speed_dps, self._short_dps, rough_dps)

    def _judge(self, now_ns: int) -> Step:
        rules, at, times = self._rules, self._at, self._t_ns
        width_ns = self._long.width_ns
        t0_ns, t1_ns = times[at], times[at + 1]
        if self._seen <= at:
            self._see(now_ns)
        fast_dps, before, _ = self._ahead.popleft()
        slow_dps, _, after = self._long.measure(at, times, self._sums)
        step_s = (t1_ns - t0_ns) * 1e-9
        rough, short_dps, floor_dps, cap_dps = self._rough(step_s), self._short_dps, rules.on_floor_dps, rules.on_cap_dps
        rough_dps = rough * (self._short.scale if t1_ns - t0_ns <= rules.short_ns else step_s**-1.5)
        # written out instead of calling min and max, which would be a tenth of the cost of a sample
        on_long_dps = rules.on_factor * self._long_dps
        on_long_dps = floor_dps if on_long_dps < floor_dps else cap_dps if on_long_dps > cap_dps else on_long_dps
        rough *= self._long.scale if t1_ns - t0_ns <= width_ns else step_s**-1.5
        on_long_dps = (rough if rough > on_long_dps else on_long_dps) + self._extra_dps
        if self._moving:
            off_dps = max(rules.off_factor * short_dps, rules.off_least_dps, min(rules.off_floor_dps, rules.off_step_deg / step_s))
            off_dps = max(min(off_dps, cap_dps), rules.off_rough * rough_dps) + self._extra_dps
            self._moving = fast_dps > off_dps or slow_dps > rules.off_long * on_long_dps
        elif fast_dps > floor_dps or slow_dps > on_long_dps:
            on_dps = max(min(max(rules.on_factor * short_dps, floor_dps), cap_dps), rough_dps) + self._extra_dps
            if fast_dps > on_dps:
                self._moving = True
            elif slow_dps > on_long_dps:
                most_dps, until_ns = rules.ahead_factor * on_dps, t0_ns + width_ns - rules.short_ns
                self._moving = not any(speed_dps > most_dps and t_ns <= until_ns for speed_dps, _, t_ns in self._ahead)
        # the first steps are large, so that a wrong first guess does not last
        self._learned += 1
        share = step_s / rules.tau_s
        if share * self._learned < 1.0:
            share = 1.0 / self._learned
        factor = 1.0 + share
        self._short_dps = short_dps * factor if fast_dps > short_dps else short_dps / factor
        if self._short_dps < _LEAST_NOISE_DPS:
            self._short_dps = _LEAST_NOISE_DPS
        long_dps = self._long_dps
        self._long_dps = long_dps * factor if slow_dps > long_dps else long_dps / factor
        if self._long_dps < _LEAST_NOISE_DPS:
            self._long_dps = _LEAST_NOISE_DPS
        self._at = at + 1
        return self._moving, before, after, now_ns

    def _rough(self, step_s: float) -> float:
        """Speed that roughness alone would show, times the window to the power 1.5.

        It is the difference of two means of white noise, each over as many samples as the window holds, over the window.
        """
        weight = self._rules.rough_factor if step_s <= self._rough_step_s else self._rules.rough_factor * self._rough_step_s / step_s
        return weight * self._roughness.deg * sqrt(2.0 * step_s)

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
        self._seen -= done
        for window in (self._short, self._long):
            window.first -= done
            window.last -= done
