"""The scripted world before a display, and a page that reads its board: for tests of what is shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.display import Display
from devices.page.board import BOUNDS, Board
from devices.page.views import ENCODER
from edge_runtime.config import Config, S
from edge_runtime.core import Core
from edge_runtime.models.scripted import ScriptedLooker
from edge_runtime.protocol import Command, Event, Looked
from tests import world


class Page:
    """Reads a board as a tab does, and keeps what it is told."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._revision = 0
        self.parts: dict[str, Any] = {}
        self.rolls: dict[str, dict[Any, dict[str, Any]]] = {roll: {} for roll in BOUNDS}
        self.changes: dict[str, int] = {}
        self.fresh = 0

    def read(self) -> Page:
        self._revision, update = self._board.since(self._revision)
        if update is None:
            return self
        told = json.loads(ENCODER.encode(update))
        self.fresh += bool(told.get("fresh"))
        if told.get("fresh"):
            self.parts, self.rolls = {}, {roll: {} for roll in BOUNDS}
        self.parts |= told.get("parts", {})
        for part in told.get("parts", {}):
            self.changes[part] = self.changes.get(part, 0) + 1
        for roll, changes in told.get("rolls", {}).items():
            known = {} if changes.get("whole") else self.rolls[roll]
            self.rolls[roll] = known | {item["key"]: item for item in changes.get("items", ())}
        return self

    def items(self, roll: str) -> list[dict[str, Any]]:
        return list(self.rolls[roll].values())

    def said(self, who: str) -> list[str]:
        return [line["text"] for line in self.items("said") if line["who"] == who]

    def everything(self) -> str:
        return json.dumps([self.parts, self.rolls])


@dataclass
class Shown:
    """A run that was shown, and what a page saw at certain times."""

    display: Display
    board: Board
    core: Core
    steps: list[tuple[Event, tuple[Command, ...]]]
    pages: dict[int, Page]
    follower: Page
    thumbs: set[str]

    @property
    def page(self) -> Page:
        return Page(self.board).read()


def show(out: Path, *script: Event, at: Sequence[float] = (), looker: ScriptedLooker | None = None, config: Config | None = None) -> Shown:
    """Play the world before a display; ``at`` are the seconds at which a page is opened beside it."""
    board = Board()
    display, follower = Display(board), Page(board)
    steps: list[tuple[Event, tuple[Command, ...]]] = []
    pages: dict[int, Page] = {}
    thumbs: set[str] = set()
    due = sorted(round(t_s * S) for t_s in at)

    def watch(event: Event, commands: tuple[Command, ...], core: Core) -> None:
        if due and event.t_ns >= due[0]:
            pages[due.pop(0) // S] = Page(board).read()
        steps.append((event, commands))
        follower.read()
        if isinstance(event, Looked):
            thumbs.update(region.thumb.id for region in event.regions if region.thumb is not None)

    played = world.run(out, *script, observers=[display, watch], looker=looker, config=config)
    return Shown(display, board, played.core, steps, pages, follower, thumbs)
