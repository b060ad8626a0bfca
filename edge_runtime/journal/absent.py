"""A journal for a run whose disk takes none: the run goes on, and what is not written is counted."""

from __future__ import annotations

from typing import NoReturn

from edge_runtime.config import Config
from edge_runtime.errors import DeviceError
from edge_runtime.journal.writer import Journal
from edge_runtime.protocol import Command, Event
from edge_runtime.records import Scope
from edge_runtime.types import Session


class AbsentJournal(Journal):
    """Refuses every step, as a disk does that is full from the beginning; there is nothing in it to forget.

    Args:
        reason: Why there is none.
    """

    def __init__(self, reason: DeviceError) -> None:
        self._reason = reason
        self.dropped_steps = 0
        self.stopped = True

    @property
    def nbytes(self) -> int:
        """Nothing."""
        return 0

    def step(self, event: Event, commands: tuple[Command, ...]) -> NoReturn:
        """Refuse.

        Raises:
            DeviceError: Always.
        """
        raise DeviceError(str(self._reason), hint=self._reason.hint)

    def reconfigure(self, config: Config, session: Session | None = None) -> None:
        """There is nothing to go on in."""

    def forget(self, t_from_ns: int, t_now_ns: int, scope: Scope, commands: tuple[Command, ...] = ()) -> int:
        """Nothing was kept."""
        return t_from_ns

    def close(self) -> None:
        """Nothing is open."""
