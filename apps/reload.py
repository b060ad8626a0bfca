"""``edge-runtime reload``: have the daemon that runs read its settings again."""

from __future__ import annotations

import argparse
import json
import signal

from apps.daemon.running import signal_daemon
from apps.verbs import Verbs, add_json
from edge_runtime.transport.endpoints import runtime_folder


def add(verbs: Verbs) -> None:
    """Describe the verb."""
    parser = verbs.add_parser(
        "reload",
        help="have the running daemon read its settings again",
        description="Have the running daemon read its settings again. It takes up what can change while it runs; "
        "settings that are wrong change nothing, and its log says so.",
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Tell it.

    Raises:
        NotRunning: No daemon runs.
        DeviceError: It is another user's.
    """
    pid = signal_daemon(runtime_folder(), signal.SIGHUP)
    print(json.dumps({"told": pid}) if args.json else f"The daemon, process {pid}, was told to read its settings again.")
    return 0
