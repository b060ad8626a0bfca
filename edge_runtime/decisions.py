"""``decisions.jsonl``: one line a decision, in the field order of :class:`~edge_runtime.types.Decision`. No wall time enters it."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import IO, NoReturn

import msgspec

from edge_runtime.config import MIB
from edge_runtime.errors import DeviceError
from edge_runtime.journal.whole_file import write_whole
from edge_runtime.speech import Decision

MOST_BYTES = 64 * MIB
"""Of the decisions of a run: months of them."""
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Decision)


class DecisionLog:
    """Writes decisions as they are made. A context manager.

    Args:
        path: Of the file.
        again: Go on in the file of an earlier run, if there is one: a last line that was cut short goes, all others stay.
        most_bytes: Bound on the file: the older half makes room.

    Attributes:
        dropped: Decisions that made room for newer ones.
        last_id: Number of the newest decision in the file; 0 if there is none.
        t_last_ns: When that was made, stream time; -1 if there is none.

    Raises:
        DeviceError: The file cannot be written.
    """

    def __init__(self, path: Path, *, again: bool = False, most_bytes: int = MOST_BYTES) -> None:
        self._path = path
        self._owed_ns: int | None = None
        self._most_bytes = most_bytes
        self.dropped = 0
        self.last_id, self.t_last_ns = 0, -1
        try:
            if again and path.exists():
                self._follow(_cut_torn_line(path))
            self._file: IO[bytes] = path.open("ab" if again else "wb")
        except OSError as error:
            raise _refused(path, error) from error

    def __enter__(self) -> DecisionLog:
        """Return itself."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Close the file."""
        try:
            self._file.close()
        except OSError as error:
            raise _refused(self._path, error) from error

    def write(self, decision: Decision) -> None:
        """Append one line; what is still to be removed goes first."""
        if self._owed_ns is not None:
            self.forget(self._owed_ns)
        line = _encoder.encode(decision) + b"\n"
        try:
            if self._file.tell() + len(line) > self._most_bytes:
                self._make_room()
            self._file.write(line)
            self._file.flush()
        except OSError as error:
            raise _refused(self._path, error) from error
        self._follow(decision)

    def forget(self, t_from_ns: int) -> int:
        """Remove every decision made at or after ``t_from_ns``; returns how many. A disk that refuses is asked again by the next line."""
        self._owed_ns = t_from_ns = t_from_ns if self._owed_ns is None else min(t_from_ns, self._owed_ns)
        try:
            self._file.close()
            gone = _drop(self._path, t_from_ns)
            self._file = self._path.open("ab")
        except OSError as error:
            raise _refused(self._path, error) from error
        self._owed_ns = None
        return gone

    def _make_room(self) -> None:
        self._file.close()
        lines = self._path.read_bytes().splitlines(keepends=True)
        kept, room = len(lines), self._most_bytes // 2
        while kept and room >= len(lines[kept - 1]):
            kept -= 1
            room -= len(lines[kept])
        self.dropped += kept
        write_whole(self._path, b"".join(lines[kept:]))
        self._file = self._path.open("ab")

    def _follow(self, newest: Decision | None) -> None:
        if newest is not None:
            self.last_id, self.t_last_ns = newest.id, newest.t_ns


class AbsentDecisions(DecisionLog):
    """Refuses every decision, where the disk takes no file from the beginning; there is nothing in it to forget.

    Args:
        reason: Why there is none.
    """

    def __init__(self, reason: DeviceError) -> None:
        self._reason = reason
        self.dropped = 0
        self.last_id, self.t_last_ns = 0, -1

    def __exit__(self, *exc: object) -> None:
        """Nothing is open."""

    def write(self, decision: Decision) -> NoReturn:
        """Refuse.

        Raises:
            DeviceError: Always.
        """
        raise DeviceError(str(self._reason), hint=self._reason.hint)

    def forget(self, t_from_ns: int) -> int:
        """Nothing was kept."""
        return 0


def forget_decisions(path: Path, t_from_ns: int) -> int:
    """Remove every decision made at or after ``t_from_ns`` from the log of a run that has ended; returns how many.

    Raises:
        DeviceError: The file cannot be written.
    """
    try:
        return _drop(path, t_from_ns)
    except OSError as error:
        raise _refused(path, error) from error


def _drop(path: Path, t_from_ns: int) -> int:
    lines = path.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if _earlier(line, t_from_ns)]
    write_whole(path, b"".join(kept))
    return len(lines) - len(kept)


def _cut_torn_line(path: Path) -> Decision | None:
    """Cut off what follows the last whole line; returns the newest decision that can be read."""
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        with path.open("r+b") as file:
            file.truncate(len(whole))
    for line in reversed(whole.splitlines()):
        with contextlib.suppress(msgspec.DecodeError):
            return _decoder.decode(line)
    return None


def _earlier(line: bytes, t_from_ns: int) -> bool:
    """Whether a line was decided before a time; one that cannot be read cannot be shown to be, and goes."""
    try:
        return _decoder.decode(line).t_ns < t_from_ns
    except msgspec.DecodeError:
        return False


def _refused(path: Path, error: OSError) -> DeviceError:
    return DeviceError(f"{path} cannot be written: {error.strerror}", hint="free some disk or choose another --out")


def read_decisions(path: Path) -> list[Decision]:
    """All decisions of a log, in order."""
    return [_decoder.decode(line) for line in path.read_bytes().splitlines()]
