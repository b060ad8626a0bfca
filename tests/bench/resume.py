"""How long a run takes to stand again after a crash: ``python -m tests.bench.resume [--quick] [--check]``.

The worst moment: the newest segment has as many steps as one may have, just before it ends. Once in the first minutes of a run, and
once with a memory that a day has filled to its bound, whose snapshot heads the segment. The steps are those of the scripted world, over
and over, with vectors of the length that the pocket bundle gives. ``--check`` exits 1 if either takes longer than two seconds.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from edge_runtime.config import Config, JournalConfig, S
from edge_runtime.core import Core
from edge_runtime.decisions import DecisionLog
from edge_runtime.hosts.capture import Frame, FrameRing
from edge_runtime.hosts.replay import ReplayHost
from edge_runtime.hosts.resume import resume
from edge_runtime.hosts.workers import Workers
from edge_runtime.journal import Head, Journal
from edge_runtime.journal.writer import MOST_STEPS
from edge_runtime.models.scripted import EVERYTHING, ScriptedLooker
from edge_runtime.protocol import Look, Tick
from edge_runtime.remember.sightings import Seen
from edge_runtime.store import open_store
from edge_runtime.types import LookedRegion, Session, Tokens
from gaze import EyeEvents
from gaze.types import GazeSample
from tests import world
from tests.bench.log import DIM, Day, unit

MOST_S = 2.0
_STEPS_PER_S = 85
"""Of the scripted world, about."""
_SETTINGS = Config(journal=msgspec.structs.replace(JournalConfig(), segment_ns=0, segment_bytes=2**30, journal_bytes=2**32))
_SESSION = Session(msgspec.structs.replace(EVERYTHING, vector_dim=DIM))
_THINGS = unit(np.random.default_rng(5).standard_normal((len(world.SCENES) + 1, DIM)))


def see(command: Look) -> Sequence[LookedRegion]:
    """The scripted world in vectors of real length, and tokens of real number."""
    command = msgspec.structs.replace(command, t_capture_ns=command.t_capture_ns % world.LENGTH_NS)
    at = world.SCENES.index(world.scene_at(command.t_capture_ns))
    found = []
    for region in world.see(command):
        vector = None if region.vector is None else _THINGS[at if region.kind == "foveal" else -1]
        tokens = None if region.tokens is None else Tokens((14, 14), 192, np.zeros((196, 192), np.float16))
        found.append(msgspec.structs.replace(region, vector=vector, tokens=tokens))
    return found


def frames(rounds: int) -> Iterator[Frame]:
    """The world, over and over."""
    for turn in range(rounds):
        for frame in world.frames():
            yield Frame(frame.seq + turn * 360, frame.t_capture_ns + turn * world.LENGTH_NS, frame.image)


def gaze(rounds: int) -> list[GazeSample]:
    """What is looked at in it."""
    return [replace(sample, t_ns=sample.t_ns + turn * world.LENGTH_NS) for turn in range(rounds) for sample in world.gaze()]


def filled(core: Core, count: int) -> None:
    """Fill a memory with so many things and as many texts, up to its bound."""
    sightings = core.memory._parts.sightings
    for row in Day(count).rows() if count else ():
        sighting = row.sighting
        sightings.see(sighting.what, Seen(sighting.evidence[0], sighting.confidence, sighting.place_id, True, None, sighting.vector))
    sightings.state.changed.clear()
    core.feed(Tick(t_ns=0))  # lets go of what is beyond the bound


def measure(steps: int, things: int) -> dict[str, float]:
    """Write one long segment, and go on from it."""
    core = Core(_SETTINGS, _SESSION)
    filled(core, things)
    rounds = steps // (_STEPS_PER_S * (world.LENGTH_NS // S)) + 1
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder)
        with (
            open_store(run / "log", log_bytes=2**31) as store,
            Journal(run / "journal", Head("bench", 0, _SETTINGS, _SESSION, b""), core.snapshot) as journal,
            DecisionLog(run / "decisions.jsonl") as decisions,
        ):
            workers = Workers(FrameRing(_SETTINGS.capture.ring_bytes), ScriptedLooker(see, _SESSION.capabilities), store)
            eyes = EyeEvents(90.0, world.WIDTH_PX / world.HEIGHT_PX)
            host = ReplayHost(core, workers, journal, decisions, eyes=eyes)
            host.run(frames(rounds), gaze(rounds), world.WORDS)
        newest = max((run / "journal").glob("*.segment"), key=lambda path: path.stat().st_size)
        for path in (run / "journal").glob("*.segment"):
            if path != newest:
                path.unlink()
        size, cpu_s, wall_s = newest.stat().st_size, time.process_time(), time.perf_counter()
        found = resume(run, _SETTINGS, _SESSION)
        cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
    assert found is not None and found.standing == "whole", found
    begun_s = time.process_time()
    head = found.core.snapshot()
    snapshot_s = time.process_time() - begun_s
    found.core.feed(Tick(t_ns=found.t_last_ns))
    return {
        "steps": found.steps,
        "segment_mbytes": size / 1e6,
        "head_mbytes": len(head) / 1e6,
        "facts": float(len(found.core.memory._parts.sightings)),
        "snapshot_s": snapshot_s,
        "resume_cpu_s": cpu_s,
        "resume_wall_s": wall_s,
    }


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the steps and of the memory")
    parser.add_argument("--check", action="store_true", help="exit 1 beyond the level")
    args = parser.parse_args()
    part = 10 if args.quick else 1
    found = {"first minutes": measure(MOST_STEPS // part, 0), "memory full": measure(MOST_STEPS // part, 40_000 // part)}
    print(json.dumps(found, indent=2))
    missed = [f"{name}: {figures['resume_cpu_s']:.2f} s" for name, figures in found.items() if figures["resume_cpu_s"] > MOST_S]
    print(*(f"MISSED {what}" for what in missed), sep="\n", file=sys.stderr)
    return int(args.check and bool(missed))


if __name__ == "__main__":
    sys.exit(main())
