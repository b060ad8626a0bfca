"""What a vision-language model is given to read for one question: words and rows of tokens, within a budget.

The order is by how seldom a part changes from question to question, so that the beginning need not be read again: the head of the prompt;
what memory shows whatever is asked, and behind it what it found for this question, each oldest first, each stretch with its age; what was
looked at for this question, first the whole view and then the crop that gaze rested on; the question. What has no room is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge_runtime.errors import ModelError
from edge_runtime.models.bundle import PromptShape, Tower
from edge_runtime.models.language import ContextFull
from edge_runtime.models.offered import Offered, Part, offered
from edge_runtime.models.segments import RowsSegment, Segment, TextSegment
from edge_runtime.protocol import Generate
from edge_runtime.records import Dropped, ShownTokens

CountRows = Callable[[TextSegment], int]
"""How many rows a text takes: its tokens."""


class NothingSeen(ModelError):
    """There are no tokens to answer by: an answer would be a guess."""


@dataclass(frozen=True)
class Room:
    """What a prompt may take.

    Attributes:
        shown_rows: Rows of pictures.
        prompt_rows: Rows of everything, words too.
    """

    shown_rows: int
    prompt_rows: int


@dataclass(frozen=True)
class Plan:
    """A prompt.

    Attributes:
        segments: What is read, in order; none is empty.
        dropped: What was offered and is not in it, in rows, with the reasons.
    """

    segments: tuple[Segment, ...]
    dropped: tuple[Dropped, ...] = ()

    @property
    def shown(self) -> tuple[ShownTokens, ...]:
        """What is shown beside the words, in order."""
        return tuple(segment.shown for segment in self.segments if isinstance(segment, RowsSegment))


def plan(command: Generate, shape: PromptShape, tower: Tower, room: Room, count: CountRows) -> Plan:
    """Put a prompt together.

    First what was looked at for the question gets room, gaze before the whole view, then memory from the newest to the oldest. A part
    that has no room is left out whole: ``context``. The question is always there whole, and never with special tokens: text that was
    heard or read must not end the turn.

    Args:
        command: The question, with what it brings along.
        shape: How the model wants to be spoken to.
        tower: What made the tokens.
        room: What the prompt may take.
        count: How many rows a text takes.

    Raises:
        ContextFull: The question alone has no room.
        NothingSeen: No token can be shown.
    """
    head, tail = (TextSegment(shape.before, special=True),), (TextSegment(f"\n{command.prompt}"), TextSegment(shape.after, special=True))
    fixed = _rows((*head, *tail), count)
    if fixed > room.prompt_rows:
        raise ContextFull(f"the question takes {fixed} rows, and the model has {room.prompt_rows} for it", hint="ask in fewer words")
    can = offered(command, shape, tower)
    chosen = _chosen(can, Room(room.shown_rows, room.prompt_rows - fixed), count)
    parts = [part for part in (*can.memory, can.overview, can.foveal) if part is not None]
    shown = [part for part in parts if part in chosen]
    dropped = _added((*can.dropped, *(part.offered for part in parts if part not in chosen)))
    if not any(part.rows for part in shown):
        raise NothingSeen(f"nothing was seen to answer by{_because(dropped)}", hint="look at it, and ask again")
    segments = (*head, *(segment for part in shown for segment in part.segments), *tail)
    return Plan(tuple(segment for segment in segments if isinstance(segment, RowsSegment) or segment.text), dropped)


def _chosen(can: Offered, room: Room, count: CountRows) -> set[Part]:
    """The parts that have room, by what matters most."""
    shown_rows, prompt_rows, chosen = room.shown_rows, room.prompt_rows, set[Part]()
    for part in (can.foveal, can.overview, *reversed(can.memory)):
        if part is None or part.rows > shown_rows or (whole := _rows(part.segments, count)) > prompt_rows:
            continue
        chosen.add(part)
        shown_rows -= part.rows
        prompt_rows -= whole
    return chosen


def _rows(segments: Sequence[Segment], count: CountRows) -> int:
    return sum(len(segment.rows) if isinstance(segment, RowsSegment) else count(segment) for segment in segments)


def _added(drops: Sequence[Dropped]) -> tuple[Dropped, ...]:
    """The same drops, one for each thing and reason."""
    counts: dict[tuple[str, str], int] = {}
    for drop in drops:
        counts[drop.what, drop.reason] = counts.get((drop.what, drop.reason), 0) + drop.count
    return tuple(Dropped(what, reason, count) for (what, reason), count in counts.items())


def _because(dropped: Sequence[Dropped]) -> str:
    tokens = [f"{drop.count} {drop.reason}" for drop in dropped if drop.what == "token"]
    return f" (tokens left out: {', '.join(tokens)})" if tokens else ""
