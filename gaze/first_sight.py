"""Moving or not, said at once: the best guess one short window (10 ms, or one sample) after the sample.

No rule of duration can be applied to what is not over yet. Two rules of inertia stand in for them: a saccade lasts 25 ms at least, and
for a while after it only something much faster than the noise counts as the next one, because what follows a saccade at once is the
eye (or the pupil in it) swinging into place (Nystrom, Hooge and Holmqvist 2013).
"""

from __future__ import annotations

from dataclasses import dataclass

from gaze.roughness import MS


@dataclass(frozen=True, slots=True)
class SightRules:
    """When the eye seems to move. Speeds in degrees a second, in the short window.

    Attributes:
        on_factor: It starts above this multiple of the noise ...
        on_floor_dps: ... but never below this speed ...
        on_cap_dps: ... and always above this one ...
        rough: ... unless it is below this share of the roughness threshold.
        after_factor: All that times this ...
        after_ns: ... for so long after a movement.
        off_factor: It ends below this multiple of the noise ...
        off_floor_dps: ... or below this speed ...
        least_ns: ... but not before it has lasted so long.
    """

    on_factor: float = 5.0
    on_floor_dps: float = 10.0
    on_cap_dps: float = 150.0
    rough: float = 0.4
    after_factor: float = 2.0
    after_ns: int = 120 * MS
    off_factor: float = 1.5
    off_floor_dps: float = 8.0
    least_ns: int = 25 * MS


class FirstSight:
    """Says of each sample whether the eye seems to leave it, in order of time.

    Args:
        rules: Thresholds.
    """

    def __init__(self, rules: SightRules | None = None) -> None:
        self._rules = rules or SightRules()
        self._moving = False
        self._since_ns = -(2**63)
        self.said: list[tuple[int, bool, int]] = []
        """Time of a sample, whether the eye moves on from it, and stream time at which that was said; emptied by the reader."""

    @property
    def moving(self) -> bool:
        """Whether the eye moved on the last step seen."""
        return self._moving

    def take(self, t_ns: int, now_ns: int, speed_dps: float, noise_dps: float, rough_dps: float) -> None:
        """Judge the step that starts at ``t_ns``, at stream time ``now_ns``."""
        rules = self._rules
        if self._moving:
            off_dps = max(min(max(rules.off_factor * noise_dps, rules.off_floor_dps), rules.on_cap_dps), 0.5 * rules.rough * rough_dps)
            moving = speed_dps > off_dps or t_ns - self._since_ns < rules.least_ns
        else:
            on_dps = max(min(max(rules.on_factor * noise_dps, rules.on_floor_dps), rules.on_cap_dps), rules.rough * rough_dps)
            moving = speed_dps > (on_dps * rules.after_factor if t_ns - self._since_ns < rules.after_ns else on_dps)
        if moving != self._moving:
            self._moving, self._since_ns = moving, t_ns
        self.said.append((t_ns, moving, now_ns))
