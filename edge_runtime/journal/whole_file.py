"""Small files that are there whole or not at all, whatever befalls the process or the power while they are written."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Put a file in the place of another; after a crash there is the old one or the new one, and nothing between.

    It is written beside the other, under the same name with the ending ``.fresh``, and has reached the disk when this returns.

    Raises:
        OSError: The disk refuses; the old file is as it was.
    """
    fresh = path.with_suffix(".fresh")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have the disk take what was made, renamed and removed in a folder.

    Raises:
        OSError: It refuses.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
