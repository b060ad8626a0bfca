"""From points to movements, as in :mod:`gaze.detect`."""

from __future__ import annotations

from typing import Any

import numpy as np

from gaze.fast import book, velocity
from gaze.fast.compiled import compiled, entry
from gaze.fast.distance import distance, length
from gaze.fast.hold import add, begin, place, resume, settle_end, settle_start
from gaze.fast.intake import take_in, turn_head
from gaze.fast.state import BLINK, FINAL, FIXATION, LOST, NEVER_NS, NONE, PROVISIONAL, SACCADE, SHOWN, Columns, Eye, make_room
from gaze.roughness import DEG


@entry
def take(state: Any, columns: Columns, first: int, until_ns: int) -> int:
    """Take samples from row ``first`` on, until there is no room for what they tell; after the last, let time pass.

    Args:
        state: Of the detector; what it told before is forgotten.
        columns: Of samples in order of time.
        first: The first row to take.
        until_ns: Stream time after the last sample, or :data:`NONE`.

    Returns:
        The row that comes next: ``first`` where there is no room at all.
    """
    eye = state[0]
    end = first + make_room(eye)
    t_ns, x_norm, y_norm, confidence, worn, turns = columns
    unknown = np.full(3, np.nan)
    for k in range(first, len(t_ns)):
        if k == end or 2 * eye.reports > len(eye.events):
            return k
        _take(eye, t_ns[k], x_norm[k], y_norm[k], confidence[k], worn[k], turns[k] if len(turns) else unknown)
    if until_ns != NONE:
        _advance(eye, until_ns)
    return len(t_ns)


@compiled
def _advance(eye: Eye, t_ns: int) -> None:
    if eye.last_ns != NONE and t_ns - eye.last_ns > eye.rules.silence_ns:
        _pass(eye, t_ns)
        _tick(eye, t_ns)
        book.close(eye, t_ns)


@compiled
def _take(eye: Eye, t_ns: int, x_norm: float, y_norm: float, confidence: float, worn: bool, turn: Any) -> None:
    eye.fed += 1
    if eye.last_ns != NONE:
        if t_ns <= eye.last_ns:
            if t_ns == eye.last_ns:
                eye.duplicate += 1
            else:
                eye.clock += 1
            return
        velocity.learn_step(eye, t_ns - eye.last_ns)
        eye.heard_ns = eye.last_ns
    eye.last_ns = t_ns
    _pass(eye, t_ns)
    _tick(eye, t_ns)
    yaw_deg, pitch_deg, roll_deg = turn[0], turn[1], turn[2]
    known = yaw_deg == yaw_deg
    if eye.intake.turns:
        if known and eye.intake.turned:
            turn_head(eye, yaw_deg, pitch_deg, roll_deg)
        eye.intake.turned = True
    gaze = take_in(eye, t_ns, x_norm, y_norm, confidence, worn)
    if known and eye.heard_ns != NONE:
        velocity.turn(eye, length(yaw_deg, pitch_deg, roll_deg) / ((t_ns - eye.heard_ns) * 1e-9))
    if not gaze:
        _blind(eye, t_ns)
        return
    book.expect(eye, t_ns, SHOWN)
    while eye.looked < eye.spare:
        _look(eye)
    book.look(eye, _held(eye))


@compiled
def _held(eye: Eye) -> int:
    return int(eye.holds[eye.hold].kind if eye.hold >= 0 else FIXATION)


@compiled
def _blind(eye: Eye, t_ns: int) -> None:
    """A sample showed no gaze."""
    gap = eye.gap
    if eye.first_ns == NONE:
        eye.first_ns = t_ns
    book.expect(eye, t_ns, gap.kind if gap.waits and gap.open else BLINK)
    _check_gap(eye, t_ns)
    if gap.waits and gap.open:
        book.settle(eye, t_ns + 1, gap.kind)


@compiled
def _look(eye: Eye) -> None:
    """Gaze was at the first point not yet looked at."""
    point, gap = eye.points[eye.looked], eye.gap
    eye.first_ns = NONE
    if not eye.in_run:
        eye.moved = point
        if gap.waits:
            gap.end_ns, gap.open = point.t_ns, False
    elif gap.waits and point.t_ns - gap.end_ns >= eye.rules.glimpse_ns:
        _settle_gap(eye)
    eye.in_run = True
    eye.looked += 1
    velocity.push(eye)
    _take_steps(eye, eye.velocity.at)


# ---------------------------------------------------------------- time


