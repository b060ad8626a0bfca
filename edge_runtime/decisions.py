"""``decisions.jsonl``: one line a decision, in the field order of :class:`~edge_runtime.types.Decision`. No wall time enters it."""

from __future__ import annotations

from pathlib import Path
from typing import IO

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
        """Append one line."""
        try:
            self._file.write(_encoder.encode(decision) + b"\n")
            self._file.flush()
        except OSError as error:
            raise _refused(self._path, error) from error

    def forget(self, t_from_ns: int) -> int:
        """Remove every decision made at or after ``t_from_ns``; returns how many."""
        try:
            self._file.close()
            gone = _drop(self._path, t_from_ns)
            self._file = self._path.open("ab")
        except OSError as error:
            raise _refused(self._path, error) from error
        return gone


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
