"""The other side of a bus, as a process: ``python -m tests.bus_peer FOLDER ROLE``. It says ``ready`` when it is, and ends with its input.

frames   sends the numbers of frames at 30 Hz
all      sends 0, 1, 2 ... 999 on a channel where every one counts, once somebody listens
crops    answers each ask with the bytes asked for
sleeper  takes asks and never answers
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from edge_runtime.config import MS
from edge_runtime.transport.bus import Bus, Channel, Lane
from edge_runtime.transport.bus_zmq import ZmqBus
from edge_runtime.transport.endpoints import Local

PERIOD_NS = 33 * MS
FRAMES = Channel("v1/frames", "newest", max_bytes=16_384, max_waiting=4, max_age_ns=2 * PERIOD_NS)
GAZE = Channel("v1/gaze", "every", max_bytes=256, max_waiting=2_000)
CROPS = Lane("v1/crops", ask_bytes=256, answer_bytes=4_000_000)
DEADLINE_S = 20.0
"""How long a test waits for something that takes milliseconds."""


def eventually(condition: Callable[[], object]) -> bool:
    """Whether it becomes true before the deadline."""
    until_s = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > until_s:
            return False
    return True


@contextlib.contextmanager
def peer(folder: Path, role: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the other side until the block is left; killed if it is still there then."""
    command = [sys.executable, "-m", "tests.bus_peer", str(folder), role]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: S603
        try:
            assert process.stdout is not None and process.stdout.readline() == b"ready\n"
            yield process
        finally:
            process.send_signal(signal.SIGKILL)


def frames(bus: Bus, stopped: threading.Event) -> None:
    with bus.sender(FRAMES) as sender:
        _ready()
        seq = 0
        while not stopped.wait(PERIOD_NS / 1e9):
            sender.send(str(seq).encode())
            seq += 1


def everything(bus: Bus, stopped: threading.Event) -> None:
    with bus.sender(GAZE) as sender:
        _ready()
        if sender.heard(DEADLINE_S):
            for n in range(1000):
                sender.send(str(n).encode())
        stopped.wait()


def crops(bus: Bus, stopped: threading.Event) -> None:
    with bus.answerer(CROPS) as answerer:
        _ready()
        while not stopped.is_set():
            if ask := answerer.take(0.1):
                answerer.answer(ask, bytes(int(ask.payload)))


def sleeper(bus: Bus, stopped: threading.Event) -> None:
    with bus.answerer(CROPS) as answerer:
        _ready()
        while not stopped.is_set():
            answerer.take(0.1)


def _ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


def main(folder: str, role: str) -> None:
    stopped = threading.Event()
    roles = {"frames": frames, "all": everything, "crops": crops, "sleeper": sleeper}
    with ZmqBus(Local(Path(folder))) as bus:
        work = threading.Thread(target=roles[role], args=(bus, stopped))
        work.start()
        sys.stdin.read()
        stopped.set()
        work.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
