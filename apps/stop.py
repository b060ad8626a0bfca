"""``edge-runtime stop``: end the daemon that runs. It goes by the lock and a signal, so it works also when nothing answers."""

from __future__ import annotations

import argparse
import json
import signal
import time
from pathlib import Path

from apps.daemon.running import running_pid, signal_daemon
from apps.verbs import Verbs, add_json
from edge_runtime.errors import DeviceError
from edge_runtime.transport.endpoints import runtime_folder

_WAIT_S = 5.0
_POLL_S = 0.02


def add(verbs: Verbs) -> None:
    """Describe the verb."""
    parser = verbs.add_parser(
        "stop", help="end the running daemon", description="End the running daemon in good order, and wait until it has ended: 5 s at most."
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """End it.

    Raises:
        NotRunning: No daemon runs.
        DeviceError: It has not ended in time.
    """
    pid = stop(runtime_folder(), _WAIT_S)
    print(json.dumps({"stopped": pid}) if args.json else f"The daemon, process {pid}, has ended.")
    return 0


def stop(folder: Path, wait_s: float) -> int:
    """End the daemon of a runtime folder, and wait until it has let go of its lock; returns the process that it was.

    Raises:
        NotRunning: No daemon runs.
        DeviceError: It is another user's, or has not ended in time.
    """
    pid = signal_daemon(folder, signal.SIGTERM)
    until_s = time.monotonic() + wait_s
    while running_pid(folder) == pid:
        if time.monotonic() > until_s:
            raise DeviceError(
                f"the daemon, process {pid}, was told to end {wait_s:g} s ago and still runs",
                hint=f"wait, or end it without its good order: kill -KILL {pid}",
            )
        time.sleep(_POLL_S)
    return pid
