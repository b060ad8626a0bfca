"""Whether a daemon runs: by its lock, whatever the file says, and without keeping another from starting."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from apps.daemon.running import require_running, running_pid, signal_daemon
from edge_runtime.errors import DeviceError, NotRunning
from edge_runtime.transport.endpoints import LOCK_NAME, held


def test_where_there_is_no_lock_nobody_runs(tmp_path: Path) -> None:
    assert running_pid(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_whoever_holds_the_lock_runs(tmp_path: Path) -> None:
    with held(tmp_path):
        assert running_pid(tmp_path) == os.getpid()
    assert running_pid(tmp_path) is None


def test_a_daemon_that_was_cut_short_left_its_number_and_does_not_run(tmp_path: Path) -> None:
    (tmp_path / LOCK_NAME).write_text("4711")
    assert running_pid(tmp_path) is None
    with held(tmp_path):
        assert running_pid(tmp_path) == os.getpid()


@pytest.mark.parametrize("content", ["nobody", "-1", "0"])
def test_a_number_that_is_none_is_never_sent_a_signal(tmp_path: Path, content: str) -> None:
    with held(tmp_path):
        (tmp_path / LOCK_NAME).write_text(content)
        with pytest.raises(DeviceError, match="names no process"):
            signal_daemon(tmp_path, signal.SIGTERM)


def test_a_link_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("1")
    (tmp_path / LOCK_NAME).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DeviceError, match="cannot be read"):
        running_pid(tmp_path)


def test_that_nobody_runs_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="no daemon runs") as raised:
        require_running(tmp_path)
    assert raised.value.hint == "start one: edge-runtime run"
    assert raised.value.exit_code == 5
