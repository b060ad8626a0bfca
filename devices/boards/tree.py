"""The files in which a machine describes itself: ``/proc``, ``/sys``, ``/etc``, below any root.

A file that is not there means that something is not known, and nothing else. One that is there and cannot be read, or holds no number
where a number belongs, is counted: sensors of a part that is switched off answer with an error, and that must cost nothing but themselves.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from edge_runtime.records import Dropped

_MOST_BYTES = 1024 * 1024


class Tree:
    """Reads such files.

    Args:
        root: ``/``, or the folder of a test.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._dropped: Counter[str] = Counter()

    def text(self, path: str, *, most_bytes: int = _MOST_BYTES) -> str | None:
        """What a file holds, without white space and zero bytes at its ends; ``None`` if it is missing, unreadable or no text.

        Args:
            path: Without a leading slash.
            most_bytes: What lies beyond is not read.
        """
        try:
            with (self._root / path).open("rb") as file:
                return file.read(most_bytes).decode().strip("\x00 \t\r\n")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError:
            self._dropped["unreadable"] += 1
        except UnicodeDecodeError:
            self._dropped["garbage"] += 1
        return None

    def number(self, path: str) -> int | None:
        """The whole number that a file holds; ``None`` if it is missing, unreadable or holds none."""
        text = self.text(path)
        if text is None:
            return None
        try:
            return int(text)
        except ValueError:
            self.garbage()
            return None

    def matching(self, pattern: str) -> list[str]:
        """Paths that match a pattern, in the order of the numbers in them; empty where a folder cannot be listed."""
        try:
            found = [str(path.relative_to(self._root)) for path in self._root.glob(pattern)]
        except OSError:
            self._dropped["unreadable"] += 1
            return []
        return sorted(found, key=lambda path: (len(path), path))

    def garbage(self) -> None:
        """Count a file whose content makes no sense."""
        self._dropped["garbage"] += 1

    def dropped(self) -> tuple[Dropped, ...]:
        """Files that were there and of no use so far: ``board_file:unreadable``, ``board_file:garbage``."""
        return tuple(Dropped("board_file", reason, count) for reason, count in sorted(dict(self._dropped).items()))
