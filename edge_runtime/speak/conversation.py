"""Questions on their way to an answer: from memory at once, or after the log has been asked."""

from __future__ import annotations

import msgspec

from edge_runtime.config import S
from edge_runtime.outbox import Outbox
from edge_runtime.protocol import Asked, Failed, Found, Search, UserSpeech
from edge_runtime.records import Query, Scope
from edge_runtime.remember.gazes import Regard
from edge_runtime.speak import dialogue, forgetting
from edge_runtime.speak.recallable import Recallable
from edge_runtime.speak.recollection import Fetched, Recollection
from edge_runtime.speak.reply import FORGOTTEN, Answered, Reply
from edge_runtime.types import Capabilities, Value

_SEARCH_NS = S
_SEARCHES = 4
_UNDERSTOOD_NS = 5 * S
"""A question that comes up to so long after the wearer stopped speaking was spoken then."""
_OPEN = 16
_REGARDS = 8
_SILENT_LOG = "The log did not answer: this is what memory alone holds."


class Begun(Value, frozen=True):
    """The moment at which a question began; all its "now", "this" and "ago" count from there, however late it is answered.

    Attributes:
        t_ns: When the wearer began to speak, or where that is not known, when the question came.
        regards: What the wearer had looked at, newest first, at most eight things; empty if the question points at nothing.
    """

    t_ns: int
    regards: tuple[Regard, ...] = ()


class Open(msgspec.Struct):
    """A question that waits for the log.

    Attributes:
        asked: The question.
        search: The command it waits for.
        query: What the log was asked.
        deadline_ns: When it is answered without the log.
        begun: The moment it is about.
        fetched: What the log has found for it so far.
    """

    asked: Asked
    search: int
    query: Query
    deadline_ns: int
    begun: Begun
    fetched: list[Fetched] = []


class ConversationState(msgspec.Struct):
    """All that is open, and what "I did not see it" may claim.

    Attributes:
        open: At most 16 questions.
        origin_ns: Where the stream's clock reads 0:00.
        known_from_ns: Nothing is claimed about what was before this: it was not seen, or is forgotten.
        lost_ns: When a sighting was last lost that had not reached the log; -1 for never.
        speech_from_ns: When the wearer last began to speak; -1 if never, or if a question came of it.
        speech_to_ns: When that ended; -1 while it goes on.
    """

    open: list[Open] = []
    origin_ns: int | None = None
    known_from_ns: int = 0
    lost_ns: int = -1
    speech_from_ns: int = -1
    speech_to_ns: int = -1


