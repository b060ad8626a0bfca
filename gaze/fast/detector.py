"""The compiled detector as Python sees it: arrays of samples in; labels and reports out, in tables."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from gaze.detect import Rules
from gaze.fast.detect import take
from gaze.fast.state import EVENT, FINAL, LABEL, LONGEST_NS, NONE, PROVISIONAL, Columns, new_state, widened
from gaze.types import GazeSource

Table: TypeAlias = np.ndarray[Any, np.dtype[Any]]
_ROWS = 2048
_AFTER_NS = 1_000_000_000
UNTOLD = 255
"""The kind of a sample that was left out."""


class Told(NamedTuple):
    """What a block of samples revealed.

    Attributes:
        labels: Rows of :data:`~gaze.fast.state.LABEL`, in the order in which they were told; each stage in order of time.
        events: Rows of :data:`~gaze.fast.state.EVENT`, in order of ``t_emit_ns``; ids count eye movements from 1.
    """

    labels: Table
    events: Table


class SampleLabels(NamedTuple):
    """Both labels of every sample of a recording, and its events.

    Attributes:
        provisional: uint8 [n], indices into :data:`~gaze.fast.state.KINDS`; :data:`UNTOLD` for a sample that was left out.
        provisional_emit_ns: int64 [n], stream time at which each could first be said.
        final: As ``provisional``.
        final_emit_ns: As ``provisional_emit_ns``.
        events: As in :class:`Told`.
    """

    provisional: npt.NDArray[np.uint8]
    provisional_emit_ns: npt.NDArray[np.int64]
    final: npt.NDArray[np.uint8]
    final_emit_ns: npt.NDArray[np.int64]
    events: Table


class CompiledDetector:
    """:class:`gaze.detect.FixationDetector` with labels, for arrays: the same labels and events to the last bit.

    The result does not depend on how the samples are cut into blocks.

    Args:
        hfov_deg: Horizontal field of view of the scene camera, degrees.
        aspect: Width over height of its picture.
        rules: Thresholds.
        source: Where all the samples come from.

    Raises:
        ValueError: The camera is impossible.
    """

    def __init__(self, hfov_deg: float, aspect: float, *, rules: Rules | None = None, source: GazeSource = "tracker") -> None:
        self._state = new_state(hfov_deg, aspect, rules or Rules(), source == "tracker", _ROWS)

    @property
    def dropped(self) -> dict[str, int]:
        """Samples left out so far, by reason, as the readable detector counts them."""
        eye = self._state[0]
        counts = {"clock": int(eye["clock"]), "duplicate": int(eye["duplicate"])}
        frozen = int(eye["intake"]["frozen"])
        return {**counts, "frozen": frozen} if frozen else counts

    def feed(
        self,
        t_ns: npt.ArrayLike,
        x_norm: npt.ArrayLike,
        y_norm: npt.ArrayLike,
        confidence: npt.ArrayLike = 1.0,
        worn: npt.ArrayLike = True,
        rotations: npt.ArrayLike | None = None,
    ) -> Told:
        """Take samples in order of time and return what they reveal.

        Args:
            t_ns: int64 [n], capture times, nanoseconds.
            x_norm: float64 [n], nan together with ``y_norm`` while the eye is closed or untracked.
            y_norm: float64 [n].
            confidence: float64 [n] or one for all, 0..1.
            worn: bool [n] or one for all.
            rotations: float64 [n, 3], yaw, pitch and roll of the head since the sample before, degrees, nan where they are not known.
                Movements are then judged in the world instead of the picture.

        Raises:
            ValueError: Columns of different lengths, or a value that no sample can have; nothing was taken then.
        """
        columns = _checked(t_ns, x_norm, y_norm, confidence, worn, rotations)
        if rotations is not None:
            self._state["intake"]["turns"] = True
        at, count = 0, len(columns.t_ns)
        parts: list[Told] = []
        while at < count:
            reached = take(self._state, columns, at, NONE)
            parts.append(self._told())
            if reached == at:
                self._state = widened(self._state, 2 * len(self._state["t_ns"][0]))
            at = reached
        return _joined(parts)

    def advance(self, t_ns: int) -> Told:
        """Stream time is ``t_ns``: end what a tracker that fell silent leaves open."""
        take(self._state, _checked([], [], [], 1.0, True, None), 0, t_ns)
        return self._told()

    def _told(self) -> Told:
        eye = self._state[0]
        return Told(eye["labels"][: eye["book"]["told"]].copy(), eye["events"][: eye["reports"]].copy())


def label_samples(
    t_ns: npt.ArrayLike,
    x_norm: npt.ArrayLike,
    y_norm: npt.ArrayLike,
    confidence: npt.ArrayLike = 1.0,
    worn: npt.ArrayLike = True,
    rotations: npt.ArrayLike | None = None,
    *,
    hfov_deg: float,
    aspect: float,
    source: GazeSource = "tracker",
) -> SampleLabels:
    """Label a whole recording, and wait for a second after its end.

    The columns are those of :meth:`CompiledDetector.feed`, camera and source those of :class:`CompiledDetector`.

    Raises:
        ValueError: As these do.
    """
    times = np.asarray(t_ns, np.int64)
    detector = CompiledDetector(hfov_deg, aspect, source=source)
    parts = [detector.feed(times, x_norm, y_norm, confidence, worn, rotations)]
    latest = np.maximum.accumulate(times)
    if len(times):
        parts.append(detector.advance(int(latest[-1]) + _AFTER_NS))
    labels, events = _joined(parts)
    taken = np.ones(len(times), bool)
    taken[1:] = times[1:] > latest[:-1]
    by_stage: list[Any] = []
    for stage in (PROVISIONAL, FINAL):
        of_stage = labels[labels["stage"] == stage]
        kinds, emits_ns = np.full(len(times), UNTOLD, np.uint8), times.copy()
        kinds[taken], emits_ns[taken] = of_stage["kind"], of_stage["t_emit_ns"]
        by_stage += [kinds, emits_ns]
    by_stage.append(events)
    return SampleLabels(*by_stage)


def _joined(parts: list[Told]) -> Told:
    if not parts:
        return Told(np.zeros(0, LABEL), np.zeros(0, EVENT))
    return parts[0] if len(parts) == 1 else Told(*(np.concatenate(tables) for tables in zip(*parts, strict=True)))


def _checked(
    t_ns: npt.ArrayLike,
    x_norm: npt.ArrayLike,
    y_norm: npt.ArrayLike,
    confidence: npt.ArrayLike,
    worn: npt.ArrayLike,
    rotations: npt.ArrayLike | None,
) -> Columns:
    """Copies of the columns, for compiled code knows one kind of array; refused is what :class:`gaze.types.GazeSample` refuses."""
    times = np.array(t_ns, np.int64)
    count = len(times)
    given = (x_norm, y_norm, np.broadcast_to(confidence, count) if np.ndim(confidence) == 0 else confidence)
    x, y, sure = (np.array(column, np.float64) for column in given)
    on = np.array(np.broadcast_to(worn, count) if np.ndim(worn) == 0 else worn, bool)
    turns = np.zeros((0, 3)) if rotations is None else np.array(rotations, np.float64)
    if any(column.shape != (count,) for column in (times, x, y, sure, on)) or turns.shape != (0 if rotations is None else count, 3):
        raise ValueError(f"a column has one value a sample, rotations three: got {count} times and {x.shape}, {y.shape}, {turns.shape}")
    if count and not -LONGEST_NS < int(times.min()) <= int(times.max()) < LONGEST_NS:
        raise ValueError("times lie within 146 years of 0, in nanoseconds")
    if (np.isnan(x) != np.isnan(y)).any():
        raise ValueError("a gaze point has both coordinates or none")
    if (np.abs(x) >= 1e6).any() or (np.abs(y) >= 1e6).any():
        raise ValueError("a gaze coordinate is finite")
    if not ((sure >= 0.0) & (sure <= 1.0)).all():
        raise ValueError("confidence lies in 0..1")
    if np.isinf(turns).any() or (np.isnan(turns).any(axis=1) != np.isnan(turns).all(axis=1)).any():
        raise ValueError("a head rotation is finite; give nan three times where it is not known")
    return Columns(times, x, y, sure, on, turns)
