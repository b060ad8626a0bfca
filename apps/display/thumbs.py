"""The small pictures a page may ask for, bounded in bytes."""

from __future__ import annotations

import threading
from collections.abc import Set

from edge_runtime.config import MIB

THUMB_BYTES = 8 * MIB


class Thumbs:
    """JPEG by id; the one that came first leaves first. Safe to use from several threads.

    Args:
        most_bytes: Bound on all of them together.

    Attributes:
        nbytes: Bytes in use.
    """

    def __init__(self, most_bytes: int = THUMB_BYTES) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[int, bytes]] = {}
        self.nbytes = 0

    def get(self, thumb_id: str) -> bytes | None:
        """A picture; ``None`` where it is not kept (any more)."""
        with self._lock:
            entry = self._kept.get(thumb_id)
            return None if entry is None else entry[1]

    def put(self, thumb_id: str, t_capture_ns: int, jpeg: bytes) -> None:
        """Keep a picture of a frame taken then."""
        with self._lock:
            if thumb_id in self._kept:
                return
            self._kept[thumb_id] = (t_capture_ns, jpeg)
            self.nbytes += len(jpeg)
            while self.nbytes > self._most_bytes:
                self.nbytes -= len(self._kept.pop(next(iter(self._kept)))[1])

    def forget(self, t_from_ns: int, but: Set[str]) -> None:
        """Let go of pictures taken from a time on, but for some."""
        with self._lock:
            self._kept = {key: entry for key, entry in self._kept.items() if entry[0] < t_from_ns or key in but}
            self.nbytes = sum(len(jpeg) for _, jpeg in self._kept.values())
