"""``edge-runtime watch``: tell the glasses what to look out for, see what they do, and withdraw it."""

from __future__ import annotations

import argparse
import json
import time

from apps.daemon.client import DaemonClient
from apps.daemon.minutes import minutes
from apps.dashboard.as_json import seconds
from apps.dashboard.tables import plain
from apps.verbs import Verbs, add_json
from edge_runtime.errors import UsageError
from edge_runtime.speak.phrasing import duration
from edge_runtime.transport.messages import RemoveWatch, SetWatch, Stands, Taken, WasSaid, Watched, WhatStands, WhatWasSaid

_REFUSED_S = 3.0
"""A refusal is said at once, or when something else has been said."""
_EVERY_S = 0.1


def add(verbs: Verbs) -> None:
    """Describe the verb."""
    parser = verbs.add_parser(
        "watch",
        help="have the running daemon look out for something",
        description="Have the running daemon look out for something and say when it is seen; list what it looks out for; withdraw it.",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("sentence", metavar="SENTENCE", nargs="?", help='such as "tell me when I see my mug"')
    what.add_argument("--list", action="store_true", help="what it looks out for now")
    what.add_argument("--remove", metavar="NAME", help="withdraw one, by the name in the list")
    parser.add_argument("--minutes", metavar="N", type=minutes, dest="for_ns", help="how long it stands; else until it is removed")
    parser.add_argument("--once", action="store_true", help="it goes when it has been said")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Set, list or withdraw.

    Raises:
        UsageError: The options do not go together, or the core refused.
        DeviceError: No daemon runs, or its core does not answer.
    """
    if args.sentence is None and (args.for_ns is not None or args.once):
        raise UsageError("--minutes and --once belong to a sentence", hint='run: edge-runtime watch "tell me when ..." --minutes 10')
    with DaemonClient() as client:
        if args.list:
            stands = client.call(WhatStands(), Stands)
            print(json.dumps([_as_json(watch, stands.t_ns) for watch in stands.watches]) if args.json else _listed(stands))
            return 0
        if args.remove is not None:
            name = client.call(RemoveWatch(args.remove), Taken).name
            words = f"{args.remove} was withdrawn."
        else:
            watch = _set(client, SetWatch(args.sentence, args.for_ns, args.once))
            name, words = watch.watch, f"{watch.watch}: the glasses say when {plain(watch.text)}."
    print(json.dumps({"watch": name}) if args.json else words)
    return 0


def _set(client: DaemonClient, wish: SetWatch) -> Watched:
    """Have it looked out for; what the glasses cannot recognise they refuse, in words.

    Raises:
        UsageError: They refuse.
    """
    before = client.call(WhatWasSaid(), WasSaid).last
    name = client.call(wish, Taken).name
    standing = next((watch for watch in client.call(WhatStands(), Stands).watches if watch.watch == name), None)
    if standing is not None:
        return standing
    until_s, refusal = time.monotonic() + _REFUSED_S, None
    while refusal is None and time.monotonic() < until_s:
        said = (item.response for item in client.call(WhatWasSaid(before), WasSaid).said)
        # A watch that was never kept has no name any more; but a refusal answers no question and shows nothing.
        refusal = next((plain(response.text) for response in said if not response.question and not response.evidence), None)
        client.listen(_EVERY_S)
    raise UsageError((refusal or "the glasses do not look out for it, and say nothing").rstrip("."), hint="see: edge-runtime watch --help")


def _listed(stands: Stands) -> str:
    return "\n".join(_line(watch, stands.t_ns) for watch in stands.watches) or "Nothing is looked out for."


def _line(watch: Watched, t_ns: int) -> str:
    stays = "until it is removed" if watch.expires_ns is None else f"for {duration(watch.expires_ns - t_ns)} more"
    return f"{watch.watch}  {plain(watch.text)}  ({stays}{', once' if watch.once else ''})"


def _as_json(watch: Watched, t_ns: int) -> dict[str, object]:
    left_s = seconds(None if watch.expires_ns is None else watch.expires_ns - t_ns)
    return {"watch": watch.watch, "text": watch.text, "left_s": left_s, "once": watch.once}
