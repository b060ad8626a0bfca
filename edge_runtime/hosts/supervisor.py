"""Keeps the processes of the daemon alive: starts them, hears them once a second, starts again what ended or fell silent.

A child that ends is started again after a pause that doubles from 0.1 s to 5 s while it keeps ending; ten quiet seconds forgive it. One
that was heard of and says nothing for ``dead_ns`` is killed first. The core that ends in good order ends the daemon: a client asked for it.
Children end when their standard input does, so none outlives its supervisor.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from edge_runtime.config import MS, Config, S
from edge_runtime.hosts.notify import Notifier
from edge_runtime.transport.messages import Reload, Stop
from edge_runtime.transport.post import MessageReceiver, Post
from edge_runtime.transport.routes import ORDERS, STATUS
from edge_runtime.transport.statuses import Child, Heat, Role, Status

_log = logging.getLogger(__name__)
CHILDREN: tuple[Role, ...] = ("capture", "core", "model")
FIRST_PAUSE_NS, LONGEST_PAUSE_NS = 100 * MS, 5 * S
CALM_NS = 10 * S
BIRTH_NS = 30 * S
"""What a process may take until it is first heard of: opening a camera or a bundle takes seconds."""
_LOOK_S = 0.1
_GOOD_CORE_NS = 5 * S
Launch = Callable[[Role], "subprocess.Popen[bytes]"]
"""Starts a child, with a pipe for its standard input."""


@dataclass
class _Watched:
    """A child and what is known of it."""

    role: Role
    receiver: MessageReceiver
    process: subprocess.Popen[bytes] | None = None
    due_ns: int | None = 0
    pause_ns: int = FIRST_PAUSE_NS
    begun_ns: int = 0
    heard_ns: int | None = None
    starts: int = 0
    ended: str = ""
    status: Status | None = field(default=None)

    @property
    def state(self) -> Literal["starting", "running", "failing", "ended"]:
        """In one word."""
        if self.process is None:
            return "ended" if self.due_ns is None else "failing"
        return "running" if self.heard_ns is not None else "starting"


class Supervisor:
    """Runs the children until told to stop.

    Args:
        post: Of the supervisor.
        launch: Starts a child.
        time_ns: Stream time, the same in all processes.
        dead_ns: Silence after which a child is killed and started again.
        stop_ns: What a clean stop may take; whoever has not ended then is killed.
        notifier: Tells systemd.
        heat: The board, for the status.
        on_second: Called once a second with the newest status of every process.
    """

    def __init__(
        self,
        post: Post,
        launch: Launch,
        *,
        time_ns: Callable[[], int],
        dead_ns: int,
        stop_ns: int,
        notifier: Notifier,
        heat: Callable[[], Heat] = Heat,
        on_second: Callable[[], None] = lambda: None,
    ) -> None:
        self._post, self._launch, self._time_ns, self._notifier = post, launch, time_ns, notifier
        self._dead_ns, self._stop_ns, self._heat, self._on_second = dead_ns, stop_ns, heat, on_second
        self._orders, self._status = post.sender(ORDERS), post.sender(STATUS["supervisor"])
        self._watched = {role: _Watched(role, post.receiver(STATUS[role])) for role in CHILDREN}
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._wishes: list[Reload] = []
        self._ready = False

    # ------------------------------------------------------------ from any thread, and from signal handlers

    def stop(self) -> None:
        """End everything, in good order."""
        self._stopping.set()
        self._post.bus.wake()

    def reload(self, config: Config) -> None:
        """Have settings taken up that can be changed while a run goes on."""
        with self._lock:
            self._wishes.append(Reload(settings=msgspec.msgpack.encode(config)))
        self._post.bus.wake()

    def statuses(self) -> tuple[Status, ...]:
        """The newest status of every process heard from, and our own."""
        with self._lock:
            known = [watched.status for watched in self._watched.values()]
        return (self._own_status(), *(status for status in known if status is not None))

    # ------------------------------------------------------------ the loop

    def run(self) -> None:
        """Run the children until told to stop; then end them."""
        told_ns = -S
        try:
            while not self._stopping.is_set():
                now_ns = self._time_ns()
                for watched in self._watched.values():
                    self._look_after(watched, now_ns)
                if now_ns - told_ns >= S:
                    told_ns = now_ns
                    self._tell_all()
                self._send_wishes()
                self._post.wait([watched.receiver for watched in self._watched.values()], _LOOK_S)
                self._hear()
        finally:
            self._end()

    def _look_after(self, watched: _Watched, now_ns: int) -> None:
        process = watched.process
        if process is None:
            if watched.due_ns is not None and now_ns >= watched.due_ns:
                self._start(watched, now_ns)
        elif process.poll() is not None:
            self._bury(watched, now_ns, _how_it_ended(process.returncode))
            if watched.role == "core" and process.returncode == 0:
                _log.info("the core has ended as it was asked to: so does everything")
                self._stopping.set()
        else:
            silent_ns = now_ns - (watched.begun_ns if watched.heard_ns is None else watched.heard_ns)
            if silent_ns > (BIRTH_NS if watched.heard_ns is None else self._dead_ns):
                process.kill()
                process.wait()
                self._bury(watched, now_ns, f"killed, for it said nothing for {silent_ns / S:.1f} s")
            elif now_ns - watched.begun_ns > CALM_NS:
                watched.pause_ns = FIRST_PAUSE_NS

    def _start(self, watched: _Watched, now_ns: int) -> None:
        watched.begun_ns, watched.heard_ns, watched.status = now_ns, None, None
        try:
            watched.process = self._launch(watched.role)
        except OSError as error:
            self._bury(watched, now_ns, f"cannot be started: {error.strerror}")
            return
        watched.starts += 1
        _log.info("%s runs as process %d", watched.role, watched.process.pid)

    def _bury(self, watched: _Watched, now_ns: int, how: str) -> None:
        _log.warning("%s: %s; again in %.1f s", watched.role, how, watched.pause_ns / S)
        if watched.process is not None and watched.process.stdin is not None:
            watched.process.stdin.close()
        watched.process, watched.ended, watched.heard_ns = None, how, None
        watched.due_ns = now_ns + watched.pause_ns
        watched.pause_ns = min(2 * watched.pause_ns, LONGEST_PAUSE_NS)

    def _hear(self) -> None:
        for watched in self._watched.values():
            status = watched.receiver.take()
            # What an earlier process of this role has said last may still be on its way.
            if isinstance(status, Status) and watched.process is not None and status.pid == watched.process.pid:
                watched.heard_ns = self._time_ns()
                with self._lock:
                    watched.status = status
        if not self._ready and all(watched.heard_ns is not None for watched in self._watched.values()):
            self._ready = True
            self._notifier.ready()

    def _tell_all(self) -> None:
        self._status.send(self._own_status())
        core = self._watched["core"]
        if core.heard_ns is not None and self._time_ns() - core.heard_ns < _GOOD_CORE_NS:
            self._notifier.watchdog()
        self._notifier.status(", ".join(f"{watched.role} {watched.state}" for watched in self._watched.values()))
        self._on_second()

    def _send_wishes(self) -> None:
        with self._lock:
            wishes, self._wishes = self._wishes, []
        for wish in wishes:
            self._orders.send(wish)

    def _own_status(self) -> Status:
        children = tuple(
            Child(
                role=watched.role,
                pid=0 if watched.process is None else watched.process.pid,
                state=watched.state,
                restarts=max(0, watched.starts - 1),
                since_ns=watched.begun_ns,
                ended=watched.ended,
            )
            for watched in self._watched.values()
        )
        ill = [f"the {child.role} process is {child.state}" for child in children if child.state in ("failing", "ended")]
        phase: Literal["starting", "ready", "ailing", "stopping"] = "ready" if self._ready else "starting"
        if self._stopping.is_set():
            phase = "stopping"
        elif ill:
            phase = "ailing"
        return Status(
            role="supervisor",
            t_ns=self._time_ns(),
            phase=phase,
            trouble="; ".join(ill),
            pid=os.getpid(),
            dropped=self._post.dropped,
            children=children,
            heat=self._heat(),
        )

    # ------------------------------------------------------------ the end

    def _end(self) -> None:
        self._notifier.stopping()
        self._status.send(self._own_status())
        self._orders.send(Stop())
        running = [watched.process for watched in self._watched.values() if watched.process is not None]
        for process in running:
            if process.stdin is not None:
                process.stdin.close()
        until_s = time.monotonic() + self._stop_ns / S
        for process in running:
            try:
                process.wait(max(0.0, until_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                _log.warning("process %d did not end in time and is killed", process.pid)
                process.kill()
                process.wait()


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
