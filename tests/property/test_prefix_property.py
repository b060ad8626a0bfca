"""Whatever prompts follow one another: the sequence holds the last one, whole and in order, and every row of it was read or kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.models.language import LanguageCapabilities, Sampling
from edge_runtime.models.language_picture import Picture
from edge_runtime.models.language_scripted import CAPABILITIES, ScriptedModel
from edge_runtime.models.prefix import Prefix
from edge_runtime.models.segments import RowsSegment, Segment, TextSegment
from edge_runtime.records import ShownTokens

# few different ones, so that prompts have much in common
texts = st.sampled_from(("head", "ago: ", "<i>", "what?", "and who?")).map(TextSegment)


@st.composite
def pictures(draw: st.DrawFn) -> RowsSegment:
    numbers = sorted(draw(st.sets(st.integers(0, 9), min_size=1)))
    cells = np.array([[step, 0, 0] for step in range(len(numbers))], np.int32)
    rows = np.array([[number, 1, 2, 3] for number in numbers], np.float32)
    return RowsSegment(rows, (2, 2), ShownTokens("memory", 0, 0, len(numbers), 1.0), cells)


prompts = st.lists(st.one_of(texts, pictures()), max_size=8).map(lambda segments: (*segments, TextSegment("A:")))
models = st.sampled_from(
    (
        CAPABILITIES,
        replace(CAPABILITIES, can_evict=False),
        replace(CAPABILITIES, can_evict=False, can_roll_back=False),
        replace(CAPABILITIES, positions="plane", can_evict=False),
    )
)


def taken_apart(what: Sequence[int] | Picture, can: LanguageCapabilities) -> list[object]:
    """What lies at each position: a token, a row by its first number, or a whole picture and the positions that it fills up."""
    if not isinstance(what, Picture):
        return list(what)
    numbers = what.rows[:, 0].tolist()
    return numbers if can.positions == "line" else [tuple(numbers), *[None] * (what.plane_length - 1)]


class Recording(ScriptedModel):
    """Knows what lies at every position of its first sequence."""

    def __init__(self, can: LanguageCapabilities) -> None:
        super().__init__(lambda text: "so", can)
        self.lies: list[object] = []

    def extend(self, sequence: int, *what: Sequence[int] | Picture) -> None:
        super().extend(sequence, *what)
        self.lies += [lying for part in what for lying in taken_apart(part, self.capabilities)]

    def rollback(self, sequence: int, position: int) -> None:
        super().rollback(sequence, position)
        del self.lies[position:]

    def evict(self, sequence: int, start: int, stop: int) -> None:
        super().evict(sequence, start, stop)
        del self.lies[start:stop]

    def clear(self, sequence: int) -> None:
        super().clear(sequence)
        self.lies.clear()


def rows(segments: Sequence[Segment]) -> int:
    return sum(len(segment.rows) if isinstance(segment, RowsSegment) else len(segment.text) for segment in segments)


@given(models, st.lists(prompts, min_size=1, max_size=6))
def test_the_sequence_holds_the_last_prompt_and_nothing_else(can: LanguageCapabilities, asked: list[Sequence[Segment]]) -> None:
    model = Recording(can)
    of = Prefix(model)
    for segments in asked:
        read, kept = of.rows_read, of.rows_kept
        for _ in of.read(segments):
            pass
        assert of.rows_read - read + of.rows_kept - kept == rows(segments)
        wanted = [
            lies
            for segment in segments
            for lies in taken_apart(
                Picture(segment.rows, segment.grid, cells=segment.cells)
                if isinstance(segment, RowsSegment)
                else tuple(segment.text.encode()),
                can,
            )
        ]
        assert model.lies == wanted
        assert model.end(0) == len(wanted)
        "".join(model.generate(0, Sampling(3)))
