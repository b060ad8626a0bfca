"""The verb ``run``: the daemon that lives on the glasses."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Literal

from apps.daemon.spec import ChildRole, ChildSpec, encode
from apps.daemon.unit import unit_text
from apps.verbs import Verbs, add_model, add_settings, settings
from devices.boards import BoardWatch, total_mw
from devices.boards.readings import Readings
from devices.source_names import check_camera, check_gaze
from edge_runtime.config import Config, S
from edge_runtime.errors import EdgeError
from edge_runtime.hosts.notify import Notifier
from edge_runtime.hosts.stream_clock import StreamClock
from edge_runtime.hosts.supervisor import Supervisor
from edge_runtime.protocol import BoardChanged
from edge_runtime.transport.bus_zmq import ZmqBus
from edge_runtime.transport.endpoints import Local, held, own_sockets, runtime_folder
from edge_runtime.transport.post import Post
from edge_runtime.transport.statuses import Heat, Role, Status

_log = logging.getLogger(__name__)
_KEEP_CLOCK_NS = 60 * S
_THREADS = {"OMP_WAIT_POLICY": "passive"}
"""Thread pools must not spin while they wait: they share a few cores with everything else."""


def add(subparsers: Verbs) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "run",
        help="be the assistant: the daemon that lives on the glasses",
        description="Run the daemon in this terminal, or as a service: it sees, remembers, answers and speaks first, and goes on where it "
        "ended. Talk to it from another terminal: edge-runtime ask, watch, concept, mute, record, status, top, stop. Ctrl-C ends it.",
    )
    parser.add_argument(
        "--camera",
        metavar="WHICH",
        help="the setting capture.camera: 0, /dev/video2, gst:PIPELINE, csi:0, rtsp://..., a video file, gallery or synthetic",
    )
    parser.add_argument(
        "--gaze", metavar="WHICH", help="the setting capture.gaze: own (the camera's), pupil:ADDRESS, pointer, saliency, prior or none"
    )
    parser.add_argument("--state", type=Path, metavar="DIR", help="where log, journal and films are kept (default: the state folder)")
    parser.add_argument("--print-unit", action="store_true", help="print a systemd unit for the daemon, and end")
    add_model(parser)
    add_settings(parser)
    parser.set_defaults(run=run)


def state_folder() -> Path:
    """Where a daemon keeps what it must not lose: ``$XDG_STATE_HOME/edge_runtime/daemon``."""
    home = os.environ.get("XDG_STATE_HOME", "")
    return (Path(home) if Path(home).is_absolute() else Path.home() / ".local" / "state") / "edge_runtime" / "daemon"


def run(args: argparse.Namespace) -> int:
    """Run the daemon until it is told to stop."""
    if args.print_unit:
        print(unit_text(), end="")
        return 0
    config = _config(args)
    check_camera(config.capture.camera)
    check_gaze(config.capture.gaze)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s supervisor %(levelname)s %(message)s")
    state = (state_folder() if args.state is None else args.state).absolute()
    folder = runtime_folder()
    with contextlib.ExitStack() as stack:
        stack.enter_context(held(folder))
        sockets = stack.enter_context(own_sockets(folder))
        clock = StreamClock(state)
        _keep(clock)
        _log.info("%s", clock.note or "a first run")
        post = stack.enter_context(Post(ZmqBus(Local(sockets)), "supervisor", origin_ns=clock.origin_ns))
        level = _Level()
        board = BoardWatch(level.take)
        wanted = _Wanted()

        def launch(role: Role) -> subprocess.Popen[bytes]:
            return _launch(ChildSpec(_child(role), clock.origin_ns, str(sockets), str(state), wanted.config or config))

        def on_second() -> None:
            if wanted.reload.is_set():
                wanted.take_up(args, supervisor)
            if clock.now_ns() - wanted.kept_ns >= _KEEP_CLOCK_NS:
                wanted.kept_ns = clock.now_ns()
                _keep(clock)

        supervisor = Supervisor(
            post,
            launch,
            time_ns=clock.now_ns,
            dead_ns=config.daemon.dead_ns,
            stop_ns=config.daemon.stop_ns,
            notifier=stack.enter_context(Notifier()),
            heat=lambda: _heat(board.readings, level),
            on_second=on_second,
        )
        stack.enter_context(_signals(supervisor, wanted))
        stack.enter_context(board)
        stack.enter_context(_metrics(config, supervisor.statuses, clock.now_ns))
        print(f"The daemon begins. What it keeps is in {state}. Ctrl-C ends it.", flush=True)
        supervisor.run()
        _keep(clock)
    return 0


class _Wanted:
    """What a signal asked for.

    Attributes:
        reload: Whether settings are to be read again.
        config: The settings as they were read last; children that are started again get these.
        kept_ns: When the clock was last written down.
    """

    def __init__(self) -> None:
        self.reload = threading.Event()
        self.config: Config | None = None
        self.kept_ns = 0

    def take_up(self, args: argparse.Namespace, supervisor: Supervisor) -> None:
        """Read the settings again, and have them taken up; settings that are wrong change nothing."""
        self.reload.clear()
        try:
            self.config = _config(args)
        except EdgeError as error:
            _log.error("the settings stay as they are: %s (%s)", error, error.hint)
        else:
            supervisor.reload(self.config)


def _config(args: argparse.Namespace) -> Config:
    flags = dict(args.flags)
    for key, value in (("capture.camera", args.camera), ("capture.gaze", args.gaze)):
        if value is not None:
            flags[key] = value
    args.flags = flags
    return settings(args).config


def _launch(spec: ChildSpec) -> subprocess.Popen[bytes]:
    # A session of its own, so that a Ctrl-C in the terminal reaches the supervisor alone.
    command = [sys.executable, "-m", "apps.daemon.child"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, env={**os.environ, **_THREADS})  # noqa: S603
    if child.stdin is not None:
        with contextlib.suppress(BrokenPipeError):  # it has ended already, and will be found so
            child.stdin.write(encode(spec))
            child.stdin.flush()
    return child


def _child(role: Role) -> ChildRole:
    if role in ("capture", "core", "model"):
        return role
    raise ValueError(f"{role} is no child of the daemon")


@contextlib.contextmanager
def _metrics(config: Config, statuses: Callable[[], tuple[Status, ...]], now_ns: Callable[[], int]) -> Iterator[None]:
    """Serve the metrics; where they are switched off, or cannot be had, the daemon runs without."""
    with contextlib.ExitStack() as stack:
        if config.daemon.metrics_port:
            try:
                from apps.daemon.metrics import MetricsServer

                stack.enter_context(MetricsServer(config.daemon.metrics_port, statuses, now_ns))
            except EdgeError as error:
                _log.warning("no metrics: %s (%s)", error, error.hint)
        yield


class _Level:
    """How much the board has to give, as its watch said last."""

    def __init__(self) -> None:
        self.power: Literal["full", "reduced", "low"] = "full"

    def take(self, event: BoardChanged) -> None:
        """It has changed."""
        self.power = event.power


def _heat(readings: Readings | None, level: _Level) -> Heat:
    if readings is None:
        return Heat(power=level.power)
    hottest_c = max((zone.temperature_c for zone in readings.zones.value), default=None)
    return Heat(hottest_c, total_mw(readings.rails.value), level.power)


def _keep(clock: StreamClock) -> None:
    try:
        clock.keep()
    except EdgeError as error:
        _log.warning("%s (%s)", error, error.hint)


@contextlib.contextmanager
def _signals(supervisor: Supervisor, wanted: _Wanted) -> Iterator[None]:
    """SIGTERM and Ctrl-C end the daemon, SIGHUP has it read its settings again."""

    def stop(number: int, frame: FrameType | None) -> None:
        supervisor.stop()

    def reload(number: int, frame: FrameType | None) -> None:
        wanted.reload.set()

    handlers = {signal.SIGINT: stop, signal.SIGTERM: stop, signal.SIGHUP: reload}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
