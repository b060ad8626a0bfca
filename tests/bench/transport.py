"""What carrying things between processes costs: ``python -m tests.bench.transport [--quick] [--json] [--check]``.

Two processes over Unix sockets, as in the daemon. Processor time of both, ZeroMQ's threads with them, in % of one core: 200 gaze samples a
second in batches of 20 ms, with ten crops of 448 x 448 asked for each second, raw or as JPEG; the best of a few rounds, since what else
runs on the machine only adds. Transport is what that costs more than the same loops that wake as often and send nothing. Beside it: single
samples, and what ZeroMQ alone takes for them; and whole pictures of 1920 x 1080 at 30 Hz to two readers. How long a raw crop takes from
being asked for to being there, beside what cannot be saved: copying it once, and one round trip of ZeroMQ. And what a receiver takes first
after it stalled for 3 s.
``--check`` exits 1 beyond the levels.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import zmq

from edge_runtime.config import S
from edge_runtime.transport.bus import NEVER_NS, Answerer, Ask, Channel, Lane, Sender
from edge_runtime.transport.bus_zmq import ZmqBus
from edge_runtime.transport.endpoints import Local

GAZE_HZ, GAZE_BATCH, CROP_HZ, FRAME_HZ, WHOLE_HZ = 200, 4, 10, 30, 30
CROP_BYTES, WHOLE_BYTES, GAZE_BYTES = 448 * 448 * 3, 1920 * 1080 * 3, 36
STALL_S = 3.0
GAZE = Channel("v1/gaze", "every", max_bytes=256, max_waiting=400)
FRAMES = Channel("v1/frames", "newest", max_bytes=16_384, max_waiting=4, max_age_ns=2 * S // FRAME_HZ)
WHOLE = Channel("v1/whole", "newest", max_bytes=WHOLE_BYTES, max_waiting=2, max_age_ns=2 * S // WHOLE_HZ)
CROPS = Lane("v1/crops", ask_bytes=64, answer_bytes=CROP_BYTES)
RAW_TOPIC = "v1/raw"
LEVELS = {
    "raw crops and gaze, % of a core": 3.0,
    "JPEG crops and gaze, % of a core": 3.0,
    "crop, times copy and round trip": 2.0,
    "after a stall, age of the first, frame periods": 2.0,
    "after a stall, growth of both sides, bytes": 0.0,
}
"""Each is to stay below, growth at most at it."""


def cpu_ns(pid: int | str = "self") -> int:
    """Processor time of all threads of a process."""
    return sum(int(file.read_text().split()[0]) for file in Path(f"/proc/{pid}/task").glob("*/schedstat"))


def resident_bytes(pid: int | str = "self") -> int:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


# ------------------------------------------------------------ the other process


def paced(hz: int, due: Callable[[float], None], act: Callable[[], None]) -> None:
    """Act so many times a second; ``due`` fills the time between, and is told how long that is."""
    next_s = time.monotonic()
    while True:
        next_s += 1 / hz
        while (left_s := next_s - time.monotonic()) > 0:
            due(left_s)
        act()


def capture(bus: ZmqBus) -> None:
    """Send gaze in batches of 20 ms, as a run does, and answer with as many bytes as were asked for."""
    with bus.sender(GAZE) as sender, bus.answerer(CROPS) as answerer:
        send_gaze(sender, answerer, GAZE_BATCH)


def capture_singly(bus: ZmqBus) -> None:
    """The same with every sample in a message of its own."""
    with bus.sender(GAZE) as sender, bus.answerer(CROPS) as answerer:
        send_gaze(sender, answerer, 1)


def send_gaze(sender: Sender, answerer: Answerer, batch: int) -> None:
    """Send gaze, and answer meanwhile."""
    crops = Crops(answerer)
    print("ready", flush=True)
    paced(GAZE_HZ // batch, crops.answer, lambda: sender.send(bytes(GAZE_BYTES * batch)))


def answer_crops(bus: ZmqBus) -> None:
    """Answer, and do nothing else."""
    with bus.answerer(CROPS) as answerer:
        crops = Crops(answerer)
        print("ready", flush=True)
        while True:
            crops.answer(1.0)


class Crops:
    """Answers with as many bytes as were asked for."""

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer
        self._pixels: dict[int, bytes] = {}

    def answer(self, timeout_s: float) -> None:
        """Answer the next ask, if one comes."""
        if ask := self._answerer.take(timeout_s):
            size = int(ask.payload)
            if size not in self._pixels:
                self._pixels[size] = bytes(size)
            self._answerer.answer(ask, self._pixels[size])


def silent(bus: ZmqBus) -> None:
    """Wake as often, and send nothing."""
    print("ready", flush=True)
    paced(GAZE_HZ // GAZE_BATCH, time.sleep, lambda: None)


def frames(bus: ZmqBus) -> None:
    """Send what a frame is told by."""
    with bus.sender(FRAMES) as sender:
        print("ready", flush=True)
        paced(FRAME_HZ, time.sleep, lambda: sender.send(bytes(FRAMES.max_bytes)))


def read_whole(bus: ZmqBus) -> None:
    """Take whole pictures."""
    with bus.receiver(WHOLE) as receiver:
        print("ready", flush=True)
        while True:
            receiver.take(1.0)


def plain(folder: Path) -> None:
    """Send single samples by ZeroMQ alone."""
    with zmq.Context() as context, context.socket(zmq.PUB) as sender:
        sender.bind(Local(folder).address(RAW_TOPIC))
        print("ready", flush=True)
        paced(GAZE_HZ, time.sleep, lambda: sender.send(bytes(GAZE_BYTES)))


def echo(folder: Path) -> None:
    """Answer with as many bytes as were asked for, by ZeroMQ alone."""
    answers: dict[int, bytes] = {}
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
        router.bind(Local(folder).address(RAW_TOPIC))
        print("ready", flush=True)
        while True:
            asker, payload = router.recv_multipart()
            size = int(payload)
            if size not in answers:
                answers[size] = bytes(size)
            router.send_multipart([asker, answers[size]])


ON_THE_BUS: dict[str, Callable[[ZmqBus], None]] = {
    role.__name__: role for role in (capture, capture_singly, answer_crops, silent, frames, read_whole)
}
ALONE: dict[str, Callable[[Path], None]] = {role.__name__: role for role in (plain, echo)}


@contextlib.contextmanager
def process(folder: Path, role: str) -> Iterator[int]:
    """The number of a process in a role."""
    command = [sys.executable, "-m", "tests.bench.transport", "--role", role, "--folder", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:  # noqa: S603
        try:
            assert child.stdout is not None and child.stdout.readline() == b"ready\n"
            yield child.pid
        finally:
            child.kill()


# ------------------------------------------------------------ what is measured


def load(folder: Path, seconds: float, crop_bytes: int, batch: int = GAZE_BATCH) -> float:
    """Processor time of both sides with crops of this size and so many gaze samples in a message, % of one core."""
    with (
        process(folder, "capture" if batch > 1 else "capture_singly") as pid,
        ZmqBus(Local(folder)) as bus,
        bus.receiver(GAZE) as gaze,
        bus.asker(CROPS) as asker,
    ):
        asker.reachable(10.0)
        gaze.take(10.0)
        begun_s, begun_ns, samples, crops, n = time.monotonic(), cpu_ns() + cpu_ns(pid), 0, 0, 0
        while (now_s := time.monotonic() - begun_s) < seconds:
            if now_s >= n / CROP_HZ:
                asker.ask(Ask(n, NEVER_NS, b"%d" % crop_bytes))
                n += 1
            bus.wait([gaze, asker], 0.02)
            while gaze.take(0):
                samples += batch
            crops += asker.take(0) is not None
        wall_s, spent_ns = time.monotonic() - begun_s, cpu_ns() + cpu_ns(pid) - begun_ns
        assert crops >= n - 1 and samples > 0.9 * GAZE_HZ * wall_s and not gaze.take_dropped(), (crops, n, samples)
    return 100 * spent_ns / S / wall_s


def floor(folder: Path, seconds: float) -> float:
    """Processor time of a PUB and a SUB socket for single samples, without this bus, % of one core."""
    with process(folder, "plain") as pid, zmq.Context() as context, context.socket(zmq.SUB) as plain:
        plain.linger = 0
        plain.subscribe(b"")
        plain.connect(Local(folder).address(RAW_TOPIC))
        plain.recv()
        begun_s, begun_ns = time.monotonic(), cpu_ns() + cpu_ns(pid)
        while time.monotonic() - begun_s < seconds:
            plain.recv()
        return 100 * (cpu_ns() + cpu_ns(pid) - begun_ns) / S / (time.monotonic() - begun_s)


def pacing(folder: Path, seconds: float) -> float:
    """Processor time of two loops that wake as often and carry nothing, % of one core."""
    with process(folder, "silent") as pid:
        begun_s, begun_ns = time.monotonic(), cpu_ns() + cpu_ns(pid)
        while time.monotonic() - begun_s < seconds:
            time.sleep(GAZE_BATCH / GAZE_HZ)
        return 100 * (cpu_ns() + cpu_ns(pid) - begun_ns) / S / (time.monotonic() - begun_s)


def medians_us(times: int, acts: dict[str, Callable[[], object]]) -> dict[str, float]:
    """How long each takes, done in turn, so that what else the machine does meets all of them alike."""
    taken_ns: dict[str, list[int]] = {name: [] for name in acts}
    for _ in range(times):
        for name, act in acts.items():
            time.sleep(0.005)  # as in the daemon, where nobody asks back to back
            begun_ns = time.perf_counter_ns()
            act()
            taken_ns[name].append(time.perf_counter_ns() - begun_ns)
    return {name: statistics.median(values) / 1000 for name, values in taken_ns.items()}


def latency(folder: Path, times: int) -> dict[str, float]:
    """Medians from asking for a raw crop to having it, and of what is in it."""
    crop = np.zeros((448, 448, 3), np.uint8)
    number = iter(range(10**9))
    with (
        process(folder, "answer_crops"),
        process(folder, "echo"),
        ZmqBus(Local(folder)) as bus,
        bus.asker(CROPS) as asker,
        zmq.Context() as context,
        context.socket(zmq.DEALER) as dealer,
    ):
        dealer.linger = 0
        dealer.connect(Local(folder).address(RAW_TOPIC))
        asker.reachable(10.0)

        def ask() -> None:
            asker.ask(Ask(next(number), NEVER_NS, b"%d" % CROP_BYTES))
            assert asker.take(10.0) is not None

        def raw(size: int) -> None:
            dealer.send(b"%d" % size)
            dealer.recv()

        ask()
        raw(CROP_BYTES)
        rows = medians_us(
            times,
            {
                "crop, asked to there, us": ask,
                "copying a crop, us": crop.tobytes,
                "ZeroMQ round trip, 64 bytes, us": lambda: raw(64),
                "ZeroMQ round trip, answer of a crop, us": lambda: raw(CROP_BYTES),
            },
        )
    least = rows["copying a crop, us"] + rows["ZeroMQ round trip, 64 bytes, us"]
    rows["crop, times copy and round trip"] = rows["crop, asked to there, us"] / least
    rows["crop, times a round trip of its size"] = rows["crop, asked to there, us"] / rows["ZeroMQ round trip, answer of a crop, us"]
    return rows


def whole(folder: Path, seconds: float) -> float:
    """Processor time of a sender of whole pictures and two readers, % of one core."""
    picture = bytes(WHOLE_BYTES)
    with (
        ZmqBus(Local(folder)) as bus,
        bus.sender(WHOLE) as sender,
        process(folder, "read_whole") as one,
        process(folder, "read_whole") as two,
    ):
        sender.heard(10.0)
        time.sleep(0.5)
        everybody: tuple[int | str, ...] = ("self", one, two)
        begun_s, begun_ns = time.monotonic(), sum(map(cpu_ns, everybody))
        for n in range(round(seconds * WHOLE_HZ)):
            time.sleep(max(0.0, begun_s + n / WHOLE_HZ - time.monotonic()))
            sender.send(picture)
        return 100 * (sum(map(cpu_ns, everybody)) - begun_ns) / S / (time.monotonic() - begun_s)


def stall(folder: Path) -> dict[str, float]:
    """What is taken first after a stall, and what grew in the second of two: the first fills what is bounded."""
    with process(folder, "frames") as pid, ZmqBus(Local(folder)) as bus, bus.receiver(FRAMES) as receiver:
        receiver.take(10.0)
        ages, held = [], []
        for _ in range(2):
            time.sleep(STALL_S)
            envelope = receiver.take(10.0)
            assert envelope is not None
            ages.append((time.monotonic_ns() - envelope.t_sent_ns) * FRAME_HZ / S)
            held.append(resident_bytes() + resident_bytes(pid))
    return {
        "after a stall, age of the first, frame periods": max(ages),
        "after a stall, growth of both sides, bytes": float(held[1] - held[0]),
    }


def jpeg_bytes() -> int:
    """Size of a crop as JPEG, quality 90, of a picture with about as much detail as a photograph."""
    noise = np.random.default_rng(0).integers(0, 256, (448, 448, 3), np.uint8)
    fine, coarse = (cv2.GaussianBlur(noise, (0, 0), sigma) for sigma in (1.0, 12.0))
    done, data = cv2.imencode(".jpg", cv2.addWeighted(fine, 0.5, coarse, 0.5, 0), [cv2.IMWRITE_JPEG_QUALITY, 90])
    assert done
    return int(data.size)


def measure(*, quick: bool) -> dict[str, float]:
    """Everything."""
    seconds, jpeg = 2.0 if quick else 6.0, jpeg_bytes()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rounds = [
            (load(folder, seconds, CROP_BYTES), load(folder, seconds, jpeg), pacing(folder, seconds)) for _ in range(3 if quick else 5)
        ]
        raw, compressed, loops = map(min, zip(*rounds, strict=True))
        return {
            "raw crops and gaze, both processes, % of a core": raw,
            "JPEG crops and gaze, both processes, % of a core": compressed,
            "the same loops without sending, % of a core": loops,
            "raw crops and gaze, % of a core": raw - loops,
            "JPEG crops and gaze, % of a core": compressed - loops,
            "raw crops and single samples, both processes, % of a core": load(folder, seconds, CROP_BYTES, 1),
            "ZeroMQ alone, 200 single samples, % of a core": floor(folder, seconds),
            "a JPEG crop, bytes": float(jpeg),
            "whole pictures to two readers, % of a core": whole(folder, seconds),
            **latency(folder, 200 if quick else 1000),
            **stall(folder),
        }


def failed(rows: dict[str, float]) -> list[str]:
    """Which levels are not kept."""
    return [name for name, most in LEVELS.items() if rows[name] > most or (most and rows[name] == most)]


def main(argv: list[str] | None = None) -> int:
    """Run the bench, or one of its processes; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.transport", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter, under 50 s")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", action="store_true", help="exit 1 beyond the levels")
    parser.add_argument("--role", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.role in ALONE:
        ALONE[args.role](args.folder)
    elif args.role:
        with ZmqBus(Local(args.folder)) as bus:
            ON_THE_BUS[args.role](bus)
    rows = measure(quick=args.quick)
    beyond = failed(rows)
    if importlib.util.find_spec("tests.bench.transport_wire"):
        for name, row in importlib.import_module("tests.bench.transport_wire").measure().items():
            rows |= {f"wire, {name}, {column}": value for column, value in row.items()}
    if args.json:
        print(json.dumps(rows, indent=2))
    else:
        for row, value in rows.items():
            level = f"   level {LEVELS[row]:g}{', missed' if row in beyond else ''}" if row in LEVELS else ""
            print(f"{row:<58}{value:12.2f}{level}")
    return 1 if args.check and beyond else 0


if __name__ == "__main__":
    sys.exit(main())
