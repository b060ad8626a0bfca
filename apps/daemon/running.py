"""Whether a daemon runs, and as which process: by the lock that it holds, and not by whether it answers."""

from __future__ import annotations

import fcntl
import os
import signal
from pathlib import Path

from edge_runtime.errors import DeviceError, NotRunning
from edge_runtime.transport.endpoints import LOCK_NAME


def running_pid(folder: Path) -> int | None:
    """The process that holds the lock of a runtime folder, or ``None`` where no daemon runs.

    A daemon that ended in good order has emptied the file. Only one that was cut short leaves its number behind, so only then is the lock
    itself tried: for a moment this would keep a daemon from starting.

    Raises:
        DeviceError: The lock file cannot be read, or is held and names no process.
    """
    path = folder / LOCK_NAME
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DeviceError(f"{path} cannot be read: {error.strerror}", hint="look who made it") from error
    try:
        holder = os.read(descriptor, 32).decode("ascii", "replace").strip()
        if not holder or _is_free(descriptor):
            return None
    finally:
        os.close(descriptor)
    if not holder.isdecimal() or int(holder) < 1:
        raise DeviceError(f"{path} is held and names no process: {holder!r}", hint="look who made it")
    return int(holder)


def require_running(folder: Path) -> int:
    """The process of the daemon that runs.

    Raises:
        NotRunning: None does.
        DeviceError: The lock file cannot be read.
    """
    pid = running_pid(folder)
    if pid is None:
        raise NotRunning("no daemon runs", hint="start one: edge-runtime run")
    return pid


def signal_daemon(folder: Path, number: signal.Signals) -> int:
    """Send a signal to the daemon that runs; returns the process.

    Raises:
        NotRunning: None does.
        DeviceError: It is another user's.
    """
    pid = require_running(folder)
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        raise NotRunning("the daemon has just ended", hint="start one: edge-runtime run") from None
    except PermissionError as error:
        raise DeviceError(f"process {pid} is another user's", hint="do this as the user who started the daemon") from error
    return pid


def _is_free(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True  # closing the file lets go of it again
