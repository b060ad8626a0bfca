"""Moving or not, as in :mod:`gaze.velocity`, :mod:`gaze.window`, :mod:`gaze.roughness` and :mod:`gaze.first_sight`.

Steps are judged into ``eye.steps``, each in the row of the point it starts at; those from ``eye.taken`` on are not taken yet.
"""

from __future__ import annotations

from math import exp, sqrt
from typing import Any

from gaze.fast.compiled import compiled
from gaze.fast.distance import distance
from gaze.fast.state import NEVER_NS, NONE, Eye
from gaze.roughness import _ENOUGH, _KEPT_NS, _LEAST, _PER_DEG, _QUANTILE, DEG
from gaze.velocity import _LEAST_NOISE_DPS, _STEPS_NS, _TRIM


@compiled
def learn_step(eye: Eye, step_ns: int) -> None:
    """A sample came this long after the one before, valid or not."""
    velocity, rules = eye.velocity, eye.rules.speed
    usual_ns = velocity.step_ns
    if step_ns == usual_ns:
        return
    if usual_ns:
        most, change = max(usual_ns // 20, 1), step_ns - usual_ns
        usual_ns += most if change > most else -most if change < -most else change
    else:
        usual_ns = step_ns
    velocity.step_ns = usual_ns = min(usual_ns, _STEPS_NS)
    velocity.expect_ns = 3 * usual_ns // 4
    long_ns = int(rules.long_steps * usual_ns)
    long_ns = rules.long_ns if long_ns < rules.long_ns else min(long_ns, rules.long_most_ns)
    if long_ns != velocity.long.width_ns:
        velocity.long.width_ns, velocity.long.scale = long_ns, (long_ns * 1e-9) ** -1.5


@compiled
def turn(eye: Eye, speed_dps: float) -> None:
    """The head turned at this speed since the last sample, and the gaze was turned back."""
    velocity, rules = eye.velocity, eye.rules.speed
    fading = exp(-velocity.step_ns / rules.head_ns)
    velocity.head_dps = max(speed_dps, velocity.head_dps * fading)
    velocity.extra_dps = rules.head_share * velocity.head_dps


@compiled
def push(eye: Eye) -> None:
    """The last point looked at is the next of the run: judge what can now be judged."""
    velocity, row = eye.velocity, eye.looked - 1
    point = eye.points[row]
    if row == velocity.begin:
        velocity.start_ns = point.t_ns
        eye.sums[row, :] = 0.0
    for axis in range(3):
        eye.sums[row + 1, axis] = eye.sums[row, axis] + point.ray[axis]
    eye.sums[row + 1, 3] = eye.sums[row, 3] + (point.t_ns - velocity.start_ns) * 1e-9
    _bend(eye, point)
    _due(eye, point.t_ns + velocity.expect_ns, point.t_ns)


@compiled
def wait(eye: Eye, t_ns: int) -> None:
    """Stream time is just before ``t_ns`` and no sample of the run came since the last: judge what can now be judged."""
    _due(eye, t_ns - 1, NONE)


@compiled
def flush(eye: Eye, t_ns: int) -> None:
    """The run is over: judge what is left with windows cut short, and begin another."""
    velocity, last = eye.velocity, eye.looked - 1
    while velocity.seen < last:
        _see(eye, t_ns)
    while velocity.at < last:
        _judge(eye, t_ns)
    row = eye.looked
    velocity.begin = velocity.at = velocity.seen = row
    velocity.short.first = velocity.short.last = velocity.long.first = velocity.long.last = row
    velocity.due_ns = NEVER_NS
    velocity.moving = False
    eye.roughness.rays = 0


@compiled
def hurry(eye: Eye, t_ns: int) -> bool:
    """Judge the next step at once, on what is known at ``t_ns``, if there is one."""
    if eye.velocity.at >= eye.looked - 1:
        return False
    _judge(eye, t_ns)
    return True


@compiled
def _due(eye: Eye, reach_ns: int, now_ns: int) -> None:
    """Judge the steps whose windows end by ``reach_ns``; with no ``now_ns``, each at the moment its window ends."""
    velocity, points = eye.velocity, eye.points
    short_ns, long_ns, last = velocity.short.width_ns, velocity.long.width_ns, eye.looked - 1
    due_ns = NEVER_NS
    while velocity.seen < last:
        due_ns = points[velocity.seen].t_ns + short_ns
        if due_ns > reach_ns:
            break
        _see(eye, due_ns if now_ns == NONE else now_ns)
        due_ns = NEVER_NS
    while velocity.at < last:
        long_due_ns = points[velocity.at].t_ns + long_ns
        if long_due_ns > reach_ns:
            due_ns = min(due_ns, long_due_ns)
            break
        _judge(eye, long_due_ns if now_ns == NONE else now_ns)
    velocity.due_ns = due_ns
    if velocity.at - velocity.begin > 2 * _TRIM:
        _trim(eye)


@compiled
def _see(eye: Eye, now_ns: int) -> None:
    """Measure the next step with the short window, and say what that looks like."""
    velocity, at = eye.velocity, eye.velocity.seen
    t0_ns, t1_ns = eye.points[at].t_ns, eye.points[at + 1].t_ns
    step = eye.steps[at]
    step.fast_dps, before, _ = _measure(eye, velocity.short, at)
    step.before[0], step.before[1], step.before[2] = before
    velocity.seen = at + 1
    step_s = (t1_ns - t0_ns) * 1e-9
    rough_dps = _rough(eye, step_s) * (velocity.short.scale if t1_ns - t0_ns <= velocity.short.width_ns else step_s**-1.5)
    _say(eye, t0_ns, now_ns, step.fast_dps, velocity.short_dps, rough_dps)


@compiled
def _say(eye: Eye, t_ns: int, now_ns: int, speed_dps: float, noise_dps: float, rough_dps: float) -> None:
    """Whether the eye seems to move on the step that starts at ``t_ns``."""
    sight, rules = eye.sight, eye.sight_rules
    if sight.moving:
        off_dps = max(min(max(rules.off_factor * noise_dps, rules.off_floor_dps), rules.on_cap_dps), 0.5 * rules.rough * rough_dps)
        moving = speed_dps > off_dps or t_ns - sight.since_ns < rules.least_ns
    else:
        on_dps = max(min(max(rules.on_factor * noise_dps, rules.on_floor_dps), rules.on_cap_dps), rules.rough * rough_dps)
        moving = speed_dps > (on_dps * rules.after_factor if t_ns - sight.since_ns < rules.after_ns else on_dps)
    if moving != sight.moving:
        sight.moving, sight.since_ns = moving, t_ns
    said = eye.said[sight.said]
    said.t_ns, said.now_ns, said.moving = t_ns, now_ns, moving
    sight.said += 1


@compiled
def _judge(eye: Eye, now_ns: int) -> None:
    velocity, rules, at = eye.velocity, eye.rules.speed, eye.velocity.at
    t0_ns, t1_ns = eye.points[at].t_ns, eye.points[at + 1].t_ns
    if velocity.seen <= at:
        _see(eye, now_ns)
    step = eye.steps[at]
    fast_dps = step.fast_dps
    slow_dps, _, after = _measure(eye, velocity.long, at)
    step_s = (t1_ns - t0_ns) * 1e-9
    rough, short_dps, long_dps, extra_dps = _rough(eye, step_s), velocity.short_dps, velocity.long_dps, velocity.extra_dps
    floor_dps, cap_dps = rules.on_floor_dps, rules.on_cap_dps
    slow_step_scale = step_s**-1.5 if t1_ns - t0_ns > min(velocity.short.width_ns, velocity.long.width_ns) else 0.0
    rough_dps = rough * (velocity.short.scale if t1_ns - t0_ns <= velocity.short.width_ns else slow_step_scale)
    on_long_dps = rules.on_factor * long_dps
    on_long_dps = floor_dps if on_long_dps < floor_dps else min(on_long_dps, cap_dps)
    rough *= velocity.long.scale if t1_ns - t0_ns <= velocity.long.width_ns else slow_step_scale
    on_long_dps = max(rough, on_long_dps) + extra_dps
    if velocity.moving:
        off_dps = max(rules.off_factor * short_dps, rules.off_least_dps, min(rules.off_floor_dps, rules.off_step_deg / step_s))
        off_dps = max(min(off_dps, cap_dps), rules.off_rough * rough_dps) + extra_dps
        velocity.moving = fast_dps > off_dps or slow_dps > rules.off_long * on_long_dps
    elif fast_dps > floor_dps or slow_dps > on_long_dps:
        on_dps = max(min(max(rules.on_factor * short_dps, floor_dps), cap_dps), rough_dps) + extra_dps
        if fast_dps > on_dps:
            velocity.moving = True
        elif slow_dps > on_long_dps:
            until_ns = t0_ns + velocity.long.width_ns - velocity.short.width_ns
            velocity.moving = not _comes_fast(eye, at, rules.ahead_factor * on_dps, until_ns)
    velocity.learned += 1
    share = step_s / rules.tau_s
    if share * velocity.learned < 1.0:
        share = 1.0 / velocity.learned
    factor = 1.0 + share
    velocity.short_dps = max(short_dps * factor if fast_dps > short_dps else short_dps / factor, _LEAST_NOISE_DPS)
    velocity.long_dps = max(long_dps * factor if slow_dps > long_dps else long_dps / factor, _LEAST_NOISE_DPS)
    velocity.at = at + 1
    step.moving, step.due_ns = velocity.moving, now_ns
    step.after[0], step.after[1], step.after[2] = after


@compiled
def _comes_fast(eye: Eye, at: int, most_dps: float, until_ns: int) -> bool:
    """Whether the short window is about to see more than this."""
    for k in range(at + 1, eye.velocity.seen):
        if eye.points[k].t_ns > until_ns:
            return False
        if eye.steps[k].fast_dps > most_dps:
            return True
    return False


@compiled
def _measure(eye: Eye, window: Eye, at: int) -> tuple[float, Any, Any]:
    """Gaze speed on the step from row ``at`` to the next, degrees a second, and the mean directions before and after it."""
    points, sums = eye.points, eye.sums
    start_ns, end_ns = points[at + 1].t_ns - window.width_ns, points[at].t_ns + window.width_ns
    first, last, newest = window.first, window.last, eye.looked - 1
    if last <= at:
        last = at + 1
    while first < at and points[first].t_ns < start_ns:
        first += 1
    while last < newest and points[last + 1].t_ns <= end_ns:
        last += 1
    window.first, window.last = first, last
    s0, s1, s2 = sums[first], sums[at + 1], sums[last + 1]
    n, m = at + 1 - first, last - at
    before = ((s1[0] - s0[0]) / n, (s1[1] - s0[1]) / n, (s1[2] - s0[2]) / n)
    after = ((s2[0] - s1[0]) / m, (s2[1] - s1[1]) / m, (s2[2] - s1[2]) / m)
    return DEG * distance(before, after) / ((s2[3] - s1[3]) / m - (s1[3] - s0[3]) / n), before, after


@compiled
def _rough(eye: Eye, step_s: float) -> float:
    """Speed that roughness alone would show, times the window to the power 1.5."""
    rules = eye.rules.speed
    most_s = rules.rough_step_ns * 1e-9
    weight = rules.rough_factor if step_s <= most_s else rules.rough_factor * most_s / step_s
    return float(weight * eye.roughness.deg * sqrt(2.0 * step_s))


@compiled
def _bend(eye: Eye, point: Eye) -> None:
    """Learn how rough the signal is."""
    roughness, ray = eye.roughness, point.ray
    before, last = roughness.before, roughness.last
    if roughness.rays == 2:
        x, y, z = ray[0] - 2.0 * last[0] + before[0], ray[1] - 2.0 * last[1] + before[1], ray[2] - 2.0 * last[2] + before[2]
        _learn_bend(eye, point.t_ns, x * x + y * y + z * z)
    else:
        roughness.rays += 1
    for axis in range(3):
        before[axis] = last[axis]
        last[axis] = ray[axis]


@compiled
def _learn_bend(eye: Eye, t_ns: int, bend: float) -> None:
    roughness, ordered = eye.roughness, eye.ordered
    count = roughness.end - roughness.recent
    newest = eye.bends[roughness.end]
    newest.t_ns, newest.bend = t_ns, bend
    roughness.end += 1
    hole = count
    while count >= _LEAST and eye.bends[roughness.recent].t_ns < t_ns - _KEPT_NS:
        for k in range(hole, count):
            ordered[k] = ordered[k + 1]
        hole = _below(ordered, count, eye.bends[roughness.recent].bend)
        roughness.recent += 1
        count -= 1
    # what was let go last has left a hole, which moves to where the new one belongs
    while hole > 0 and ordered[hole - 1] > bend:
        ordered[hole] = ordered[hole - 1]
        hole -= 1
    while hole < count and ordered[hole + 1] < bend:
        ordered[hole] = ordered[hole + 1]
        hole += 1
    ordered[hole] = bend
    count += 1
    if count >= _ENOUGH:
        roughness.deg = _PER_DEG * sqrt(ordered[int(_QUANTILE * (count - 1))])


@compiled
def _below(ordered: Any, count: int, value: float) -> int:
    """How many of the first so many are below a value; of a hundred, counting is sooner done than searching."""
    below = 0
    for k in range(count):
        below += ordered[k] < value
    return below


@compiled
def _trim(eye: Eye) -> None:
    """Begin the sums of the run anew where both windows are, as the readable detector does every few hundred samples."""
    velocity, sums = eye.velocity, eye.sums
    done = min(velocity.short.first, velocity.long.first)
    if done - velocity.begin < _TRIM:
        return
    x0, y0, z0, s0 = sums[done, 0], sums[done, 1], sums[done, 2], sums[done, 3]
    later_s = (eye.points[done].t_ns - velocity.start_ns) * 1e-9
    velocity.start_ns = eye.points[done].t_ns
    for k in range(eye.looked + 1 - done):
        row = sums[done + k]
        row[0], row[1], row[2], row[3] = row[0] - x0, row[1] - y0, row[2] - z0, row[3] - s0 - k * later_s
    velocity.begin = done
