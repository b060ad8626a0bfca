"""What a sequence of a language model holds, by position: the account that a model keeps beside its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from edge_runtime.models.language import Refused


@dataclass
class Span:
    """A stretch of text, or one picture (no tokens).

    A picture is ``loose`` where each of its rows has a position of its own and has seen only those before it: rows may be taken out of it.
    """

    start: int
    stop: int
    tokens: list[int] | None
    loose: bool = False


@dataclass
class Held:
    """What a sequence has been given so far.

    Attributes:
        spans: Texts and pictures, in their order, without gaps.
        whole_to: Up to here nothing was taken out, so that what is held is what reading it again would give.
    """

    spans: list[Span] = field(default_factory=list)
    whole_to: int | None = None

    @property
    def end(self) -> int:
        """The position that comes next."""
        return self.spans[-1].stop if self.spans else 0

    def add_tokens(self, tokens: Sequence[int]) -> None:
        """Note text that was read at the end."""
        if not self.spans or self.spans[-1].tokens is None:
            self.spans.append(Span(self.end, self.end, []))
        last = self.spans[-1]
        assert last.tokens is not None  # noqa: S101  made so above
        last.tokens.extend(tokens)
        last.stop += len(tokens)

    def add_picture(self, positions: int, *, loose: bool = False) -> None:
        """Note a picture that was read at the end, how many positions it takes, and whether its rows are loose."""
        self.spans.append(Span(self.end, self.end + positions, None, loose))

    def common(self, tokens: Sequence[int]) -> int:
        """How many of these tokens come first, in text that nothing was taken out of."""
        first = self.spans[0].tokens if self.spans else None
        held = (first or [])[: self.whole_to]
        return next((k for k, (a, b) in enumerate(zip(held, tokens, strict=False)) if a != b), min(len(held), len(tokens)))

    def cut(self, position: int) -> None:
        """Forget everything from a position on.

        Raises:
            Refused: It lies behind the end, or inside a picture.
        """
        if not 0 <= position <= self.end:
            raise Refused(f"there is no position {position} in a sequence of {self.end}", hint="roll back to a position that was read")
        self._outside_pictures(position)
        self.spans = [span for span in self.spans if span.start < position]
        if self.spans and self.spans[-1].stop > position:
            self.spans[-1] = _part(self.spans[-1], self.spans[-1].start, position)
        if self.whole_to is not None and self.whole_to >= position:
            self.whole_to = None

    def take_out(self, start: int, stop: int) -> None:
        """Forget a stretch and move up what comes behind it.

        Raises:
            Refused: It is no stretch of the sequence, or would cut a picture whose rows belong together.
        """
        if not 0 <= start < stop <= self.end:
            raise Refused(f"{start} to {stop} is no stretch of a sequence of {self.end}", hint="evict what was read")
        self._outside_pictures(start, loose_too=False)
        self._outside_pictures(stop, loose_too=False)
        before = [_part(span, span.start, min(span.stop, start)) for span in self.spans if span.start < start]
        behind = [_part(span, max(span.start, stop), span.stop) for span in self.spans if span.stop > stop]
        gone = stop - start
        self.spans = [*before, *(Span(span.start - gone, span.stop - gone, span.tokens, span.loose) for span in behind)]
        if behind:
            self.whole_to = start if self.whole_to is None else min(start, self.whole_to)

    def copy(self) -> Held:
        """Return another account of the same."""
        return Held([_part(span, span.start, span.stop) for span in self.spans], self.whole_to)

    def _outside_pictures(self, position: int, *, loose_too: bool = True) -> None:
        for span in self.spans:
            if span.tokens is None and span.start < position < span.stop and (loose_too or not span.loose):
                raise Refused(f"position {position} lies inside the picture {span.start} to {span.stop}", hint="take the whole picture")


def _part(span: Span, start: int, stop: int) -> Span:
    tokens = None if span.tokens is None else span.tokens[start - span.start : stop - span.start]
    return Span(start, stop, tokens, span.loose)
