"""The client of a running daemon, against a stand-in that speaks over the real bus."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from apps.daemon.client import DaemonClient
from edge_runtime.config import S
from edge_runtime.errors import DeviceError, NotRunning, UsageError
from edge_runtime.protocol import Message
from edge_runtime.transport import messages as m
from edge_runtime.transport.endpoints import held, own_sockets
from edge_runtime.transport.statuses import Child
from edge_runtime.transport.wire import WireError
from tests.daemon_statuses import ALL_WELL, core, supervisor
from tests.stand_in_core import Speaking, StandIn, lock_holder, stand_in

CORE_ALONE: Speaking = {"core": core}


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as base:
        monkeypatch.setenv("XDG_RUNTIME_DIR", base)
        (Path(base) / "edge_runtime").mkdir(mode=0o700)
        yield Path(base) / "edge_runtime"


@pytest.fixture
def daemon(folder: Path) -> Iterator[StandIn]:
    with stand_in(folder, ALL_WELL) as running:
        yield running


def answers(daemon: StandIn, *kinds: type[Message], reply: Message) -> None:
    for kind in kinds:
        daemon.replies[kind] = lambda call: reply


def test_a_call_brings_its_reply(daemon: StandIn) -> None:
    answers(daemon, m.Teach, reply=m.Taken("mug"))
    with DaemonClient() as client:
        assert client.pid == os.getpid()
        assert client.call(m.Teach("my mug"), m.Taken).name == "mug"
        assert client.call(m.Teach("my cup"), m.Taken).name == "mug"
    assert daemon.calls == [m.Teach("my mug"), m.Teach("my cup")]


def test_a_refusal_is_told_with_its_hint(daemon: StandIn) -> None:
    answers(daemon, m.Teach, reply=m.Refused("There is no camera picture.", "see: edge-runtime status"))
    with DaemonClient() as client, pytest.raises(UsageError, match=r"There is no camera picture$") as raised:
        client.call(m.Teach("mug"), m.Taken)
    assert raised.value.hint == "see: edge-runtime status"


def test_a_core_that_hangs_is_waited_for_no_longer_than_told_and_its_state_is_named(daemon: StandIn) -> None:
    daemon.answers = False
    with DaemonClient() as client, pytest.raises(DeviceError, match=r"not answered within 0\.2 s: it is ready, process 4713, last heard"):
        client.call(m.Unmute(), m.Taken, 0.2)


def test_a_core_that_is_gone_is_named_by_what_its_supervisor_says(folder: Path) -> None:
    children = (Child("core", 0, "failing", 7),)
    with stand_in(folder, {"supervisor": lambda t_ns: msgspec.structs.replace(supervisor(t_ns), children=children)}) as daemon:
        daemon.answers = False
        with DaemonClient() as client, pytest.raises(DeviceError, match=r"not answered within 0\.1 s: it is failing$"):
            client.call(m.Unmute(), m.Taken, 0.1)


def test_where_nobody_is_heard_it_says_so(folder: Path) -> None:
    unheard = r"cannot be reached within 0\.1 s: nothing is known of it"
    with held(folder), own_sockets(folder), DaemonClient() as client, pytest.raises(DeviceError, match=unheard):
        client.call(m.Unmute(), m.Taken, 0.1)


def test_after_a_call_that_was_not_answered_the_next_one_is(daemon: StandIn) -> None:
    answers(daemon, m.Unmute, reply=m.Taken("late"))
    answers(daemon, m.Teach, reply=m.Taken("mug"))
    with DaemonClient() as client:
        daemon.answers = False
        with pytest.raises(DeviceError):
            client.call(m.Unmute(), m.Taken, 0.1)
        daemon.answers = True
        assert client.call(m.Teach("mug"), m.Taken).name == "mug"


def test_an_answer_of_another_kind_is_no_answer(daemon: StandIn) -> None:
    answers(daemon, m.WhatStands, reply=m.Taken())
    with DaemonClient() as client, pytest.raises(DeviceError, match="cannot be read"):
        client.call(m.WhatStands(), m.Stands)


def test_a_call_that_is_too_large_is_not_sent(daemon: StandIn) -> None:
    with DaemonClient() as client, pytest.raises(WireError, match="calls carries 65536 at most"):
        client.call(m.Question("x" * 70_000), m.Taken)


def test_a_daemon_that_has_no_sockets_yet_is_told_apart(folder: Path) -> None:
    with held(folder), pytest.raises(DeviceError, match=f"process {os.getpid()}, has no sockets yet"):
        DaemonClient()


def test_a_daemon_of_another_major_version_is_told_apart(folder: Path) -> None:
    with held(folder), own_sockets(folder) as sockets, socket.socket(socket.AF_UNIX) as other:
        other.bind(str(sockets / "er2.calls"))
        with pytest.raises(WireError, match="of version 2 came by calls; this process speaks version 1") as raised:
            DaemonClient()
    assert "one installation" in raised.value.hint


@pytest.mark.parametrize("ran_s", [5, 10**9])
def test_a_client_learns_the_time_of_a_daemon_younger_or_older_than_the_machine(folder: Path, ran_s: int) -> None:
    with stand_in(folder, ALL_WELL, ran_s) as daemon, DaemonClient() as client:
        answers(daemon, m.Unmute, reply=m.Taken())
        assert client.call(m.Unmute(), m.Taken) == m.Taken()
        heard = client.statuses(30.0)
        assert heard.ailments == ()
        assert 0 <= daemon.t_ns() - heard.now_ns < 30 * S


def test_a_daemon_that_has_ended_is_missed_also_where_another_has_begun(folder: Path) -> None:
    with stand_in(folder, ALL_WELL), DaemonClient() as client:
        client.require_same()
    with pytest.raises(NotRunning, match=f"process {client.pid}, has ended"):
        client.require_same()
    with lock_holder(folder, "ends"), pytest.raises(NotRunning, match="has ended"):
        client.require_same()


def test_statuses_come_as_soon_as_all_have_spoken(daemon: StandIn) -> None:
    with DaemonClient() as client:
        heard = client.statuses(30.0)
    assert set(heard.newest) == set(ALL_WELL)


def test_who_does_not_speak_is_not_waited_for_longer_than_told(folder: Path) -> None:
    with stand_in(folder, CORE_ALONE), DaemonClient() as client:
        assert set(client.statuses(0.2).newest) == {"core"}
