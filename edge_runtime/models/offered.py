"""What a question brings along to be shown, in parts that are shown whole or not at all; what cannot be shown is counted here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from edge_runtime.models.bundle import PromptShape, Tower
from edge_runtime.models.segments import RowsSegment, Segment, TextSegment, fault_of
from edge_runtime.models.stretches import age, ages, stretches
from edge_runtime.protocol import Generate
from edge_runtime.records import Dropped, Note, ShownTokens, Slab
from edge_runtime.types import LookedRegion

_MOST_FRAMES = 8
_WORDS = {
    "overview": ("what is around now", "what was around {age}"),
    "foveal": ("what is looked at now", "what was looked at {age}"),
    "watch": ("what is in the middle of the view now", "what was in the middle of the view {age}"),
}
_SHOWN: dict[str, Literal["overview", "foveal", "middle"]] = {"overview": "overview", "foveal": "foveal", "watch": "middle"}
"""Kinds of regions, as what is shown is called for the record."""


@dataclass(frozen=True, eq=False)
class Part:
    """Something that is shown whole or not at all.

    Attributes:
        segments: Its words and rows.
        offered: What it counts as where it is left out.
    """

    segments: tuple[Segment, ...]
    offered: Dropped

    @property
    def rows(self) -> int:
        """Rows of pictures in it."""
        return sum(len(segment.rows) for segment in self.segments if isinstance(segment, RowsSegment))


@dataclass(frozen=True)
class Offered:
    """All that a question brings along and that can be shown.

    Attributes:
        overview: The whole view, if it was looked at.
        foveal: The crop that gaze rested on, or the middle of the view where no gaze is known, if it was looked at.
        memory: What memory shows, oldest first.
        dropped: What cannot be shown, whatever the room.
    """

    overview: Part | None
    foveal: Part | None
    memory: tuple[Part, ...]
    dropped: tuple[Dropped, ...]


def offered(command: Generate, shape: PromptShape, tower: Tower) -> Offered:
    """Sort what a question brings along.

    Tokens are dropped for these reasons: ``absent`` (a journal was replayed without them), ``width`` and ``grid`` (another tower made
    them), ``not_finite``, ``kind`` (a look that no question asks for), and ``repeated`` (memory shows what the look shows whole).

    Args:
        command: The question.
        shape: How pictures are put into words.
        tower: What made the tokens.
    """
    drops: Counter[str] = Counter()
    looks: dict[str, Part] = {}
    for region in command.looks:
        if region.tokens is None:
            continue
        fault = fault_of(region.tokens, tower)
        if not fault and (region.kind not in _WORDS or region.kind in looks):
            fault = "kind"
        if fault:
            drops[fault] += region.tokens.hw[0] * region.tokens.hw[1]
        else:
            looks[region.kind] = _look(region, command, shape)
    memory: tuple[Part, ...] = ()
    if command.slab is not None:
        kept = _usable(command.slab, command, tower, bool(looks), drops)
        memory = _memory(command.slab, kept, command.t_asked_ns, shape, tower)
    return Offered(
        looks.get("overview"),
        looks.get("foveal", looks.get("watch")),
        memory,
        tuple(Dropped("token", reason, count) for reason, count in drops.items()),
    )


def _look(region: LookedRegion, command: Generate, shape: PromptShape) -> Part:
    assert region.tokens is not None and region.tokens.emb is not None  # noqa: S101  looked after by the caller
    now, before = _WORDS[region.kind]
    told = age(command.t_asked_ns - command.t_look_ns)
    words = now if told == "now" else before.format(age=told)
    count = len(region.tokens.emb)
    shown = ShownTokens(_SHOWN[region.kind], command.t_look_ns, command.t_look_ns, count, float(count))
    rows = RowsSegment(region.tokens.emb.astype(np.float32), region.tokens.hw, shown)
    return Part(_told(words, rows, shape), Dropped("token", "context", count))


def _usable(slab: Slab, command: Generate, tower: Tower, looked: bool, drops: Counter[str]) -> npt.NDArray[np.int64]:
    """Numbers of the tokens that can be shown, in order of time."""
    left = np.ones(len(slab.t_ns), np.bool_)
    faults = {
        "width": np.full(len(left), slab.emb.shape[1] != tower.dim),
        "grid": (slab.pos[:, 1:] < 0).any(axis=1) | (slab.pos[:, 1:] >= (tower.rows, tower.columns)).any(axis=1),
        "not_finite": ~np.isfinite(slab.emb).all(axis=1),
        "repeated": looked & (slab.t_ns == command.t_look_ns) & (slab.t_end_ns == command.t_look_ns),
    }
    for reason, faulty in faults.items():
        if count := int(np.count_nonzero(left & faulty)):
            drops[reason] += count
        left &= ~faulty
    numbers = np.flatnonzero(left)
    order: npt.NDArray[np.int64] = numbers[np.argsort(slab.t_ns[numbers], kind="stable")]
    return order


def _memory(slab: Slab, kept: npt.NDArray[np.int64], now_ns: int, shape: PromptShape, tower: Tower) -> tuple[Part, ...]:
    standing, found = kept[kept < slab.standing], kept[kept >= slab.standing]
    always = [part for _, part in _timed(slab, standing, now_ns, shape, tower)]
    timed = [*((note.t_start_ns, _note(note, now_ns)) for note in slab.notes), *_timed(slab, found, now_ns, shape, tower)]
    return (*always, *(part for _, part in sorted(timed, key=lambda one: one[0])))


def _timed(slab: Slab, numbers: npt.NDArray[np.int64], now_ns: int, shape: PromptShape, tower: Tower) -> Iterator[tuple[int, Part]]:
    """Stretches of some of the tokens, each with the time of its first."""
    for stretch in stretches(slab.t_ns[numbers], now_ns, tower.rows * tower.columns):
        of = numbers[stretch.start : stretch.stop]
        yield int(slab.t_ns[of[0]]), _stretch(slab, of, now_ns, shape, tower)


def _note(note: Note, now_ns: int) -> Part:
    return Part((TextSegment(f"\n{ages(note.t_start_ns, note.t_end_ns, now_ns)}: {note.text}"),), Dropped("note", "context"))


def _stretch(slab: Slab, of: npt.NDArray[np.int64], now_ns: int, shape: PromptShape, tower: Tower) -> Part:
    first_ns, last_ns, count = int(slab.t_ns[of].min()), int(slab.t_end_ns[of].max()), len(of)
    frames = tuple(dict.fromkeys(slab.pos[of, 0].tolist()))[:_MOST_FRAMES]
    shown = ShownTokens("memory", first_ns, last_ns, count, float(slab.weight[of].sum(dtype=np.float64)), frames)
    rows = RowsSegment(slab.emb[of].astype(np.float32), (tower.rows, tower.columns), shown, _cells(slab.pos[of]))
    return Part(_told(ages(first_ns, last_ns, now_ns), rows, shape), Dropped("token", "context", count))


def _cells(pos: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Places of tokens: a step ends with its frame, or where a token does not lie behind the one before: then it is of another crop."""
    cells: npt.NDArray[np.int32] = pos.copy()
    ends = (np.diff(pos[:, 0]) != 0) | (np.diff(pos[:, 1].astype(np.int64) * (1 + pos[:, 2].max()) + pos[:, 2]) <= 0)
    cells[:, 0] = np.concatenate([[0], np.cumsum(ends)])
    return cells


def _told(words: str, rows: RowsSegment, shape: PromptShape) -> tuple[Segment, ...]:
    return (
        TextSegment(f"\n{words}: "),
        TextSegment(shape.picture_before, special=True),
        rows,
        TextSegment(shape.picture_after, special=True),
    )
