"""Forgetting in a run that has ended: asks, forgets in every file of the run, and says what is left where it could not."""

from __future__ import annotations

import sys
from pathlib import Path

from apps.memory_text import size
from apps.telling import clock
from edge_runtime.config import Config, S
from edge_runtime.errors import DeviceError, JournalError, Locked, UsageError
from edge_runtime.hosts.forget_ended import Outcome, forget_ended, has_journal
from edge_runtime.journal import JournalReader
from edge_runtime.log import Log, open_log, run_of
from edge_runtime.records import Query, Scope
from edge_runtime.remember.scopes import mentions
from edge_runtime.remember.words import needles
from edge_runtime.store import open_store

_REPORTS = ("report.html", "report.html.part")


def forget(folder: Path, *, thing: str | None, place: str | None, minutes: float | None, yes: bool) -> int:
    """Forget a thing or person, a place, the last minutes, or, with none of them, everything; returns the exit code.

    Raises:
        UsageError: There is nobody to ask, the name says nothing, or there is no such place.
        InputError: There is no log, or it cannot be used.
        Locked: A run holds it.
        DeviceError: A file cannot be written.
    """
    if thing is not None and not needles(thing):
        raise UsageError(f"{thing!r} names nothing", hint='write a name or a word: --thing "mug"')
    try:
        with open_log(folder) as log:
            run = run_of(log.file.parent)
            scope, what = _place(log, place) if place is not None else _scope(log, run, thing, minutes)
            found = _found(log, scope)
    except Locked as error:
        raise Locked(f"{error}: forget on its page", hint="or end the run, and then forget here") from error
    print(f"This forgets {what}, in {run}: {found}.")
    print(_reaches(run, scope))
    if not yes and not _asked():
        print("Nothing was forgotten.")
        return 0
    # What is written again below must not push anything else out of the log: it is as large as it was.
    log_bytes = max(Config().store.log_bytes, 2 * log.file.stat().st_size)
    with open_store(log.file.parent, log_bytes=log_bytes, resume=True) as store:
        outcome = forget_ended(run, store, scope)
        reports = _remove_reports(run)
    return _tell(run, outcome, reports)


def _scope(log: Log, run: Path, thing: str | None, minutes: float | None) -> tuple[Scope, str]:
    """What is to be forgotten, for the store and in words."""
    if thing is not None:
        return Scope("thing", name=thing), f'what goes by the name "{thing}" or reads so, in every session'
    if minutes is None:
        return Scope("all"), "everything, in every session"
    last = log.sessions()[-1]
    try:
        end_ns = (JournalReader(run).t_last_ns or 0) if has_journal(run) else 0
    except JournalError:
        end_ns = 0  # forgetting says so; until then what was last seen is the end
    end_ns = max(end_ns, last.t_last_ns or 0)
    from_ns = max(0, end_ns - round(minutes * 60 * S))
    return Scope("since", t_from_ns=from_ns), f"all of session {last.session} from {clock(from_ns)} to its end at {clock(end_ns)}"


def _place(log: Log, words: str) -> tuple[Scope, str]:
    """The place of the last session that goes by a number or by words of its name."""
    last = log.sessions()[-1].session
    known = {one.sighting.place_id: one.place for one in log.every() if one.session == last}
    names = {number: name or f"at place {number}" for number, name in known.items() if number is not None}
    fitting = [number for number, name in names.items() if str(number) == words.strip() or (needles(words) and mentions(name, words))]
    if len(fitting) != 1:
        some = "; ".join(f"{number}: {name}" for number, name in sorted(names.items())[:8]) or "none"
        raise UsageError(f"{words!r} is {'no place' if not fitting else 'more than one place'} of the last session", hint=f"places: {some}")
    return Scope("place", place_id=fitting[0]), f"what was seen {names[fitting[0]]}, in session {last}"


def _found(log: Log, scope: Scope) -> str:
    sessions = log.sessions()
    if scope.kind == "place":
        there = [one for one in log.every() if one.session == sessions[-1].session and one.sighting.place_id == scope.place_id]
        return f"{len(there)} sightings"
    if scope.kind == "thing":
        named = log.search(Query(names=(scope.name,), limit=0)).total
        read = log.search(Query(text=scope.name, limit=0)).total
        return f"{named} sightings have the name, {read} texts hold the words"
    if scope.kind == "since":
        return f"{log.search(Query(t_from_ns=scope.t_from_ns, limit=0), session=sessions[-1].session).total} sightings"
    return f"{sum(session.sightings for session in sessions)} sightings, {sum(session.thumbs for session in sessions)} pictures"


def _reaches(run: Path, scope: Scope) -> str:
    if not has_journal(run):
        return "There is no journal beside the log. It cannot be brought back."
    journal = "are removed" if scope.kind == "all" else "lose everything from its first trace to the end of the run"
    report = " report.html is removed." if any((run / name).exists() for name in _REPORTS) else ""
    return f"The journal and the decisions of the run {journal}.{report} It cannot be brought back."


def _asked() -> bool:
    if not sys.stdin.isatty():
        raise UsageError("forgetting asks first, and there is nobody to ask", hint="add --yes")
    try:
        return input("Forget it? [yes/no] ").strip().casefold() in ("y", "yes")
    except EOFError:
        return False


def _remove_reports(run: Path) -> bool:
    """Remove the report, which shows what the log held; returns whether there was one."""
    there = [run / name for name in _REPORTS if (run / name).exists()]
    try:
        for path in there:
            path.unlink()
    except OSError as error:
        raise DeviceError(
            f"{there[0]} cannot be removed: {error.strerror}", hint="remove it yourself: it shows what was forgotten"
        ) from error
    return bool(there)


def _tell(run: Path, outcome: Outcome, reports: bool) -> int:
    gone = outcome.receipt
    print(f"Forgotten: {gone.rows} sightings and {gone.thumbs} pictures are gone from the log, which is {size(gone.nbytes)} smaller.")
    if outcome.t_from_ns is not None:
        print(f"Journal and decisions hold nothing from {clock(outcome.t_from_ns)} on.")
    if reports:
        print(f"report.html is removed. To make one again from what is left of the journal: edge-runtime replay {run}")
    if outcome.trouble:
        print(f"edge-runtime: the journal in {run} still holds it, since it cannot be replayed: {outcome.trouble}", file=sys.stderr)
        print(f"hint: remove it: rm -r {run / 'journal'} {run / 'decisions.jsonl'}", file=sys.stderr)
        return JournalError.exit_code
    if outcome.unread_bytes:
        print(f"edge-runtime: {outcome.unread_bytes} bytes of the journal are damaged, and may still hold something of it", file=sys.stderr)
        print(f"hint: to be sure, remove it: rm -r {run / 'journal'} {run / 'decisions.jsonl'}", file=sys.stderr)
        return JournalError.exit_code
    return 0
