"""The run as a conversation: what the wearer wanted, what the glasses said, and what they kept to themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from apps.report.chain import Chain, Spoken
from apps.report.wording import clock, wish, words
from edge_runtime.protocol import (
    Asked,
    Event,
    Feedback,
    Forget,
    Muted,
    QuietHours,
    Record,
    Show,
    StopSpeech,
    Taught,
    WatchRemoved,
    WatchSet,
)
from edge_runtime.speech import Decision, Response

Side = Literal["wearer", "glasses", "quiet", "gone"]

JOURNEYS = {
    "read": "Read",
    "teach": "Teach",
    "find": "Find",
    "alert": "Alert once",
    "forget": "Forget",
}
"""What the glasses are for, in the order a wearer meets it."""

_BY_REASON = {
    "ASKED": ("find", "answers"),
    "WATCH_HIT": ("alert", "alerts"),
    "WATCH_REFUSED": ("other", "declines"),
    "LEARNED": ("teach", "has learned"),
    "UNLEARNED": ("teach", "has not learned"),
    "CONCEPT_UNSURE": ("teach", "asks back"),
    "TEXT_DWELL": ("read", "reads aloud"),
    "FORGOTTEN": ("forget", "confirms"),
    "NOT_ERASED": ("forget", "could not"),
}
"""What a sentence is, by the first of its reasons."""


@dataclass(frozen=True)
class Turn:
    """One entry of the story.

    Attributes:
        t_ns: When.
        side: Who: the wearer, the glasses, a thought kept quiet, or a stretch that is gone.
        journey: A key of ``JOURNEYS``, or ``"other"``.
        verb: What is done, one or two words.
        text: The words; of a wearer's act without words, what it was.
        options: Choices that came with a question.
        spoken: Of the glasses' words, what stands behind them.
        quiet: Decisions that were not said.
        t_from_ns: Of a stretch that is gone, where it starts.
    """

    t_ns: int
    side: Side
    journey: str
    verb: str
    text: str
    options: tuple[str, ...] = ()
    spoken: Spoken | None = None
    quiet: tuple[Decision, ...] = ()
    t_from_ns: int = 0


def turns(chain: Chain) -> list[Turn]:
    """The story of a run in time order; decisions kept quiet one after the other become one entry."""
    run = chain.run
    placed: list[tuple[int, int, int, Turn]] = []
    for number, (index, event) in enumerate(run.events):
        turn = _wearer(event)
        if turn is not None:
            placed.append((event.t_ns, index, -len(run.events) + number, turn))
    shown = set()
    for spoken in chain.spoken:
        placed.append((spoken.t_ns, spoken.index, spoken.say.id, _glasses(spoken)))
        shown |= {d.id for d in (*spoken.held, spoken.decision) if d is not None}
    for index, command in run.commands:
        t_ns = chain.time(index, command)
        if isinstance(command, Record) and command.decision.id not in shown and command.decision.action != "SPEAK":
            decision = command.decision
            placed.append((decision.t_ns, index, command.id, Turn(decision.t_ns, "quiet", "other", "", decision.text, quiet=(decision,))))
        elif isinstance(command, Show):
            text = f"{command.text}" if command.text else words(command.cue)
            placed.append((t_ns, index, command.id, Turn(t_ns, "glasses", "other", "shows", text)))
        elif isinstance(command, StopSpeech):
            placed.append((t_ns, index, command.id, Turn(t_ns, "quiet", "other", "", "Stopped talking at once.")))
    for t_ns, scope, t_from_ns in run.forgotten:
        if not any(isinstance(event, Forget) and event.t_ns == t_ns for _, event in run.events):  # a journal may lose the request too
            placed.append((t_ns, -1, 1, Turn(t_ns, "wearer", "forget", "wants it gone", wish(scope))))
        asked = clock(t_ns - run.origin_ns)
        text = f"{clock(t_from_ns - run.origin_ns)} to {asked}: forgotten at the wearer's request at {asked}."
        placed.append((t_ns, -1, 0, Turn(t_ns, "gone", "forget", "", text, t_from_ns=t_from_ns)))
    return _folded([turn for *_, turn in sorted(placed, key=lambda entry: entry[:3])])


def _folded(story: list[Turn]) -> list[Turn]:
    folded: list[Turn] = []
    for turn in story:
        last = folded[-1] if folded else None
        if turn.quiet and last is not None and last.quiet:
            folded[-1] = Turn(last.t_ns, "quiet", "other", "", "", quiet=last.quiet + turn.quiet)
        else:
            folded.append(turn)
    return folded


def _wearer(event: Event) -> Turn | None:
    t_ns = event.t_ns
    if isinstance(event, Asked):
        return Turn(t_ns, "wearer", "find", "asks", event.text, options=event.options)
    if isinstance(event, WatchSet):
        return Turn(t_ns, "wearer", "alert", "wants to be told", event.text)
    if isinstance(event, WatchRemoved):
        return Turn(t_ns, "wearer", "alert", "withdraws a watch", event.watch)
    if isinstance(event, Taught):
        return Turn(t_ns, "wearer", "teach", "shows and names", f"This is my {event.concept.name}.")
    if isinstance(event, Forget):
        return Turn(t_ns, "wearer", "forget", "wants it gone", wish(event.scope))
    if isinstance(event, Feedback):
        return Turn(t_ns, "wearer", "other", "responds", event.verdict.capitalize() + ".")
    if isinstance(event, Muted):
        return Turn(
            t_ns,
            "wearer",
            "other",
            "mutes" if event.until_ns is not None else "unmutes",
            "Be quiet." if event.until_ns else "You may talk.",
        )
    if isinstance(event, QuietHours):
        return Turn(t_ns, "wearer", "other", "has quiet hours", "A quiet hour begins." if event.on else "The quiet hour is over.")
    return None


def _glasses(spoken: Spoken) -> Turn:
    journey, verb = kind_of(spoken.decision, spoken.say.response)
    return Turn(spoken.t_ns, "glasses", journey, verb, spoken.say.response.text, spoken=spoken)


def kind_of(decision: Decision | None, response: Response) -> tuple[str, str]:
    """Which journey a sentence belongs to, and what it does there."""
    if response.question:
        return _BY_REASON["ASKED"]
    reasons = decision.reasons if decision is not None else ()
    return _BY_REASON.get(reasons[0] if reasons else "", ("other", "says"))
