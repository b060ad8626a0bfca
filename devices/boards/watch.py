"""The thread that keeps an eye on the board, once a second, and tells the run when there is less to give, or more again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from devices.boards.heat import Throttling
from devices.boards.readings import Readings, read_board
from devices.boards.strain import Level, next_level, strain_of
from devices.boards.tree import Tree
from edge_runtime.protocol import BoardChanged
from edge_runtime.records import Dropped

_log = logging.getLogger(__name__)
EVERY_S = 1.0
_END_S = 1.0
Wait = Callable[[threading.Event, float], bool]
"""Waits so many seconds, or until the event is set; whether it is set. :meth:`threading.Event.wait` is one."""


class BoardWatch:
    """Watches the board. A context manager: entering starts the thread, leaving ends it within a second.

    Args:
        tell: Takes what changed, in the watch's thread; sets the time of it.
        root: Where the machine's files are.
        now_ns: A monotonic clock.
        wait: How to wait between two looks.

    Attributes:
        readings: The last; ``None`` before the first.
    """

    def __init__(
        self,
        tell: Callable[[BoardChanged], None],
        *,
        root: Path = Path("/"),
        now_ns: Callable[[], int] = time.monotonic_ns,
        wait: Wait = threading.Event.wait,
    ) -> None:
        self._tell = tell
        self._tree = Tree(root)
        self._now_ns = now_ns
        self._wait = wait
        self._level = Level()
        self._throttling: Throttling | None = None
        self.readings: Readings | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="board", daemon=True)

    def __enter__(self) -> BoardWatch:
        """Start."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        """Stop."""
        self._ended.set()
        self._thread.join(_END_S)
        if self._thread.is_alive():
            _log.warning("the board watch did not end in time and is left behind")

    def look(self) -> None:
        """Look once, and tell what changed."""
        readings = read_board(self._tree, self._now_ns)
        strain = strain_of(readings, self._throttling)
        level = next_level(self._level, strain, self._now_ns())
        if level.power != self._level.power:
            _log.info("the board has %s power to give: %s", level.power, strain)
            self._tell(BoardChanged(t_ns=0, power=level.power, temperature_c=strain.hottest_c))
        self._level, self._throttling, self.readings = level, readings.throttling.value, readings

    def dropped(self) -> tuple[Dropped, ...]:
        """Reads of files that were there and of no use."""
        return self._tree.dropped()

    def _run(self) -> None:
        while not self._ended.is_set():
            self.look()
            self._wait(self._ended, EVERY_S)
