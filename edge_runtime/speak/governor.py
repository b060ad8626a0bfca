"""May it be said? Rules in one fixed order, the first that objects decides, and its code is logged.

1 mute, quiet hours - 2 privacy - 3 stale evidence - 4 interruptibility - 5 cooldown - 6 budget - 7 power - 8 duplicate.

What the wearer asked for (answers, watches) skips the cooldown and the hourly budget that all unasked sentences share; a watch
has its own. Answers also skip staleness and duplicates: their evidence is old by nature, and who asks twice is told twice. What is
urgent (3) passes mute, quiet hours and cooldown.

Pure functions: :func:`judge` reads, :func:`booked` returns a new ledger.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from edge_runtime.config import SpeakConfig
from edge_runtime.power import Power
from edge_runtime.records import Evidence
from edge_runtime.speak import phrasing
from edge_runtime.speech import Intention
from edge_runtime.types import Value

HOUR_NS = 3600 * 1_000_000_000
URGENT = 3
_KEPT = 256
"""Most entries kept in any one list of the ledger; the oldest go first."""


class Candidate(Value, frozen=True):
    """An intention with what the rules and the voice need to know of it.

    Attributes:
        intention: What may be said, and why.
        key: The same thing judged again has the same key.
        topic: What the topic cooldown goes by; ``""`` has none.
        content: What makes it a repetition of something said; ``""`` is never one.
        question: The question it answers, or ``""``.
        choice: The option it chooses, or ``None``.
    """

    intention: Intention
    key: str
    topic: str = ""
    content: str = ""
    question: str = ""
    choice: int | None = None


class Ledger(msgspec.Struct, frozen=True):
    """What has been said, as far as the rules need it. Bounded.

    Attributes:
        unasked_ns: When something unasked was last said.
        topics: When each topic was last spoken of unasked.
        contents: When each content was last said.
        watches: When each watch has fired within the hour, oldest first.
        tokens: Unasked sentences that may be said at ``tokens_ns``; ``None`` is a full bucket.
        tokens_ns: When ``tokens`` was counted.
        forgotten: Spans of stream time that the wearer has had forgotten: from, to.
    """

    unasked_ns: int | None = None
    topics: dict[str, int] = {}
    contents: dict[str, int] = {}
    watches: dict[str, tuple[int, ...]] = {}
    tokens: float | None = None
    tokens_ns: int = 0
    forgotten: tuple[tuple[int, int], ...] = ()


class Circumstances(msgspec.Struct, frozen=True):
    """What the wearer and the board are doing.

    Attributes:
        muted_until_ns: Not a word before this.
        quiet: It is a quiet hour.
        user_speaking: The wearer is talking.
        user_silent_ns: Since when the wearer is not.
        voice: Urgency of what our own voice is saying; ``None`` while it is silent.
        power: How much the board has to give.
    """

    muted_until_ns: int | None = None
    quiet: bool = False
    user_speaking: bool = False
    user_silent_ns: int | None = None
    voice: int | None = None
    power: Power = "full"


class Case(Value, frozen=True):
    """Everything one judgement rests on."""

    candidate: Candidate
    ledger: Ledger
    circumstances: Circumstances
    config: SpeakConfig
    now_ns: int

    @property
    def intention(self) -> Intention:
        """What is judged."""
        return self.candidate.intention


def newest_ns(evidence: tuple[Evidence, ...]) -> int:
    """Capture time of the newest look of an evidence that is not empty."""
    return max(look.t_ns for look in evidence)


def _mute(case: Case) -> bool:
    until_ns = case.circumstances.muted_until_ns
    return until_ns is not None and case.now_ns < until_ns and case.intention.urgency < URGENT


def _quiet_hours(case: Case) -> bool:
    return (case.config.quiet or case.circumstances.quiet) and case.intention.urgency < URGENT


def _privacy(case: Case) -> bool:
    return any(begin_ns <= look.t_ns <= end_ns for look in case.intention.evidence for begin_ns, end_ns in case.ledger.forgotten)


def _stale(case: Case) -> bool:
    evidence = case.intention.evidence
    return case.intention.label != "answer" and bool(evidence) and case.now_ns - newest_ns(evidence) > case.config.stale_ns


def _user_speaking(case: Case) -> bool:
    since_ns = case.circumstances.user_silent_ns
    return case.circumstances.user_speaking or (since_ns is not None and case.now_ns - since_ns < case.config.pause_ns)


def _own_voice(case: Case) -> bool:
    """What was asked for breaks into what matters less; everything else waits."""
    voice = case.circumstances.voice
    return voice is not None and not (case.intention.asked and case.intention.urgency > voice)


def _cooldown(case: Case) -> bool:
    since_ns = case.ledger.unasked_ns
    return _on_our_own(case) and since_ns is not None and case.now_ns - since_ns < case.config.cooldown_ns


def _topic_cooldown(case: Case) -> bool:
    since_ns = case.ledger.topics.get(case.candidate.topic) if case.candidate.topic else None
    return _on_our_own(case) and since_ns is not None and case.now_ns - since_ns < case.config.topic_cooldown_ns


def _watch_rearm(case: Case) -> bool:
    fired = case.ledger.watches.get(case.intention.watch, ())
    return _is_alert(case) and bool(fired) and case.now_ns - fired[-1] < case.config.watch_rearm_ns


def _watch_budget(case: Case) -> bool:
    fired = case.ledger.watches.get(case.intention.watch, ())
    return _is_alert(case) and sum(case.now_ns - t_ns < HOUR_NS for t_ns in fired) >= case.config.watch_per_hour


def _budget(case: Case) -> bool:
    return not case.intention.asked and tokens(case.ledger, case.config, case.now_ns) < 1.0


def _power(case: Case) -> bool:
    return case.circumstances.power == "low" and not case.intention.asked and case.intention.urgency < 2


def _duplicate(case: Case) -> bool:
    if not case.candidate.content:
        return False
    return any(
        case.now_ns - t_ns < case.config.duplicate_ns and repeats(case.candidate.content, said)
        for said, t_ns in case.ledger.contents.items()
    )


RULES: tuple[tuple[str, Callable[[Case], bool]], ...] = (
    ("MUTE", _mute),
    ("QUIET_HOURS", _quiet_hours),
    ("PRIVACY", _privacy),
    ("STALE_EVIDENCE", _stale),
    ("USER_SPEAKING", _user_speaking),
    ("SPEAKING", _own_voice),
    ("COOLDOWN", _cooldown),
    ("TOPIC_COOLDOWN", _topic_cooldown),
    ("WATCH_REARM", _watch_rearm),
    ("WATCH_BUDGET", _watch_budget),
    ("BUDGET", _budget),
    ("POWER", _power),
    ("DUPLICATE", _duplicate),
)
"""Codes and rules, in the order in which they are asked."""

WAITING = ("USER_SPEAKING", "SPEAKING")
"""What these veto is kept and judged again; what another vetoes is not said."""


def judge(candidate: Candidate, ledger: Ledger, circumstances: Circumstances, config: SpeakConfig, now_ns: int) -> str | None:
    """Find the first rule that objects.

    Returns:
        Its code, or ``None``: it may be said.
    """
    case = Case(candidate, ledger, circumstances, config, now_ns)
    return next((code for code, objects in RULES if objects(case)), None)


def booked(candidate: Candidate, ledger: Ledger, config: SpeakConfig, now_ns: int) -> Ledger:
    """Enter what is being said into the ledger."""
    intention = candidate.intention
    topics = {topic: t_ns for topic, t_ns in ledger.topics.items() if now_ns - t_ns < config.topic_cooldown_ns}
    contents = {content: t_ns for content, t_ns in ledger.contents.items() if now_ns - t_ns < config.duplicate_ns}
    watches = dict(ledger.watches)
    unasked_ns, left, left_ns = ledger.unasked_ns, ledger.tokens, ledger.tokens_ns
    if candidate.content:
        contents[candidate.content] = now_ns
    if intention.watch and intention.label == "alert":
        recent = [t_ns for t_ns in watches.get(intention.watch, ()) if now_ns - t_ns < HOUR_NS]
        watches[intention.watch] = (*recent, now_ns)
    if not intention.asked:
        unasked_ns, left, left_ns = now_ns, max(0.0, tokens(ledger, config, now_ns) - 1.0), now_ns
        if candidate.topic:
            topics[candidate.topic] = now_ns
    return Ledger(unasked_ns, _newest(topics), _newest(contents), watches, left, left_ns, ledger.forgotten)


def unbooked(candidate: Candidate, ledger: Ledger) -> Ledger:
    """Take back that something was told: it was cut short. What it cost of the hourly budget stays spent."""
    contents = {content: t_ns for content, t_ns in ledger.contents.items() if content != candidate.content}
    watches = dict(ledger.watches)
    if candidate.intention.watch in watches and candidate.intention.label == "alert":
        watches[candidate.intention.watch] = watches[candidate.intention.watch][:-1]
    return msgspec.structs.replace(ledger, contents=contents, watches=watches)


def tokens(ledger: Ledger, config: SpeakConfig, now_ns: int) -> float:
    """How many unasked sentences the bucket holds now: it fills by ``unasked_per_hour``, up to ``unasked_burst``."""
    full = float(config.unasked_burst)
    if ledger.tokens is None:
        return full
    return min(full, ledger.tokens + (now_ns - ledger.tokens_ns) * config.unasked_per_hour / HOUR_NS)


def repeats(content: str, said: str) -> bool:
    """Say whether a content was said before: in the same words, or as a part of what was said."""
    return content == said or phrasing.holds(said, content)


def forgetting(ledger: Ledger, from_ns: int, to_ns: int) -> Ledger:
    """Close a span of the past to everything said from now on, and drop the words said since."""
    forgotten = (*ledger.forgotten, (from_ns, to_ns))[-_KEPT:]
    topics = {topic: t_ns for topic, t_ns in ledger.topics.items() if t_ns < from_ns}
    contents = {content: t_ns for content, t_ns in ledger.contents.items() if t_ns < from_ns}
    return msgspec.structs.replace(ledger, forgotten=forgotten, topics=topics, contents=contents)


def _on_our_own(case: Case) -> bool:
    return not case.intention.asked and case.intention.urgency < URGENT


def _is_alert(case: Case) -> bool:
    return case.intention.label == "alert" and bool(case.intention.watch)


def _newest(entries: dict[str, int]) -> dict[str, int]:
    return dict(sorted(entries.items(), key=lambda entry: (entry[1], entry[0]))[-_KEPT:])
