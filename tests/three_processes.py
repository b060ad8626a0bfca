"""Capture, core and model of the daemon as threads of one test, over real sockets: they say to each other what the processes say."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from apps.daemon.shown import Onlookers, session_view
from edge_runtime.config import MIB, Config, S
from edge_runtime.core import Core
from edge_runtime.decisions import DecisionLog
from edge_runtime.hosts.capture import Frame
from edge_runtime.hosts.capture_process import CaptureProcess
from edge_runtime.hosts.core_process import CoreProcess
from edge_runtime.hosts.model_process import ModelProcess
from edge_runtime.hosts.originals import TwoSizes
from edge_runtime.hosts.workers import LogWork
from edge_runtime.journal import ForgettingNote, Head, Journal
from edge_runtime.models.generation import Language
from edge_runtime.models.looker import Looker
from edge_runtime.models.scripted import ScriptedLooker
from edge_runtime.protocol import Command, Event, Failed, Message, Say
from edge_runtime.records import Dropped
from edge_runtime.store import open_store
from edge_runtime.transport.bus_zmq import ZmqBus
from edge_runtime.transport.endpoints import Local
from edge_runtime.transport.post import MessageAsker, Post
from edge_runtime.transport.routes import CALLS, ORDERS, REPLIES, STATUS
from edge_runtime.transport.statuses import Camera, Role, Status
from edge_runtime.types import Session
from gaze import EyeEvents
from gaze.types import GazeSample
from tests import world

PATIENCE_S = 20.0
"""How long a test waits for something that must come; none waits this long when it passes."""
M = TypeVar("M", bound=Message)


class NoFilms:
    """Keeps what was asked of it, and no film."""

    trouble = ""
    filming = False
    nbytes = 0

    def __init__(self) -> None:
        self.wishes: list[tuple[str, int]] = []

    def begin(self, for_ns: int, t_ns: int) -> None:
        self.wishes.append(("begin", for_ns))

    def end(self) -> None:
        self.wishes.append(("end", 0))

    def take(self, frame: Frame, t_ns: int) -> None:
        pass

    def look(self, samples: Sequence[GazeSample]) -> None:
        pass

    def tick(self, t_ns: int) -> None:
        pass

    def forget(self, t_from_ns: int) -> None:
        self.wishes.append(("forget", t_from_ns))

    def dropped(self) -> Sequence[Dropped]:
        return ()


class Steps:
    """An observer that keeps all steps, and lets a test wait for one."""

    def __init__(self) -> None:
        self.steps: list[tuple[Event, tuple[Command, ...]]] = []
        self._more = threading.Condition()

    def __call__(self, event: Event, commands: tuple[Command, ...], core: Core) -> None:
        with self._more:
            self.steps.append((event, commands))
            self._more.notify_all()

    def has(self, found: Callable[[Event, tuple[Command, ...]], bool], timeout_s: float) -> bool:
        with self._more:
            return self._more.wait_for(lambda: any(found(*step) for step in self.steps), timeout_s)

    def wait_for(self, found: Callable[[Event, tuple[Command, ...]], bool]) -> tuple[Event, tuple[Command, ...]]:
        with self._more:
            if not self._more.wait_for(lambda: any(found(*step) for step in self.steps), PATIENCE_S):
                said = [command.response.text for _, commands in self.steps for command in commands if isinstance(command, Say)]
                failed = [event for event, _ in self.steps if isinstance(event, Failed)]
                raise AssertionError(f"it never came; {len(self.steps)} steps, said {said}, failed {failed}")
            return next(step for step in self.steps if found(*step))


class Client:
    """Calls the core, and listens to statuses."""

    def __init__(self, post: Post, time_ns: Callable[[], int]) -> None:
        self._asker: MessageAsker = post.asker(CALLS, REPLIES)
        self._time_ns = time_ns
        self._statuses = {role: post.receiver(STATUS[role]) for role in ("capture", "core", "model")}
        self._number = 0

    def call(self, message: Message) -> Message:
        assert self._asker.reachable(PATIENCE_S)
        self._number += 1
        assert self._asker.ask(self._number, self._time_ns() + round(PATIENCE_S * S), message) is None
        outcome = self._asker.take(PATIENCE_S)
        assert outcome is not None and outcome.message is not None, outcome
        return outcome.message

    def status(self, role: Role, fits: Callable[[Status], bool] = lambda status: True) -> Status:
        until_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < until_s:
            status = self._statuses[role].take(0.5)
            if isinstance(status, Status) and fits(status):
                return status
        raise AssertionError(f"no such status of {role} came")


@dataclass
class Three:
    """The three, and what a test needs of them."""

    capture: CaptureProcess
    core: CoreProcess
    model: ModelProcess
    steps: Steps
    client: Client
    films: NoFilms
    onlookers: Onlookers
    time_ns: Callable[[], int]
    begin_core: Callable[[], tuple[CoreProcess, Onlookers]]
    threads: dict[Role, threading.Thread] = field(default_factory=dict)

    def watch(self, seconds: float = 1.0) -> None:
        """Look at the middle: frames and gaze stamped as if that time had just passed."""
        now_ns = self.time_ns()
        for n, frame in enumerate(world.frames(length_ns=round(seconds * S))):
            self.capture.offer(frame.image, now_ns + n)
        self.capture.look_at(tuple(GazeSample(now_ns + n * S // 100, 0.5, 0.5) for n in range(round(seconds * 100))))

    def watch_until(self, found: Callable[[Event, tuple[Command, ...]], bool]) -> tuple[Event, tuple[Command, ...]]:
        """Look at the middle until something happens: who has just been started is not reached by the first look."""
        for _ in range(round(PATIENCE_S)):
            self.watch()
            if self.steps.has(found, 1.0):
                break
        return self.steps.wait_for(found)

    def stop(self, role: Role) -> None:
        """End one of them."""
        {"capture": self.capture, "core": self.core, "model": self.model}[role].stop()  # type: ignore[attr-defined]
        self.threads[role].join(PATIENCE_S)
        assert not self.threads[role].is_alive()

    def leave_models_to_a_process(self) -> None:
        """End the model's thread and let go of its sockets, so that a process of its own can take its place."""
        self.stop("model")
        del self.threads["model"]
        self.model._post.bus.close()

    def restart_core(self) -> None:
        """End the core, and begin another that knows nothing, as after a fault whose journal is lost."""
        self.stop("core")
        self.core, self.onlookers = self.begin_core()
        self.threads["core"] = threading.Thread(target=self.core.run, name="core")
        self.threads["core"].start()


