"""The capture process: sensors, the frame ring and the eye-event detector. Pixels leave it as crops that somebody asked for.

Cameras and trackers bring their pictures and samples in threads of their own; what was noticed is sent from there at once. The first
thread cuts crops, keeps time for the eye-event detector, and says once a second how the process is.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from edge_runtime import pixels
from edge_runtime.config import MS, S
from edge_runtime.errors import Evicted
from edge_runtime.hosts.capture import Frame
from edge_runtime.hosts.capture_side import CaptureSide
from edge_runtime.hosts.metering import Meter
from edge_runtime.hosts.originals import TwoSizes
from edge_runtime.pixels import Picture
from edge_runtime.protocol import Eye, Failed, FrameSeen, Gaze
from edge_runtime.records import Dropped
from edge_runtime.transport.messages import CropPixels, Crops, Cut, EndFilm, Film, ForgetFrames, Peek, Peeked, Refused, Stop, Taken
from edge_runtime.transport.post import MessageSender, Post
from edge_runtime.transport.routes import CROPS, CUTS, FRAMES, KEEPING, KEPT, ORDERS, PEEKED, PEEKS, POINTED, POINTS, SENSES
from edge_runtime.transport.statuses import Camera, Kept, Status
from edge_runtime.types import Box
from gaze import EyeEvents
from gaze.types import GazeSample

_TICK_NS = 100 * MS
_JPEG_QUALITY = 90
_PEEK_QUALITY, _PEEK_SIDE_PX = 75, 1280


class Films(Protocol):
    """Whoever keeps films of what is seen, on wish."""

    trouble: str

    @property
    def filming(self) -> bool:
        """Whether a film is being taken."""
        ...

    @property
    def nbytes(self) -> int:
        """Bytes of all films."""
        ...

    def begin(self, for_ns: int, t_ns: int) -> None:
        """Begin one."""
        ...

    def end(self) -> None:
        """End it."""
        ...

    def take(self, frame: Frame, t_ns: int) -> None:
        """Take a frame."""
        ...

    def look(self, samples: Sequence[GazeSample]) -> None:
        """Take gaze."""
        ...

    def tick(self, t_ns: int) -> None:
        """Say what time it is."""
        ...

    def forget(self, t_from_ns: int) -> None:
        """Remove every film that shows anything from then on."""
        ...

    def dropped(self) -> Sequence[Dropped]:
        """What was let go."""
        ...


class CaptureProcess:
    """Takes pictures and gaze in, and gives crops out.

    Args:
        post: Of the capture process.
        status: Its sender of status, open already: a camera may take its time.
        ring: Keeps frames.
        pointer: Whether gaze is the pointer of a page.
        ring_bytes: Its bound, and that of its originals together.
        eyes: Makes a detector of eye events, given width over height of the pictures and the first id it may use.
        films: Keeps films on wish.
        film_bytes: Their bound.
        camera: What the cameras bring; asked for every status.
        trouble: What is wrong with them, in words.
        dropped: What they let go.
        time_ns: Stream time, the same in all processes.
    """

    def __init__(
        self,
        post: Post,
        status: MessageSender,
        ring: TwoSizes,
        eyes: Callable[[float, int], EyeEvents],
        films: Films,
        *,
        pointer: bool = False,
        ring_bytes: int,
        film_bytes: int,
        camera: Callable[[], Camera],
        trouble: Callable[[], str],
        dropped: Callable[[], Sequence[Dropped]],
        time_ns: Callable[[], int],
    ) -> None:
        self._post, self._ring, self._films, self._time_ns = post, ring, films, time_ns
        self._ring_bytes, self._film_bytes = ring_bytes, film_bytes
        self._camera, self._trouble, self._dropped = camera, trouble, dropped
        self._meter = Meter()
        self._cuts, self._points = post.answerer(CUTS, CROPS), post.answerer(POINTS, POINTED)
        self._peeks = post.answerer(PEEKS, PEEKED)
        self._keeping, self._orders = post.answerer(KEEPING, KEPT), post.receiver(ORDERS)
        self._frames, self._senses, self._status = post.sender(FRAMES), post.sender(SENSES), status
        self._sending = threading.Lock()
        # A capture process that takes over from another numbers on: nothing older has reached these numbers.
        self._eyes, self._aspect, self._pointer = eyes, 0.0, pointer
        self._side = CaptureSide(ring, None, self._send, self._count, first_seq=time_ns() // MS)
        self._counted: dict[tuple[str, str], int] = {}
        self._forgotten_ns = -1
        self._stopping = threading.Event()

    # ------------------------------------------------------------ from the threads of cameras and trackers

    def offer(self, image: Picture, t_capture_ns: int) -> None:
        """Take a frame in: uint8 BGR [H, W, 3], captured at ``t_capture_ns`` of stream time."""
        if t_capture_ns <= self._forgotten_ns:
            self._count(Dropped("picture", "forgotten"))
            return
        height_px, width_px = image.shape[:2]
        if width_px / height_px != self._aspect:
            # Only now is it known. Ids go by the time, so that no earlier detector, of an earlier process either, has used them.
            self._aspect = width_px / height_px
            self._side.use(self._eyes(self._aspect, self._time_ns() // MS))
        frame = self._side.offer(image, t_capture_ns)
        self._meter.count("frames")
        self._meter.age("capture", self._time_ns() - t_capture_ns)
        self._films.take(frame, t_capture_ns)

    def look_at(self, samples: tuple[GazeSample, ...]) -> None:
        """Take gaze in, times in stream time."""
        self._side.look_at(samples)
        self._meter.count("gaze_samples", len(samples))
        self._films.look(samples)

    def stop(self) -> None:
        """End soon. Any thread may call it."""
        self._stopping.set()
        self._post.bus.wake()

    # ------------------------------------------------------------ the first thread

    def run(self) -> None:
        """Work until told to stop."""
        ticked_ns = told_ns = -S
        while not self._stopping.is_set():
            now_ns = self._time_ns()
            if now_ns - ticked_ns >= _TICK_NS:
                ticked_ns = now_ns
                self._side.pass_time(now_ns)
                self._films.tick(now_ns)
            if now_ns - told_ns >= S:
                told_ns = now_ns
                self._status.send(self._own_status())
            left_s = max(0.0, (ticked_ns + _TICK_NS - self._time_ns()) / S)
            self._post.wait([self._cuts, self._points, self._peeks, self._keeping, self._orders], left_s)
            self._arrive()

    def _arrive(self) -> None:
        while (call := self._cuts.take()) is not None:
            if isinstance(call.message, Cut):
                self._cuts.answer(call, self._cut(call.message))
        while (call := self._points.take()) is not None:
            self._points.answer(call, self._point(call.message))
        if (call := self._peeks.take()) is not None:  # one at a time: crops for the models come first
            self._peeks.answer(call, self._peek(call.message))
        while (call := self._keeping.take()) is not None:
            self._keeping.answer(call, self._keep(call.message))
        while (order := self._orders.take()) is not None:
            if isinstance(order, Stop):
                self._stopping.set()

    def _cut(self, cut: Cut) -> Crops | Failed:
        try:
            frame = self._ring.frame(cut.frame_seq)
            crops = tuple(self._piece(cut, piece.box, piece.max_side_px, fine=piece.fine) for piece in cut.pieces)
        except Evicted as error:
            return Failed(t_ns=self._time_ns(), answers=cut.id, reason="evicted", detail=str(error))
        self._meter.count("crops", len(crops))
        return Crops(t_ns=self._time_ns(), answers=cut.id, frame_seq=cut.frame_seq, t_capture_ns=frame.t_capture_ns, crops=crops)

    def _piece(self, cut: Cut, box: Box, max_side_px: int, *, fine: bool) -> CropPixels:
        picture = self._ring.cut(cut.frame_seq, box, fine=fine)
        if max_side_px:
            picture = pixels.limit_side(picture, max_side_px)
        height_px, width_px = picture.shape[:2]
        data = pixels.jpeg_encode(picture, _JPEG_QUALITY, max(height_px, width_px)) if cut.encoding == "jpeg" else picture.data
        return CropPixels(box, width_px, height_px, memoryview(data).cast("B"), cut.encoding)

    def _keep(self, wish: object) -> Taken:
        match wish:
            case ForgetFrames():
                self._forgotten_ns = self._time_ns()
                self._side.ring.forget(wish.t_from_ns)
                self._films.forget(wish.t_from_ns)
            case Film():
                self._films.begin(wish.for_ns, self._time_ns())
            case EndFilm():
                self._films.end()
        return Taken()

    def _point(self, message: object) -> Taken | Refused:
        if not isinstance(message, Gaze) or not message.samples:
            return Refused("There is no gaze in it.", "send samples")
        if not self._pointer:
            return Refused("The gaze of this daemon is no pointer.", "start it with --gaze pointer")
        self.look_at(message.samples)
        return Taken()

    def _peek(self, message: object) -> Peeked | Refused:
        newest = self._ring.newest
        if not isinstance(message, Peek) or newest is None:
            return Refused("No frame is held.", "see: edge-runtime status")
        if newest.seq == message.known_seq:
            return Peeked(newest.seq, newest.t_capture_ns)
        side_px = max(1, min(message.max_side_px, _PEEK_SIDE_PX))
        self._meter.count("peeks")
        return Peeked(newest.seq, newest.t_capture_ns, pixels.jpeg_encode(newest.image, _PEEK_QUALITY, side_px))

    # ------------------------------------------------------------ inside

    def _send(self, event: FrameSeen | Gaze | Eye) -> None:
        with self._sending:
            (self._frames if isinstance(event, FrameSeen) else self._senses).send(event)
        if isinstance(event, Eye) and event.event.stage == "final":
            self._meter.age("eye", self._time_ns() - event.event.t_end_ns)

    def _count(self, drop: Dropped) -> None:
        with self._sending:
            key = (drop.what, drop.reason)
            self._counted[key] = self._counted.get(key, 0) + drop.count

    def _own_status(self) -> Status:
        with self._sending:
            counted = tuple(Dropped(what, reason, count) for (what, reason), count in sorted(self._counted.items()))
        trouble = "; ".join(words for words in (self._trouble(), self._films.trouble) if words)
        return Status(
            role="capture",
            t_ns=self._time_ns(),
            phase="ailing" if trouble else "ready",
            trouble=trouble,
            pid=os.getpid(),
            t_newest_ns=self._side.newest_ns,
            kept=(
                Kept("frames", self._ring.nbytes + self._ring.sharp_nbytes, self._ring_bytes),
                Kept("films", self._films.nbytes, self._film_bytes),
            ),
            dropped=(*counted, *self._side.dropped, *self._dropped(), *self._films.dropped(), *self._post.dropped),
            tallies=self._meter.tallies(),
            ages=self._meter.ages(),
            camera=self._camera(),
        )
