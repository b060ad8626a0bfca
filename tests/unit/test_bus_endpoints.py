"""Where sockets live: a folder that only this user enters, under a lock that one daemon holds; keys nobody else reads."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_runtime.errors import ConfigError, DeviceError, Locked, UsageError
from edge_runtime.transport.endpoints import (
    LOCK_NAME,
    Client,
    KeyPair,
    Local,
    Tcp,
    held,
    read_keys,
    runtime_folder,
    write_keys,
)

KEYS = Client(KeyPair("p" * 40, "s" * 40), "q" * 40)


@pytest.fixture
def base(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield Path(folder)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_folder_is_made_for_this_user_alone_and_found_again(base: Path) -> None:
    assert runtime_folder() == base / "edge_runtime" == runtime_folder()
    assert mode(base / "edge_runtime") == 0o700


@pytest.mark.parametrize("base_named", ["", "relative/path"])
def test_without_a_runtime_folder_of_the_session_it_is_one_in_tmp(monkeypatch: pytest.MonkeyPatch, base_named: str) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", base_named)
    # as a user who does not exist, so that no real folder is touched
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)
    monkeypatch.setattr(Path, "mkdir", lambda self, mode: None)
    with pytest.raises(DeviceError, match=r"edge_runtime-4000000000 cannot be used"):
        runtime_folder()


def test_a_link_in_its_place_is_refused(base: Path) -> None:
    (base / "elsewhere").mkdir(mode=0o700)
    (base / "edge_runtime").symlink_to(base / "elsewhere")
    with pytest.raises(DeviceError, match="is a link"):
        runtime_folder()


def test_a_folder_that_others_can_enter_is_refused(base: Path) -> None:
    (base / "edge_runtime").mkdir()
    (base / "edge_runtime").chmod(0o750)
    with pytest.raises(DeviceError, match="open to other users"):
        runtime_folder()


def test_a_folder_of_somebody_else_is_refused(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (base / "edge_runtime").mkdir(mode=0o700)
    somebody = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: somebody)
    with pytest.raises(DeviceError, match="another user"):
        runtime_folder()


def test_a_folder_that_cannot_be_made_says_so(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(base / "missing"))
    with pytest.raises(DeviceError, match="cannot be used: No such file"):
        runtime_folder()


def test_a_second_daemon_is_refused_and_told_which_process_runs(base: Path) -> None:
    hold = "import sys; from pathlib import Path; from edge_runtime.transport.endpoints import held\n"
    hold += "with held(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", hold, str(base)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:  # noqa: S603
        assert first.stdout is not None and first.stdout.readline() == b"held\n"
        with pytest.raises(Locked, match=rf"process {first.pid}$"), held(base):
            pass
        first.kill()
    with held(base):  # the lock of one that was killed is free
        assert (base / LOCK_NAME).read_text() == str(os.getpid())
        assert mode(base / LOCK_NAME) == 0o600
    assert (base / LOCK_NAME).read_text() == ""


def test_a_lock_that_is_a_link_is_refused(base: Path) -> None:
    (base / LOCK_NAME).symlink_to(base / "elsewhere")
    with pytest.raises(DeviceError, match="cannot be used"), held(base):
        pass


def test_a_topic_has_one_address() -> None:
    assert Local(Path("/run/user/1000/edge_runtime")).address("v1/gaze") == "ipc:///run/user/1000/edge_runtime/v1.gaze"
    with pytest.raises(ConfigError, match="too long for a socket"):
        Local(Path("/" + "x" * 110)).address("v1/gaze")


@pytest.mark.parametrize("host", ["", "*", "0.0.0.0", "::", "[::]"])  # noqa: S104
def test_no_socket_listens_on_every_interface(host: str) -> None:
    with pytest.raises(ConfigError, match="every interface"):
        Tcp(host, {}, KEYS)


def test_over_the_network_only_topics_with_a_port_are_reached() -> None:
    place = Tcp("127.0.0.1", {"v1/control": 7001}, KEYS)
    assert place.address("v1/control") == "tcp://127.0.0.1:7001"
    with pytest.raises(UsageError, match="v1/gaze is not reached"):
        place.address("v1/gaze")


def test_keys_are_kept_for_this_user_alone_and_never_replaced(tmp_path: Path) -> None:
    write_keys(tmp_path, "display", KEYS.own)
    assert read_keys(tmp_path, "display") == KEYS.own
    assert [mode(tmp_path / f"display.{kind}") for kind in ("public", "secret")] == [0o600, 0o600]
    with pytest.raises(DeviceError, match="cannot be written: File exists"):
        write_keys(tmp_path, "display", KEYS.own)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    write_keys(tmp_path, "display", KEYS.own)
    (tmp_path / "display.secret").chmod(0o640)
    with pytest.raises(DeviceError, match="open to other users"):
        read_keys(tmp_path, "display")


def test_missing_keys_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="cannot be read") as caught:
        read_keys(tmp_path, "display")
    assert "make the keys first" in caught.value.hint


def test_a_secret_is_not_shown() -> None:
    assert re.search("s{40}", repr(Tcp("127.0.0.1", {}, KEYS))) is None
