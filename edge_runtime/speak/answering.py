"""From a question to what is said: by facts, and where a language model is loaded, thought about or in other words.

Facts answer first (:mod:`edge_runtime.speak.conversation`). What they cannot answer is thought about where a vision-language model is
loaded; what they can may be put into other words by a model without eyes.
"""

from __future__ import annotations

import msgspec

from edge_runtime.config import ModelsConfig, S
from edge_runtime.outbox import Outbox
from edge_runtime.power import Power, left
from edge_runtime.protocol import Asked, Done, Event, Failed, Found, Generate, Tick, Token, UserSpeech
from edge_runtime.records import Dropped, Scope
from edge_runtime.speak import forgetting, rewording, sentences
from edge_runtime.speak.conversation import Conversation
from edge_runtime.speak.recallable import Recallable
from edge_runtime.speak.reply import FORGOTTEN, Answered
from edge_runtime.speak.thinking import NO_POWER, THOUGHT_ABOUT, Thinking, Thought
from edge_runtime.types import Capabilities

_REWORDED = "REWORDED"
_REWORD_NS = 2 * S
"""Other words that take longer are not waited for."""
_REWORD_TOKENS = 64
_MOST_CHARS = 500
_OPEN = 4


class Rewording(msgspec.Struct):
    """An answer that is being put into other words.

    Attributes:
        answered: As it is said otherwise.
        generation: The command to the model.
        text: What the model has said so far.
        pieces: In how many pieces.
    """

    answered: Answered
    generation: int
    text: str = ""
    pieces: int = 0


class AnsweringState(msgspec.Struct):
    """Answers that wait for a language model. Bounded: four thoughts, four rewordings."""

    thoughts: list[Thought] = []
    rewordings: list[Rewording] = []


class Answering:
    """Brings questions to their answers, within one step.

    Args:
        state: Changed in place.
        conversation: Answers by facts.
        memory: The memory.
        capabilities: What the loaded models can do.
        config: What the language model may do.
        power: How much the board has to give.
        out: Takes the commands to the model.
        now_ns: The present.
    """

    def __init__(
        self,
        state: AnsweringState,
        conversation: Conversation,
        memory: Recallable,
        capabilities: Capabilities,
        config: ModelsConfig,
        power: Power,
        out: Outbox,
        now_ns: int,
    ) -> None:
        """Serve one step."""
        self._state = state
        self._conversation = conversation
        self._out = out
        self._now_ns = now_ns
        self._thinks = capabilities.language
        self._rewords = capabilities.rewording and config.reword
        self._powered = left(power, "thinking") > 0.0
        self._thinking = Thinking(state.thoughts, memory, config, out, now_ns)
        self._unsaid: list[Dropped] = []

    @property
    def dropped(self) -> tuple[Dropped, ...]:
        """What was let go in this step."""
        return (*self._thinking.dropped, *self._unsaid)

    def hear(self, event: Event) -> list[Answered]:
        """Take in what the wearer, the log and the models say; returns what can be said now."""
        by_facts = [ready for answered in self._by_facts(event) for ready in self._take_up(answered)]
        thought = self._thinking.hear(event)
        reworded = self._in_other_words(event)
        return [*by_facts, *(ready for ready in (thought, reworded) if ready is not None)]

    def forget(self, scope: Scope) -> list[Answered]:
        """Let go of every thought, and of the answers about what is forgotten; the others are said as they were."""
        waited, self._state.rewordings = self._state.rewordings, []
        return [*self._conversation.forget(scope), *self._thinking.forget(), *(self._forgotten(one.answered, scope) for one in waited)]

    # ------------------------------------------------------------ inside

    def _by_facts(self, event: Event) -> list[Answered]:
        conversation = self._conversation
        match event:
            case Asked():
                answered = conversation.ask(event)
            case Found():
                answered = conversation.found(event)
            case Failed():
                answered = conversation.failed(event)
            case Tick():
                return conversation.overdue()
            case UserSpeech():
                conversation.hear(event)
                return []
            case _:
                return []
        return [] if answered is None else [answered]

    def _take_up(self, answered: Answered) -> list[Answered]:
        """Have an answer by facts thought about or reworded where that is due; returns what can be said now."""
        if self._thinks and answered.reply.code in THOUGHT_ABOUT:
            return self._thinking.begin(answered) if self._powered else [msgspec.structs.replace(answered, reply=NO_POWER)]
        wanted = self._rewords and self._powered and answered.reply.code == "ANSWERED" and len(self._state.rewordings) < _OPEN
        if not wanted or not rewording.rewordable(answered.reply.text):
            return [answered]
        generation = self._out.emit(
            Generate,
            deadline_ns=self._now_ns + _REWORD_NS,
            prompt=rewording.prompt_for(answered.reply.text),
            max_tokens=_REWORD_TOKENS,
            question=answered.asked.question,
            why="reword",
            t_asked_ns=answered.t_ns,
        )
        self._state.rewordings.append(Rewording(answered, generation))
        return []

    def _in_other_words(self, event: Event) -> Answered | None:
        """Take in what the model says in other words; returns the answer that this completes."""
        if not isinstance(event, Token | Done | Failed):
            return None
        under_way = next((one for one in self._state.rewordings if one.generation == event.answers), None)
        if under_way is None:
            return None
        if isinstance(event, Token):
            under_way.text, under_way.pieces = (under_way.text + event.text)[:_MOST_CHARS], under_way.pieces + 1
            return None
        self._state.rewordings.remove(under_way)
        return self._reworded(under_way, event)

    def _forgotten(self, answered: Answered, scope: Scope) -> Answered:
        sentence = sentences.answered(answered.asked.question, answered.reply, self._now_ns)
        return msgspec.structs.replace(answered, reply=FORGOTTEN) if forgetting.touches(sentence, scope) else answered

    def _reworded(self, under_way: Rewording, event: Done | Failed) -> Answered:
        """The answer in the words of the model, if they say the same; else as it was."""
        answered, words = under_way.answered, under_way.text.strip()
        if isinstance(event, Failed):
            self._unsaid.append(Dropped("rewording", event.reason))
            return answered
        if event.pieces is not None and event.pieces > under_way.pieces:
            self._unsaid.append(Dropped("rewording", "lost"))
            words = event.text[:_MOST_CHARS].strip()
            if not words:
                return answered
        if not rewording.keeps(answered.reply.text, words):
            self._unsaid.append(Dropped("rewording", "unfaithful"))
            return answered
        if words == answered.reply.text:
            return answered
        return msgspec.structs.replace(answered, reply=msgspec.structs.replace(answered.reply, code=_REWORDED, text=words))
