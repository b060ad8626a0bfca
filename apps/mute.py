"""``edge-runtime mute``: silence for a while, or until further notice."""

from __future__ import annotations

import argparse
import json

from apps.daemon.client import DaemonClient
from apps.daemon.minutes import minutes
from apps.verbs import Verbs, add_json
from edge_runtime.config import S
from edge_runtime.speak.phrasing import duration
from edge_runtime.transport.messages import Mute, Taken, Unmute


def add(verbs: Verbs) -> None:
    """Describe the verb."""
    parser = verbs.add_parser(
        "mute", help="silence the running daemon", description="Silence the running daemon for some minutes, or until --off."
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("for_ns", metavar="MINUTES", nargs="?", type=minutes, help="for how long; else until --off")
    what.add_argument("--off", action="store_true", help="let it speak again")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Silence it, or let it speak.

    Raises:
        DeviceError: No daemon runs, or its core does not answer.
    """
    with DaemonClient() as client:
        client.call(Unmute() if args.off else Mute(args.for_ns), Taken)
    if args.json:
        print(json.dumps({"muted": not args.off, "for_s": None if args.for_ns is None else args.for_ns / S}))
    elif args.off:
        print("It may speak again.")
    else:
        print(f"Silent for {duration(args.for_ns)}." if args.for_ns is not None else "Silent until: edge-runtime mute --off")
    return 0
