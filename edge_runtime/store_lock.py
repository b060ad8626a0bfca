"""The lock of a log: one process holds it, and it tells how the last one that did has ended.

While it is held the lock file names the process; whoever closes the log in good order leaves it empty. So a lock file that nobody
holds and that still names a process was left by one that was killed, or lost its power: its log is checked before it is used.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from edge_runtime.errors import Locked, StoreError

LOCK_NAME = "log.lock"


class StoreLock:
    """The lock of the log in a folder, which is made if need be. Held until :meth:`release`.

    Args:
        folder: Of the log.

    Attributes:
        found: There was a lock file already: a log was here before.
        cut_short: Whoever held it last did not close the log.

    Raises:
        Locked: Another process, or another part of this one, holds it.
        StoreError: The folder cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.found = (folder / LOCK_NAME).exists()
            # Unbuffered: on a full disk closing would try to write once more, and fail once more.
            self._file = (folder / LOCK_NAME).open("a+b", buffering=0)
        except OSError as error:
            raise StoreError(
                f"the log in {folder} cannot be opened: {error.strerror}", hint="choose a folder that can be written"
            ) from error
        try:
            self._hold(folder)
        except BaseException:
            self._file.close()
            raise

    def release(self, *, in_order: bool) -> None:
        """Let go of the lock; may be called twice.

        Args:
            in_order: The log is closed and whole: the next start need not check it.
        """
        if not self._file.closed:
            if in_order:
                with contextlib.suppress(OSError):  # the next start checks the log for nothing
                    os.ftruncate(self._file.fileno(), 0)
            self._file.close()

    def _hold(self, folder: Path) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise locked(folder) from error
        try:
            self._file.seek(0)
            self.cut_short = bool(self._file.read(1))
            self._file.truncate(0)
            self._file.write(str(os.getpid()).encode())
            os.fsync(self._file.fileno())  # or a lost power would leave the lock of a log in good order
        except OSError as error:
            raise StoreError(f"the log in {folder} cannot be written: {error.strerror}", hint="free some space") from error


def locked(folder: Path) -> Locked:
    """What to raise where another process holds the log."""
    return Locked(f"another process holds the log in {folder}", hint="end the other run, or give this one a folder of its own")
