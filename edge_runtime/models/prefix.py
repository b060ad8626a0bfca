"""The prompt that a sequence holds: what the next one has in common with it is not read again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from edge_runtime.models.language import LanguageModel, Refused
from edge_runtime.models.language_picture import Picture
from edge_runtime.models.prefix_units import Gap, Unit, alike, loose_rows, reusable, text_unit, to_a_picture, whole_picture
from edge_runtime.models.segments import Segment, TextSegment

_MOST_AT_ONCE = 128


@dataclass(frozen=True)
class _Ahead:
    """A segment that is to be read, and what it consists of."""

    what: tuple[int, ...] | Picture
    units: tuple[Unit, ...]

    def behind(self, kept: int) -> _Ahead:
        """What is left of it where so many units are held."""
        if not kept or not isinstance(self.what, Picture):
            return self
        return _Ahead(replace(self.what, rows=self.what.rows[kept:], grid=None, cells=None), self.units[kept:])


class Prefix:
    """Reads prompts into one sequence, each after the one before it.

    What both begin with is kept, and the rest taken off the end. Where the new prompt goes on with what lies further behind in the old
    one, what lies between is evicted if the engine can: tokens that memory let go of, stretches that fell out at the front. That is an
    approximation, because what is left has seen what went (as in StreamingLLM, arXiv:2309.17453); once more rows have gone than would be
    kept, or where the engine cannot, the prompt is anchored anew: read again from the first difference on.

    Args:
        model: The language model.
        sequence: The sequence; nobody else writes to it, but for the answer behind the prompt.
        causal: Whether a row of a picture sees only the rows before it.

    Attributes:
        rows_read: Rows of prompts that were read so far.
        rows_kept: Rows of prompts that did not have to be.
        rows_evicted: Rows that were taken out of the middle.
        anchored_anew: How often rows that both prompts had were read again all the same.
    """

    def __init__(self, model: LanguageModel, sequence: int = 0, *, causal: bool = True) -> None:
        self._model, self._sequence, self._causal = model, sequence, causal
        self._loose = causal and model.capabilities.positions == "line"
        self._held: list[Unit] = []
        self._pictures = 0
        # Up to here, in units, nothing has seen what is gone; and how many rows have gone behind it.
        self._exact, self._gone = 0, 0
        self.rows_read = self.rows_kept = self.rows_evicted = self.anchored_anew = 0

    def count(self, text: TextSegment) -> int:
        """How many rows a text takes."""
        return len(self._model.tokenize(text.text, special=text.special))

    def read(self, segments: Sequence[Segment]) -> Iterator[None]:
        """Let the sequence hold exactly these segments, and yield after each run of them that had to be read.

        The last one is always read, because what comes next is known only then. What fails in the middle leaves what was read before it.
        A few rows cost the engine nearly as much as many. So words that follow one another are read at once, and, where the engine can,
        pictures with them, up to 128 rows: whoever waits for the model waits for no more.

        Raises:
            ContextFull: There is no room.
            Interrupted: The model was interrupted.
            ModelError: A segment does not fit the model, or the model is closed.
        """
        ahead = [self._taken_in(segment) for segment in segments]
        self._keep([unit for segment in ahead[:-1] for unit in segment.units])
        self.rows_kept += _rows(self._held)
        for run in _runs(_left(ahead, len(self._held)), self._model.capabilities.can_mix and self._causal):
            self._model.extend(self._sequence, *(segment.what for segment in run))
            units = [unit for segment in run for unit in segment.units]
            self._held += units
            self.rows_read += _rows(units)
            yield

    def clear(self) -> None:
        """Let go of all that the sequence holds."""
        self._held, self._exact, self._gone = [], 0, 0
        self._model.clear(self._sequence)

    def _taken_in(self, segment: Segment) -> _Ahead:
        if isinstance(segment, TextSegment):
            tokens = self._model.tokenize(segment.text, special=segment.special)
            return _Ahead(tokens, (text_unit(tokens),))
        self._pictures += 1
        picture = Picture(segment.rows, segment.grid, self._causal, segment.cells)
        if self._loose:
            return _Ahead(picture, tuple(loose_rows(picture, self._pictures)))
        on_a_line = self._model.capabilities.positions == "line"
        positions = len(picture.rows) if on_a_line else picture.plane_length
        return _Ahead(picture, (whole_picture(picture, self._pictures, positions),))

    def _keep(self, wanted: Sequence[Unit]) -> None:
        """Take out of the sequence what is not wanted; what is left is what the new prompt begins with."""
        if self._held and self._model.end(self._sequence) < _positions(self._held):
            self.clear()  # a reading that failed could only be undone by emptying the sequence
        serves, gaps = reusable(self._held, wanted)
        gone = sum(_rows(self._held[first:behind]) for first, behind in gaps)
        try:
            if gaps and self._model.capabilities.can_evict and self._gone + gone <= _rows(self._held[:serves]) - gone:
                self._roll_back(serves)
                self._evict(gaps)
                self._gone += gone
            else:
                self.anchored_anew += bool(gaps)
                self._roll_back(to_a_picture(self._held, alike(self._held, wanted)))
        except Refused:
            self.anchored_anew += 1
            self.clear()

    def _roll_back(self, count: int) -> None:
        position = _positions(self._held[:count])
        if position < self._model.end(self._sequence):
            self._model.rollback(self._sequence, position)
        del self._held[count:]
        if count <= self._exact:
            self._gone = 0
        self._exact = min(self._exact, count) if self._gone else count

    def _evict(self, gaps: Sequence[Gap]) -> None:
        for first, behind in reversed(gaps):
            start = _positions(self._held[:first])
            self._model.evict(self._sequence, start, start + _positions(self._held[first:behind]))
            self.rows_evicted += _rows(self._held[first:behind])
            del self._held[first:behind]
            self._exact = min(self._exact, first)


def _positions(units: Sequence[Unit]) -> int:
    return sum(unit.positions for unit in units)


def _rows(units: Sequence[Unit]) -> int:
    return sum(unit.rows for unit in units)


def _left(ahead: Sequence[_Ahead], kept: int) -> list[_Ahead]:
    """The segments, or parts of them, behind the units that are held."""
    left: list[_Ahead] = []
    for segment in ahead:
        if kept < len(segment.units):
            left.append(segment.behind(kept))
        kept = max(0, kept - len(segment.units))
    return left


def _runs(ahead: Sequence[_Ahead], together: bool) -> Iterator[list[_Ahead]]:
    """What is read at once: texts that follow one another, and with them pictures where the engine reads both in one call."""
    run: list[_Ahead] = []
    for segment in ahead:
        pictures = any(isinstance(one.what, Picture) for one in (*run, segment))
        if run and pictures and not (together and _rows([unit for one in (*run, segment) for unit in one.units]) <= _MOST_AT_ONCE):
            yield run
            run = []
        run.append(segment)
    if run:
        yield run