@compiled
def _tick(eye: Eye, t_ns: int) -> None:
    """Stream time is now ``t_ns``, if it was not later already; labels that cannot wait any longer get the best guess."""
    if t_ns > eye.clock_ns:
        eye.clock_ns = t_ns
        held = eye.holds[eye.hold].kind if eye.hold >= 0 and eye.holds[eye.hold].id else SACCADE
        book.settle_late(eye, t_ns, eye.gap.kind if eye.gap.waits else held, eye.first_ns)


@compiled
def _pass(eye: Eye, t_ns: int) -> None:
    """Time passes to just before ``t_ns``: do what falls due on the way, in order of time."""
    if not eye.in_run or eye.intake.shut_ns != NONE or t_ns - eye.points[eye.looked - 1].t_ns >= eye.rules.gap_ns:
        _check_gap(eye, t_ns)
    _judge_until(eye, t_ns)


@compiled
def _judge_until(eye: Eye, t_ns: int) -> None:
    """Judge what can be judged before ``t_ns`` without another sample: steps, and a hold that must be sure by then."""
    while True:
        sure_ns, made = NEVER_NS, 0
        if eye.hold >= 0 and not eye.holds[eye.hold].id:
            sure_ns, made = eye.holds[eye.hold].first.t_ns + eye.rules.settled_ns, eye.holds[eye.hold].made
        if eye.velocity.due_ns < t_ns and eye.velocity.due_ns <= sure_ns:
            velocity.wait(eye, min(t_ns, sure_ns + 1) if made else t_ns)
            _take_steps(eye, eye.velocity.at)
            book.look(eye, _held(eye))
        elif made and sure_ns < t_ns:
            while _unsure(eye, made) and velocity.hurry(eye, sure_ns):
                _take_steps(eye, eye.velocity.at)
            _tick(eye, sure_ns)
            if _unsure(eye, made):
                _leave(eye)
        else:
            return


@compiled
def _unsure(eye: Eye, made: int) -> bool:
    """Whether this hold is still under way and not yet sure."""
    return eye.hold >= 0 and eye.holds[eye.hold].made == made and not eye.holds[eye.hold].id


