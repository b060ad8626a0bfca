"""StreamingVLM (2025) as a plan of cache operations: a sink of text, a window of text, a window of vision, positions without gaps.

It keeps no tokens and is no memory policy: it says what an engine that decodes second by second has to remove from its key-value cache,
and how to keep every position below the context it was trained on. Whoever drives an engine carries the plan out. A token counts as one
position; where a picture takes fewer (M-RoPE), everything is read in again a little early, never late.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from edge_runtime.errors import UsageError

PartKind = Literal["sink", "text", "vision"]

NO_SHIFT = "this engine cannot shift positions in its cache (as with M-RoPE): gaps are left, and closed by reading in again"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much stays in the cache.

    Attributes:
        sink_tokens: First tokens of text that never go: the system prompt and what was said first.
        text_tokens: Latest tokens of text.
        vision_rounds: Latest rounds whose vision stays.
        vision_tokens: Of them together, at most.
        trained_context: Positions the model was trained on.
        reanchor_share: Of the trained context: where gaps are closed if the engine cannot shift.
    """

    sink_tokens: int = 512
    text_tokens: int = 512
    vision_rounds: int = 16
    vision_tokens: int = 4_096
    trained_context: int = 32_768
    reanchor_share: float = 0.75

    @property
    def cells(self) -> int:
        """Cache cells in use at most."""
        return self.sink_tokens + self.text_tokens + self.vision_tokens

    @property
    def last_position(self) -> int:
        """No position reaches this one without shifting."""
        return int(self.reanchor_share * self.trained_context)


@dataclass(frozen=True, slots=True)
class Part:
    """A run of tokens in the cache.

    Attributes:
        kind: What it is.
        round: In which it came; 0 is the system prompt.
        offset: How many tokens of its kind and round come before it.
        count: How many tokens.
        at: Position of the first.
    """

    kind: PartKind
    round: int
    offset: int
    count: int
    at: int

    @property
    def end(self) -> int:
        """The position after the last."""
        return self.at + self.count


