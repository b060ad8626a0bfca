"""Looks with two pairs of eyes: tokens by the tower, everything else by the looker inside."""

from __future__ import annotations

import numpy as np

from edge_runtime.models.looker import Crop
from edge_runtime.models.scripted import ScriptedLooker
from edge_runtime.models.tower import ScriptedTower
from edge_runtime.models.vlm_looker import VlmLooker
from edge_runtime.protocol import Look
from edge_runtime.types import WHOLE, Capabilities, LabelHint, LookedRegion, Region, Tokens, Want
from tests.questions import tokens, tower

CAN = Capabilities(bundle="pocket 1 + vlm 1", vector=True, tokens=True, language=True)
TOWER = tower()


def seen(*wants: tuple[Want, ...]) -> tuple[tuple[LookedRegion, ...], ScriptedLooker]:
    """What is seen of one grey crop for each of what is wanted, each brighter than the last."""

    def answer(command: Look) -> list[LookedRegion]:
        label = (LabelHint("cup", 0.5),)
        # other tokens than those that the language model reads
        own = tokens(tower(3, 3, 8))
        return [LookedRegion(r.kind, r.box, labels=label, tokens=own if "tokens" in r.want else None) for r in command.regions]

    inner = ScriptedLooker(answer)
    crops = [Crop(Region("foveal", WHOLE, want), np.full((8, 8, 3), 51 * k, np.uint8)) for k, want in enumerate(wants)]
    command = Look(id=1, deadline_ns=0, frame_seq=1, t_capture_ns=0, regions=tuple(crop.region for crop in crops), why="question")
    looker = VlmLooker(inner, ScriptedTower(TOWER), CAN)
    assert looker.capabilities == CAN
    return looker.look(command, crops), inner


def level(of: Tokens | None) -> float | None:
    """The brightness that all tokens have."""
    return None if of is None or of.emb is None else round(float(of.emb.astype(np.float32).mean()), 2)


def test_tokens_are_the_towers_and_go_where_they_are_wanted() -> None:
    regions, _ = seen(("vector", "tokens"), ("labels",), ("tokens",))
    assert [level(region.tokens) for region in regions] == [0.0, None, 0.4]
    assert regions[0].tokens is not None
    assert regions[0].tokens.hw == (TOWER.rows, TOWER.columns)


def test_everything_else_is_the_lookers_and_it_need_not_make_tokens() -> None:
    regions, inner = seen(("vector", "tokens"), ("labels",))
    assert [region.labels[0].label for region in regions] == ["cup", "cup"]
    assert [region.want for region in inner.asked[0].regions] == [("vector",), ("labels",)]


def test_a_look_that_wants_no_tokens() -> None:
    regions, _ = seen(("labels",))
    assert regions[0].tokens is None
