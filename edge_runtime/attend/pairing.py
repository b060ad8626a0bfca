"""Gaze paired with frames by capture time, whatever the order of arrival.

A frame takes the valid gaze sample nearest to its capture time, within a tolerance. It is held until a later sample proves
that none nearer can come, or until the wait runs out. As long as gaze arrives no later than ``wait - tolerance``, the pairs are
the same however late it is.
"""

from __future__ import annotations

from bisect import bisect_left

import msgspec

from edge_runtime.protocol import FrameSeen
from edge_runtime.records import Dropped
from gaze.types import GazeSample

_MAX_WAITING = 256
_MAX_SAMPLES = 4096


class Pair(msgspec.Struct, frozen=True):
    """A frame with its gaze: ``residual_ns`` is gaze time minus frame time; both are ``None`` when there is none."""

    frame: FrameSeen
    gaze: GazeSample | None
    residual_ns: int | None


class PairingState(msgspec.Struct):
    """Frames that wait and samples they may be paired with; both bounded."""

    waiting: list[FrameSeen] = []
    samples: list[GazeSample] = []
    newest_ns: int = -1


def add_frame(state: PairingState, frame: FrameSeen) -> tuple[Dropped, ...]:
    """Let a frame wait; the oldest is let go, and counted, if too many do."""
    state.waiting.append(frame)
    if len(state.waiting) > _MAX_WAITING:
        state.waiting.pop(0)
        return (Dropped("frame", "pairing_full"),)
    return ()


def add_gaze(state: PairingState, samples: tuple[GazeSample, ...]) -> tuple[Dropped, ...]:
    """Take samples in; one that is not newer than those before is let go and counted."""
    backward = 0
    for sample in samples:
        if sample.t_ns <= state.newest_ns:
            backward += 1
            continue
        state.newest_ns = sample.t_ns
        state.samples.append(sample)
    return (Dropped("gaze", "clock", backward),) if backward else ()


def ready(state: PairingState, now_ns: int, wait_ns: int, tolerance_ns: int) -> tuple[Pair, ...]:
    """Pairs that are settled now, in frame order.

    Args:
        state: Changed in place: settled frames leave, samples too old for any frame leave.
        now_ns: Stream time.
        wait_ns: How long a frame may wait.
        tolerance_ns: Largest residual of a pair.
    """
    pairs = []
    while state.waiting:
        frame = state.waiting[0]
        settled = state.newest_ns >= frame.t_capture_ns + tolerance_ns
        if not settled and now_ns < frame.t_capture_ns + wait_ns:
            break
        state.waiting.pop(0)
        pairs.append(_pair(frame, state.samples, tolerance_ns))
    _forget_old(state, tolerance_ns)
    return tuple(pairs)


def _pair(frame: FrameSeen, samples: list[GazeSample], tolerance_ns: int) -> Pair:
    t = frame.t_capture_ns
    low = bisect_left(samples, t - tolerance_ns, key=lambda sample: sample.t_ns)
    high = bisect_left(samples, t + tolerance_ns + 1, key=lambda sample: sample.t_ns)
    near = [sample for sample in samples[low:high] if sample.valid]
    if not near:
        return Pair(frame, None, None)
    best = min(near, key=lambda sample: (abs(sample.t_ns - t), sample.t_ns))
    return Pair(frame, best, best.t_ns - t)


def _forget_old(state: PairingState, tolerance_ns: int) -> None:
    # Where no frame waits, the next one is at most a frame's own delay older than the newest gaze; half a second covers it.
    keep_from = state.waiting[0].t_capture_ns - tolerance_ns if state.waiting else state.newest_ns - 500_000_000
    cut = bisect_left(state.samples, keep_from, key=lambda sample: sample.t_ns)
    cut = max(cut, len(state.samples) - _MAX_SAMPLES)
    del state.samples[:cut]
