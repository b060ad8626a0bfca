"""A run that goes on after a crash or a restart: the journal brings its core back to where it stood.

The journal is the write-ahead log: every step is written before its commands are carried out. So the newest segment holds the core, as
the snapshot in its head and the steps after it, which are fed again and not carried out again. What was under way when the run was cut
short is not waited for: its answers are fed as :attr:`Resumed.owed`. A run starts in any case; what it has lost is said.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from edge_runtime import codec
from edge_runtime.config import Config, S
from edge_runtime.core import Core
from edge_runtime.decisions import DecisionLog
from edge_runtime.errors import DeviceError, EdgeError, JournalError
from edge_runtime.journal import ForgettingNote, Head, Step
from edge_runtime.journal.format import Loss, bodies, decode
from edge_runtime.journal.segment import segment_paths
from edge_runtime.protocol import Command, Erase, Event, Failed, Forget, Looked, Record, SpeechEnded, UserSpeech
from edge_runtime.records import Dropped
from edge_runtime.remember.parts import MemoryState
from edge_runtime.settings import changed
from edge_runtime.speech import Decision
from edge_runtime.types import Session

_log = logging.getLogger(__name__)
_SIGHTINGS_AHEAD = 100_000
_NAMED_AHEAD = 1_000
"""More things and places than can have got a number in the steps of a segment."""

Standing = Literal["whole", "earlier", "fresh"]


@dataclass(frozen=True)
class Resumed:
    """A run that goes on.

    Attributes:
        core: To go on with, under the settings of now; its token memory is empty. Its journal goes on with
            :meth:`Journal.going_on <edge_runtime.journal.Journal.going_on>`, its decisions with ``DecisionLog(path, again=True)``.
        standing: ``whole``: as it stood; ``earlier``: the last of it is lost, as the notes say; ``fresh``: nothing could be read, so
            that a new session of the log has to begin, or its numbers would be given twice.
        t_last_ns: The latest moment that journal and decisions tell of, stream time; -1 if there is none.
        steps: How many steps were fed again.
        owed: Events to be fed, and so journaled, before all others: answers to what was under way, and wishes to forget that were cut
            short before the core's forgetting was written down.
        orders: Erasing that was cut short later: to be carried out again in journal, decisions, frames and log, its answer to be fed.
        notes: What the wearer and the operator should know of it, in sentences.
        dropped: What is lost, counted as far as it can be.
    """

    core: Core
    standing: Standing
    t_last_ns: int
    steps: int
    owed: tuple[Event, ...]
    orders: tuple[Erase, ...]
    notes: tuple[str, ...]
    dropped: tuple[Dropped, ...]


@dataclass
class _Account:
    """What is found on the way."""

    steps: int = 0
    lossy: bool = False
    notes: list[str] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)

    def lost(self, sentence: str, drop: Dropped) -> None:
        """Say what is lost."""
        self.lossy = True
        self.notes.append(sentence)
        self.dropped.append(drop)


class _Stood(NamedTuple):
    """A core as a segment leaves it, and the head of that segment."""

    core: Core
    head: Head


def resume(run: Path, config: Config, session: Session) -> Resumed | None:
    """Bring back the core of a run that was cut short or ended, and complete its decisions.

    Args:
        run: Its folder: the journal, and ``decisions.jsonl`` beside it.
        config: Settings to go on with; they may differ from those it had.
        session: The same of what does not change during a run.

    Returns:
        What to go on with; ``None`` if there is no journal: it is a first run.
    """
    paths = segment_paths(run / "journal")[::-1]
    if not paths:
        return None
    account = _Account()
    core = Core(config, session)
    stood = next(filter(None, (_stood(path, account) for path in paths)), None)
    if stood is None:
        account.notes.append("Nothing of the journal can be used: watches, what was taught and what was remembered last are lost.")
    else:
        core.restore(stood.core.snapshot())
        _say_what_differs(stood, config, session, account)
    standing: Standing = "fresh" if stood is None else "earlier" if account.lossy else "whole"
    if standing == "earlier":
        _skip_numbers(core)
    t_last_ns = max(core.state.t_ns, _complete_decisions(run / "decisions.jsonl", paths, core, account))
    forget, orders = _forgettings(run / "journal", core, account)
    owed = (*_answers(core, {order.id for order in orders}), *forget)
    return Resumed(core, standing, t_last_ns, account.steps, owed, orders, tuple(account.notes), tuple(account.dropped))


# ---------------------------------------------------------------- the core as a segment leaves it


def _stood(path: Path, account: _Account) -> _Stood | None:
    """The core at the end of a segment; ``None``, with the reason in the account, if it does not even give a beginning."""
    number, loss = int(path.stem), Loss()
    try:
        records = map(decode, bodies(path, loss))
        head = next(records, None)
        if not isinstance(head, Head):
            account.lost(f"Segment {number} of the journal cannot be read: {loss.nbytes} bytes are lost.", Dropped("step", "torn"))
            return None
        core = Core(head.config, head.session)
        core.restore(head.snapshot)
    except (EdgeError, OSError, msgspec.MsgspecError, ValueError) as error:
        account.lost(f"Segment {number} of the journal cannot be used: {error}.", Dropped("step", "unusable"))
        return None
    trouble = _feed_again(core, records, account)
    since = f"what came after {max(0, core.state.t_ns) / S:.1f} s is lost."
    if trouble:
        account.lost(f"Segment {number} of the journal could not be followed to its end: {trouble}; {since}", Dropped("step", "unusable"))
    elif loss.nbytes:
        account.lost(f"The last {loss.nbytes} bytes of segment {number} of the journal are torn: {since}", Dropped("step", "torn"))
    return _Stood(core, head)


def _feed_again(core: Core, records: Iterator[Head | Step], account: _Account) -> str:
    """Feed steps until they end; returns why that was before their end, or ``""``."""
    try:
        for record in records:
            if isinstance(record, Step):
                account.steps += 1
                if _numbered(core.feed(_without_tokens(record.event))) != _numbered(record.commands):
                    return "the runtime is another version, and answers otherwise"
    except Exception as error:  # whatever an old journal makes break must not keep a run from starting
        _log.exception("a step of the journal cannot be fed again")
        return repr(error)
    return ""


def _without_tokens(event: Event) -> Event:
    """The event without memory tokens: the core will begin with none, and must not count as lost here what it had kept."""
    if not isinstance(event, Looked):
        return event
    return msgspec.structs.replace(event, regions=tuple(msgspec.structs.replace(region, tokens=None) for region in event.regions))


def _numbered(commands: Iterable[Command]) -> list[tuple[type[Command], int]]:
    """Kinds and numbers: as long as these agree, every answer finds what it answers."""
    return [(type(command), command.id) for command in commands]


def _say_what_differs(stood: _Stood, config: Config, session: Session, account: _Account) -> None:
    differ = changed(stood.head.config, config)
    names = sorted((*differ.applied, *differ.needs_restart))
    if names:
        account.notes.append(f"These settings have changed since: {', '.join(names)}.")
    before, now = stood.head.session.capabilities, session.capabilities
    if now.tokens and now.language:
        account.notes.append("What was kept for the language model to look back on begins anew.")
    if before != now:
        account.notes.append(f"The models were {before.bundle} and are {now.bundle}: what was taught may have to be shown again.")


def _skip_numbers(core: Core) -> None:
    """Give no number again that was given in what is lost: the log may have rows under it."""
    state = codec.decode(core.memory.snapshot(), MemoryState)
    state.sightings.next_id += _SIGHTINGS_AHEAD
    state.things.next_id += _NAMED_AHEAD
    state.places.next_id += _NAMED_AHEAD
    core.memory.restore(codec.encode(state))


# ---------------------------------------------------------------- what was under way


def _answers(core: Core, again: set[int]) -> Iterator[Event]:
    """Answers to every command that the core still waits for, but those that are carried out again."""
    t_ns = max(0, core.state.t_ns)
    delivery = core.speaker.state.delivery
    given_out = {voice.say: len(voice.candidate.intention.text) for voice in delivery.voices}
    for number in core.state.pending:
        if number in given_out:
            # How far the voice came is not known; a sentence that is taken for spoken is never said twice.
            yield SpeechEnded(t_ns=t_ns, answers=number, spoken_chars=given_out[number])
        elif number not in again:
            yield Failed(t_ns=t_ns, answers=number, reason="restart")
    if delivery.circumstances.user_speaking:
        # The end of it may have come while nobody listened, and nothing would ever be said again.
        yield UserSpeech(t_ns=t_ns, phase="end")


def _forgettings(folder: Path, core: Core, account: _Account) -> tuple[tuple[Forget, ...], tuple[Erase, ...]]:
    """What was being forgotten: wishes to feed again, and orders to carry out again."""
    note, before, after = ForgettingNote(folder), [], []
    try:
        for one in note.read():
            if one.order.id >= core.state.next_id:  # the core does not know of it yet
                before.append(one)
            elif one.order.id in core.state.pending:
                after.append(one)
            else:  # all have answered, and only the note was left
                note.clear(one.order.id)
    except (DeviceError, JournalError) as error:
        account.lost(f"The note of what was being forgotten is of no use: {error}.", Dropped("erasure", "note"))
    if before or after:
        account.notes.append("Forgetting was cut short, and is carried out now.")
    return tuple(one.event for one in before), tuple(one.order for one in after)


# ---------------------------------------------------------------- decisions


def _complete_decisions(path: Path, paths: Sequence[Path], core: Core, account: _Account) -> int:
    """Write the decisions that the journal has and the file lacks, and number on after the newest; returns when that was made, or -1."""
    delivery, t_last_ns = core.speaker.state.delivery, -1
    try:
        with DecisionLog(path, again=True) as log:
            if log.last_id + 1 < delivery.next_decision:
                for decision in _decided_after(log.last_id, paths):
                    log.write(decision)
            delivery.next_decision = max(delivery.next_decision, log.last_id + 1)
            t_last_ns = log.t_last_ns
    except DeviceError as error:
        account.lost(f"Decisions could not be completed: {error}.", Dropped("record", "disk"))
    return t_last_ns


def _decided_after(number: int, paths: Sequence[Path]) -> list[Decision]:
    """Decisions of the journal after one, in order; segments are read from the newest back, no further than need be."""
    found: list[Decision] = []
    for path in paths:
        there, reaches_back = _decisions_in(path)
        found[:0] = [decision for decision in there if decision.id > number]
        if reaches_back or any(decision.id <= number + 1 for decision in there):
            break
    return found


def _decisions_in(path: Path) -> tuple[list[Decision], bool]:
    """The decisions in a segment, and whether those before it are forgotten."""
    records: list[Head | Step] = []
    try:
        records.extend(map(decode, bodies(path, Loss())))
    except JournalError:
        _log.warning("%s cannot be read; decisions in it are not completed", path)
    commands = [command for record in records for command in record.commands]
    gap = any(isinstance(record, Head) and record.gap is not None for record in records)
    return [command.decision for command in commands if isinstance(command, Record)], gap
