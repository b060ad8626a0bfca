"""One run over a recording: core, models, log, journal and decisions put together. Replay, evaluation and bench share it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from apps.output import prepare_out
from apps.witness import Witness
from devices.recording import Recording
from edge_runtime import __version__
from edge_runtime.config import Config
from edge_runtime.core import Core
from edge_runtime.decisions import DecisionLog
from edge_runtime.hosts.capture import FrameRing
from edge_runtime.hosts.host import Cost, Observer
from edge_runtime.hosts.pace import Pace
from edge_runtime.hosts.replay import ReplayHost
from edge_runtime.hosts.run_log import RunLog
from edge_runtime.hosts.workers import Workers
from edge_runtime.journal import Head, Journal
from edge_runtime.models.opening import Opened
from edge_runtime.types import Session
from gaze import EyeEvents


@dataclass(frozen=True)
class Played:
    """What is left after a run: the core as it stands, its cost, and the files in ``out``."""

    core: Core
    cost: Cost
    journal: Journal
    store: RunLog
    out: Path


@contextlib.contextmanager
def play(
    recording: Recording,
    out: Path,
    config: Config,
    models: Opened,
    *,
    witness: Witness | None = None,
    observers: Sequence[Observer] = (),
    gaze_delay_ns: int = 0,
    pace: Pace | None = None,
) -> Iterator[Played]:
    """Play a recording through a fresh core; the files stay open until the block ends. A log that cannot be used does not end the run.

    Raises:
        UsageError: ``out`` is somebody else's folder.
        DeviceError: The journal or the decisions cannot be written, or another process holds the log.
        VideoError: The recording cannot be decoded.
    """
    prepare_out(out)
    attend = msgspec.structs.replace(config.attend, hfov_deg=recording.hfov_deg)
    config = msgspec.structs.replace(config, attend=attend)
    session = Session(models.capabilities, recording.has_gaze)
    core = Core(config, session)
    head = Head(
        version=__version__,
        segment=0,
        config=config,
        session=session,
        snapshot=b"",
        note=recording.note,
        width_px=recording.width_px,
        height_px=recording.height_px,
    )
    eyes = EyeEvents(recording.hfov_deg, recording.width_px / recording.height_px) if recording.has_gaze else None
    with (
        RunLog(out / "log", log_bytes=config.store.log_bytes, matrix_bytes=config.remember.matrix_bytes) as store,
        Journal(out / "journal", head, core.snapshot) as journal,
        DecisionLog(out / "decisions.jsonl") as decisions,
    ):
        ring = FrameRing(config.capture.ring_bytes)
        if witness is not None:
            witness.attach(ring, journal, store)
            observers = (*observers, witness)
        host = ReplayHost(
            core,
            Workers(ring, models.looker, store),
            journal,
            decisions,
            eyes=eyes,
            language=models.language,
            pace=pace,
            observers=observers,
        )
        cost = host.run(recording.frames(), recording.gaze, recording.script, gaze_delay_ns=gaze_delay_ns)
        yield Played(core, cost, journal, store, out)
