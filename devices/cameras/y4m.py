"""Uncompressed pictures in a stream that says its own size: YUV4MPEG2, 4:2:0 with 8 bits.

After its header line (``YUV4MPEG2 W1280 H720 F30:1 C420 ...``) comes each picture as a line that begins with ``FRAME``, and three planes
without gaps between rows: luma at full size, both chromas at half.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from edge_runtime.errors import CameraError
from edge_runtime.pixels import Picture

Fill = Callable[[memoryview], bool]
"""Fills the whole buffer from the stream; ``False`` where the stream has no more."""

_MAGIC = b"YUV4MPEG2"
_MOST_LINE_BYTES = 512
_MOST_SIDE_PX = 16384
_HINT = "only 4:2:0 with 8 bits and even sides is read: I420, as from y4menc"


class Y4mStream:
    """Reads pictures one after the other, into one buffer.

    Args:
        fill: Where bytes come from.

    Attributes:
        width_px: 0 until the header has been read.
        height_px: As ``width_px``.
    """

    def __init__(self, fill: Fill) -> None:
        self._fill = fill
        self.width_px = self.height_px = 0
        self._planes = np.zeros((0, 0), np.uint8)

    def advance(self) -> bool:
        """Read the next picture's bytes; ``False`` at the end of the stream.

        Raises:
            CameraError: This is no such stream, not of this kind of pictures, or it is out of step.
        """
        if not self.width_px:
            line = self._line()
            if line is None:
                return False
            self._begin(line)
        line = self._line()
        if line is None:
            return False
        if line.split(b" ")[0] != b"FRAME":
            raise CameraError("the stream of pictures is out of step", hint="was the size of its pictures changed meanwhile")
        return self._fill(self._planes.data.cast("B"))

    def picture(self) -> Picture:
        """The picture that was read last: uint8 BGR [H, W, 3], a copy. Colours are taken for BT.601, video range."""
        return np.asarray(cv2.cvtColor(self._planes, cv2.COLOR_YUV2BGR_I420), dtype=np.uint8)

    def _begin(self, line: bytes) -> None:
        words = line.split(b" ")
        if words[0] != _MAGIC:
            raise CameraError("this is no stream of pictures (YUV4MPEG2)", hint=_HINT)
        said = {word[:1]: word[1:] for word in words[1:] if word}
        kind = said.get(b"C", b"420").decode("ascii", "replace")
        if kind not in ("420", "420jpeg", "420mpeg2", "420paldv"):
            raise CameraError(f"pictures of the kind {kind} cannot be read", hint=_HINT)
        self.width_px, self.height_px = _side(said.get(b"W")), _side(said.get(b"H"))
        self._planes = np.zeros((self.height_px * 3 // 2, self.width_px), np.uint8)

    def _line(self) -> bytes | None:
        """The next line without its end."""
        # Six bytes are a frame's line as a rule, and no line is shorter; what a longer one has left comes byte by byte.
        line = bytearray(6)
        if not self._fill(memoryview(line)):
            return None
        byte = bytearray(1)
        while line[-1:] != b"\n":
            if len(line) >= _MOST_LINE_BYTES:
                raise CameraError("this is no stream of pictures (YUV4MPEG2)", hint=_HINT)
            if not self._fill(memoryview(byte)):
                return None
            line += byte
        return bytes(line[:-1])


def _side(digits: bytes | None) -> int:
    side_px = int(digits) if digits and digits.isdigit() else 0
    if not 0 < side_px <= _MOST_SIDE_PX or side_px % 2:
        raise CameraError(f"pictures of such a size cannot be read: {(digits or b'none').decode('ascii', 'replace')}", hint=_HINT)
    return side_px
