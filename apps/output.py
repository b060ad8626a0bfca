"""The output folder of a run: only ever our own files are cleared from it, and never while another run writes there."""

from __future__ import annotations

import fcntl
import re
import shutil
from pathlib import Path

from edge_runtime.errors import DeviceError, Locked, UsageError
from edge_runtime.store_lock import LOCK_NAME

_OURS = {"decisions.jsonl", "report.html", "journal", "log", "report.html.part", "decisions.fresh"}
"""What a run writes; the last two are left by one that was cut short."""
_INSIDE = re.compile(r"\d{6}\.(segment|tokens|fresh)|log\.(lock|db(\.part)?(-wal|-shm|-journal)?)")
"""Names of the files in ``journal/`` and ``log/``."""


def prepare_out(out: Path) -> None:
    """Make the output folder, and clear what an earlier run left in it.

    Raises:
        UsageError: It holds something that no run of ours has written.
        Locked: Another run holds the log in it.
        DeviceError: It cannot be made or written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        strangers = [path for path in out.iterdir() if path.name not in _OURS]
        strangers += [path for name in ("journal", "log") for path in (out / name).glob("*") if not _INSIDE.fullmatch(path.name)]
        if strangers:
            raise UsageError(f"{strangers[0]} was written by no run of ours", hint="choose an empty folder with --out")
        _refuse_if_locked(out / "log" / LOCK_NAME)
        for path in (out / name for name in _OURS):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    except OSError as error:
        raise DeviceError(f"{out} cannot be written: {error.strerror}", hint="choose another folder with --out") from error


def _refuse_if_locked(lock: Path) -> None:
    if not lock.is_file():
        return
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Locked(f"another process holds the log in {lock.parent}", hint="end the other run, or choose another --out") from error