@contextlib.contextmanager
def three(tmp_path: Path, looker: Looker | None = None, language: Language | None = None, config: Config | None = None) -> Iterator[Three]:
    """Run the three until the block is left."""
    config, steps, films = config or Config(), Steps(), NoFilms()
    looker = looker or ScriptedLooker(world.see)
    sockets, out = tmp_path / "s", tmp_path / "run"
    sockets.mkdir(mode=0o700)
    out.mkdir()
    origin_ns = time.monotonic_ns()

    def time_ns() -> int:
        return time.monotonic_ns() - origin_ns

    session = Session(looker.capabilities)
    first = Core(config, session)
    head = Head(version="1", segment=0, config=config, session=session, snapshot=b"")
    with contextlib.ExitStack() as stack:
        roles: tuple[Role, ...] = ("capture", "model", "client", "supervisor")
        posts = {role: stack.enter_context(Post(ZmqBus(Local(sockets)), role, origin_ns=origin_ns)) for role in roles}
        store = stack.enter_context(open_store(out / "log", log_bytes=config.store.log_bytes))
        journal = stack.enter_context(Journal(out / "journal", head, first.snapshot))
        decisions = stack.enter_context(DecisionLog(out / "decisions.jsonl"))
        capture = CaptureProcess(
            posts["capture"],
            posts["capture"].sender(STATUS["capture"]),
            TwoSizes(config.capture.ring_bytes, side_px=1280, sharp_bytes=16 * MIB),
            lambda aspect, first_id: EyeEvents(90.0, aspect, first_id=first_id),
            films,
            pointer=config.capture.gaze == "pointer",
            ring_bytes=config.capture.ring_bytes,
            film_bytes=0,
            camera=lambda: Camera(world.WIDTH_PX, world.HEIGHT_PX, 90.0, has_gaze=True, filming=films.filming),
            trouble=lambda: "",
            dropped=lambda: (),
            time_ns=time_ns,
        )
        core_post = contextlib.ExitStack()
        stack.callback(core_post.close)

        def begin_core(core: Core | None = None) -> tuple[CoreProcess, Onlookers]:
            core_post.close()
            core = core or Core(config, session)
            view = session_view(config, session, out, "A made-up world.")
            onlookers = Onlookers(core, view, lambda meters: meters.attach(None, journal, out / "log", host.cost), time_ns)
            post = core_post.enter_context(Post(ZmqBus(Local(sockets)), "core", origin_ns=origin_ns))
            seen_by = (steps, onlookers)
            note = ForgettingNote(out / "journal")
            log, views = LogWork(store), onlookers.answers
            host = CoreProcess(core, post, log, journal, decisions, time_ns=time_ns, note=note, observers=seen_by, views=views)
            return host, onlookers

        host, onlookers = begin_core(first)
        model = ModelProcess(posts["model"], looker, language, time_ns=time_ns, stuck_ns=20 * S)
        found = Three(capture, host, model, steps, Client(posts["client"], time_ns), films, onlookers, time_ns, begin_core)
        posts["supervisor"].sender(ORDERS)
        runs: tuple[tuple[Role, Callable[[], None]], ...] = (("capture", capture.run), ("model", model.run), ("core", host.run))
        for role, run in runs:
            if role == "core":  # the first look and the first question shall find the models
                assert all(end.reachable(PATIENCE_S) for end in (host._models._looks, host._models._prompts))
            found.threads[role] = threading.Thread(target=run, name=role)
            found.threads[role].start()
        try:
            found.client.status("core")
            yield found
        finally:
            for role in found.threads:
                found.stop(role)
