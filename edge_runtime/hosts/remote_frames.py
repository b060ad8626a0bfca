"""Frames of the capture process, for whoever looks: a few crops at a time, when they are needed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from edge_runtime import pixels
from edge_runtime.config import S
from edge_runtime.errors import DeviceError, Evicted
from edge_runtime.pixels import Picture
from edge_runtime.protocol import Failed
from edge_runtime.transport.messages import CropPixels, Crops, Cut, Piece
from edge_runtime.transport.post import Post
from edge_runtime.transport.routes import CROPS, CUTS
from edge_runtime.types import Region

_GIVE_S = 1.0
"""Cutting takes milliseconds: a capture process that needs longer has other troubles."""


class RemoteFrames:
    """Asks the capture process for crops. Used in one thread.

    Args:
        post: Of the model's process.
        time_ns: Stream time.
        age: Told how long the crops took, nanoseconds from the asking.
    """

    def __init__(self, post: Post, time_ns: Callable[[], int], age: Callable[[int], None] = lambda age_ns: None) -> None:
        self._cuts = post.asker(CUTS, CROPS)
        self._time_ns = time_ns
        self._age = age
        self._ids = itertools.count(1)

    def crops(self, frame_seq: int, regions: Sequence[Region], deadline_ns: int) -> list[Picture]:
        """Cut regions out of a frame: uint8 BGR [h, w, 3] each, in their order; what is to be read, out of the original if it is larger.

        Raises:
            Evicted: The frame is not there any more.
            DeviceError: The capture process does not give it in time.
        """
        asked_ns = self._time_ns()
        number, deadline_ns = next(self._ids), min(deadline_ns, asked_ns + round(_GIVE_S * S))
        pieces = tuple(Piece(region.box, fine="text" in region.want) for region in regions)
        missing: str | None = self._cuts.ask(
            number, deadline_ns, Cut(id=number, deadline_ns=deadline_ns, frame_seq=frame_seq, pieces=pieces)
        )
        message = None
        if missing is None:
            outcome = self._cuts.take(max(0.0, (deadline_ns - asked_ns) / S) + 0.1)
            if outcome is None:
                self._cuts.cancel(number)
            message, missing = (None, "deadline") if outcome is None else (outcome.message, outcome.missing)
        match message:
            case Crops() if len(message.crops) == len(regions):
                self._age(self._time_ns() - asked_ns)
                return [_picture(crop) for crop in message.crops]
            case Failed():
                raise Evicted(message.detail or message.reason, hint="raise capture.ring_bytes, or answer looks sooner")
            case _:
                raise DeviceError(
                    f"the capture process gives no pixels ({missing or 'other crops than asked for'})", hint="see: edge-runtime status"
                )


def _picture(crop: CropPixels) -> Picture:
    if crop.encoding == "jpeg":
        return pixels.jpeg_decode(bytes(crop.data))
    picture: Picture = np.frombuffer(crop.data, np.uint8).reshape(crop.height_px, crop.width_px, 3)
    return picture
