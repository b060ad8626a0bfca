"""Forgetting in a run that has ended: the journal brings its core back, which says what goes, as it would have while it ran."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge_runtime.config import S
from edge_runtime.core import Core
from edge_runtime.decisions import DecisionLog, forget_decisions
from edge_runtime.errors import DeviceError, JournalError
from edge_runtime.hosts.journal_replay import replay_journal
from edge_runtime.journal import Head, Journal, JournalReader
from edge_runtime.protocol import Append, Command, Erase, Erased, Event, Forget, Stored, Tick
from edge_runtime.records import Receipt, Row, Scope
from edge_runtime.store import Store

_TICK_NS = S // 10
_TICKS = 100
"""Ten seconds: long enough for a core to give up what was under way when its run ended, and to write again what stays."""


@dataclass(frozen=True)
class Outcome:
    """What forgetting came to.

    Attributes:
        receipt: What the log has lost.
        t_from_ns: From when on journal and decisions are empty; ``None`` if there was no journal, or it is as it was.
        trouble: Why the journal is as it was, and still holds what was to be forgotten; ``""`` if it is not.
        unread_bytes: What of the journal is damaged: whether it holds anything of it cannot be said.
    """

    receipt: Receipt
    t_from_ns: int | None = None
    trouble: str = ""
    unread_bytes: int = 0


def has_journal(run: Path) -> bool:
    """Whether a run has left a journal."""
    return any((run / "journal").glob("*.segment"))


def forget_ended(run: Path, store: Store, scope: Scope) -> Outcome:
    """Forget in the log, the journal and the decisions of a run that has ended.

    Everything (scope ``"all"``) takes the whole journal. Otherwise the journal loses what it would have lost had the wearer asked
    when the run ended; what is left replays exactly. A journal that cannot be replayed is left as it is, and that is said.

    Args:
        run: Its folder.
        store: Its log, opened to go on with the last session: nobody else writes in the folder.
        scope: What to forget.

    Raises:
        DeviceError: A file cannot be written. Do it again: what is gone stays gone.
    """
    if scope.kind == "all":
        receipt = store.erase(scope)
        return Outcome(receipt, _remove_journal(run))
    if not has_journal(run):
        return Outcome(store.erase(scope))
    try:
        core, head, end_ns = _core_at_the_end(run)
    except (JournalError, msgspec.MsgspecError, ValueError) as error:
        return Outcome(store.erase(scope), trouble=str(error))
    order, rows = _forget_in(core, scope)
    # Read before they are erased: a fact that lives on in part is written again with the pictures that may stay, in one transaction.
    receipt = store.erase(scope, order.sightings, [_with_pictures(row, store) for row in rows])
    with Journal(run / "journal", head, core.snapshot, again=True) as journal:
        t_from_ns = journal.forget(order.t_first_ns, end_ns, scope)
    if (run / "decisions.jsonl").exists():
        forget_decisions(run / "decisions.jsonl", t_from_ns)
    return Outcome(receipt, t_from_ns, unread_bytes=JournalReader(run).torn_bytes)


def _core_at_the_end(run: Path) -> tuple[Core, Head, int]:
    """The core as the journal leaves it, the head to go on from, and when the run ended."""
    reader = JournalReader(run)
    with DecisionLog(Path(os.devnull)) as nowhere:
        return replay_journal(run, nowhere), reader.heads[-1], reader.t_last_ns or 0


def _forget_in(core: Core, scope: Scope) -> tuple[Erase, list[Row]]:
    """Have the core forget; returns what it wants erased, and the rows it writes again."""
    rows: dict[int, Row] = {}
    orders: list[Erase] = []
    _feed(core, Forget(t_ns=max(0, core.state.t_ns), scope=scope), orders, rows)
    for _ in range(_TICKS):
        _feed(core, Tick(t_ns=core.state.t_ns + _TICK_NS), orders, rows)
    if not orders:
        raise JournalError("the core asks for nothing to be erased", hint="replay the journal with the version that wrote it")
    return orders[0], list(rows.values())


def _feed(core: Core, event: Event, orders: list[Erase], rows: dict[int, Row]) -> None:
    """Feed an event, and answer as a log would; nothing is said, shown or looked at any more."""
    waiting: list[Event] = [event]
    while waiting:
        for command in _worked(core.feed(waiting.pop(0))):
            if isinstance(command, Erase):
                orders.append(command)
                rows.update({row.sighting.id: row for row in command.rows})
                waiting.append(Erased(t_ns=core.state.t_ns, answers=command.id, receipt=Receipt(0)))
            else:
                rows.update({row.sighting.id: row for row in command.rows})
                waiting.append(Stored(t_ns=core.state.t_ns, answers=command.id, receipt=Receipt(len(command.rows))))


def _worked(commands: Iterable[Command]) -> list[Erase | Append]:
    return [command for command in commands if isinstance(command, Erase | Append)]


def _with_pictures(row: Row, store: Store) -> Row:
    """The row with the bytes of its thumbnails, which a journal does not keep."""
    thumbs = tuple(msgspec.structs.replace(thumb, data=thumb.data or store.thumb(thumb.id)) for thumb in row.thumbs)
    return msgspec.structs.replace(row, thumbs=thumbs)


def _remove_journal(run: Path) -> int | None:
    """Remove a journal and its decisions, readable or not; returns 0, or ``None`` if there was none."""
    files = [path for ending in ("segment", "tokens", "fresh") for path in (run / "journal").glob(f"*.{ending}")]
    files += [run / name for name in ("decisions.jsonl", "decisions.fresh")]
    there = [path for path in files if path.exists()]
    try:
        for path in there:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise DeviceError(f"the journal in {run} cannot be removed: {error.strerror}", hint="check who may write there") from error
    return 0 if there else None
