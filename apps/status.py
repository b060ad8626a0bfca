"""``edge-runtime status``: how the daemon that runs is, once."""

from __future__ import annotations

import argparse
import json
import shutil

from apps.daemon.client import DaemonClient
from apps.dashboard.as_json import status_as_json
from apps.dashboard.status_page import status_lines
from apps.verbs import Verbs, add_json
from edge_runtime.errors import DeviceError, UsageError


def add(verbs: Verbs) -> None:
    """Describe the verb."""
    parser = verbs.add_parser(
        "status",
        help="how the running daemon is",
        description="How the running daemon is: its processes, how old their words and frames are, bytes against their bounds, and "
        "what was let go and why. Returns 0 when all is well, 1 when something ails or is not ready, 5 when no daemon runs.",
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Ask the core, listen until every process has spoken, and print."""
    with DaemonClient() as client:
        unanswered = _unanswered(client)
        heard = client.statuses()
    ailments = (*heard.ailments, *unanswered)
    if args.json:
        print(json.dumps(status_as_json(heard, ailments), indent=2))
    else:
        print("\n".join(status_lines(heard, ailments, shutil.get_terminal_size().columns)))
    return 1 if ailments else 0


def _unanswered(client: DaemonClient) -> tuple[str, ...]:
    """Ask the core what it has heard of the others; returns why it did not say."""
    try:
        client.report()
    except (DeviceError, UsageError) as error:
        return (str(error),)
    return ()
