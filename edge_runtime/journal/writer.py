"""Writing a journal."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from edge_runtime.config import Config
from edge_runtime.errors import DeviceError
from edge_runtime.journal.format import Gap, Head, Loss, Step, bodies, decode, without_blobs
from edge_runtime.journal.segment import Segment, find_segments
from edge_runtime.journal.whole_file import sync_folder
from edge_runtime.protocol import (
    Append,
    Command,
    Event,
    Feedback,
    Looked,
    Muted,
    Say,
    Taught,
    WatchRemoved,
    WatchSet,
)
from edge_runtime.records import Scope
from edge_runtime.types import Session

MOST_STEPS = 40_000
"""Steps of one segment: a run that goes on after a crash feeds at most so many again, about a second's work (``tests.bench.resume``)."""
_OUTLIVES = (Say, Append)
"""Commands that cannot be taken back: the disk has their step before they are carried out, or a lost power would have them done twice."""
_PROMISED = (WatchSet, WatchRemoved, Taught, Feedback, Muted)
"""Events by which the wearer changes how the run goes on: the disk has them before they are acknowledged."""


class Journal:
    """Writes a journal, ahead of what it tells: a step is in it before its commands are carried out. A context manager.

    A step that has been written survives the process. It survives the power too if something was promised or said in it, or written
    to the log; of the others the last seconds may be lost.

    Args:
        folder: Created if absent; segments of an earlier run in it are an error. One writer a folder.
        head: First head; ``segment`` and ``snapshot`` of later ones follow from it.
        snapshot: Gives the snapshot of the core, as it stands after the last step, whenever a new segment starts.
        again: Take up the journal of an earlier run, to :meth:`forget` in it or to :meth:`reconfigure`; steps can be written after that.

    Attributes:
        nbytes: Bytes on disk, tokens included; never more than ``journal_bytes`` after a step.
        dropped_steps: Steps that made room for newer ones.
        stopped: The core's snapshot alone is larger than ``journal_bytes``: nothing is written any more.

    Raises:
        DeviceError: The folder cannot be written.
    """

    def __init__(self, folder: Path, head: Head, snapshot: Callable[[], bytes], *, again: bool = False) -> None:
        self._folder = folder
        self._head = head
        self._snapshot = snapshot
        self._segments: list[Segment] = []
        self._next_number = 0
        self.dropped_steps = 0
        self.stopped = False
        with _disk(folder):
            folder.mkdir(parents=True, exist_ok=True)
            if again:
                for leftover in folder.glob("*.fresh"):  # of a segment that was being begun or cut when its process died
                    leftover.unlink()
                self._segments = find_segments(folder)
                self._next_number = max((segment.number for segment in self._segments), default=-1) + 1
                return
            if any(folder.glob("*.segment")):
                raise DeviceError(f"{folder} already holds a journal", hint="choose another --out folder or remove it")
            self._begin()

    @classmethod
    def going_on(cls, folder: Path, head: Head, snapshot: Callable[[], bytes]) -> Journal:
        """The journal of a run that goes on after a restart, with the core as :func:`~edge_runtime.hosts.resume.resume` gives it.

        What an earlier life of the run has left counts for ``journal_bytes``; this one begins with a segment of its own.

        Raises:
            DeviceError: The folder cannot be written.
        """
        journal = cls(folder, head, snapshot, again=True)
        journal.reconfigure(head.config, head.session)
        return journal

    def __enter__(self) -> Journal:
        """Return itself."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Close the files."""
        self.close()

    @property
    def nbytes(self) -> int:
        """Bytes on disk, tokens included."""
        return sum(segment.nbytes for segment in self._segments)

    def step(self, event: Event, commands: tuple[Command, ...]) -> None:
        """Write one event with its commands.

        Raises:
            DeviceError: The disk refuses.
        """
        if self.stopped:
            self.dropped_steps += 1
            return
        if not self._segments:
            raise DeviceError(f"the journal in {self._folder} is not open", hint="open it anew")
        config, segment = self._head.config.journal, self._segments[-1]
        keep = config.record_pixels
        kept = Step(without_blobs(event, keep_pixels=keep), tuple(without_blobs(command, keep_pixels=keep) for command in commands))
        with _disk(self._folder):
            segment.write(kept)
            if config.keep_tokens and isinstance(event, Looked):
                segment.write_tokens(event)
            if isinstance(event, _PROMISED) or any(isinstance(command, _OUTLIVES) for command in commands):
                segment.sync()
            # The snapshot of the next segment has to be of the core as it is after this step.
            if self._is_full(segment, event.t_ns):
                self._begin()
            self._make_room()

    def reconfigure(self, config: Config, session: Session | None = None) -> None:
        """Go on in a new segment, with a core that was made anew under these settings from a snapshot of the one before.

        Raises:
            DeviceError: The disk refuses.
        """
        self._head = msgspec.structs.replace(self._head, config=config, session=session or self._head.session)
        if not self.stopped:
            with _disk(self._folder):
                self._begin(anew=True)
                self._make_room()

    def forget(self, t_from_ns: int, t_now_ns: int, scope: Scope, commands: tuple[Command, ...] = ()) -> int:
        """Erase everything from ``t_from_ns`` on, and go on in a new segment that says so.

        A thing that is forgotten by name takes the journal back to the first step that names it. ``commands`` are those of
        the step that forgot, as far as they may be kept; a replay repeats them. The new segment is on the disk before anything is
        erased, so that a process that dies meanwhile leaves a core that goes on; what is to be erased is in the
        :class:`~edge_runtime.journal.forgetting_note.ForgettingNote` of the run.

        Returns:
            The time from which on the journal is now empty.

        Raises:
            DeviceError: The disk refuses.
        """
        if self.stopped:
            return t_from_ns
        name = scope.name.lower().encode()
        with _disk(self._folder):
            if scope.kind == "thing" and name:
                t_from_ns = min(t_from_ns, self._first_naming(name, t_from_ns))
            before = list(self._segments)
            gap = Gap(t_from_ns, t_now_ns, scope.kind)
            try:
                self._begin(gap=gap, commands=commands)
            except OSError:  # a full disk: what is forgotten goes all the same, and makes room
                self._erase(before, t_from_ns)
                self._begin(gap=gap, commands=commands)
            else:
                self._erase(before, t_from_ns)
            self._make_room()
        return t_from_ns

    def close(self) -> None:
        """Close the files; nothing more can be written.

        Raises:
            DeviceError: The disk refuses what was still to be written.
        """
        with _disk(self._folder):
            for segment in self._segments:
                segment.close()

    # ------------------------------------------------------------ inside

    def _begin(self, *, gap: Gap | None = None, commands: tuple[Command, ...] = (), anew: bool = False) -> None:
        """Begin a segment; the one before is closed, and on the disk."""
        if self._segments:
            # What the disk does not take of it becomes a torn tail, which the reader finds, and the new head goes on after.
            with contextlib.suppress(OSError):
                self._segments[-1].sync()
            with contextlib.suppress(OSError):
                self._segments[-1].close()
        segment = Segment(self._folder, self._next_number)
        self._head = msgspec.structs.replace(
            self._head, segment=segment.number, snapshot=self._snapshot(), gap=gap, commands=commands, anew=anew
        )
        segment.begin(self._head)
        self._next_number += 1
        self._segments.append(segment)

    def _is_full(self, segment: Segment, t_ns: int) -> bool:
        config = self._head.config.journal
        if segment.steps >= MOST_STEPS:
            return True
        bound = min(config.segment_bytes, config.journal_bytes // 4)
        old = config.segment_ns and segment.t_first_ns is not None and t_ns - segment.t_first_ns >= config.segment_ns
        # A head as large as what follows it would spend the journal on snapshots: a segment is at least as long as its head, or has
        # as many steps as may be fed again.
        return (segment.nbytes >= bound or bool(old)) and segment.nbytes - segment.head_nbytes >= segment.head_nbytes

    def _make_room(self) -> None:
        bound = self._head.config.journal.journal_bytes
        while self.nbytes > bound and len(self._segments) > 1:
            self._drop(self._segments[0])
        if self.nbytes > bound:
            # One segment alone is too much: begin again, and if the snapshot itself does not fit, keep no journal.
            self._drop(self._segments[0])
            self._begin()
            if self.nbytes > bound:
                self._drop(self._segments[0])
                self.stopped = True

    def _drop(self, segment: Segment) -> None:
        self._segments.remove(segment)
        self.dropped_steps += segment.steps
        segment.unlink()

    def _erase(self, before: Sequence[Segment], t_from_ns: int) -> None:
        """Erase what some segments hold from a time on, the newest first: what is left if this is cut short is a beginning."""
        for segment in reversed(before):
            if segment.t_first_ns is not None and segment.t_first_ns < t_from_ns:
                segment.cut(t_from_ns)
                break
            self._segments.remove(segment)
            segment.unlink()
        sync_folder(self._folder)

    def _first_naming(self, name: bytes, otherwise_ns: int) -> int:
        for segment in self._segments:
            for body in bodies(segment.path, Loss()):
                if name in body.lower():
                    record = decode(body)
                    if isinstance(record, Step):
                        return record.event.t_ns
        return otherwise_ns


@contextlib.contextmanager
def _disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DeviceError(
            f"the journal in {folder} cannot be written: {error.strerror}", hint="free some disk or choose another --out"
        ) from error
