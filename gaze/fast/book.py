"""Labels for every sample, as in :mod:`gaze.labels`, and the reports, as in :mod:`gaze.reports`."""

from __future__ import annotations

from gaze.fast.compiled import compiled
from gaze.fast.distance import distance
from gaze.fast.hold import summary
from gaze.fast.state import BLINK, FINAL, FIXATION, LOST, NONE, PROVISIONAL, SACCADE, SHOWN, Eye
from gaze.labels import _SIGHT_NS
from gaze.roughness import DEG


@compiled
def expect(eye: Eye, t_ns: int, blind: int) -> None:
    """A sample was taken, in the row ``book.end``; ``blind`` is the kind of what hides the gaze, or :data:`SHOWN`."""
    book, late_ns = eye.book, _patience_ns(eye)
    until_ns = t_ns if blind != SHOWN else t_ns - late_ns
    while book.unseen < book.end and eye.t_ns[book.unseen] < until_ns:
        due_ns = min(t_ns, eye.t_ns[book.unseen] + late_ns)
        _see(eye, eye.t_ns[book.unseen], SACCADE if eye.sight.moving else FIXATION, due_ns)
    book.end += 1
    if blind != SHOWN:
        _see(eye, t_ns, blind, t_ns)


@compiled
def look(eye: Eye, held: int) -> None:
    """Pass on what was seen at first sight, calling held gaze ``held``."""
    book, sight = eye.book, eye.sight
    for k in range(sight.said):
        said = eye.said[k]
        if book.unseen < book.end and eye.t_ns[book.unseen] <= said.t_ns:
            _see(eye, said.t_ns, SACCADE if said.moving else held, said.now_ns)
    sight.said = 0


@compiled
def settle(eye: Eye, before_ns: int, kind: int) -> None:
    """All samples before a time that still wait are of this kind, for good."""
    book = eye.book
    while book.waiting < book.end and eye.t_ns[book.waiting] < before_ns:
        _settle(eye, kind, eye.clock_ns)


@compiled
def settle_late(eye: Eye, now_ns: int, kind: int, blind_ns: int) -> None:
    """Samples that have waited for as long as a label may are of this kind; those since ``blind_ns`` showed no gaze."""
    book, late_ns = eye.book, eye.rules.settled_ns
    while book.waiting < book.end and eye.t_ns[book.waiting] + late_ns < now_ns:
        t_ns = eye.t_ns[book.waiting]
        _settle(eye, BLINK if kind != LOST and blind_ns != NONE and t_ns >= blind_ns else kind, t_ns + late_ns)


@compiled
def close(eye: Eye, now_ns: int) -> None:
    """Samples stopped coming: what was not seen yet never will be."""
    book, late_ns = eye.book, _patience_ns(eye)
    while book.unseen < book.end:
        t_ns = eye.t_ns[book.unseen]
        _see(eye, t_ns, SACCADE if eye.sight.moving else FIXATION, min(now_ns, t_ns + late_ns))


@compiled
def _patience_ns(eye: Eye) -> int:
    """How long the first label of a sample may wait."""
    step_ns = eye.velocity.step_ns
    return int(max(_SIGHT_NS, step_ns + step_ns // 4))


@compiled
def _see(eye: Eye, t_ns: int, kind: int, now_ns: int) -> None:
    book = eye.book
    while book.unseen < book.end and eye.t_ns[book.unseen] <= t_ns:
        _label(eye, book.unseen, kind, PROVISIONAL, now_ns)
        book.unseen += 1


@compiled
def _settle(eye: Eye, kind: int, now_ns: int) -> None:
    _label(eye, eye.book.waiting, kind, FINAL, now_ns)
    eye.book.waiting += 1


@compiled
def _label(eye: Eye, row: int, kind: int, stage: int, now_ns: int) -> None:
    label = eye.labels[eye.book.told]
    label.t_ns, label.kind, label.stage, label.t_emit_ns = eye.t_ns[row], kind, stage, now_ns
    eye.book.told += 1


@compiled
def tell_hold(eye: Eye, hold: Eye, stage: int) -> None:
    """Gaze is or was held; also says from now on whether it follows something."""
    if hold.id == 0:
        eye.ids += 1
        hold.id = eye.ids
    hold.kind, x_norm, y_norm, spread_deg = summary(hold, eye.rules.pursuit_dps, eye.rules.pursuit_deg)
    event = _report(eye, hold.id, hold.kind, stage, hold.first.t_ns, hold.last.t_ns)
    event.x_norm, event.y_norm, event.dispersion_deg, event.confidence = x_norm, y_norm, spread_deg, hold.confidence / hold.count


@compiled
def tell_saccade(eye: Eye, start: Eye, landing: Eye) -> None:
    """The way from the last settled place to ``landing``."""
    if landing.t_ns <= start.t_ns:
        return
    eye.ids += 1
    event = _report(eye, eye.ids, SACCADE, FINAL, start.t_ns, landing.t_ns)
    event.x_norm, event.y_norm = (start.x_norm + landing.x_norm) / 2.0, (start.y_norm + landing.y_norm) / 2.0
    event.dispersion_deg = DEG * distance(start.ray, landing.ray) / 2.0
    event.confidence = (start.confidence + landing.confidence) / 2.0


@compiled
def tell_gap(eye: Eye, stage: int) -> None:
    """Gaze is or was gone."""
    gap = eye.gap
    event = _report(eye, gap.id, gap.kind, stage, gap.start_ns, gap.end_ns)
    event.x_norm = event.y_norm = float("nan")
    event.dispersion_deg, event.confidence = 0.0, 1.0


@compiled
def _report(eye: Eye, number: int, kind: int, stage: int, start_ns: int, end_ns: int) -> Eye:
    event = eye.events[eye.reports]
    eye.reports += 1
    event.id, event.kind, event.stage, event.fed = number, kind, stage, eye.fed
    event.t_start_ns, event.t_end_ns, event.t_emit_ns = start_ns, end_ns, eye.clock_ns
    return event