class Conversation:
    """Answers questions within one step.

    Args:
        state: Changed in place.
        memory: The memory.
        capabilities: What the loaded models can do.
        out: Takes the searches.
        now_ns: The present.
    """

    def __init__(self, state: ConversationState, memory: Recallable, capabilities: Capabilities, out: Outbox, now_ns: int) -> None:
        """Serve one step."""
        self.state = state
        self._memory = memory
        self._capabilities = capabilities
        self._out = out
        self._now_ns = now_ns

    def ask(self, asked: Asked) -> Answered | None:
        """Take up a question.

        Returns:
            The answer, or ``None`` while the log is asked.
        """
        t_ns = self._began_ns(asked)
        begun = Begun(t_ns, self._memory.looked_at(t_ns)[:_REGARDS] if dialogue.points(asked.text) else ())
        return self._pursue(asked, begun, [], may_search=len(self.state.open) < _OPEN)

    def hear(self, event: UserSpeech) -> None:
        """Note when the wearer speaks: "this" is what was looked at when the question began, not when it was understood."""
        if event.phase == "end":
            self.state.speech_to_ns = event.t_ns
        else:
            self.state.speech_from_ns, self.state.speech_to_ns = event.t_ns, -1

    def found(self, event: Found) -> Answered | None:
        """Take in what the log found; returns the question it completes, with its answer."""
        waiting = self._take(event.answers)
        if waiting is None:
            return None
        fetched = [*waiting.fetched, Fetched(waiting.query, event.rows, event.places)]
        return self._pursue(waiting.asked, waiting.begun, fetched, may_search=len(fetched) < _SEARCHES)

    def failed(self, event: Failed) -> Answered | None:
        """The log has failed: answer from memory, and say so."""
        waiting = self._take(event.answers)
        return None if waiting is None else self._from_memory(waiting)

    def overdue(self) -> list[Answered]:
        """Answer what the log has left waiting for too long."""
        late = [waiting for waiting in self.state.open if waiting.deadline_ns < self._now_ns]
        self.state.open = [waiting for waiting in self.state.open if waiting.deadline_ns >= self._now_ns]
        return [self._from_memory(waiting) for waiting in late]

    def forget(self, scope: Scope) -> list[Answered]:
        """Let go of every open question that names what is forgotten, or was asked in a time that is; ask the log again for the others.

        What the log has found so far may hold what is forgotten, so nothing of it is used.

        Returns:
            The questions let go, each with an answer that names nothing.
        """
        waited, self.state.open, answered = self.state.open, [], []
        for waiting in waited:
            # What was pointed at may be what is forgotten, under another name or none.
            if waiting.begun.regards or forgetting.touches_question(waiting.asked, waiting.query, scope):
                answered.append(Answered(waiting.asked, FORGOTTEN, waiting.begun.t_ns))
                continue
            deadline_ns = self._now_ns + _SEARCH_NS
            search = self._out.emit(Search, deadline_ns=deadline_ns, query=waiting.query)
            self.state.open.append(Open(waiting.asked, search, waiting.query, deadline_ns, waiting.begun))
        return answered

    # ------------------------------------------------------------ inside

    def _began_ns(self, asked: Asked) -> int:
        """When a question began: with the wearer's speech, which is then used up, or where there was none, when it came."""
        began_ns, ended_ns = self.state.speech_from_ns, self.state.speech_to_ns
        self.state.speech_from_ns = -1
        spoken = began_ns >= 0 and (ended_ns < 0 or asked.t_ns - ended_ns <= _UNDERSTOOD_NS)
        return began_ns if spoken else asked.t_ns

    def _pursue(self, asked: Asked, begun: Begun, fetched: list[Fetched], *, may_search: bool) -> Answered | None:
        past = self._past(begun, fetched, self.state.known_from_ns)
        reply = dialogue.answer(asked.text, asked.options, past)
        if past.missing is None:
            return Answered(asked, reply, begun.t_ns)
        if not may_search:
            return Answered(asked, _from_memory_alone(reply), begun.t_ns)
        deadline_ns = self._now_ns + _SEARCH_NS
        search = self._out.emit(Search, deadline_ns=deadline_ns, query=past.missing)
        self.state.open.append(Open(asked, search, past.missing, deadline_ns, begun, fetched))
        return None

    def _from_memory(self, waiting: Open) -> Answered:
        past = self._past(waiting.begun, [], max(self.state.known_from_ns, self._memory.complete_since_ns))
        reply = dialogue.answer(waiting.asked.text, waiting.asked.options, past)
        return Answered(waiting.asked, _from_memory_alone(reply), waiting.begun.t_ns)

    def _past(self, begun: Begun, fetched: list[Fetched], known_from_ns: int) -> Recollection:
        return Recollection(
            self._memory,
            self._capabilities,
            now_ns=self._now_ns,
            origin_ns=self.state.origin_ns or 0,
            known_from_ns=known_from_ns,
            fetched=fetched,
            asked_ns=begun.t_ns,
            regards=begun.regards,
            lost_ns=self.state.lost_ns,
        )

    def _take(self, search: int) -> Open | None:
        found = next((waiting for waiting in self.state.open if waiting.search == search), None)
        self.state.open = [waiting for waiting in self.state.open if waiting.search != search]
        return found


def _from_memory_alone(reply: Reply) -> Reply:
    return msgspec.structs.replace(reply, text=f"{reply.text} {_SILENT_LOG}")
