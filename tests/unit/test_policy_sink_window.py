"""StreamingVLM's cache plan, carried out on a cache that knows which token lies at which position."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from edge_runtime.errors import UsageError
from edge_runtime.remember.policies.published.sink_window import NO_SHIFT, Limits, Part, PartKind, Plan, Reanchor, Remove, Shift, SinkWindow

LIMITS = Limits(sink_tokens=128, text_tokens=128, vision_tokens=256, trained_context=1_024)
MOST_A_ROUND = 50 + 5
KINDS: tuple[PartKind, ...] = ("sink", "text", "vision")

LENGTHS = pytest.mark.parametrize("length", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])


class Cache:
    """Tokens by position, as an engine holds them: (kind, round, number within both) and a position each."""

    def __init__(self, prompt_tokens: int) -> None:
        self.tokens = np.zeros((0, 3), dtype=np.int64)
        self.positions = np.zeros(0, dtype=np.int64)
        self._append("sink", 0, 0, prompt_tokens, 0)

    def round(self, plan: Plan, parts: tuple[Part, ...], number: int) -> None:
        """Carry out a plan, then decode the round's own parts."""
        for step in plan.steps:
            if isinstance(step, Reanchor):
                self.tokens, self.positions = self.tokens[:0], self.positions[:0]
                for part in step.parts:
                    self._append(part.kind, part.round, part.offset, part.count, part.at)
                continue
            hit = (step.start <= self.positions) & (self.positions < step.end)
            assert hit.sum() == step.end - step.start, "nothing is removed or shifted that is not there"
            if isinstance(step, Remove):
                self.tokens, self.positions = self.tokens[~hit], self.positions[~hit]
            else:
                self.positions[hit] += step.by
        for part in parts:
            if part.round == number:
                assert part.at >= plan.at
                self._append(part.kind, part.round, part.offset, part.count, part.at)

    def prefilled_alike(self, parts: tuple[Part, ...]) -> bool:
        """Whether it holds what reading in these parts afresh, each at its position, would give."""
        tokens, positions = self.tokens, self.positions
        self.tokens, self.positions = tokens[:0], positions[:0]
        for part in parts:
            self._append(part.kind, part.round, part.offset, part.count, part.at)
        same = np.array_equal(tokens, self.tokens) and np.array_equal(positions, self.positions)
        self.tokens, self.positions = tokens, positions
        return same

    def _append(self, kind: PartKind, number: int, offset: int, count: int, at: int) -> None:
        new = np.stack([np.full(count, KINDS.index(kind)), np.full(count, number), offset + np.arange(count)], axis=1)
        self.tokens = np.concatenate([self.tokens, new])
        self.positions = np.concatenate([self.positions, at + np.arange(count)])


def rounds(count: int) -> npt.NDArray[np.int64]:
    """Vision and text tokens of so many rounds: mostly 16 and up to 5, now and then none or many."""
    rng = np.random.default_rng(0)
    vision = rng.choice([0, 4, 16, 16, 16, 50], count)
    return np.stack([vision, rng.integers(0, 6, count)], axis=1)


@LENGTHS
def test_k1_caps_hold_and_positions_have_no_gaps_in_any_round(length: int) -> None:
    window, cache = SinkWindow(LIMITS, can_shift=True, prompt_tokens=100), Cache(100)
    for number, (vision, text) in enumerate(rounds(length).tolist(), start=1):
        plan = window.advance(vision, text)
        cache.round(plan, window.parts, number)
        assert plan.refused == "" and not any(isinstance(step, Reanchor) for step in plan.steps)
        assert window.count("sink") <= 128 and window.count("text") <= 128 and window.count("vision") <= 256
        assert len(cache.positions) <= LIMITS.cells < LIMITS.trained_context
        assert np.array_equal(cache.positions, np.arange(len(cache.positions)))
        assert all(number - part.round < 16 for part in window.parts if part.kind == "vision")
        if number % 500 == 0:
            assert cache.prefilled_alike(window.parts), "the same as reading in afresh what is kept"


def test_k1_the_sink_is_the_prompt_and_the_first_text_and_never_goes() -> None:
    window = SinkWindow(Limits(), can_shift=True, prompt_tokens=500)
    for _ in range(300):
        window.advance(64, 20)
    sink = [part for part in window.parts if part.kind == "sink"]
    assert [(part.round, part.offset, part.count, part.at) for part in sink] == [(0, 0, 500, 0), (1, 0, 12, 500)]
    text = [part for part in window.parts if part.kind == "text"]
    assert sum(part.count for part in text) == 512 and text[0].offset == 20 - text[0].count, "the middle is cut, mid-round if need be"


@LENGTHS
def test_k1_a_plan_does_not_get_longer(length: int) -> None:
    window = SinkWindow(Limits(), can_shift=True, prompt_tokens=100)
    steps = [len(window.advance(64, 20).steps) for _ in range(length)]
    assert max(steps) == max(steps[-100:]) == 4, "the oldest text and the oldest vision, each removed and closed up"
    assert len(window.parts) <= 2 + 21 + 16 + 27, "prompt, sink, vision and text"


def test_k1_a_picture_goes_whole() -> None:
    window = SinkWindow(LIMITS, can_shift=True)
    for _ in range(5):
        window.advance(50, 0)
    assert window.advance(20, 0).steps == (Remove(0, 50), Shift(50, 250, -50))


@LENGTHS
def test_k2_without_shifting_gaps_stay_until_everything_is_read_in_again(length: int) -> None:
    window, cache = SinkWindow(LIMITS, can_shift=False, prompt_tokens=100), Cache(100)
    anchored = []
    for number, (vision, text) in enumerate(rounds(length).tolist(), start=1):
        plan = window.advance(vision, text)
        cache.round(plan, window.parts, number)
        assert plan.refused == NO_SHIFT and not any(isinstance(step, Shift) for step in plan.steps)
        assert cache.positions.max(initial=0) < LIMITS.last_position < LIMITS.trained_context
        assert (np.diff(cache.positions) > 0).all() and len(cache.positions) <= LIMITS.cells
        if any(isinstance(step, Reanchor) for step in plan.steps):
            anchored.append(number)
            assert np.array_equal(cache.positions, np.arange(len(cache.positions))), "no gap is left"
        if number % 500 == 0:
            assert cache.prefilled_alike(window.parts)
    assert len(anchored) > 2
    assert min(np.diff(anchored)) >= (LIMITS.last_position - LIMITS.cells) // MOST_A_ROUND, "not in every round"


def test_a_first_round_needs_no_steps() -> None:
    window = SinkWindow(LIMITS, can_shift=True, prompt_tokens=7)
    assert window.advance(64, 0) == Plan((), 7)
    assert window.parts == (Part("sink", 0, 0, 7, 0), Part("vision", 1, 0, 64, 7))


def test_limits_that_do_not_fit_are_refused() -> None:
    tight = Limits(vision_tokens=2_500, trained_context=4_096)
    SinkWindow(tight, can_shift=True)
    with pytest.raises(UsageError, match="3524 tokens does not fit 3072 positions"):
        SinkWindow(tight, can_shift=False)
    with pytest.raises(UsageError, match="prompt of 600"):
        SinkWindow(LIMITS, can_shift=True, prompt_tokens=600)
    window = SinkWindow(LIMITS, can_shift=True)
    for vision, text in ((300, 0), (0, 200), (-1, 0)):
        with pytest.raises(UsageError, match="does not fit the windows"):
            window.advance(vision, text)
    assert window.parts == ()
