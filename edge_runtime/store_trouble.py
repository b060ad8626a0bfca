"""What SQLite and the file system complain about, in our own words and with a hint."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec

from edge_runtime.errors import DeviceError, StoreError
from edge_runtime.store_lock import locked


@contextlib.contextmanager
def telling(file: Path) -> Iterator[None]:
    """Raise whatever goes wrong with a log as an error of ours."""
    try:
        yield
    except (sqlite3.Error, OSError, msgspec.MsgspecError) as error:
        raise told(file, error) from error


def told(file: Path, error: Exception) -> DeviceError:
    """An error of ours for one of SQLite's or of the file system's."""
    words = str(error)
    if "locked" in words:
        return locked(file.parent)
    if isinstance(error, FileNotFoundError):
        return StoreError(f"the log {file} was removed while it was in use", hint="a new one is begun in its place")
    if "full" in words or "disk I/O" in words:
        return StoreError(
            f"the disk that holds {file} is full or does not take writes: {words}",
            hint="free some space; what is not yet written is tried again",
        )
    if "fts5" in words or "tokenizer" in words:
        hint = "use a Python whose SQLite is 3.34 or newer and has FTS5"
        return StoreError(f"SQLite {sqlite3.sqlite_version} cannot search texts by their letters: {words}", hint=hint)
    if damaged(error) or isinstance(error, msgspec.MsgspecError):
        return StoreError(f"{file} is damaged: {words}", hint="what can be read of it is saved when it is next opened")
    if "readonly" in words or "unable to open" in words:
        return StoreError(f"{file} cannot be written: {words}", hint="choose a folder that can be written")
    return StoreError(f"the log {file} cannot be used: {words}", hint="move it away; a new log is begun in its place")


def damaged(error: BaseException) -> bool:
    """Whether SQLite says that the file itself is not as it was written."""
    return isinstance(error, sqlite3.DatabaseError) and any(words in str(error) for words in ("not a database", "malformed"))
