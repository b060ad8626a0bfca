"""``edge-runtime concept``: teach the glasses a thing by name, see what they know, and have them forget it."""

from __future__ import annotations

import argparse
import json
import sys

import msgspec

from apps.daemon.client import DaemonClient
from apps.dashboard.tables import plain
from apps.forget import sure
from apps.verbs import Verbs, add_json
from edge_runtime.transport.messages import ForgetWish, Stands, Taken, Teach, WhatStands


def add(verbs: Verbs) -> None:
    """Describe the verb."""
    parser = verbs.add_parser(
        "concept",
        help="teach the running daemon a thing by name",
        description="Teach the running daemon what is looked at now, by a name; list what it knows; have it forget a thing.",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("name", metavar="NAME", nargs="?", help="what the thing that is looked at is called")
    what.add_argument("--list", action="store_true", help="what is known by name")
    what.add_argument("--forget", metavar="NAME", help="forget a thing: its name, and every sighting and picture of it")
    parser.add_argument("--yes", action="store_true", help="forget without asking first")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Teach, list or forget.

    Raises:
        UsageError: There is nobody to ask, or the core refused.
        DeviceError: No daemon runs, or its core does not answer.
    """
    with DaemonClient() as client:
        if args.list:
            known = client.call(WhatStands(), Stands).concepts
            lines = [f"{plain(one.name)}  (from {one.views} views)" for one in known] or ["Nothing is known by name."]
            print(json.dumps(msgspec.to_builtins(known)) if args.json else "\n".join(lines))
            return 0
        if args.forget is not None and not args.yes and not sure(f'what goes by the name "{plain(args.forget)}" or reads so'):
            print("Nothing was forgotten.", file=sys.stderr if args.json else sys.stdout)
            return 0
        forget = args.forget is not None
        name = client.call(ForgetWish("thing", name=args.forget) if forget else Teach(args.name), Taken).name
    if args.json:
        print(json.dumps({"forget" if forget else "concept": name}))
    elif forget:
        print(f"{name} is being forgotten. The glasses say when it is done, and what could not be.")
    else:
        print(f"Keep looking at it, from more than one side: the glasses say when they know {name}.")
    return 0
