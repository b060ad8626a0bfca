"""``edge-runtime top``: how the daemon that runs is, again every second."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence

from apps.daemon.client import DaemonClient
from apps.dashboard.as_json import top_as_json
from apps.dashboard.top_page import fitted, top_lines
from apps.verbs import Verbs, add_json

_HOME, _END_OF_LINE, _END_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"
_EVERY_S = 1.0


def add(verbs: Verbs) -> None:
    """Describe the verb."""
    parser = verbs.add_parser(
        "top",
        help="the same, live: rates, ages, power",
        description="How the running daemon is, again every second until Ctrl-C: what it did in the last ten seconds, how old that was, "
        "what was let go, temperature, power, and what it may say. With --json one object a line.",
    )
    parser.add_argument("--once", action="store_true", help="show it once, after a second, and end")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Listen and show, until Ctrl-C or the end of the daemon."""
    try:
        with DaemonClient() as client:
            client.statuses()
            while True:
                heard = client.listen(_EVERY_S)
                if args.json:
                    print(json.dumps(top_as_json(heard)), flush=True)
                else:
                    _show(top_lines(heard, shutil.get_terminal_size().columns - 1))
                if args.once:
                    return 0
                client.require_same()
    except KeyboardInterrupt:
        return 0


def _show(lines: Sequence[str]) -> None:
    """In place where it is a terminal; else one below the other."""
    if not sys.stdout.isatty():
        print("\n".join([*lines, ""]), flush=True)
        return
    width, height = shutil.get_terminal_size()
    text = f"{_END_OF_LINE}\n".join(fitted(lines, width, height))
    print(f"{_HOME}{text}{_END_OF_LINE}\n{_END_OF_SCREEN}", end="", flush=True)
