"""Live glasses on a head, for tests: the real host, a page beside it, and a clock turned by hand, so that no test waits for time."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from apps.display import Display
from apps.glasses.intake import Source
from apps.glasses.live import LiveGlasses
from devices.page.board import Board
from devices.page.requests import (
    AnyRequest,
)
from edge_runtime import pixels
from edge_runtime.config import MS, Config, S
from edge_runtime.core import Core
from edge_runtime.decisions import DecisionLog
from edge_runtime.hosts.capture import FrameRing
from edge_runtime.hosts.live import LiveHost
from edge_runtime.hosts.workers import Workers
from edge_runtime.journal import Head, Journal
from edge_runtime.models.scripted import ScriptedLooker
from edge_runtime.protocol import Command, Event, FrameSeen
from edge_runtime.store import open_store
from edge_runtime.types import Session
from gaze import EyeEvents
from gaze.types import GazeSample
from tests import world
from tests.shown_world import Page

PATIENCE_S = 20.0
"""How long a test waits for something that must come; none waits this long when it passes."""


class Steps:
    """The last observer of a run: keeps its events, and lets a test wait until something is so."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._more = threading.Condition()

    def __call__(self, event: Event, commands: tuple[Command, ...], core: Core) -> None:
        with self._more:
            self.events.append(event)
            self._more.notify_all()

    def wait_until(self, so: Callable[[], bool]) -> None:
        with self._more:
            assert self._more.wait_for(so, PATIENCE_S), f"it never came to that; {len(self.events)} steps"

    def wait_for(self, kind: type[Any], count: int = 1) -> Any:
        self.wait_until(lambda: sum(isinstance(event, kind) for event in self.events) >= count)
        return [event for event in self.events if isinstance(event, kind)][count - 1]


class Worn:
    """Glasses on a head: a page beside them, a hand on the clock."""

    def __init__(self, glasses: LiveGlasses, display: Display, board: Board, ring: FrameRing, steps: Steps, clock_ns: list[int]) -> None:
        self.glasses, self.display, self.board, self.ring, self.steps = glasses, display, board, ring, steps
        self._clock_ns = clock_ns
        self.keys = 0

    @property
    def page(self) -> Page:
        return Page(self.board).read()

    @property
    def camera(self) -> dict[str, Any]:
        camera: dict[str, Any] = self.page.parts["camera"]
        return camera

    def drops(self) -> dict[str, int]:
        """What was let go, as the page shows it after another second."""
        self.pass_time(1.1)
        t_ns = self.glasses.time_ns()
        self.steps.wait_until(lambda: self.page.parts.get("gauges", {"t_ns": -1})["t_ns"] >= t_ns - 200 * MS)
        return {drop["code"]: drop["count"] for drop in self.page.parts["drops"]["drops"]}

    def pass_time(self, seconds: float) -> None:
        self._clock_ns[0] += round(seconds * S)

    def hear(self, request: AnyRequest) -> tuple[bool, str]:
        told = self.glasses.hear(request)
        assert told.key == request.key
        return told.ok, told.words

    def look(self, seconds: float, side: float = 0.5) -> None:
        """Look at one spot, ten pictures and a hundred gaze samples a second; each picture is waited for."""
        for _ in range(round(seconds * 10)):
            from_ns = self.glasses.time_ns()
            self.pass_time(0.1)
            self.glasses.look_at(tuple(GazeSample(from_ns + n * 10 * MS, side, 0.5, source="pointer") for n in range(1, 11)))
            before = sum(isinstance(event, FrameSeen) for event in self.steps.events)
            assert self.glasses.see(jpeg(), self.glasses.time_ns()) == ""
            self.steps.wait_for(FrameSeen, before + 1)

    def look_until(self, so: Callable[[], bool], side: float) -> None:
        """Go on looking, so that time passes for voices and lessons too."""
        for _ in range(50):
            if so():
                return
            self.look(0.2, side)
        raise AssertionError(f"it never came to that: {self.page.items('said')[-6:]} {self.page.items('decisions')[-3:]}")

    def go_to(self, t_s: float) -> None:
        self.pass_time(t_s - self.glasses.time_ns() / S)


@contextlib.contextmanager
def worn(
    out: Path,
    *,
    camera: Source = "browser",
    own_gaze: bool = False,
    config: Config | None = None,
    switch: Callable[[bool], None] | None = None,
) -> Iterator[Worn]:
    config = config or Config()
    looker, steps, board = ScriptedLooker(world.see), Steps(), Board()
    display, clock_ns = Display(board), [10**12]
    session = Session(looker.capabilities)
    core = Core(config, session)
    out.mkdir(exist_ok=True)
    with (
        open_store(out / "log", log_bytes=config.store.log_bytes) as store,
        Journal(out / "journal", Head(version="1", segment=0, config=config, session=session, snapshot=b""), core.snapshot) as journal,
        DecisionLog(out / "decisions.jsonl") as decisions,
    ):
        ring = FrameRing(config.capture.ring_bytes)
        host = LiveHost(
            core,
            Workers(ring, looker, store),
            journal,
            decisions,
            eyes=EyeEvents(90.0, world.WIDTH_PX / world.HEIGHT_PX),
            observers=[display, steps],
            now_ns=lambda: clock_ns[0],
        )
        display.meters.attach(ring, journal, out / "log", host.cost)
        glasses = LiveGlasses(host, display, board, ring, camera=camera, own_gaze=own_gaze, switch=switch)
        with host:
            yield Worn(glasses, display, board, ring, steps, clock_ns)


def jpeg(width_px: int = world.WIDTH_PX, height_px: int = world.HEIGHT_PX) -> bytes:
    return pixels.jpeg_encode(np.full((height_px, width_px, 3), 90, np.uint8), 80, 4096)
