"""Where the three stages put their commands: it numbers them, and nothing else."""

from __future__ import annotations

from typing import Any, TypeVar

from edge_runtime.protocol import Command

C = TypeVar("C")


class Outbox:
    """Commands of one step, in order.

    Args:
        next_id: Id of the first command.
    """

    def __init__(self, next_id: int) -> None:
        self.next_id = next_id
        self.commands: list[Command] = []

    def emit(self, kind: type[C], *, deadline_ns: int, **fields: Any) -> int:
        """Number a command and append it; returns its id."""
        number = self.next_id
        self.next_id += 1
        self.commands.append(kind(id=number, deadline_ns=deadline_ns, **fields))  # type: ignore[arg-type, call-arg]
        return number
