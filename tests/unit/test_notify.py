"""What a service tells systemd, over a real socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_runtime.errors import ConfigError
from edge_runtime.hosts.notify import Notifier, watchdog_ns

US = 1000


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """A socket in the place of systemd's, and how the environment names it."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@edge_runtime-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0" + name[1:] if name.startswith("@") else name)
        listening.settimeout(10.0)
        yield listening, name


def test_everything_that_can_be_said_arrives_as_systemd_reads_it(systemd: tuple[socket.socket, str]) -> None:
    listening, name = systemd
    with Notifier({"NOTIFY_SOCKET": name}) as notifier:
        notifier.ready()
        notifier.watchdog()
        notifier.status("core running,\nmodel failing: no ünit")
        notifier.reloading(1_234_567_899)
        notifier.stopping()

    assert [listening.recv(4096).decode() for _ in range(5)] == [
        "READY=1",
        "WATCHDOG=1",
        "STATUS=core running, model failing: no ünit",
        "RELOADING=1\nMONOTONIC_USEC=1234567",
        "STOPPING=1",
    ]
    assert notifier.unsent == 0


def test_without_systemd_nothing_is_said() -> None:
    with Notifier({}) as notifier:
        notifier.ready()
    assert notifier.unsent == 0


def test_the_environment_of_the_process_counts_unless_another_is_given(
    systemd: tuple[socket.socket, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    listening, name = systemd
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    with Notifier() as notifier:
        notifier.ready()
    assert listening.recv(4096) == b"READY=1"


def test_a_systemd_that_is_gone_is_counted_and_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}) as notifier:
        notifier.ready()
        notifier.watchdog()
    assert notifier.unsent == 2
    assert caplog.messages == ["systemd is not told how the service is: No such file or directory"]


def test_a_systemd_that_does_not_listen_is_never_waited_for(systemd: tuple[socket.socket, str]) -> None:
    listening, name = systemd
    with Notifier({"NOTIFY_SOCKET": name}) as notifier:
        while not notifier.unsent:
            notifier.watchdog()
        assert listening.recv(4096) == b"WATCHDOG=1"


def test_a_socket_of_another_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match="NOTIFY_SOCKET=vsock:2:1234 is no local socket"):
        Notifier({"NOTIFY_SOCKET": "vsock:2:1234"})


@pytest.mark.parametrize(
    ("env", "meant"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "10000000"}, 10_000_000 * US),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "7"}, 10_000_000 * US),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_PID": "7"}, None),
    ],
)
def test_the_watchdog_is_that_of_this_process(env: dict[str, str], meant: int | None) -> None:
    assert watchdog_ns(env, pid=7) == meant


@pytest.mark.parametrize("text", ["soon", "0", "-1", "1.5", "٣"])
def test_a_watchdog_that_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is no time"):
        watchdog_ns({"WATCHDOG_USEC": text})
