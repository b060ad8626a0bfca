"""``decisions.jsonl``: one line a decision, in the field order of :class:`~edge_runtime.types.Decision`. No wall time enters it."""

from __future__ import annotations

from pathlib import Path
from typing import IO, NoReturn

import msgspec

from edge_runtime.errors import DeviceError
from edge_runtime.speech import Decision

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Decision)


class DecisionLog:
    """Writes decisions as they are made. A context manager.

    Raises:
        DeviceError: The file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._owed_ns: int | None = None
        try:
            self._file: IO[bytes] = path.open("wb")
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
        try:
            self._file.write(_encoder.encode(decision) + b"\n")
            self._file.flush()
        except OSError as error:
            raise _refused(self._path, error) from error

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


class AbsentDecisions(DecisionLog):
    """Refuses every decision, where the disk takes no file from the beginning; there is nothing in it to forget.

    Args:
        reason: Why there is none.
    """

    def __init__(self, reason: DeviceError) -> None:
        self._reason = reason

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
    fresh = path.with_suffix(".fresh")
    fresh.write_bytes(b"".join(kept))
    fresh.replace(path)
    return len(lines) - len(kept)


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
