"""A file that grows by whole parts: a full disk leaves no half of one, and every byte is accounted for."""

from __future__ import annotations

import os
from pathlib import Path


class GrowingFile:
    """A new file. Nothing waits in memory: what :meth:`append` has taken outlives the process.

    Args:
        path: A file that is not there yet.

    Attributes:
        nbytes: Bytes on disk.

    Raises:
        OSError: The disk refuses.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb", buffering=0)
        self.nbytes = 0

    def append(self, part: bytes) -> None:
        """Write a part, whole or not at all.

        Raises:
            OSError: The disk refuses.
        """
        try:
            self._write(part)
        except OSError:
            # What was written of it would be damage in the middle, should there be room again.
            self._file.seek(self.nbytes)
            self._file.truncate()
            raise
        self.nbytes += len(part)

    def replace(self, beginning: bytes) -> None:
        """Write the beginning anew, as many bytes as stood there, and bring the file to the disk; nothing can be appended after it.

        Raises:
            OSError: The disk refuses.
        """
        self._file.seek(0)
        self._write(beginning)
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close it."""
        self._file.close()

    def _write(self, part: bytes) -> None:
        # An unbuffered file may write less than it was given, and says so only in a number.
        rest = memoryview(part)
        while rest:
            rest = rest[self._file.write(rest) :]
