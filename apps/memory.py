"""``edge-runtime memory``: look into the log of a run that has ended, take it out, forget in it."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import msgspec

from apps.memory_export import export
from apps.memory_forget import forget
from apps.memory_text import TIMES, fact_as_json, facts_as_text, session_as_json, session_line, size
from apps.verbs import Verbs, add_json, add_settings, settings
from edge_runtime.errors import UsageError
from edge_runtime.log import Log, open_log
from edge_runtime.log_contents import Page
from edge_runtime.records import Query, SightingKind

DEFAULT = Path("out/simulator")
KINDS: tuple[SightingKind, ...] = ("concept", "text", "label", "thing")


def add(verbs: Verbs) -> None:
    """Describe the verb."""
    parser = verbs.add_parser(
        "memory",
        help="look into what a run remembers, take it out, forget",
        description="Look into the log of a run that has ended, take it out, or forget in it. While a run lasts, its page shows all this.",
    )
    actions = parser.add_subparsers(title="actions", dest="action", metavar="ACTION", required=True)
    show = _action(actions, "show", "the latest sightings", f"The latest sightings, oldest of them first. {TIMES}")
    show.add_argument("--last", type=_count, default=20, metavar="N", help="how many (default 20)")
    search = actions.add_parser("search", help="find sightings by their words", description=f"Find sightings, newest first. {TIMES}")
    search.add_argument("words", metavar="WORDS", help='words of a name or a text, such as "exit" or "coffee mug"')
    search.add_argument("--kind", action="append", choices=KINDS, default=[], help="only what is of this kind; may be repeated")
    search.add_argument("--limit", type=_count, default=20, metavar="N", help="how many at a time (default 20)")
    search.add_argument("--skip", type=_count, default=0, metavar="N", help="leave out the first N: the next page")
    _log(search)
    like = actions.add_parser(
        "like", help="find what looks like a sighting", description=f"Find what looks most like a sighting that has a vector. {TIMES}"
    )
    like.add_argument("number", type=_count, metavar="ID", help="of the sighting, as --json and export give it")
    like.add_argument("--of", type=_count, metavar="N", help="its session (default: the last)")
    like.add_argument("--limit", type=_count, default=20, metavar="N", help="how many (default 20)")
    _log(like)
    for finding in (show, search, like):
        finding.add_argument("--session", type=_count, metavar="N", help="only of this session")
        add_json(finding)
    stats = _action(actions, "stats", "bytes, counts and ages", "What the log weighs, what is in it, and of when it is.")
    add_settings(stats)
    add_json(stats)
    out = _action(actions, "export", "write it all as JSON lines and pictures", f"Write sightings.jsonl and the thumbnails. {TIMES}")
    out.add_argument("-o", "--out", type=Path, required=True, metavar="DIR", help="a folder that is new or empty, outside the run's")
    gone = _action(
        actions,
        "forget",
        "erase for good",
        "Erase from the log to the last byte, and from the journal, the decisions and the report of the run. Asks first.",
    )
    what = gone.add_mutually_exclusive_group(required=True)
    named = "everything that goes by this name or reads so, in every session; a person is known by the name that was taught"
    what.add_argument("--thing", "--person", metavar="NAME", help=named)
    what.add_argument("--place", metavar="PLACE", help="what was seen at a place of the last session: its number, or words of its name")
    what.add_argument("--last", type=_minutes, metavar="MINUTES", help="the last minutes of the last session, counted from its end")
    what.add_argument("--all", action="store_true", help="everything")
    gone.add_argument("--yes", action="store_true", help="do not ask")


def _action(actions: Verbs, name: str, summary: str, description: str) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=summary, description=description)
    _log(parser)
    return parser


def _log(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "log", nargs="?", type=Path, default=DEFAULT, metavar="LOG", help=f"folder of a run, or of its log (default {DEFAULT})"
    )


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is no whole number")
    return min(int(text), 2**31)


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = math.nan
    if not 0 < minutes < 1e6:
        raise argparse.ArgumentTypeError(f"{text} is no number of minutes")
    return minutes


def run(args: argparse.Namespace) -> int:
    """Do it."""
    if args.action == "forget":
        return forget(args.log, thing=args.thing, place=args.place, minutes=args.last, yes=args.yes)
    if args.action == "export":
        print(export(args.log, args.out))
        return 0
    log_bytes = settings(args).config.store.log_bytes if args.action == "stats" else 0
    with open_log(args.log) as log:
        if args.action == "stats":
            print(json.dumps(_stats(log, log_bytes), indent=2) if args.json else _stats_text(log, log_bytes))
            return 0
        if args.session is not None and args.session not in [session.session for session in log.sessions()]:
            raise UsageError(f"there is no session {args.session} in {log.file.parent}", hint=f"run: edge-runtime memory stats {args.log}")
        if args.action == "show":
            page = log.search(Query(limit=args.last), session=args.session)
            page = Page(page.found[::-1], page.total)
        elif args.action == "like":
            page = _like(log, args)
        else:
            page = log.search(Query(kinds=tuple(args.kind), limit=args.limit), words=args.words, session=args.session, offset=args.skip)
        print(json.dumps(_page(log, page), indent=2) if args.json else _page_text(log, page, args))
    return 0


def _like(log: Log, args: argparse.Namespace) -> Page:
    """What looks like a sighting, the most alike first, without that sighting."""
    of = max((session.session for session in log.sessions()), default=0) if args.of is None else args.of
    this = log.sighting(of, args.number)
    if this is None or this.sighting.vector is None:
        lacks = "does not exist" if this is None else "has no vector to compare by"
        raise UsageError(f"sighting {args.number} of session {of} {lacks}", hint=f"run: edge-runtime memory show {args.log} --json")
    page = log.search(Query(key=this.sighting.vector, limit=args.limit + 1), session=args.session)
    others = tuple(one for one in page.found if (one.session, one.sighting.id) != (of, args.number))
    return Page(others[: args.limit], page.total - (len(others) < len(page.found)))


def _page(log: Log, page: Page) -> dict[str, Any]:
    sessions = {session.session: session for session in log.sessions()}
    return {
        "log": str(log.file),
        "times": TIMES,
        "total": page.total,
        "sessions": [session_as_json(sessions[number]) for number in sorted({one.session for one in page.found})],
        "sightings": [fact_as_json(one) for one in page.found],
    }


def _page_text(log: Log, page: Page, args: argparse.Namespace) -> str:
    if not page.found:
        asked = "nothing was seen"
        if args.action == "search":
            asked = f'there is no sighting with the words "{args.words}"'
        elif args.action == "like":
            asked = "nothing else has a vector to compare by"
        return f"{log.file}: {f'no more: {page.total} in all' if page.total and args.action == 'search' else asked}"
    lines = facts_as_text(page.found, log.sessions())
    skip = args.skip if args.action == "search" else 0
    if page.total > len(page.found):
        rest = {
            "show": f"the last {len(page.found)} of {page.total}",
            "search": f"{skip + 1} to {skip + len(page.found)} of {page.total}",
            "like": f"the {len(page.found)} most alike of {page.total}",
        }
        lines.append(f"({rest[args.action]})")
    return "\n".join([*lines, TIMES])


def _stats(log: Log, log_bytes: int) -> dict[str, Any]:
    return {
        "log": str(log.file),
        "format": log.version,
        "log_bytes": log_bytes,
        "bytes": msgspec.to_builtins(log.weights()),
        "kinds": log.kinds(),
        "times": TIMES,
        "sessions": [session_as_json(session) for session in log.sessions()],
    }


def _stats_text(log: Log, log_bytes: int) -> str:
    weights, kinds, sessions = log.weights(), log.kinds(), log.sessions()
    lines = [f"{log.file}, format {log.version}"]
    lines.append(
        f"bytes    {size(weights.total)}, {100 * weights.total / log_bytes:.1f} % of the {size(log_bytes)} that store.log_bytes allows"
    )
    parts = {"facts": weights.facts, "thumbnails": weights.thumbs, "search index": weights.index, "free pages": weights.free}
    parts |= {"not yet folded in": weights.wal, "SQLite's own" if weights.facts is not None else "all else": weights.other}
    lines += [f"         {size(nbytes):>10}  {what}" for what, nbytes in parts.items() if nbytes is not None]
    if weights.facts is None:
        lines.append("         (facts, thumbnails and index cannot be told apart: this SQLite was built without dbstat)")
    keys, more = sum(session.vectors for session in sessions), sum(session.merged for session in sessions)
    lines.append(f"keys     {keys} sightings can be found by what they look like")
    lines += [f"merged   {more} old sightings live on in others of the same thing at the same place"] if more else []
    lines.append(f"kinds    {', '.join(f'{count} {kind}' for kind, count in kinds.items()) or 'none: nothing was seen'}")
    lines += [session_line(session) for session in sessions]
    return "\n".join([*lines, TIMES])
