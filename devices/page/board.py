"""The board: what the page shows, bounded, with a revision on everything, so that a slow tab gets the newest and misses nothing that lasts.

One thread writes (the core's), another reads (the server's).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import cast

from devices.page.views import Changes, Part, Roll, Update, View

BOUNDS: dict[Roll, int] = {"said": 200, "sightings": 400, "decisions": 400, "watches": 64, "concepts": 256}
"""Items a roll holds; the oldest leaves the page first. The log and the journal keep more."""


class Board:
    """Parts, of which the newest value wins, and rolls of keyed items, oldest first. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._revision = 0
        self._t_ns = 0
        self._parts: dict[Part, tuple[int, View]] = {}
        self._rolls: dict[Roll, dict[int | str, tuple[int, View]]] = {roll: {} for roll in BOUNDS}
        self._whole: dict[Roll, int] = dict.fromkeys(BOUNDS, 0)
        self._fresh = 0

    def pass_time(self, t_ns: int) -> None:
        """Stream time has come this far."""
        with self._lock:
            self._t_ns = t_ns

    def show(self, part: Part, value: View) -> None:
        """Set a part; the same value again changes nothing."""
        with self._lock:
            self._show(part, value)

    def put(self, roll: Roll, key: int | str, item: View) -> None:
        """Add an item, or replace the one with its key in its place; past the bound the oldest leaves."""
        with self._lock:
            items = self._rolls[roll]
            known = items.get(key)
            if known is not None and known[1] == item:
                return
            self._revision += 1
            items[key] = (self._revision, item)
            if len(items) > BOUNDS[roll]:
                del items[next(iter(items))]
                self._whole[roll] = self._revision

    def keep(self, roll: Roll, wanted: Callable[[View], bool]) -> None:
        """Let go of items that are not wanted any more."""
        with self._lock:
            items = self._rolls[roll]
            gone = [key for key, (_, item) in items.items() if not wanted(item)]
            for key in gone:
                del items[key]
            if gone:
                self._revision += 1
                self._whole[roll] = self._revision

    def refresh(self) -> None:
        """Have every tab forget all it knows: what was forgotten must not stay in a page."""
        with self._lock:
            self._revision += 1
            self._fresh = self._revision

    def follow(self, update: Update) -> None:
        """Take over what another board gave by :meth:`since`: this one then shows the same, and its tabs hear of it as they ask."""
        with self._lock:
            self._t_ns = update.t_ns
            if update.fresh:
                self._parts.clear()
                self._revision += 1
                self._fresh = self._revision
            for part, value in update.parts.items():
                self._show(cast(Part, part), value)
            for roll, changes in update.rolls.items():
                self._follow_roll(cast(Roll, roll), changes)

    def since(self, revision: int) -> tuple[int, Update | None]:
        """What changed after a revision, and the revision it brings a reader to; from 0, or after :meth:`refresh`, everything."""
        with self._lock:
            if revision >= self._revision:
                return revision, None
            fresh = revision == 0 or revision < self._fresh
            after = 0 if fresh else revision
            parts: dict[str, View] = {name: value for name, (at, value) in self._parts.items() if at > after}
            rolls: dict[str, Changes] = {}
            for name, items in self._rolls.items():
                whole = fresh or self._whole[name] > after
                changed = tuple(item for at, item in items.values() if whole or at > after)
                if changed or whole:
                    rolls[name] = Changes(changed, whole)
            return self._revision, Update(n=0, t_ns=self._t_ns, parts=parts, rolls=rolls, fresh=fresh)

    # ------------------------------------------------------------ inside, under the lock

    def _show(self, part: Part, value: View) -> None:
        known = self._parts.get(part)
        if known is None or known[1] != value:
            self._revision += 1
            self._parts[part] = (self._revision, value)

    def _follow_roll(self, roll: Roll, changes: Changes) -> None:
        known = self._rolls[roll]
        items = {} if changes.whole else known
        for item in changes.items:
            key = item.key  # type: ignore[attr-defined]
            before = known.get(key)
            if before is None or before[1] != item:
                self._revision += 1
                before = (self._revision, item)
            items[key] = before
        if changes.whole:
            self._revision += 1
            self._rolls[roll], self._whole[roll] = items, self._revision
        while len(items) > BOUNDS[roll]:
            del items[next(iter(items))]
            self._whole[roll] = self._revision


class BoardReader:
    """One tab's place on the board, where it is always now."""

    t_ns: int | None = None
    playing = False
    speed = 1.0

    def __init__(self, board: Board) -> None:
        self._board = board
        self._revision = 0

    def read(self) -> Update | None:
        """What is new since the last call."""
        self._revision, update = self._board.since(self._revision)
        return update

    def steer(self, request: object) -> None:
        """A live run cannot be steered."""
