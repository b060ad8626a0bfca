"""Replaying a journal: the events go to a fresh core, whose commands must be those that were written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge_runtime import codec
from edge_runtime.config import S
from edge_runtime.core import Core
from edge_runtime.decisions import DecisionLog
from edge_runtime.errors import JournalError
from edge_runtime.hosts.host import Observer
from edge_runtime.journal import Head, JournalReader, Step, without_blobs
from edge_runtime.protocol import Command, Record


def replay_journal(folder: Path, decisions: DecisionLog, *, observers: Sequence[Observer] = ()) -> Core:
    """Feed a journal to a fresh core and write its decisions. No models, no pixels, no log are needed.

    Every step's commands are compared with those in the journal. Snapshots are taken up where the run took them up itself, after a
    restart and when its settings changed, and where steps are missing before them: the journal's beginning, what was forgotten, and
    the holes of a damaged journal (``JournalReader(folder).holes``). After a hole the replay is as exact as before it.

    Returns:
        The core as it stands at the end.

    Raises:
        JournalError: No journal there, or the core answers otherwise than it did when the journal was written.
    """
    reader = JournalReader(folder)
    core = Core(reader.heads[0].config, reader.heads[0].session)
    damaged = {hole.segment for hole in reader.holes}
    expected = -1
    for record in reader:
        if isinstance(record, Head):
            if record.anew or record.segment != expected or record.gap is not None or record.segment - 1 in damaged:
                core = Core(record.config, record.session)
                core.restore(record.snapshot)
            expected = record.segment + 1
            for command in record.commands:
                if isinstance(command, Record):
                    decisions.write(command.decision)
            continue
        _repeat(core, record, decisions)
        for observer in observers:
            observer(record.event, record.commands, core)
    return core


def _repeat(core: Core, step: Step, decisions: DecisionLog) -> None:
    commands = core.feed(step.event)
    if _as_kept(commands) != _as_kept(step.commands):
        moment = f"at {step.event.t_ns / S:.3f} s the core answers {type(step.event).__name__} otherwise"
        raise JournalError(
            f"the journal does not replay as written: {moment}",
            hint="it was written by another version of the runtime; replay it with that one",
        )
    for command in commands:
        if isinstance(command, Record):
            decisions.write(command.decision)


def _as_kept(commands: tuple[Command, ...]) -> bytes:
    return codec.encode(tuple(without_blobs(command, keep_pixels=False) for command in commands))
