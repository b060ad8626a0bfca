"""``python -m tests.bench.replay [--quick] [--json] [--check]``: what a run over the sample costs.

Prints the real time factor, the CPU of the core beside that of the models, model core-seconds per minute of stream with the look
budget on and off, and resident memory. ``--loop-s`` plays the sample over and over for that much stream time, with a memory small
enough to be full within minutes, and prints how resident memory moved after that. ``--check`` exits 1 below the levels.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from apps.playing import play
from devices import gallery
from devices.recording import Recording
from edge_runtime.config import MIB, Config, S
from edge_runtime.core import Core
from edge_runtime.hosts.capture import Frame
from edge_runtime.models.bundle import load_bundle
from edge_runtime.models.looker import Looker, open_looker
from edge_runtime.models.opening import only_looking
from edge_runtime.protocol import Command, Event, Tick

REAL_TIME_MUST = 1.5
CORE_SHARE_MUST = 0.05
RESIDENT_MUST_BYTES = 1_000_000_000
RESIDENT_SLOPE_MUST_BYTES_PER_H = 20_000_000
LOOPED = msgspec.structs.replace(Config(), remember=msgspec.structs.replace(Config().remember, ram_bytes=16 * MIB))
"""Settings of a looped run: memory is full within minutes, so what grows after that is a leak and not the memory."""


def cut(recording: Recording, length_ns: int) -> Recording:
    """The first part of a recording."""

    def frames() -> Iterator[Frame]:
        for frame in recording.frames():
            if frame.t_capture_ns >= length_ns:
                return
            yield frame

    return dataclasses.replace(
        recording,
        frames=frames,
        gaze=tuple(sample for sample in recording.gaze if sample.t_ns < length_ns),
        script=tuple(event for event in recording.script if event.t_ns < length_ns),
        duration_ns=length_ns,
    )


def loop(recording: Recording, length_ns: int) -> Recording:
    """A recording played over and over; the script is played once."""
    rounds = -(-length_ns // recording.duration_ns)
    period_ns = recording.duration_ns

    def frames() -> Iterator[Frame]:
        seq = 0
        for n in range(rounds):
            for frame in recording.frames():
                if frame.t_capture_ns < period_ns:
                    yield Frame(seq, frame.t_capture_ns + n * period_ns, frame.image)
                    seq += 1

    gaze = tuple(
        dataclasses.replace(sample, t_ns=sample.t_ns + n * period_ns)
        for n in range(rounds)
        for sample in recording.gaze
        if sample.t_ns < period_ns
    )
    return dataclasses.replace(recording, frames=frames, gaze=gaze, duration_ns=rounds * period_ns)


def resident_bytes() -> int:
    """Resident memory of this process."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Resident:
    """An observer that samples resident memory every ten seconds of stream."""

    def __init__(self) -> None:
        self.samples: list[tuple[float, int]] = []
        self._next_ns = 0

    def __call__(self, event: Event, commands: tuple[Command, ...], core: Core) -> None:
        """Take one step in."""
        if isinstance(event, Tick) and event.t_ns >= self._next_ns:
            self._next_ns = event.t_ns + 10 * S
            self.samples.append((event.t_ns / S, resident_bytes()))

    def slope_bytes_per_h(self) -> float:
        """Growth over the second half, least squares: the first half warms up caches and fills tiers."""
        half = self.samples[len(self.samples) // 2 :]
        mean_t = sum(t for t, _ in half) / len(half)
        mean_b = sum(b for _, b in half) / len(half)
        spread = sum((t - mean_t) ** 2 for t, _ in half)
        return 3600 * sum((t - mean_t) * (b - mean_b) for t, b in half) / spread if spread else 0.0


def measure(recording: Recording, config: Config, looker: Looker) -> dict[str, float]:
    """Play once and say what it took."""
    resident = Resident()
    with tempfile.TemporaryDirectory() as out:
        begun_s = time.perf_counter()
        with play(recording, Path(out), config, only_looking(looker), observers=(resident,)) as played:
            wall_s = time.perf_counter() - begun_s
            cost = played.cost
    stream_s = cost.last_ns / S
    return {
        "stream_s": stream_s,
        "real_time_factor": stream_s / wall_s,
        "frames": cost.frames,
        "looks": cost.looks,
        "regions": cost.regions,
        "model_cpu_s_per_min": cost.model_cpu_ns / S / stream_s * 60,
        "core_share": cost.core_cpu_ns / cost.model_cpu_ns,
        "core_us_per_event": cost.core_cpu_ns / cost.events / 1000,
        "resident_max_bytes": max(b for _, b in resident.samples),
        "resident_slope_bytes_per_h": resident.slope_bytes_per_h(),
    }


def main(argv: list[str] | None = None) -> int:
    """Run the bench; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.replay", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the first 20 s only")
    parser.add_argument("--loop-s", type=float, default=0.0, help="play the sample over and over for this much stream time")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", action="store_true", help="exit 1 below the levels")
    args = parser.parse_args(argv)
    gallery.prepare()
    sample = gallery.sample()
    if args.quick:
        sample = cut(sample, 20 * S)
    budget_on = Config()
    budget_off = msgspec.structs.replace(budget_on, attend=msgspec.structs.replace(budget_on.attend, looks_per_s=0.0))
    with open_looker(load_bundle("pocket"), threads=2) as looker:
        if args.loop_s:
            rows = {"looped": measure(loop(sample, int(args.loop_s * S)), LOOPED, looker)}
        else:
            rows = {"budget on": measure(sample, budget_on, looker), "budget off": measure(cut(sample, 20 * S), budget_off, looker)}
    if args.json:
        print(json.dumps(rows, indent=2))
    else:
        for name, row in rows.items():
            print(name)
            for key, value in row.items():
                print(f"  {key:<28}{value:,.3f}")
    first = next(iter(rows.values()))
    failures = []
    if first["real_time_factor"] < REAL_TIME_MUST:
        failures.append(f"real time factor {first['real_time_factor']:.2f} < {REAL_TIME_MUST}")
    if first["core_share"] > CORE_SHARE_MUST:
        failures.append(f"core share {first['core_share']:.3f} > {CORE_SHARE_MUST}")
    if first["resident_max_bytes"] > RESIDENT_MUST_BYTES:
        failures.append(f"resident {first['resident_max_bytes'] / 1e6:.0f} MB > {RESIDENT_MUST_BYTES / 1e6:.0f} MB")
    if args.loop_s >= 1800 and first["resident_slope_bytes_per_h"] > RESIDENT_SLOPE_MUST_BYTES_PER_H:
        failures.append(f"resident memory grows by {first['resident_slope_bytes_per_h'] / 1e6:.0f} MB an hour")
    for failure in failures:
        sys.stderr.write(failure + "\n")
    return 1 if args.check and failures else 0


if __name__ == "__main__":
    sys.exit(main())
