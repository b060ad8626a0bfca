"""``edge-runtime record``: keep what the camera sees as a film, for a while; and end that."""

from __future__ import annotations

import argparse
import json

from apps.daemon.client import DaemonClient
from apps.daemon.minutes import minutes
from apps.verbs import Verbs, add_json
from edge_runtime.config import S
from edge_runtime.speak.phrasing import duration
from edge_runtime.transport.messages import EndFilm, Film, Taken


def add(verbs: Verbs) -> None:
    """Describe the verb."""
    parser = verbs.add_parser(
        "record",
        help="have the running daemon film",
        description="Have the running daemon keep what the camera sees as a film on its disk, for so many minutes at most. "
        "Without this it keeps no film. edge-runtime status says while it films.",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("for_ns", metavar="MINUTES", nargs="?", type=minutes, help="for how long at most")
    what.add_argument("--stop", action="store_true", help="end the film that is being taken")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Begin a film, or end it.

    Raises:
        UsageError: The core refused.
        DeviceError: No daemon runs, or its core does not answer.
    """
    with DaemonClient() as client:
        client.call(EndFilm() if args.stop else Film(args.for_ns), Taken)
    if args.json:
        print(json.dumps({"record": not args.stop, "for_s": None if args.stop else args.for_ns / S}))
    else:
        print(
            "The film ends."
            if args.stop
            else f"A film was asked for, of {duration(args.for_ns)} at most. End it: edge-runtime record --stop"
        )
    return 0