@compiled
def _check_gap(eye: Eye, now_ns: int) -> None:
    """Open a gap once gaze has been away for long enough; a blink that lasts becomes a loss."""
    gap, rules, step_ns = eye.gap, eye.rules, eye.velocity.step_ns
    if not gap.waits or not gap.open:
        since_ns = eye.points[eye.looked - 1].t_ns if eye.in_run else eye.first_ns
        if since_ns == NONE:
            return
        if eye.intake.shut_ns != NONE:
            due_ns = eye.intake.shut_ns + (0 if gap.waits else rules.gap_ns)
        else:
            due_ns = max(since_ns, eye.heard_ns) + step_ns + max(rules.gap_ns, 3 * step_ns // 2)
        if now_ns < due_ns:
            return
        _judge_until(eye, due_ns)
        _tick(eye, due_ns)
        _end_run(eye)
        before = gap.kind if gap.waits else SACCADE
        if not gap.waits:
            eye.ids += 1
            gap.waits, gap.id, gap.kind, gap.start_ns = True, eye.ids, BLINK, since_ns
        gap.open, gap.end_ns = True, eye.clock_ns
        book.tell_gap(eye, PROVISIONAL)
        book.settle(eye, since_ns + 1, before)
        book.settle(eye, due_ns + 1, gap.kind)
        eye.in_run = False
    gap.end_ns = max(gap.end_ns, now_ns)
    due_ns = gap.start_ns + step_ns + rules.blink_ns
    if gap.kind == BLINK and now_ns > due_ns:
        _tick(eye, due_ns)
        gap.kind, gap.end_ns = LOST, max(eye.clock_ns, gap.start_ns)
        book.tell_gap(eye, PROVISIONAL)
        gap.end_ns = max(gap.end_ns, now_ns)


@compiled
def _end_run(eye: Eye) -> None:
    """Gaze is gone: decide what is still open."""
    last = eye.looked - 1
    velocity.flush(eye, eye.clock_ns)
    _take_steps(eye, last)
    eye.taken = eye.looked
    if eye.hold >= 0:
        _leave(eye)
    _give_up(eye)
    if eye.in_run and not eye.gap.waits:
        book.tell_saccade(eye, eye.moved, eye.points[last])


@compiled
def _settle_gap(eye: Eye) -> None:
    book.tell_gap(eye, FINAL)
    eye.gap.waits = False
    judged_ns = eye.holds[eye.hold].first.t_ns if eye.hold >= 0 else eye.points[eye.taken].t_ns
    book.settle(eye, judged_ns, SACCADE)


# ---------------------------------------------------------------- steps


@compiled
def _take_steps(eye: Eye, until: int) -> None:
    """Take the steps that were judged, up to this row."""
    while eye.taken < until:
        eye.taken += 1
        _take_step(eye, eye.steps[eye.taken - 1], eye.points[eye.taken - 1], eye.points[eye.taken])


@compiled
def _take_step(eye: Eye, step: Eye, a: Eye, b: Eye) -> None:
    """The way from ``a`` to ``b``."""
    _tick(eye, step.due_ns)
    rules = eye.rules
    if eye.parted >= 0 and eye.hold < 0 and b.t_ns - eye.holds[eye.parted].last.t_ns > rules.return_ns:
        _give_up(eye)
    if step.moving:
        _move(eye, step, a, b)
        return
    if eye.hold >= 0 and eye.left_ns != NONE:
        if DEG * distance(eye.left_at, step.after) > _reach_deg(eye):
            _leave(eye)
        eye.left_ns = NONE
    if eye.hold < 0:
        eye.hold = 1 if eye.parted == 0 else 0
        eye.made += 1
        begin(eye.holds[eye.hold], a, eye.made)
        if not eye.gap.waits:
            book.settle(eye, a.t_ns, SACCADE)
    hold = eye.holds[eye.hold]
    add(hold, b)
    if not hold.id:
        if b.t_ns - hold.first.t_ns < rules.fixation_ns or eye.gap.waits:
            return
        _be_sure(eye)
    _grow(eye, eye.holds[eye.hold], b.t_ns)


@compiled
def _move(eye: Eye, step: Eye, a: Eye, b: Eye) -> None:
    """The eye moves from ``a`` to ``b``."""
    if eye.hold >= 0 and eye.holds[eye.hold].id and eye.left_ns == NONE:
        _copy(eye.departed, step.before)
        eye.far_deg = 0.0
    eye.far_deg = max(eye.far_deg, DEG * distance(eye.departed, b.ray))
    if eye.hold < 0:
        if not eye.gap.waits:
            book.settle(eye, b.t_ns, SACCADE)
        return
    if eye.left_ns == NONE:
        eye.left_ns, eye.steps_away = a.t_ns, 0
        _copy(eye.left_at, step.before)
    eye.steps_away += 1
    if b.t_ns - eye.left_ns > eye.rules.join_ns:
        _leave(eye)


@compiled
def _copy(into: Any, ray: Any) -> None:
    for axis in range(3):
        into[axis] = ray[axis]


@compiled
def _grow(eye: Eye, hold: Eye, t_ns: int) -> None:
    """A hold that is sure lasts until ``t_ns``."""
    report_ns = eye.rules.report_ns
    if t_ns - hold.first.t_ns >= hold.next_report_ns:
        hold.next_report_ns = ((hold.last.t_ns - hold.first.t_ns) // report_ns + 1) * report_ns
        book.tell_hold(eye, hold, PROVISIONAL)
    book.settle(eye, t_ns, hold.kind)


@compiled
def _be_sure(eye: Eye) -> None:
    """Gaze is held for sure: on something new, or back where it was."""
    hold = eye.holds[eye.hold]
    settle_start(hold)
    if eye.parted >= 0:
        apart_deg = DEG * distance(eye.departed, place(hold))
        if apart_deg < max(eye.rules.return_share * eye.far_deg, _reach_deg(eye)):
            book.settle(eye, hold.first.t_ns, SACCADE)
            resume(eye.holds[eye.parted], hold)
            eye.hold, eye.parted = eye.parted, -1
            return
    _give_up(eye)
    book.settle(eye, hold.first.t_ns, SACCADE)
    book.tell_saccade(eye, eye.moved, hold.first)


@compiled
def _reach_deg(eye: Eye) -> float:
    """How far from each other two places may lie and still be one, under this noise."""
    return float(min(eye.rules.join_per_dps * eye.velocity.long_dps, eye.rules.join_cap_deg))


@compiled
def _leave(eye: Eye) -> None:
    """Gaze left the hold; one that never became sure was part of the movement."""
    if eye.hold >= 0 and eye.holds[eye.hold].id:
        hold = eye.holds[eye.hold]
        settle_end(hold)
        eye.moved = hold.last
        # a saccade that fits between two samples leaves no trace but on the sample from which the eye left
        book.settle(eye, hold.last.t_ns + (1 if eye.steps_away != 1 else 0), hold.kind)
        eye.parted = eye.hold
    eye.hold = -1
    eye.left_ns = NONE
    eye.steps_away = 0


@compiled
def _give_up(eye: Eye) -> None:
    """Gaze will not come back to the hold it left."""
    if eye.parted >= 0:
        book.tell_hold(eye, eye.holds[eye.parted], FINAL)
        eye.parted = -1
