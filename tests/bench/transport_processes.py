"""The processes of :mod:`tests.bench.transport`: each a role, over Unix sockets as in the daemon, or alone for comparison.

``capture`` is the capture process itself, with a computed eye at 200 samples a second in batches of 20 ms, and ten still pictures a
second; ``capture_alone`` does the same and tells nobody. The rest are single ends
of the bus, and of ZeroMQ without it.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import zmq

from devices.cameras.synthetic import walk
from edge_runtime.config import MIB, S
from edge_runtime.hosts.capture_process import CaptureProcess
from edge_runtime.hosts.capture_side import CaptureSide
from edge_runtime.hosts.originals import TwoSizes
from edge_runtime.transport.bus import Channel
from edge_runtime.transport.bus_zmq import ZmqBus
from edge_runtime.transport.endpoints import Local
from edge_runtime.transport.post import Post
from edge_runtime.transport.routes import STATUS
from edge_runtime.transport.statuses import Camera
from edge_runtime.types import Box
from gaze import EyeEvents
from gaze.types import GazeSample
from tests.three_processes import NoFilms

GAZE_HZ, GAZE_BATCH, FRAME_HZ, CROP_HZ, WHOLE_HZ, SIGNAL_HZ = 200, 4, 10, 10, 30, 30
WIDTH_PX, HEIGHT_PX, CROP_PX, HFOV_DEG = 1280, 720, 448, 90.0
CROP = Box(0.0, 0.0, CROP_PX / WIDTH_PX, CROP_PX / HEIGHT_PX)
CROP_BYTES, WHOLE_BYTES, SAMPLE_BYTES = 3 * CROP_PX**2, 3 * 1920 * 1080, 36
SIGNALS = Channel("v1/signals", "newest", max_bytes=16_384, max_waiting=4, max_age_ns=2 * S // SIGNAL_HZ)
WHOLE = Channel("v1/whole", "newest", max_bytes=WHOLE_BYTES, max_waiting=2, max_age_ns=2 * S // WHOLE_HZ)
RAW_TOPIC = "v1/raw"
_RING_BYTES = 16 * MIB


def ready() -> None:
    """Tell the bench that it can begin."""
    print("ready", flush=True)


def paced(hz: float, act: Callable[[], object], stopped: threading.Event | None = None) -> None:
    """Act so many times a second, for ever or until stopped."""
    next_s = time.monotonic()
    while stopped is None or not stopped.is_set():
        next_s += 1 / hz
        time.sleep(max(0.0, next_s - time.monotonic()))
        act()


# ------------------------------------------------------------ the daemon's own


@dataclass(frozen=True)
class Wearer:
    """What the sensors bring: an eye that rests and jumps, the same every time, and one picture again and again.

    Attributes:
        look_at: Takes gaze.
        offer: Takes a picture.
        time_ns: The clock that it is stamped with.
    """

    look_at: Callable[[tuple[GazeSample, ...]], None]
    offer: Callable[[np.ndarray[tuple[int, ...], np.dtype[np.uint8]], int], object]
    time_ns: Callable[[], int]

    def run(self) -> None:
        """Go on for ever."""
        eye, begun_ns, batches = walk(7, HFOV_DEG), self.time_ns(), itertools.count()
        picture = np.random.default_rng(0).integers(0, 256, (HEIGHT_PX, WIDTH_PX, 3), np.uint8)

        def step() -> None:
            samples = itertools.islice(eye, GAZE_BATCH)
            self.look_at(tuple(GazeSample(begun_ns + sample.t_ns, sample.x_norm, sample.y_norm) for sample in samples))
            if next(batches) % (GAZE_HZ // GAZE_BATCH // FRAME_HZ) == 0:
                self.offer(picture.copy(), self.time_ns())

        paced(GAZE_HZ / GAZE_BATCH, step)


def ring() -> TwoSizes:
    """A frame ring as the capture process has it."""
    return TwoSizes(_RING_BYTES, side_px=WIDTH_PX, sharp_bytes=0)


def capture(folder: Path) -> None:
    """Be the capture process."""
    with Post(ZmqBus(Local(folder)), "capture") as post:
        process = CaptureProcess(
            post,
            post.sender(STATUS["capture"]),
            ring(),
            lambda aspect, first_id: EyeEvents(HFOV_DEG, aspect, first_id=first_id),
            NoFilms(),
            ring_bytes=_RING_BYTES,
            film_bytes=0,
            camera=lambda: Camera(WIDTH_PX, HEIGHT_PX, HFOV_DEG, has_gaze=True),
            trouble=lambda: "",
            dropped=lambda: (),
            time_ns=time.monotonic_ns,
        )
        threading.Thread(target=Wearer(process.look_at, process.offer, time.monotonic_ns).run, daemon=True).start()
        ready()
        process.run()


def capture_alone(folder: Path) -> None:
    """Notice the same and cut as many crops, and tell nobody."""
    side = CaptureSide(ring(), EyeEvents(HFOV_DEG, WIDTH_PX / HEIGHT_PX), lambda event: None, lambda drop: None)
    wearer = Wearer(side.look_at, side.offer, time.monotonic_ns)
    threading.Thread(target=wearer.run, daemon=True).start()
    ready()

    def work() -> None:
        side.pass_time(time.monotonic_ns())
        if (newest := side.ring.newest) is not None:
            side.ring.crop(newest.seq, CROP)

    paced(CROP_HZ, work)


# ------------------------------------------------------------ single ends


def signals(folder: Path) -> None:
    """Send what a frame is told by."""
    with ZmqBus(Local(folder)) as bus, bus.sender(SIGNALS) as sender:
        ready()
        paced(SIGNAL_HZ, lambda: sender.send(bytes(SIGNALS.max_bytes)))


def read_whole(folder: Path) -> None:
    """Take whole pictures."""
    with ZmqBus(Local(folder)) as bus, bus.receiver(WHOLE) as receiver:
        ready()
        while True:
            receiver.take(1.0)


def plain(folder: Path) -> None:
    """Send single samples by ZeroMQ alone."""
    with zmq.Context() as context, context.socket(zmq.PUB) as sender:
        sender.bind(Local(folder).address(RAW_TOPIC))
        ready()
        paced(GAZE_HZ, lambda: sender.send(bytes(SAMPLE_BYTES)))


def echo(folder: Path) -> None:
    """Answer with as many bytes as were asked for, by ZeroMQ alone."""
    answers: dict[int, bytes] = {}
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
        router.bind(Local(folder).address(RAW_TOPIC))
        ready()
        while True:
            asker, payload = router.recv_multipart()
            size = int(payload)
            if size not in answers:
                answers[size] = bytes(size)
            router.send_multipart([asker, answers[size]])


ROLES: dict[str, Callable[[Path], None]] = {role.__name__: role for role in (capture, capture_alone, signals, read_whole, plain, echo)}


@contextlib.contextmanager
def process(folder: Path, role: str) -> Iterator[int]:
    """Run a process in a role until the block is left; its number."""
    command = [sys.executable, "-m", "tests.bench.transport_processes", role, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:  # noqa: S603
        try:
            assert child.stdout is not None and child.stdout.readline() == b"ready\n"
            yield child.pid
        finally:
            child.kill()


def main(argv: Sequence[str] | None = None) -> None:
    """Be a process."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.transport_processes", description=__doc__)
    parser.add_argument("role", choices=sorted(ROLES))
    parser.add_argument("folder", type=Path)
    args = parser.parse_args(argv)
    ROLES[args.role](args.folder)


if __name__ == "__main__":
    main()
