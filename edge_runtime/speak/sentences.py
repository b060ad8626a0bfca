"""The sentences we begin ourselves or owe to the wearer, as candidates with their reasons and evidence."""

from __future__ import annotations

from edge_runtime.config import S, SpeakConfig
from edge_runtime.facts import Match
from edge_runtime.records import Scope
from edge_runtime.speak import phrasing
from edge_runtime.speak.governor import Candidate, newest_ns
from edge_runtime.speak.reply import Reply
from edge_runtime.speak.targets import NEEDS_VLM, Refusal
from edge_runtime.speak.watches import Hit, Watch
from edge_runtime.speech import Intention

_ANSWER_NS = 30 * S
_NOTICE_NS = 10 * S
_CONFIRM_NS = 5 * S
REFUSALS = (
    *("UNKNOWN_WORD", "UNTAUGHT", "LEARNING", "NEEDS_VLM", "NOT_UNDERSTOOD", "NO_GAZE", "UNKNOWN_TIME", "UNKNOWN_PLACE"),
    *("NO_POWER", "NOTHING_SEEN", "NO_ANSWER"),
)
"""Codes of replies that refuse a question rather than answer it."""

NOT_A_WATCH = Refusal("NOT_UNDERSTOOD", "I did not understand that; say for example: tell me when I see my mug.")
TOO_MANY_WATCHES = Refusal("TOO_MANY", "I am already watching for as many things as I can; remove one first.")


def not_watchable(condition: str) -> Refusal:
    """Refuse a watch on more than a thing that is there."""
    return Refusal("NEEDS_VLM", f"I cannot watch for {phrasing.quoted(condition)}: {NEEDS_VLM}.")


def waits_for(watch: Watch) -> str:
    """What a watch waits for, such as ``I see your mug``."""
    verb = "read" if watch.target.kind == "text" else "see"
    return f"you look at {watch.target.phrase}" if watch.channel == "gaze" else f"I {verb} {watch.target.phrase}"


def watching(watch: Watch) -> str:
    """Acknowledge a watch, for the display."""
    return f"I will tell you when {waits_for(watch)}."


def alert(watch: Watch, hit: Hit, config: SpeakConfig) -> Candidate:
    """Tell that what a watch waits for is there."""
    target = watch.target
    verb = "You are looking at" if watch.channel == "gaze" else "I read" if target.kind == "text" else "I see"
    text = phrasing.sentence(f"{verb} {target.looks_like}")
    intention = Intention(
        label="alert",
        target=target.name,
        text=text,
        confidence=hit.score,
        asked=True,
        evidence=hit.evidence,
        valid_until_ns=newest_ns(hit.evidence) + config.stale_ns,
        watch=watch.id,
        urgency=2,
        reasons=("WATCH_HIT", target.kind.upper()),
    )
    sighting = f"sighting {hit.sighting}" if hit.sighting is not None else f"frame {hit.evidence[0].frame_seq}"
    return Candidate(intention, key=alert_key(watch.id), content=f"{text} {sighting}")


def alert_key(watch: str) -> str:
    """The key under which a watch's alerts are judged."""
    return f"watch:{watch}"


def refused_watch(watch: str, refusal: Refusal, now_ns: int) -> Candidate:
    """Refuse a watch. It was never kept, so the decision belongs to none."""
    return _owed("refuse", f"refuse:{watch}", refusal.text, now_ns, ("WATCH_REFUSED", refusal.code), target=watch)


def answered(question: str, reply: Reply, now_ns: int) -> Candidate:
    """Answer a question."""
    intention = Intention(
        label="refuse" if reply.code in REFUSALS else "answer",
        target=question,
        text=reply.text,
        confidence=min(1.0, max(0.0, reply.confidence)),
        asked=True,
        evidence=reply.evidence,
        valid_until_ns=now_ns + _ANSWER_NS,
        urgency=2,
        reasons=("ASKED", reply.code),
    )
    return Candidate(intention, key=f"answer:{question}", question=question, choice=reply.choice)


def learned(concept: str, now_ns: int) -> Candidate:
    """Tell that a lesson is over."""
    return _owed("learned", f"learned:{concept}", f"Now I know your {concept}.", now_ns, ("LEARNED",), target=concept)


def unlearned(concept: str, now_ns: int) -> Candidate:
    """Tell that a lesson ran out of time."""
    text = f"I could not look at your {concept} long enough; look at {phrasing.pronoun(concept)} and tell me again."
    return _owed("notice", f"unlearned:{concept}", text, now_ns, ("UNLEARNED",), target=concept)


def confirm(match: Match) -> Candidate:
    """Ask whether a look-alike is the taught thing."""
    name = match.what.name
    text = f"{'Are these' if phrasing.is_plural(name) else 'Is this'} your {name}?"
    intention = Intention(
        label="confirm",
        target=name,
        text=text,
        confidence=min(1.0, max(0.0, match.score)),
        asked=False,
        evidence=(match.evidence,),
        valid_until_ns=match.evidence.t_ns + _CONFIRM_NS,
        urgency=0,
        reasons=("CONCEPT_UNSURE",),
    )
    return Candidate(intention, key=f"confirm:{name}", topic=f"confirm:{name}", content=text)


def forgotten(scope: Scope, now_ns: int) -> str:
    """Say what was forgotten without naming it: the sentence itself is kept."""
    if scope.kind == "since":
        return f"Forgotten: the last {phrasing.duration_in_words(now_ns - scope.t_from_ns)}."
    return {"thing": "Forgotten: what you named.", "place": "Forgotten: that place."}.get(scope.kind, "Forgotten: everything.")


def forgetting_done(text: str, now_ns: int, *, erased: bool) -> Candidate:
    """Tell that something is forgotten, or that it is still in the log."""
    if erased:
        return _owed("notice", "forgotten", text, now_ns, ("FORGOTTEN",))
    return _owed("notice", "forgotten", f"{text[:-1]} in memory, but the log could not be erased.", now_ns, ("NOT_ERASED",))


def _owed(label: str, key: str, text: str, now_ns: int, reasons: tuple[str, ...], *, target: str = "") -> Candidate:
    """Something the wearer's own words call for; it claims nothing about the world and needs no evidence."""
    intention = Intention(
        label=label,  # type: ignore[arg-type]
        target=target,
        text=text,
        confidence=1.0,
        asked=True,
        evidence=(),
        valid_until_ns=now_ns + (_ANSWER_NS if label == "refuse" else _NOTICE_NS),
        reasons=reasons,
    )
    return Candidate(intention, key=key)
