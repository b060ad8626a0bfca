"""The gate's own promises, kept by running pytest on small files that break them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.isolation import NetworkBlocked
from tests.skip_gate import Allowed, Skip, read_list, refused

ROOT = Path(__file__).parents[2]
LIST = ROOT / "tests" / "allowed_skips.toml"


def run_pytest(folder: Path, source: str, ci: str = "") -> tuple[int, str]:
    """Run pytest with our plugins on one file; returns the exit code and what was printed."""
    (folder / "test_it.py").write_text(source)
    (folder / "list.toml").write_text('[[allow]]\ntest = "test_it.py::*"\nreason = "no camera"\nci = false\nwhy = "for this test"\n')
    (folder / "pytest.ini").write_text("[pytest]\nallowed_skips = list.toml\nfilterwarnings = error\n")
    plugins = [word for name in ("leaks", "isolation", "skip_gate") for word in ("-p", f"tests.{name}")]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugins, "test_it.py"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "CI": ci}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)  # noqa: S603
    return done.returncode, done.stdout + done.stderr


MIXED = """
import pytest
def test_listed(): pytest.skip('no camera')
def test_other_words(): pytest.skip('not today')
@pytest.mark.skip(reason='marked')
def test_marked(): pass
def test_fine(): pass
"""


@pytest.mark.slow
def test_a_skip_on_the_list_passes_at_a_desk(tmp_path: Path) -> None:
    code, printed = run_pytest(tmp_path, "import pytest\ndef test_listed(): pytest.skip('no camera')\ndef test_fine(): pass\n")
    assert code == 0
    assert "allowed      test_it.py::test_listed: no camera" in printed


def test_a_skip_that_is_not_on_the_list_fails_and_so_does_one_for_desks_only_in_ci(tmp_path: Path) -> None:
    code, printed = run_pytest(tmp_path, MIXED, ci="true")
    assert code == 1
    for words in ("test_listed: no camera", "test_other_words: not today", "test_marked: marked"):
        assert f"NOT ALLOWED  test_it.py::{words}" in printed
    assert "1 passed, 3 skipped" in printed


def test_a_skipped_file_counts_too(tmp_path: Path) -> None:
    code, printed = run_pytest(tmp_path, "import pytest\npytest.skip('no camera', allow_module_level=True)\n")
    assert code != 0
    assert "NOT ALLOWED  test_it.py: no camera" in printed


LEAKY = """
import socket, subprocess, sys, threading, zmq
from multiprocessing import shared_memory
kept = []
def test_leaky():
    stop = threading.Event()
    threading.Thread(target=stop.wait, name="forgotten", daemon=True).start()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    context = zmq.Context()
    kept.extend([stop, child, socket.socket(), shared_memory.SharedMemory(create=True, size=16), context.socket(zmq.PUB), context])
def test_tidy():
    with socket.socket():
        subprocess.run([sys.executable, "-c", ""], check=True)
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()
def test_last():
    stop, child, plain, memory, publisher, context = kept
    stop.set()
    child.communicate()
    plain.close()
    memory.close()
    memory.unlink()
    publisher.close(0)
    context.term()
"""


@pytest.mark.slow
def test_what_a_test_leaves_behind_fails_it(tmp_path: Path) -> None:
    code, printed = run_pytest(tmp_path, LEAKY)
    assert code == 1
    for words in ("thread forgotten", "child process", "(socket:[", "shared memory psm_", "(anon_inode:[eventpoll])"):
        assert words in printed
    assert "3 passed, 1 error" in printed


def test_no_test_reaches_another_machine() -> None:
    with socket.socket() as there, pytest.raises(NetworkBlocked, match=r"wanted \('192\.0\.2\.1', 80\)"):
        there.connect(("192.0.2.1", 80))
    with pytest.raises(NetworkBlocked, match="looked up example"):
        socket.getaddrinfo("example.org", 443)


def test_a_test_may_talk_to_itself() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        server.accept()[0].close()


def test_a_test_sees_none_of_the_callers_settings(isolated: Path) -> None:
    assert not [name for name in os.environ if name.startswith("EDGE_RUNTIME_")]
    assert Path.home() == isolated


def test_the_list_is_read_strictly(tmp_path: Path) -> None:
    assert read_list(LIST)
    file = tmp_path / "list.toml"
    file.write_text('[[allow]]\ntest = "*"\nreason = "x"\n')
    with pytest.raises(TypeError, match="missing"):
        read_list(file)


def test_an_entry_covers_its_own_reason_only() -> None:
    entry = Allowed("tests/unit/*", "no camera", ci=True, why="")
    skips = [
        Skip("tests/unit/test_a.py::b", "no camera"),
        Skip("tests/soak/test_c.py::d", "no camera"),
        Skip("tests/unit/test_a.py::b", "x"),
    ]
    assert refused(skips, [entry], ci=True) == skips[1:]
