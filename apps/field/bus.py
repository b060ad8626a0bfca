"""What the bus costs: messages of the wire through sockets of ZeroMQ in a folder, from one side to the other and back.

The other side is a thread with a bus of its own, so that the processor time of both sides is counted; the bytes go through the system as
they do between processes.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import queue
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from apps.field.looks import CROP_PX, photograph
from apps.field.senses import batches, gaze_path
from apps.field.timing import Job, Jobs
from edge_runtime.config import S
from edge_runtime.errors import DeviceError
from edge_runtime.hosts.capture import Frame, FrameRing
from edge_runtime.protocol import Gaze
from edge_runtime.transport import wire
from edge_runtime.transport.bus import Ask, Asker, Channel, Lane, Sender
from edge_runtime.transport.bus_zmq import ZmqBus
from edge_runtime.transport.endpoints import Local
from edge_runtime.transport.messages import CropPixels, Crops, Cut, Piece
from edge_runtime.transport.routes import CROPS, CUTS, SENSES
from edge_runtime.types import Box

_PATIENCE_S = 5.0
_LOOK_S = 0.1
_WIDTH_PX, _HEIGHT_PX = 1280, 720
_BOX = Box(0.25, 0.1, 0.25 + CROP_PX / _WIDTH_PX, 0.1 + CROP_PX / _HEIGHT_PX)
_ASKED = Lane(CUTS.topic, CUTS.max_bytes, CROPS.max_bytes)
_SENT = Channel(SENSES.topic, SENSES.keep, SENSES.max_bytes, SENSES.max_waiting)


def jobs() -> Jobs:
    """A crop of 448 x 448 asked for, cut out of a frame and read, raw; and four gaze samples, until the other side has read them.

    Raises:
        DeviceError: The other side does not answer.
        ConfigError: The folder for temporary files has too long a name for a socket.
    """
    with tempfile.TemporaryDirectory(prefix="er-") as name, ZmqBus(Local(Path(name))) as bus, contextlib.ExitStack() as stack:
        heard: queue.SimpleQueue[int] = queue.SimpleQueue()
        sender = stack.enter_context(bus.sender(_SENT))
        stack.enter_context(_beside(functools.partial(_capture, Path(name))))
        stack.enter_context(_beside(functools.partial(_listen, Path(name), heard)))
        asker = stack.enter_context(bus.asker(_ASKED))
        if not (asker.reachable(_PATIENCE_S) and sender.heard(_PATIENCE_S)):
            raise _silent()
        yield Job("crop_request", (functools.partial(_crop, asker, number) for number in itertools.count(1)))
        yield Job("gaze_batch", (functools.partial(_hand_on, sender, Gaze(t_ns=0, samples=b), heard) for b in batches(gaze_path(20))))


def _crop(asker: Asker, number: int) -> None:
    deadline_ns = time.monotonic_ns() + int(_PATIENCE_S * S)
    cut = Cut(id=number, deadline_ns=deadline_ns, frame_seq=0, pieces=(Piece(_BOX),))
    asker.ask(Ask(number, deadline_ns, wire.encode(CUTS, cut)))
    answer = asker.take(_PATIENCE_S)
    if answer is None or answer.missing:
        raise _silent()
    wire.decode(CROPS, answer.payload)


def _hand_on(sender: Sender, message: Gaze, heard: queue.SimpleQueue[int]) -> None:
    sender.send(wire.encode(SENSES, message))
    try:
        heard.get(timeout=_PATIENCE_S)
    except queue.Empty:
        raise _silent() from None


def _silent() -> DeviceError:
    return DeviceError("the other side of the bus does not answer", hint="measure again when the machine is less busy")


# ------------------------------------------------------------ the other side


@contextlib.contextmanager
def _beside(work: Callable[[threading.Event], None]) -> Iterator[None]:
    """Run one side in a thread until the block is left."""
    ended = threading.Event()
    thread = threading.Thread(target=work, args=(ended,), name="field-bus", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(_PATIENCE_S)


def _capture(folder: Path, ended: threading.Event) -> None:
    """Cut crops out of a frame for whoever asks."""
    ring = FrameRing(_WIDTH_PX * _HEIGHT_PX * 3)
    ring.push(Frame(0, 0, photograph(_WIDTH_PX, _HEIGHT_PX)))
    with ZmqBus(Local(folder)) as bus, bus.answerer(_ASKED) as answerer:
        while not ended.is_set():
            ask = answerer.take(_LOOK_S)
            if ask is None:
                continue
            cut = wire.decode(CUTS, ask.payload)
            if isinstance(cut, Cut):
                answerer.answer(ask, wire.encode(CROPS, _crops(ring, cut)))


def _crops(ring: FrameRing, cut: Cut) -> Crops:
    pixels = [ring.crop(cut.frame_seq, piece.box) for piece in cut.pieces]
    crops = [
        CropPixels(piece.box, image.shape[1], image.shape[0], image.data.cast("B")) for piece, image in zip(cut.pieces, pixels, strict=True)
    ]
    return Crops(t_ns=0, answers=cut.id, frame_seq=cut.frame_seq, t_capture_ns=0, crops=tuple(crops))


def _listen(folder: Path, heard: queue.SimpleQueue[int], ended: threading.Event) -> None:
    """Read gaze, and say so."""
    with ZmqBus(Local(folder)) as bus, bus.receiver(_SENT) as receiver:
        while not ended.is_set():
            envelope = receiver.take(_LOOK_S)
            if envelope is not None:
                wire.decode(SENSES, envelope.payload)
                heard.put(envelope.seq)
