"""What a language model is shown, as it is told to the core: bounded, however finely memory was taken apart for it."""

from __future__ import annotations

from collections.abc import Sequence

from edge_runtime.models.generation import Generation
from edge_runtime.protocol import Generate, Prompted
from edge_runtime.records import ShownTokens

MOST_SHOWN = 128
_MOST_FRAMES = 8


def prompted(command: Generate, t_ns: int, generation: Generation) -> Prompted:
    """The event for a generation that begins at a time; of more than 128 entries the first of memory, the oldest, are told as one."""
    shown = generation.shown
    if len(shown) > MOST_SHOWN:
        memory = [tokens for tokens in shown if tokens.kind == "memory"]
        looks = [tokens for tokens in shown if tokens.kind != "memory"]
        kept = MOST_SHOWN - 1 - len(looks)
        shown = (_as_one(memory[: len(memory) - kept]), *memory[len(memory) - kept :], *looks)
    return Prompted(t_ns=t_ns, answers=command.id, shown=shown)


def _as_one(stretches: Sequence[ShownTokens]) -> ShownTokens:
    frames = dict.fromkeys(seq for tokens in stretches for seq in tokens.frame_seqs)
    return ShownTokens(
        "memory",
        min(tokens.t_ns for tokens in stretches),
        max(tokens.t_end_ns for tokens in stretches),
        sum(tokens.count for tokens in stretches),
        sum(tokens.stands_for for tokens in stretches),
        tuple(frames)[:_MOST_FRAMES],
    )
