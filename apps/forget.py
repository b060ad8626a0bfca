"""``edge-runtime forget``: have the glasses forget the time just past, a thing, or everything."""

from __future__ import annotations

import argparse
import json
import sys

from apps.daemon.client import DaemonClient
from apps.daemon.minutes import minutes
from apps.dashboard.tables import plain
from apps.verbs import Verbs, add_json
from edge_runtime.errors import UsageError
from edge_runtime.speak.phrasing import duration
from edge_runtime.transport.messages import ForgetWish, Taken


def add(verbs: Verbs) -> None:
    """Describe the verb."""
    parser = verbs.add_parser(
        "forget",
        help="have the running daemon forget",
        description="Have the running daemon forget, in memory, log, journal, frames and films. Of a run that has ended: memory forget.",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--last", metavar="MINUTES", type=minutes, dest="last_ns", help="the time just past")
    what.add_argument("--thing", metavar="NAME", help="a thing: its name, and every sighting and picture of it")
    what.add_argument("--all", action="store_true", help="everything")
    parser.add_argument("--yes", action="store_true", help="do not ask first")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Ask whether it is meant, and forget.

    Raises:
        UsageError: There is nobody to ask, or the core refused.
        DeviceError: No daemon runs, or its core does not answer.
    """
    wish, what = wanted(args)
    with DaemonClient() as client:
        if not args.yes and not sure(what):
            print("Nothing was forgotten.", file=sys.stderr if args.json else sys.stdout)
            return 0
        client.call(wish, Taken)
    print(
        json.dumps({"forget": wish.kind}) if args.json else "It is being forgotten. The glasses say when it is done, and what could not be."
    )
    return 0


def wanted(args: argparse.Namespace) -> tuple[ForgetWish, str]:
    """The wish, and what it means in words."""
    if args.last_ns is not None:
        return ForgetWish("last", last_ns=args.last_ns), f"what was seen and said in the last {duration(args.last_ns)}"
    if args.thing is not None:
        return ForgetWish("thing", name=args.thing), f'what goes by the name "{plain(args.thing)}" or reads so'
    return ForgetWish("all"), "everything"


def sure(what: str) -> bool:
    """Ask the person at the terminal.

    Raises:
        UsageError: There is none.
    """
    if not sys.stdin.isatty():
        raise UsageError("forgetting asks first, and there is nobody to ask", hint="add --yes")
    print(f"This forgets {what}, in memory, log, journal and films. It cannot be brought back.")
    try:
        return input("Forget it? [yes/no] ").strip().casefold() in ("y", "yes")
    except EOFError:
        return False
