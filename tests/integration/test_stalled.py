"""Whoever falls asleep for three seconds: what comes first afterwards is new, everybody else goes on, and nothing has grown meanwhile."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from apps.daemon.client import DaemonClient
from apps.daemon.heard import Heard
from edge_runtime.config import MIB, MS, Config, S
from edge_runtime.transport import wire
from edge_runtime.transport.bus import NEVER_NS
from edge_runtime.transport.endpoints import Local, sockets_of
from edge_runtime.transport.heads import LaneHead, packed
from edge_runtime.transport.messages import Report
from edge_runtime.transport.routes import CALLS
from edge_runtime.transport.statuses import AGE_BOUNDS_NS, Reported, Role, Status
from tests.daemon_run import Daemon, home_of_its_own

pytestmark = pytest.mark.slow
STALL_S = 3.0
TWO_FRAMES_NS = round(2 * S / Config().capture.offered_hz)
MOST_GROWN_BYTES = 8 * MIB
# Asleep is not dead here, and the ring of frames is full before it is measured.
SETTINGS = "[daemon]\nmetrics_port = 0\ndead_ns = 60000000000\n[capture]\nring_bytes = 8388608\nsharp_bytes = 0\n"


@pytest.fixture(scope="module")
def running() -> Iterator[Daemon]:
    with home_of_its_own() as home:
        (home.base / "config" / "edge_runtime" / "config.toml").write_text(SETTINGS, encoding="utf-8")
        with home.daemon("--camera", "synthetic") as daemon:
            daemon.wait_ready()
            daemon.wait_for(lambda heard: tally(heard, "core", "frames") >= 20 and tally(heard, "core", "looks") >= 2)
            yield daemon


@contextlib.contextmanager
def asleep(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def status_of(heard: Heard, role: Role) -> Status:
    return heard.newest[role]


def tally(heard: Heard, role: Role, name: str) -> int:
    status = heard.newest.get(role)
    return 0 if status is None else sum(tally.count for tally in status.tallies if tally.name == name)


def dropped(heard: Heard, role: Role, what: str) -> int:
    return sum(drop.count for drop in status_of(heard, role).dropped if drop.what == what)


def older_frames(heard: Heard) -> int:
    """Frames that the core has handled when they were older than two frame periods."""
    frames = [ages for ages in status_of(heard, "core").ages if ages.stage == "frame"]
    return sum(frames[0].counts[AGE_BOUNDS_NS.index(TWO_FRAMES_NS) + 1 :]) if frames else 0


def resident_bytes(heard: Heard) -> dict[Role, int]:
    roles: tuple[Role, ...] = ("capture", "core", "model")
    return {role: int(Path(f"/proc/{status_of(heard, role).pid}/statm").read_text().split()[1]) * 4096 for role in roles}


def assert_not_grown(before: dict[Role, int], after: dict[Role, int]) -> None:
    grown = {role: after[role] - before[role] for role in before}
    assert max(grown.values()) < MOST_GROWN_BYTES, grown


def test_a_core_that_slept_handles_no_frame_older_than_two_periods(running: Daemon) -> None:
    with running.client() as client:
        before = client.statuses()
        with asleep(status_of(before, "core").pid):
            meanwhile = client.listen(STALL_S)
        assert tally(meanwhile, "capture", "frames") > tally(before, "capture", "frames") + 10, "capture goes on"
        # Well beyond what it had handled when it fell asleep: its first word afterwards is from before it has looked at what came.
        frames = tally(before, "core", "frames") + 25
        after = running.wait_for(lambda heard: tally(heard, "core", "frames") >= frames)
    assert status_of(after, "core").pid == status_of(before, "core").pid, "it slept, and did not die of it"
    assert older_frames(after) == older_frames(before)
    assert dropped(after, "core", "er1/frames") - dropped(before, "core", "er1/frames") > 10, "what it slept through is counted"
    assert_not_grown(resident_bytes(before), resident_bytes(after))


def test_while_the_model_sleeps_core_and_capture_go_on_and_then_looks_do_too(running: Daemon) -> None:
    with running.client() as client:
        before = client.statuses()
        with asleep(status_of(before, "model").pid):
            meanwhile = client.listen(STALL_S)
        assert tally(meanwhile, "core", "frames") > tally(before, "core", "frames") + 10
        looks = tally(meanwhile, "core", "looks") + 2
        after = running.wait_for(lambda heard: tally(heard, "core", "looks") >= looks)
    assert older_frames(after) == older_frames(before)
    assert_not_grown(resident_bytes(before), resident_bytes(after))


def test_while_capture_sleeps_the_others_answer_and_then_frames_come_again(running: Daemon) -> None:
    with running.client() as client:
        before = client.statuses()
        with asleep(status_of(before, "capture").pid):
            assert isinstance(client.call(Report(), Reported), Reported)
            meanwhile = client.listen(STALL_S)
        frames = tally(meanwhile, "core", "frames") + 10
        after = running.wait_for(lambda heard: tally(heard, "core", "frames") >= frames)
    assert_not_grown(resident_bytes(before), resident_bytes(after))


def test_a_client_that_never_reads_gets_what_it_missed_counted_and_bothers_nobody(running: Daemon) -> None:
    sockets = sockets_of(running.home.runtime)
    assert sockets is not None
    question = wire.encode(CALLS, Report())
    with running.client() as client, zmq.Context() as context, context.socket(zmq.DEALER) as deaf:
        before = client.statuses()
        deaf.linger, deaf.rcvhwm, deaf.sndhwm, deaf.sndtimeo = 0, 1, 1, 20_000
        deaf.connect(Local(sockets).address(CALLS.topic))
        until = dropped(before, "core", "result") + 1
        for number in range(100_000):
            deaf.send_multipart([packed(LaneHead(CALLS.topic, "ask", number, NEVER_NS)), question])
            if number % 500 == 499 and dropped(client.listen(1.0), "core", "result") >= until:
                break
        after = client.statuses()
        assert dropped(after, "core", "result") >= until, "replies that nobody takes are counted"
        assert isinstance(client.call(Report(), Reported), Reported)
        assert_not_grown(resident_bytes(before), resident_bytes(after))
    assert older_frames(after) == older_frames(before)


def test_a_client_that_listens_to_nothing_costs_nobody_anything(running: Daemon) -> None:
    with running.client() as client, DaemonClient(running.home.runtime):
        before = client.statuses()
        after = client.listen(STALL_S)
    assert tally(after, "core", "frames") > tally(before, "core", "frames") + 10
    assert status_of(after, "core").t_ns - status_of(before, "core").t_ns > S - 100 * MS
    assert_not_grown(resident_bytes(before), resident_bytes(after))