@dataclass(frozen=True, slots=True)
class Remove:
    """Take the cells at positions ``start`` up to ``end`` out of the cache."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Shift:
    """Add ``by``, which is negative, to the positions ``start`` up to ``end``."""

    start: int
    end: int
    by: int


@dataclass(frozen=True, slots=True)
class Reanchor:
    """Clear the cache and read these parts in again, from position 0 on and without gaps; best while nobody waits."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do to the cache before a round is decoded.

    Attributes:
        steps: In this order.
        at: Position of the round's first token.
        refused: Why positions are not shifted; empty where they are.
    """

    steps: tuple[Remove | Shift | Reanchor, ...]
    at: int
    refused: str = ""


class SinkWindow:
    """The bookkeeping of a cache that is never more than a sink and two windows.

    StreamingVLM keeps 512 sink tokens, the last 512 of text and 16 s of vision, and gives all of it consecutive positions in every
    round; with growing ones its win rate falls from 66 % to 25 %. Kept of it: the windows, the cut in the middle of the text, consecutive
    positions. Not kept: its trained weights, and its moving of old answers to an earlier place, which cache operations cannot do: text
    stays where it was said.

    Args:
        limits: How much stays.
        can_shift: Whether the engine can shift positions; ask it when it is loaded. If not, removed ranges stay gaps until a round would
            come too near the trained context, and then everything is read in again.
        prompt_tokens: Of the system prompt, which is in the cache from the start, at position 0.

    Raises:
        UsageError: The limits do not fit the trained context, or the prompt not the sink.
    """

    def __init__(self, limits: Limits, *, can_shift: bool, prompt_tokens: int = 0) -> None:
        usable = limits.trained_context if can_shift else limits.last_position
        if limits.cells > usable:
            raise UsageError(f"a cache of {limits.cells} tokens does not fit {usable} positions", hint="lower vision_tokens")
        if prompt_tokens > limits.sink_tokens:
            raise UsageError(f"a prompt of {prompt_tokens} tokens does not fit the sink", hint="raise sink_tokens or shorten it")
        self.limits = limits
        self.refused = "" if can_shift else NO_SHIFT
        self._round = 0
        self._parts = [Part("sink", 0, 0, prompt_tokens, 0)] if prompt_tokens else []

    @property
    def parts(self) -> tuple[Part, ...]:
        """What is in the cache, by position."""
        return tuple(self._parts)

    def count(self, kind: PartKind) -> int:
        """How many tokens of a kind are in the cache."""
        return sum(part.count for part in self._parts if part.kind == kind)

    def advance(self, vision_tokens: int, text_tokens: int) -> Plan:
        """Make room for a round, whose vision is followed by its text, and count it in.

        Args:
            vision_tokens: Of this round.
            text_tokens: Of this round, at most: what may be said in it.

        Raises:
            UsageError: The round alone does not fit.
        """
        if not (0 <= vision_tokens <= self.limits.vision_tokens and 0 <= text_tokens <= self.limits.text_tokens):
            raise UsageError(
                f"a round of {vision_tokens} + {text_tokens} tokens does not fit the windows", hint="send fewer tokens a round"
            )
        self._round += 1
        steps: list[Remove | Shift | Reanchor] = []
        sink = min(text_tokens, self.limits.sink_tokens - self.count("sink"))
        for start, end in self._aged(vision_tokens, text_tokens - sink):
            steps += self._without(start, end)
        if self.refused and self._end + vision_tokens + text_tokens > self.limits.last_position:
            steps = [Reanchor(self._closed_up())]  # what is cleared needs no removing first
        at = self._end
        self._add("vision", 0, vision_tokens)
        self._add("sink", 0, sink)
        self._add("text", sink, text_tokens - sink)
        return Plan(tuple(steps), at, self.refused)

    @property
    def _end(self) -> int:
        return self._parts[-1].end if self._parts else 0

    def _add(self, kind: PartKind, offset: int, count: int) -> None:
        if count:
            self._parts.append(Part(kind, self._round, offset, count, self._end))

    def _aged(self, vision_tokens: int, text_tokens: int) -> list[tuple[int, int]]:
        """Positions that have to go for so many new tokens, the last range first, so that taking out one moves none of the others."""
        too_much = {
            "sink": 0,
            "text": self.count("text") + text_tokens - self.limits.text_tokens,
            "vision": self.count("vision") + vision_tokens - self.limits.vision_tokens,
        }
        ranges: list[tuple[int, int]] = []
        for part in self._parts:
            gone = min(part.count, max(0, too_much[part.kind]))
            if part.kind == "vision" and (gone or part.round <= self._round - self.limits.vision_rounds):
                gone = part.count  # half a picture is none
            if not gone:
                continue
            too_much[part.kind] -= gone
            start = ranges.pop()[0] if ranges and ranges[-1][1] == part.at else part.at
            ranges.append((start, part.at + gone))
        return ranges[::-1]

    def _without(self, start: int, end: int) -> list[Remove | Shift | Reanchor]:
        """Take a range of positions out: whole parts, or their beginnings."""
        last = self._end
        rest: list[Part] = []
        for part in self._parts:
            cut = max(0, min(part.end, end) - max(part.at, start))
            left = replace(part, offset=part.offset + cut, count=part.count - cut, at=part.at + cut)
            if left.count:
                rest.append(left if self.refused or left.at < end else replace(left, at=left.at - (end - start)))
        self._parts = rest
        if self.refused or end == last:
            return [Remove(start, end)]
        return [Remove(start, end), Shift(end, last, start - end)]

    def _closed_up(self) -> tuple[Part, ...]:
        """Give what is kept positions from 0 on; returns it."""
        at = 0
        for number, part in enumerate(self._parts):
            self._parts[number] = replace(part, at=at)
            at += part.count
        return tuple(self._parts)
