"""The core's process: memory, log, journal and the decision to speak. It goes on where the process before it ended."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import msgspec

from apps.daemon.child import Ending
from apps.daemon.shown import Onlookers, session_view
from apps.daemon.spec import ChildSpec
from apps.display.measuring import Meters
from devices.cameras.masked import masked
from edge_runtime import __version__
from edge_runtime.config import Config, S
from edge_runtime.core import Core
from edge_runtime.decisions import AbsentDecisions, DecisionLog
from edge_runtime.errors import DeviceError
from edge_runtime.hosts.core_process import CoreProcess
from edge_runtime.hosts.resume import Resumed, resume
from edge_runtime.hosts.run_log import RunLog
from edge_runtime.hosts.workers import LogWork
from edge_runtime.journal import AbsentJournal, ForgettingNote, Head, Journal
from edge_runtime.models.opening import capabilities_of
from edge_runtime.records import Dropped
from edge_runtime.transport.post import Post
from edge_runtime.transport.routes import STATUS
from edge_runtime.transport.statuses import Camera, Kept, Status
from edge_runtime.types import Session

_log = logging.getLogger(__name__)
_CAMERA_NS = 4 * S
"""How long the core waits to be told what the camera is; a run can do without."""


def run(spec: ChildSpec, post: Post, time_ns: Callable[[], int], ending: Ending) -> None:
    """Drive the core, until the end."""
    camera = _camera(post, time_ns, ending)
    hfov_deg = spec.config.attend.hfov_deg if camera is None else camera.hfov_deg
    # The field of view is the camera's; and a password in its address has no business in a journal.
    config = msgspec.structs.replace(
        spec.config,
        attend=msgspec.structs.replace(spec.config.attend, hfov_deg=hfov_deg),
        capture=msgspec.structs.replace(spec.config.capture, camera=masked(spec.config.capture.camera)),
    )
    session = Session(capabilities_of(config.models), has_gaze=spec.config.capture.gaze != "none" if camera is None else camera.has_gaze)
    out = spec.state_folder
    with ExitStack() as stack:
        gone_on = _resume(out, config, session)
        core = Core(config, session) if gone_on is None else gone_on.core
        log = stack.enter_context(
            RunLog(
                out / "log",
                log_bytes=config.store.log_bytes,
                matrix_bytes=config.remember.matrix_bytes,
                resume=gone_on is not None and gone_on.standing != "fresh",
            )
        )
        journal, decisions = _kept(stack, out, _head(config, session, camera), core, gone_on)

        def dropped() -> tuple[Dropped, ...]:
            before = () if gone_on is None else gone_on.dropped
            return (*log.dropped, *before, *_made_room(journal, decisions))

        def attach(meters: Meters) -> None:
            meters.attach(None, journal, out / "log", process.cost)
            meters.include(dropped)

        camera_note = "" if camera is None else camera.note
        onlookers = Onlookers(core, session_view(config, session, out, camera_note), attach, time_ns)
        process = CoreProcess(
            core,
            post,
            LogWork(log),
            journal,
            decisions,
            time_ns=time_ns,
            note=ForgettingNote(out / "journal"),
            gone_on=gone_on,
            kept=lambda: (Kept("log", log.nbytes(), config.store.log_bytes), Kept("journal", journal.nbytes, config.journal.journal_bytes)),
            dropped=dropped,
            trouble=lambda: log.trouble,
            observers=[onlookers],
            views=onlookers.answers,
        )
        ending.then(process.stop)
        process.run()


def _made_room(journal: Journal, decisions: DecisionLog) -> tuple[Dropped, ...]:
    """What the journal and the decisions let go for newer ones."""
    counts = (Dropped("step", "journal_bytes", journal.dropped_steps), Dropped("decision", "most_bytes", decisions.dropped))
    return tuple(drop for drop in counts if drop.count)


def _camera(post: Post, time_ns: Callable[[], int], ending: Ending) -> Camera | None:
    """What the capture process says of its camera, if it says so in time."""
    receiver = post.receiver(STATUS["capture"])
    until_ns = time_ns() + _CAMERA_NS
    while not ending.come.is_set() and time_ns() < until_ns:
        status = receiver.take(0.1)
        if isinstance(status, Status) and status.camera is not None:
            return status.camera
    return None


def _resume(out: Path, config: Config, session: Session) -> Resumed | None:
    begun_s = time.monotonic()
    gone_on = resume(out, config, session)
    if gone_on is not None:
        _log.info("goes on from %.1f s, after %d steps in %.2f s", gone_on.t_last_ns / S, gone_on.steps, time.monotonic() - begun_s)
        for note in gone_on.notes:
            _log.warning("%s", note)
    return gone_on


def _head(config: Config, session: Session, camera: Camera | None) -> Head:
    return Head(
        version=__version__,
        segment=0,
        config=config,
        session=session,
        snapshot=b"",
        note="The daemon." if camera is None else f"The daemon. {camera.note}",
        width_px=0 if camera is None else camera.width_px,
        height_px=0 if camera is None else camera.height_px,
    )


def _kept(stack: ExitStack, out: Path, head: Head, core: Core, gone_on: Resumed | None) -> tuple[Journal, DecisionLog]:
    """Journal and decisions; where the disk takes none, ones that count what they are not given."""
    try:
        journal = (
            Journal(out / "journal", head, core.snapshot) if gone_on is None else Journal.going_on(out / "journal", head, core.snapshot)
        )
        return stack.enter_context(journal), stack.enter_context(DecisionLog(out / "decisions.jsonl", again=gone_on is not None))
    except DeviceError as error:
        _log.warning("this run is not kept: %s (%s)", error, error.hint)
        return AbsentJournal(error), AbsentDecisions(error)
