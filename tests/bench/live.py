"""``python -m tests.bench.live [--json] [--check]``: how long a look waits in a live run, idle and beside a slow language model.

Offers frames of the scripted world in real time and measures from ``FrameSeen`` to ``Looked``, once with nothing else to do and once with
a model that takes 200 ms a token. ``--check`` exits 1 when the second p95 is above the first plus one token.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

import msgspec

from edge_runtime.config import MS, Config, S
from edge_runtime.core import Core
from edge_runtime.decisions import DecisionLog
from edge_runtime.hosts.capture import FrameRing
from edge_runtime.hosts.live import LiveHost
from edge_runtime.hosts.workers import Workers
from edge_runtime.journal import Head, Journal
from edge_runtime.models.generation import Generation
from edge_runtime.models.scripted import ScriptedLooker
from edge_runtime.protocol import Command, Event, FrameSeen, Generate, Look, Looked
from edge_runtime.store import open_store
from edge_runtime.types import LookedRegion, Session
from gaze import EyeEvents
from gaze.types import GazeSample
from tests import world

TOKEN_NS = 200 * MS
_LOOK_S = 0.05
"""What a look takes: the pocket pack's picture encoder on one core."""


class SlowLanguage:
    """A model that takes 200 ms for every token, and has many."""

    def generate(self, command: Generate) -> Generation:
        """Write tokens."""
        return Generation(self._pieces(command))

    def interrupt(self) -> None:
        """Do nothing: no prompt is read."""

    def forget(self) -> None:
        """Do nothing: no prompt is kept."""

    def _pieces(self, command: Generate) -> Generator[str, None, None]:
        for _ in range(command.max_tokens):
            time.sleep(TOKEN_NS / S)
            yield "word "


class Ages:
    """An observer: from the frame being seen to its look being known, nanoseconds."""

    def __init__(self) -> None:
        self.waits_ns: list[int] = []
        self._seen_ns: dict[int, int] = {}
        self._asked: dict[int, int] = {}

    def __call__(self, event: Event, commands: tuple[Command, ...], core: Core) -> None:
        """Take one step in."""
        if isinstance(event, FrameSeen):
            self._seen_ns[event.seq] = event.t_ns
        for command in commands:
            if isinstance(command, Look):
                self._asked[command.id] = command.frame_seq
        if isinstance(event, Looked):
            self.waits_ns.append(event.t_ns - self._seen_ns[self._asked[event.answers]])

    def p95_ms(self) -> float:
        """The 95th percentile."""
        return sorted(self.waits_ns)[int(0.95 * (len(self.waits_ns) - 1))] / MS


def measure(seconds: float, *, talking: bool) -> dict[str, float]:
    """Run live for a while, with or without a generation under way all the time."""

    def see(command: Look) -> list[LookedRegion]:
        time.sleep(_LOOK_S)
        return list(world.see(command))

    # Gaze as fresh as its frame: what is measured is the wait for the model, not for the gaze.
    config = Config(attend=msgspec.structs.replace(Config().attend, gaze_wait_ns=0))
    ages, looker = Ages(), ScriptedLooker(see)
    session = Session(looker.capabilities)
    core = Core(config, session)
    head = Head(version="1", segment=0, config=config, session=session, snapshot=b"")
    with (
        tempfile.TemporaryDirectory() as out,
        open_store(Path(out) / "log", log_bytes=10**8) as store,
        Journal(Path(out) / "journal", head, core.snapshot) as journal,
        DecisionLog(Path(out) / "decisions.jsonl") as decisions,
    ):
        workers = Workers(FrameRing(10**8), looker, store)
        eyes = EyeEvents(90.0, world.WIDTH_PX / world.HEIGHT_PX)
        with LiveHost(core, workers, journal, decisions, eyes=eyes, language=SlowLanguage(), observers=[ages]) as host:
            if talking:
                # Longer than any answer, so it is handed to the lane as the core would.
                host._work(Generate(id=10**9, deadline_ns=10**15, prompt="", max_tokens=10**6), 0)
            for frame in world.frames(length_ns=round(seconds * S)):
                time.sleep(max(0.0, (frame.t_capture_ns - host.time_ns()) / S))
                now_ns, side = host.time_ns(), 0.35 if frame.seq // 5 % 2 else 0.65
                host.look_at(tuple(GazeSample(now_ns - (9 - n) * 10 * MS, side, 0.5) for n in range(10)))
                host.offer(frame.image)
    return {"looks": len(ages.waits_ns), "p95_ms": ages.p95_ms()}


def main(argv: list[str] | None = None) -> int:
    """Run the bench; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.live", description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", action="store_true", help="exit 1 when a look waits for more than one token")
    args = parser.parse_args(argv)
    rows = {"idle": measure(args.seconds, talking=False), "beside 200 ms a token": measure(args.seconds, talking=True)}
    if args.json:
        print(json.dumps(rows, indent=2))
    else:
        for name, row in rows.items():
            print(f"{name:<24}{row['looks']:4.0f} looks, from seen to looked at p95 {row['p95_ms']:6.1f} ms")
    late = rows["beside 200 ms a token"]["p95_ms"] > rows["idle"]["p95_ms"] + TOKEN_NS / MS
    return 1 if args.check and late else 0


if __name__ == "__main__":
    sys.exit(main())
