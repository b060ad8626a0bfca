"""Processes that die at a moment which a seed has drawn, the same one for the same seed, and disks that refuse.

Writes of SQLite are counted by its own hooks for testing, so that a process can die in the middle of a checkpoint or of rewriting a
file. Whatever is done here takes effect in the process that does it, for good: it belongs into a child.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

_METHODS = (
    "xOpen xDelete xAccess xFullPathname xDlOpen xDlError xDlSym xDlClose xRandomness xSleep xCurrentTime xGetLastError xCurrentTimeInt64"
)


class _Vfs(ctypes.Structure):
    """``sqlite3_vfs`` of SQLite 3.7.6 and newer, as far as it is used here."""


_SetSystemCall = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Vfs), ctypes.c_char_p, ctypes.c_void_p)
_Pwrite = ctypes.CFUNCTYPE(ctypes.c_ssize_t, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64)
_Ftruncate = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_int64)
_Unlink = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p)
_Vfs._fields_ = [
    ("iVersion", ctypes.c_int),
    ("szOsFile", ctypes.c_int),
    ("mxPathname", ctypes.c_int),
    ("pNext", ctypes.c_void_p),
    ("zName", ctypes.c_char_p),
    ("pAppData", ctypes.c_void_p),
    *((name, ctypes.c_void_p) for name in _METHODS.split()),
    ("xSetSystemCall", _SetSystemCall),
]


def watch_writes(before: Callable[[], None]) -> tuple[object, ...]:
    """Have something called before every write, truncation and removal that SQLite makes in this process, for good.

    Returns:
        What must be kept for as long as SQLite is used.
    """
    library = ctypes.CDLL(_sqlite3.__file__)
    library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
    vfs = library.sqlite3_vfs_find(None)

    def pwrite(descriptor: int, data: int, count: int, offset: int) -> int:
        before()
        return os.pwrite(descriptor, ctypes.string_at(data, count), offset)

    def ftruncate(descriptor: int, size: int) -> int:
        before()
        os.ftruncate(descriptor, size)
        return 0

    def unlink(path: bytes) -> int:
        before()
        os.unlink(path)  # noqa: PTH108  what SQLite means, to the letter
        return 0

    calls = {b"pwrite": _Pwrite(pwrite), b"pwrite64": _Pwrite(pwrite), b"ftruncate": _Ftruncate(ftruncate), b"unlink": _Unlink(unlink)}
    for name, call in calls.items():
        if vfs.contents.xSetSystemCall(vfs, name, ctypes.cast(call, ctypes.c_void_p)) != 0 and name != b"pwrite64":
            raise OSError(f"this SQLite does not let {name.decode()} be watched")
    return (vfs, *calls.values())


def die() -> None:
    """End this process as ``kill -9`` does: nothing is flushed, closed or cleaned up."""
    os.kill(os.getpid(), signal.SIGKILL)


class Countdown:
    """Dies when it has been called for the n-th time.

    Args:
        moment: That n.

    Attributes:
        left: How many calls are left.
    """

    def __init__(self, moment: int) -> None:
        self.left = moment

    def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            die()


Say = Callable[[str], None]
ROOT = Path(__file__).resolve().parents[1]


def lived(life: Callable[[Say], None], hear: Say) -> bool:
    """Fork a child that lives and may die; returns whether it was killed before its end.

    Args:
        life: What the child does. It is given something to say lines with, which its parent hears even if it dies right after.
        hear: Takes the lines.
    """
    ear, mouth = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ear)
        try:
            life(lambda line: _write(mouth, line))
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    os.close(mouth)
    with os.fdopen(ear, encoding="utf-8") as lines:
        for line in lines:
            hear(line.rstrip("\n"))
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0, f"the child ended with {status}"
    return os.WIFSIGNALED(status)


def _write(mouth: int, line: str) -> None:
    os.write(mouth, line.encode() + b"\n")


def room(nbytes: int | None) -> None:
    """Let no file of this process grow beyond a size: what a full disk looks like from inside; ``None`` makes room again."""
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard if nbytes is None else nbytes, hard))


def give_up_rights(folder: Path | None = None) -> None:
    """Become nobody, and the owner of a folder, where this process is the superuser, who may write anywhere."""
    if os.geteuid() == 0:
        if folder is not None:
            os.chown(folder, 65534, 65534)
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)


def in_child(test: Callable[[Path], None], folder: Path) -> None:
    """Run a function of a test's module in a process of its own: what it does to its rights and limits must not outlive it."""
    script = f"import sys; from pathlib import Path; from {test.__module__} import {test.__name__}; {test.__name__}(Path(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", script, str(folder)], cwd=ROOT, check=False, capture_output=True, text=True)  # noqa: S603
    assert done.returncode == 0, done.stderr


def tortured(module: str, folder: Path, *numbers: int) -> str:
    """Run a module that kills its children in a process of its own, with one thread, so that forking is safe; returns what it prints."""
    words = [sys.executable, "-m", module, str(folder), *map(str, numbers)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, cwd=ROOT, check=False, capture_output=True, text=True, env=environment)  # noqa: S603
    assert done.returncode == 0, done.stderr
    return done.stdout
