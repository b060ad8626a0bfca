"""The governor's checks in their fixed order, as one decision went through them."""

from __future__ import annotations

from apps.report.markup import Markup, el
from apps.report.wording import words
from edge_runtime.speech import Decision

CHECKS = (
    ("mute, quiet hours", ("MUTE", "QUIET_HOURS")),
    ("privacy", ("PRIVACY",)),
    ("stale evidence", ("STALE_EVIDENCE",)),
    ("interruptibility", ("USER_SPEAKING", "SPEAKING")),
    ("cooldown", ("COOLDOWN", "TOPIC_COOLDOWN", "WATCH_REARM")),
    ("budget", ("WATCH_BUDGET", "BUDGET")),
    ("power", ("POWER",)),
    ("duplicate", ("DUPLICATE",)),
)
"""Name of each check and the codes of its vetoes, in the order of :data:`edge_runtime.speak.governor.RULES`."""


def check_of(veto: str) -> int | None:
    """Which check a veto belongs to, by its place in the order; ``None`` for one that is not the governor's (``EXPIRED``)."""
    return next((number for number, (_, codes) in enumerate(CHECKS) if veto in codes), None)


def checks(decision: Decision, *, answer: bool) -> Markup:
    """List the checks in order: passed, vetoed, or not reached, since the first veto decides.

    What the wearer asked for skips the limits that unasked sentences share: answers have none, a watch has its own.
    """
    vetoed = {check_of(veto): veto for veto in reversed(decision.vetoes)}
    stopped = min((number for number in vetoed if number is not None), default=len(CHECKS))
    rows = []
    for number, (name, _) in enumerate(CHECKS):
        if number in vetoed:
            rows.append(_row(name, "veto", words(vetoed[number])))
        elif number > stopped:
            rows.append(_row(name, "free", "not reached"))
        elif name in ("cooldown", "budget") and answer:
            rows.append(_row(name, "free", "not for answers"))
        elif name in ("cooldown", "budget") and decision.watch:
            rows.append(_row(name, "pass", "the watch's own"))
        else:
            rows.append(_row(name, "pass", ""))
    rows += [_row(words(veto), "veto", "") for veto in decision.vetoes if check_of(veto) is None]
    return el("ol.checks", rows)


def _row(name: str, verdict: str, note: str) -> Markup:
    sign, told = {"pass": ("✓", "passed"), "veto": ("✕", "vetoed"), "free": ("\N{EN DASH}", "not asked")}[verdict]
    more = el("span.note", f" ({note})") if note else None
    return el(f"li.{verdict}", el("span.sign", sign, aria_hidden="true"), el("span", name, el("span.unseen", f": {told}"), more))
