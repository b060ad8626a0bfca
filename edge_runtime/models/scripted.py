"""Lookers without weights: what they see is given beforehand, so that the core can be tested and shown without a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from edge_runtime.models.looker import Crop
from edge_runtime.protocol import Look
from edge_runtime.types import Capabilities, LookedRegion

EVERYTHING = Capabilities(bundle="scripted", vector=True, labels=True, text=True, tokens=True, vector_dim=4)
"""All that a pocket bundle can do, with vectors of four numbers: enough to tell four things apart."""

Script = Callable[[Look], Sequence[LookedRegion]]


class ScriptedLooker:
    """Answers looks from a script and never opens a picture.

    Args:
        results: What is seen: a function of the look, or a mapping from frame number to regions. A frame that the mapping does not
            hold shows nothing.
        capabilities: What it claims to be able to do.

    Attributes:
        asked: Every look so far, in order.
        cpu_ns: Processor time in models; none.
    """

    def __init__(self, results: Script | Mapping[int, Sequence[LookedRegion]], capabilities: Capabilities = EVERYTHING) -> None:
        self._script: Script = results if callable(results) else lambda command: results.get(command.frame_seq, ())
        self._capabilities = capabilities
        self.asked: list[Look] = []
        self.cpu_ns = 0

    @property
    def capabilities(self) -> Capabilities:
        """What it claims to be able to do."""
        return self._capabilities

    def look(self, command: Look, crops: Sequence[Crop]) -> tuple[LookedRegion, ...]:
        """Answer a look: what the script has for it, else the regions asked for, with nothing in them."""
        self.asked.append(command)
        found = tuple(self._script(command))
        return found or tuple(LookedRegion(kind=region.kind, box=region.box) for region in command.regions)

    def __enter__(self) -> ScriptedLooker:
        """Return the looker itself."""
        return self

    def __exit__(self, *_: Any) -> None:
        """Nothing to let go of."""
