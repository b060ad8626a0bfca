"""``edge-runtime ask``: put a question to the glasses, and wait for what they say to it."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence

from apps.daemon.client import DaemonClient
from apps.dashboard.as_json import seconds
from apps.dashboard.tables import ago, plain
from apps.verbs import Verbs, add_json
from edge_runtime.config import S
from edge_runtime.errors import UsageError
from edge_runtime.transport.messages import Question, SaidThen, Taken, WasSaid, WhatWasSaid

_EVERY_S = 0.1
_MOST_S = 600.0


def add(verbs: Verbs) -> None:
    """Describe the verb."""
    parser = verbs.add_parser(
        "ask",
        help="ask the running daemon something",
        description="Ask the running daemon something: where a thing is, when it was seen, what something reads. The answer says how old "
        "the newest look behind it is. Returns 1 when nothing was said in time.",
    )
    parser.add_argument("question", metavar="QUESTION", help='such as "where is my mug?"')
    parser.add_argument("--option", metavar="TEXT", dest="options", action="append", default=[], help="an answer to choose from; repeat it")
    parser.add_argument("--timeout", metavar="S", type=float, default=30.0, help="seconds to wait for the answer (default 30)")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Ask, wait, print.

    Raises:
        UsageError: The timeout is none, or the question was refused.
        DeviceError: No daemon runs, or its core does not answer.
    """
    if not 0.0 < args.timeout <= _MOST_S:
        raise UsageError(f"--timeout {args.timeout:g} is no time to wait", hint=f"give seconds, up to {_MOST_S:g}")
    with DaemonClient() as client:
        question = client.call(Question(args.question, tuple(args.options)), Taken).name
        answer, t_ns = _answer(client, question, args.timeout)
    if args.json:
        print(json.dumps(_as_json(question, answer, t_ns, args.options)))
    elif answer is None:
        print(f"Nothing was said to it within {args.timeout:g} s. How the daemon is: edge-runtime status")
    else:
        print("\n".join(_lines(answer, t_ns, args.options)))
    return 1 if answer is None else 0


def _answer(client: DaemonClient, question: str, timeout_s: float) -> tuple[SaidThen | None, int]:
    """What was said to the question, ``None`` where nothing was in time; and the stream's time by then."""
    until_s, after = time.monotonic() + timeout_s, 0
    while True:
        said = client.call(WhatWasSaid(after), WasSaid)
        after = said.last
        answer = next((item for item in said.said if item.response.question == question), None)
        left_s = until_s - time.monotonic()
        if answer is not None or left_s <= 0:
            return answer, said.t_ns
        client.listen(min(_EVERY_S, left_s))


def _lines(answer: SaidThen, t_ns: int, options: Sequence[str]) -> list[str]:
    response = answer.response
    notes = [f"confidence {response.confidence:.0%}", _seen(answer, t_ns)]
    if options:
        notes.insert(0, f"option: {options[response.choice]}" if response.choice is not None else "none of the options")
    return [plain(response.text), f"({', '.join(notes)})"]


def _seen(answer: SaidThen, t_ns: int) -> str:
    newest_ns = _newest_ns(answer)
    return "nothing seen stands behind it" if newest_ns is None else f"seen {ago(t_ns - newest_ns)}"


def _newest_ns(answer: SaidThen) -> int | None:
    return max((look.t_ns for look in answer.response.evidence), default=None)


def _as_json(question: str, answer: SaidThen | None, t_ns: int, options: Sequence[str]) -> dict[str, object]:
    if answer is None:
        return {"question": question, "text": None}
    response, newest_ns = answer.response, _newest_ns(answer)
    return {
        "question": question,
        "text": response.text,
        "option": options[response.choice] if options and response.choice is not None else None,
        "confidence": response.confidence,
        "evidence_age_s": seconds(None if newest_ns is None else t_ns - newest_ns),
        "evidence": [{"frame": look.frame_seq, "age_s": (t_ns - look.t_ns) / S} for look in response.evidence],
    }
