"""A frame ring for cameras that give more than is looked at: frames are kept at working size, the newest originals beside them.

Small print is legible in the original only, and reading is called for while the gaze still rests on it: so the originals of the last
moments are enough.
"""

from __future__ import annotations

from collections.abc import Sequence

from edge_runtime import pixels
from edge_runtime.errors import Evicted
from edge_runtime.hosts.capture import Frame, FrameRing
from edge_runtime.pixels import Picture
from edge_runtime.records import Dropped
from edge_runtime.types import Box, Region


class TwoSizes(FrameRing):
    """The newest frames, those of a larger camera shrunk; and what of their originals fits.

    Args:
        max_bytes: Bound on the pixels of frames at working size.
        side_px: Frames longer than this are shrunk to it.
        sharp_bytes: Bound on the pixels of originals; 0 keeps none.
    """

    def __init__(self, max_bytes: int, *, side_px: int, sharp_bytes: int) -> None:
        super().__init__(max_bytes)
        self._side_px = side_px
        self._sharp = FrameRing(sharp_bytes)

    @property
    def sharp_nbytes(self) -> int:
        """Bytes of originals held."""
        return self._sharp.nbytes

    def push(self, frame: Frame) -> tuple[Dropped, ...]:
        """Take a frame in; returns it as dropped when it alone is larger than the ring."""
        if max(frame.image.shape[:2]) > self._side_px:
            self._sharp.push(frame)  # one too large for it is still there at working size
            frame = Frame(frame.seq, frame.t_capture_ns, pixels.limit_side(frame.image, self._side_px))
        return super().push(frame)

    def forget(self, t_from_ns: int) -> None:
        """Let go of every frame captured at or after ``t_from_ns``, and of its original."""
        self._sharp.forget(t_from_ns)
        super().forget(t_from_ns)

    def crops(self, frame_seq: int, regions: Sequence[Region], deadline_ns: int) -> list[Picture]:
        """Parts of a frame; what is to be read comes from the original, where there is one.

        Raises:
            Evicted: The frame has left the ring.
        """
        return [self.cut(frame_seq, region.box, fine="text" in region.want) for region in regions]

    def cut(self, seq: int, box: Box, *, fine: bool) -> Picture:
        """Part of a frame, from the original where that is wanted and still there: uint8 BGR [h, w, 3], a copy.

        Raises:
            Evicted: The frame has left the ring.
        """
        if fine:
            try:
                return self._sharp.crop(seq, box)
            except Evicted:
                pass  # at working size, then
        return self.crop(seq, box)
