"""Counts with a reason: what was let go, and how often."""

from __future__ import annotations


class Counters:
    """How often each thing happened, by name and reason. Reading it gives one order, whatever the order of counting."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], int] = {}

    def add(self, name: str, reason: str, count: int = 1) -> None:
        """Count ``count`` more of ``name`` for ``reason``.

        Raises:
            ValueError: ``count`` is negative: what has happened cannot be taken back.
        """
        if count < 0:
            raise ValueError(f"a count only grows, got {count} for {name}/{reason}")
        self._counts[name, reason] = self._counts.get((name, reason), 0) + count

    def asdict(self) -> dict[str, dict[str, int]]:
        """All counts, ``{name: {reason: count}}``, both sorted."""
        table: dict[str, dict[str, int]] = {}
        for (name, reason), count in sorted(self._counts.items()):
            table.setdefault(name, {})[reason] = count
        return table
