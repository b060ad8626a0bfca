"""What is said, decided and asked back, as the page shows it: the rolls ``said`` and ``decisions`` and the part ``doubt``."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Literal

import msgspec

from apps.display import showing
from apps.report.wording import wish
from devices.page.board import Board
from devices.page.items import DecisionView, Line, WatchView
from devices.page.views import DoubtView
from edge_runtime.facts import Match, Remembered
from edge_runtime.hosts.host import speech_ns
from edge_runtime.protocol import Asked, Command, Event, Feedback, Forget, Record, Say, Show, StopSpeech, Taught, WatchRemoved, WatchSet
from edge_runtime.records import Evidence, Scope
from edge_runtime.remember.concepts import ANSWER_NS
from edge_runtime.speech import Decision

_NO_DOUBT = DoubtView(decision=0, name="", text="", t_ns=-1)


class Talking:
    """Follows the conversation.

    Args:
        board: Where it is shown.

    Attributes:
        stopped_ns: When our voice was last told to stop; -1 for never.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self._numbers = itertools.count(1)
        self._unsure: Match | None = None
        self._doubt = _NO_DOUBT
        self._doubted: tuple[Evidence, ...] = ()
        self._spoken: tuple[int, str] | None = None
        self._cut_short: dict[str, int] = {}
        self.stopped_ns = -1

    def notice(self, t_ns: int, text: str, *, trouble: bool) -> None:
        """Add a line of the machine about itself. Any thread may call it."""
        self._line("notice", t_ns, text, "trouble" if trouble else "info")

    def hear(self, event: Event, watches: Sequence[WatchView]) -> None:
        """Take in what the wearer says; ``watches`` are those that stood before."""
        t_ns = event.t_ns
        match event:
            case Asked():
                self._line("wearer", t_ns, event.text, "ask")
            case Taught():
                self._line("wearer", t_ns, f"This is my {event.concept.name}.", "teach")
            case WatchSet():
                self._line("wearer", t_ns, event.text, "watch")
            case WatchRemoved():
                known = next((watch.text for watch in watches if watch.key == event.watch), "")
                self._line("wearer", t_ns, f"No need to tell me any more: {known}." if known else "No need to tell me any more.", "watch")
            case Forget():
                # The name of what is forgotten is forgotten with it.
                self._line("wearer", t_ns, wish(msgspec.structs.replace(event.scope, name="")), "forget")
            case Feedback() if event.verdict in ("yes", "no"):
                self._line("wearer", t_ns, f"{event.verdict.capitalize()}.", "answer")
                self._ask(_NO_DOUBT)
            case _:
                pass

    def remember(self, new: Remembered) -> None:
        """Note what the memory is unsure of."""
        self._unsure = next((match for match in new.unsure if match.gazed), self._unsure)

    def talk(self, t_ns: int, commands: tuple[Command, ...]) -> None:
        """Take in what was decided, said and shown."""
        made = [command.decision for command in commands if isinstance(command, Record)]
        for decision in made:
            self._board.put("decisions", decision.id, showing.decision(decision))
            if showing.line_kind(decision) == "confirm" and decision.evidence:
                self._wonder(decision)
        for command in commands:
            if isinstance(command, Say):
                text = command.response.text
                self._say_again(text)
                behind = next((d for d in made if d.action == "SPEAK" and d.text == text), None)
                self._spoken = (self._line("glasses", t_ns, text, showing.line_kind(behind), behind, speech_ns(text)), text)
            elif isinstance(command, Show):
                behind = next((d for d in made if d.text == command.text), None)
                self._line("glasses", t_ns, command.text, showing.line_kind(behind), behind)
            elif isinstance(command, StopSpeech):
                self.stopped_ns = t_ns
                if self._spoken is not None:
                    self._cut_short = {self._spoken[1]: self._spoken[0]}

    def _say_again(self, text: str) -> None:
        """A sentence that was cut short and is said once more stands once, where it was said in full."""
        cut = self._cut_short.pop(text, None)
        if cut is not None:
            self._board.keep("said", lambda line: isinstance(line, Line) and line.key != cut)

    def pass_time(self, t_ns: int) -> None:
        """A question that nobody has answered is let go when an answer would no longer be taken."""
        over = self._doubt.name and t_ns - self._doubt.t_ns > ANSWER_NS
        self._ask(_NO_DOUBT if over else self._doubt, self._doubted)

    def forget(self, t_from_ns: int, scope: Scope) -> None:
        """Let go of every line and decision from a time on, of those about looks taken since, and of those that name the thing."""

        def stays(t_ns: int, evidence_ns: int | None, *texts: str) -> bool:
            late = t_ns >= t_from_ns or (evidence_ns is not None and evidence_ns >= t_from_ns)
            return not late and not any(showing.names(text, scope) for text in texts)

        self._board.keep("said", lambda line: isinstance(line, Line) and stays(line.t_ns, line.evidence_ns, line.text))
        self._board.keep(
            "decisions",
            lambda made: isinstance(made, DecisionView) and stays(made.t_ns, made.evidence_ns, made.text, made.watch, *made.reasons),
        )
        self._unsure = None
        self._ask(_NO_DOUBT)

    def _wonder(self, decision: Decision) -> None:
        """A question of ours stands, whether it was said or only judged: what is shown can be answered too."""
        known = self._doubt if self._doubted == decision.evidence else None
        asked = self._unsure if self._unsure is not None and self._unsure.evidence in decision.evidence else None
        name = known.name if known is not None else asked.what.name if asked is not None else ""
        if name:
            t_ns = known.t_ns if known is not None else decision.t_ns
            self._ask(DoubtView(decision.id, name, decision.text, t_ns, showing.first_thumb(decision.evidence)), decision.evidence)

    def _ask(self, doubt: DoubtView, evidence: tuple[Evidence, ...] = ()) -> None:
        self._doubt, self._doubted = doubt, evidence if doubt.name else ()
        self._board.show("doubt", doubt)

    def _line(
        self,
        who: Literal["wearer", "glasses", "notice"],
        t_ns: int,
        text: str,
        kind: str,
        behind: Decision | None = None,
        spoken_ns: int = 0,
    ) -> int:
        evidence = behind.evidence if behind is not None else ()
        line = Line(
            key=next(self._numbers),
            who=who,
            t_ns=t_ns,
            text=text,
            kind=kind,
            evidence_ns=showing.newest_ns(evidence),
            thumb=showing.first_thumb(evidence),
            decision=behind.id if behind is not None else None,
            speech_ns=spoken_ns,
        )
        self._board.put("said", line.key, line)
        return line.key
