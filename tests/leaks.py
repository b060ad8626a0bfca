"""A pytest plugin: a test that leaves a thread, a child process, a socket or shared memory behind has failed.

A ZeroMQ context runs threads of its own, which Python does not know, as soon as it has had a socket, and until it is terminated; they
are found by their names. Linux tells all of this in ``/proc``; elsewhere only Python's threads are watched.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

_PROC = Path("/proc/self")
_SHM = Path("/dev/shm")  # noqa: S108  read only
_OPEN = ("socket:", "anon_inode:[eventpoll]", "anon_inode:[eventfd]")
_OURS = ("psm_", "sem.", "edge_runtime")
_GRACE_S = 1.0


def held() -> set[str]:
    """What this process holds that somebody should have closed, in words."""
    found = {f"thread {thread.name}" for thread in threading.enumerate() if thread is not threading.main_thread()}
    if _PROC.is_dir():
        found |= _descriptors() | _children() | _zmq_threads()
    if _SHM.is_dir():
        found |= {f"shared memory {path.name}" for path in _SHM.iterdir() if path.name.startswith(_OURS) and not _held_elsewhere(path)}
    return found


def _descriptors() -> set[str]:
    found = set()
    for link in (_PROC / "fd").iterdir():
        try:
            target = str(link.readlink())
        except FileNotFoundError:
            continue  # the descriptor that was reading the folder
        if target.startswith(_OPEN):
            found.add(f"descriptor {link.name} ({target})")
    return found


def _zmq_threads() -> set[str]:
    found = set()
    for file in (_PROC / "task").glob("*/comm"):
        try:
            name = file.read_text().strip()
        except (FileNotFoundError, ProcessLookupError):
            continue  # a thread that has just ended
        if name.startswith("ZMQbg"):
            found.add(f"ZeroMQ context, thread {file.parent.name} ({name})")
    return found


def _children() -> set[str]:
    found = set()
    for listing in (_PROC / "task").glob("*/children"):
        try:
            numbers = listing.read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # a thread that has just ended
        for number in numbers:
            words = _command(number)
            # Python keeps one helper of its own once shared memory has been used.
            if "resource_tracker" not in words:
                found.add(f"child process {number} ({words})")
    return found


def _held_elsewhere(segment: Path) -> bool:
    """Whether another process has it open: a second run of the tests on the same machine, most likely."""
    for maps in Path("/proc").glob("[0-9]*/maps"):
        if maps.parent.name != str(os.getpid()):
            try:
                if str(segment) in maps.read_text(errors="replace"):
                    return True
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue  # it has ended, or is somebody else's
    return False


def _command(number: str) -> str:
    try:
        return Path(f"/proc/{number}/cmdline").read_text().replace("\0", " ").strip() or "ended, not waited for"
    except (FileNotFoundError, ProcessLookupError):
        return "ended"


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[None]:
    """Compare what is held before and after the test; what is just closing gets a moment."""
    before = held()
    yield
    left = held() - before
    until = time.monotonic() + _GRACE_S
    while left and time.monotonic() < until:
        time.sleep(0.01)
        left = held() - before
    if left:
        pytest.fail(f"left behind: {', '.join(sorted(left))}")
