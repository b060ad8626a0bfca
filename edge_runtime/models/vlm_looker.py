"""A looker whose tokens are those that a language model reads: everything else is seen by the looker inside it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from edge_runtime.models.looker import Crop, Looker
from edge_runtime.models.tower import TowerModel
from edge_runtime.protocol import Look
from edge_runtime.types import Capabilities, LookedRegion, Region


class VlmLooker:
    """Looks with two pairs of eyes: vector, names, text and thumbnail by ``looker``, tokens by ``tower``.

    Both are closed by whoever opened them.

    Args:
        looker: Does everything but tokens.
        tower: Gives the tokens.
        capabilities: What both can do, with the language model that reads the tokens.
    """

    def __init__(self, looker: Looker, tower: TowerModel, capabilities: Capabilities) -> None:
        self._looker = looker
        self._tower = tower
        self._capabilities = capabilities

    @property
    def capabilities(self) -> Capabilities:
        """What both can do."""
        return self._capabilities

    def look(self, command: Look, crops: Sequence[Crop]) -> tuple[LookedRegion, ...]:
        """Look at crops: one result for each, in their order.

        Raises:
            ModelError: A network cannot be run.
        """
        without = [Crop(_without_tokens(crop.region), crop.image) for crop in crops]
        seen = self._looker.look(msgspec.structs.replace(command, regions=tuple(crop.region for crop in without)), without)
        wanted = [index for index, crop in enumerate(crops) if "tokens" in crop.region.want]
        tokens = dict(zip(wanted, self._tower.encode([crops[index].image for index in wanted]), strict=True))
        return tuple(msgspec.structs.replace(region, tokens=tokens.get(index)) for index, region in enumerate(seen))


def _without_tokens(region: Region) -> Region:
    return msgspec.structs.replace(region, want=tuple(want for want in region.want if want != "tokens"))
