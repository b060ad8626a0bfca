"""What speaking itself must let go of when the wearer has something forgotten."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from edge_runtime.protocol import Asked
from edge_runtime.records import Query, Scope
from edge_runtime.remember.scopes import mentions
from edge_runtime.speak import governor, phrasing, watches
from edge_runtime.speak.governor import Candidate, Ledger
from edge_runtime.speak.recallable import Recallable
from edge_runtime.speak.reply import BY_MODEL


class Erasing(msgspec.Struct, frozen=True):
    """The log is erasing something; the wearer is told when it is done.

    Attributes:
        order: The command.
        deadline_ns: When it counts as failed.
        text: What to say then.
    """

    order: int
    deadline_ns: int
    text: str


def watches_kept(standing: Sequence[watches.Watch], scope: Scope, memory: Recallable) -> list[watches.Watch]:
    """Drop the watches that name what is forgotten, or wait for a concept that is no more; the others start afresh."""
    kept = []
    for watch in standing:
        target = watch.target
        gone = target.kind == "concept" and target.name not in memory.concepts
        own = scope.name.casefold() in (target.name.casefold(), *target.words, *target.classes)
        named = scope.kind == "thing" and (own or (target.kind == "text" and _names(target.name, scope.name)))
        if scope.kind != "all" and not gone and not named:
            watches.forget(watch)
            kept.append(watch)
    return kept


def touches(candidate: Candidate, scope: Scope) -> bool:
    """Say whether a sentence that has not been said yet is about what is forgotten."""
    intention = candidate.intention
    if BY_MODEL in intention.reasons:  # it may tell of anything that was seen, in words of its own
        return True
    if scope.kind == "since":
        return any(look.t_ns >= scope.t_from_ns for look in intention.evidence)
    if scope.kind == "thing":
        return scope.name.casefold() == intention.target.casefold() or _names(intention.text, scope.name)
    return scope.kind == "all" or bool(intention.evidence)  # of a place it is not known which sentences tell of it


def touches_question(asked: Asked, query: Query, scope: Scope) -> bool:
    """Say whether an open question names what is forgotten, or was asked in a time that is forgotten.

    Args:
        asked: The question.
        query: What the log was asked for its sake.
        scope: What is forgotten.
    """
    if scope.kind == "thing":
        known = scope.name.casefold() in (name.casefold() for name in query.names)
        return known or any(_names(words, scope.name) for words in (asked.text, *asked.options))
    return scope.kind == "all" or (scope.kind == "since" and asked.t_ns >= scope.t_from_ns)


def ledger_kept(ledger: Ledger, scope: Scope, now_ns: int) -> Ledger:
    """Drop words that were said about what is forgotten, and close a forgotten span to later sentences."""
    if scope.kind == "since":
        return governor.forgetting(ledger, scope.t_from_ns, now_ns)
    if scope.kind == "all":
        return governor.forgetting(ledger, 0, now_ns)
    contents = {c: t_ns for c, t_ns in ledger.contents.items() if scope.kind == "thing" and not _names(c, scope.name)}
    topics = {topic: t_ns for topic, t_ns in ledger.topics.items() if scope.kind == "thing" and not _names(topic, scope.name)}
    return msgspec.structs.replace(ledger, contents=contents, topics=topics)


def _names(text: str, name: str) -> bool:
    """Whether words of ours or of the wearer name a thing; where in doubt they do."""
    return phrasing.holds(text, name) or mentions(text, name)
