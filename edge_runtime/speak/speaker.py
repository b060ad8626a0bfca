"""Speak: is anything worth saying, and may it be said?

The third stage. It turns what changed in attention and memory, and what the wearer says, into candidates, and hands them to
:mod:`edge_runtime.speak.delivery`. Deterministic: no clock, no I/O; a restored speaker goes on exactly as the one it was taken from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from edge_runtime import codec
from edge_runtime.config import ModelsConfig, S, SpeakConfig
from edge_runtime.facts import Attended, Remembered
from edge_runtime.outbox import Outbox
from edge_runtime.protocol import (
    Asked,
    BoardChanged,
    Done,
    Erase,
    Erased,
    Event,
    Eye,
    Failed,
    Feedback,
    Forget,
    Found,
    Looked,
    Muted,
    Prompted,
    QuietHours,
    Show,
    SpeechEnded,
    SpeechStarted,
    Taught,
    Tick,
    Token,
    UserSpeech,
    WatchRemoved,
    WatchSet,
)
from edge_runtime.records import Dropped
from edge_runtime.speak import forgetting, reading, requests, sentences, targets, watches
from edge_runtime.speak.answering import Answering, AnsweringState
from edge_runtime.speak.conversation import Conversation, ConversationState
from edge_runtime.speak.delivery import Delivery, DeliveryState
from edge_runtime.speak.governor import Candidate
from edge_runtime.speak.recallable import Recallable
from edge_runtime.speak.reply import Answered
from edge_runtime.types import Capabilities

_SHOW_NS = S
_WATCHES = 64
_TOLD = ("WATCH_REARM", "WATCH_BUDGET", "DUPLICATE")
"""Vetoes that end an appearance: it is not told later either."""


class SpeakerState(msgspec.Struct):
    """All that speaking remembers. Bounded: 64 watches, and what conversation, answering and delivery keep."""

    now_ns: int = 0
    watches: list[watches.Watch] = []
    reading: reading.Reading = msgspec.field(default_factory=reading.Reading)
    erasing: list[forgetting.Erasing] = []
    conversation: ConversationState = msgspec.field(default_factory=ConversationState)
    answering: AnsweringState = msgspec.field(default_factory=AnsweringState)
    delivery: DeliveryState = msgspec.field(default_factory=DeliveryState)
    feedback: dict[str, int] = {}


class Speaker:
    """The third stage. Changes only its own state; speaks, asks and records through the outbox.

    Args:
        config: When it may speak.
        capabilities: What the loaded models can do.
        models: What a language model may do.
    """

    def __init__(self, config: SpeakConfig, capabilities: Capabilities, models: ModelsConfig) -> None:
        """Begin with nothing to say."""
        self._config = config
        self._capabilities = capabilities
        self._models = models
        self.state = SpeakerState()

    @property
    def waiting(self) -> int:
        """Sentences and questions that still wait for a pause, for the log or for a language model."""
        state, answering = self.state, self.state.answering
        asked = len(state.conversation.open) + len(answering.thoughts) + len(answering.rewordings)
        return len(state.delivery.queue) + asked + len(state.erasing)

    @property
    def feedback(self) -> Mapping[str, int]:
        """How our messages were taken, counted by verdict."""
        return self.state.feedback

    def feed(self, event: Event, attended: Attended, seen: Remembered, memory: Recallable, out: Outbox) -> tuple[Dropped, ...]:
        """Take one event in.

        Args:
            event: Any event.
            attended: What it changed in attention.
            seen: What it changed in memory.
            memory: The memory as it is now.
            out: Takes what is said, shown, asked and recorded.

        Returns:
            What was let go of a language model's words.
        """
        state = self.state
        state.now_ns = max(state.now_ns, event.t_ns)
        talk = state.conversation
        if talk.origin_ns is None:
            # A clock that starts near zero is the stream's own.
            talk.origin_ns = talk.known_from_ns = state.now_ns if state.now_ns > S else 0
        conversation = Conversation(talk, memory, self._capabilities, out, state.now_ns)
        delivery = Delivery(self._config, state.delivery, out, state.now_ns)
        power = state.delivery.circumstances.power
        answering = Answering(state.answering, conversation, memory, self._capabilities, self._models, power, out, state.now_ns)
        if any(drop.what == "row" for drop in seen.dropped):
            talk.lost_ns = state.now_ns
        self._hear(event, memory, answering, delivery, out)
        self._notice(event, seen, delivery)
        return answering.dropped

    def reconfigure(self, config: SpeakConfig) -> None:
        """Go by other settings from now on; what was said, what waits and every watch stay."""
        self._config = config

    def snapshot(self) -> bytes:
        """All state, as bytes."""
        return codec.encode(self.state)

    def restore(self, data: bytes) -> None:
        """Take up the state of a snapshot."""
        self.state = codec.decode(data, SpeakerState)

    # ------------------------------------------------------------ what the wearer, the log, the models and our voice say

    def _hear(self, event: Event, memory: Recallable, answering: Answering, delivery: Delivery, out: Outbox) -> None:
        state, now_ns = self.state, self.state.now_ns
        match event:
            case Asked() | Found() | Looked() | Prompted() | Token() | Done():
                self._answer(answering.hear(event), delivery)
            case Failed():
                delivery.ended(event.answers, None)
                self._answer(answering.hear(event), delivery)
                self._erased(event.answers, delivery, erased=False)
            case Erased():
                self._erased(event.answers, delivery, erased=True)
            case WatchSet():
                self._set(event, memory, delivery, out)
            case WatchRemoved():
                self._remove(event.watch, delivery)
            case Taught() if not event.concept.views:
                out.emit(Show, deadline_ns=now_ns + _SHOW_NS, cue="LEARNING", text=f"Look at your {event.concept.name}.")
            case Forget():
                self._forget(event, memory, answering, delivery, out)
            case Feedback():
                state.feedback[event.verdict] = state.feedback.get(event.verdict, 0) + 1
            case UserSpeech():
                delivery.user(speaking=event.phase == "start")
                answering.hear(event)
            case Muted():
                delivery.mute(event.until_ns)
            case QuietHours():
                delivery.quiet(on=event.on)
            case BoardChanged():
                delivery.power(event.power)
            case SpeechStarted():
                delivery.started(event.answers)
            case SpeechEnded():
                delivery.ended(event.answers, event.spoken_chars)
            case Tick():
                self._tick(event, answering, delivery, out)
            case _:
                pass

    def _answer(self, ready: Sequence[Answered], delivery: Delivery) -> None:
        for answered in ready:
            delivery.offer(sentences.answered(answered.asked.question, answered.reply, self.state.now_ns))

    def _set(self, event: WatchSet, memory: Recallable, delivery: Delivery, out: Outbox) -> None:
        state = self.state
        self._remove(event.watch, delivery)
        request = requests.parse(event.text)
        if request is None:
            delivery.offer(sentences.refused_watch(event.watch, sentences.NOT_A_WATCH, state.now_ns))
            return
        target = self._watchable(request, memory)
        if isinstance(target, targets.Refusal):
            delivery.offer(sentences.refused_watch(event.watch, target, state.now_ns))
            return
        # Who asks while looking at the thing means the next time: an appearance that has begun counts as told.
        present = memory.recall(target.query(t_from_ns=max(0, state.now_ns - self._config.stale_ns)))
        spent = any(sighting.gazed or request.channel == "scene" for sighting in present)
        watch = watches.Watch(event.watch, request.channel, target, event.expires_ns, event.once, spent)
        state.watches.append(watch)
        out.emit(Show, deadline_ns=state.now_ns + _SHOW_NS, cue="WATCHING", text=sentences.watching(watch))

    def _watchable(self, request: requests.Request, memory: Recallable) -> targets.Target | targets.Refusal:
        if not request.plain:
            return sentences.not_watchable(request.phrase)
        if len(self.state.watches) >= _WATCHES:
            return sentences.TOO_MANY_WATCHES
        return targets.resolve(request.phrase, memory.concepts, self._capabilities)

    def _remove(self, name: str, delivery: Delivery) -> None:
        self.state.watches = [watch for watch in self.state.watches if watch.id != name]
        delivery.drop(sentences.alert_key(name), "WITHDRAWN")

    def _forget(self, event: Forget, memory: Recallable, answering: Answering, delivery: Delivery, out: Outbox) -> None:
        state, now_ns = self.state, self.state.now_ns
        state.reading = reading.Reading()
        state.watches = forgetting.watches_kept(state.watches, event.scope, memory)
        state.conversation.known_from_ns = now_ns
        delivery.forget(event.scope)
        self._answer(answering.forget(event.scope), delivery)
        text = sentences.forgotten(event.scope, now_ns)
        orders = [command for command in out.commands if isinstance(command, Erase)]
        if orders:  # the log has to let go of it first
            state.erasing.append(forgetting.Erasing(orders[-1].id, orders[-1].deadline_ns, text))
        else:
            delivery.offer(sentences.forgetting_done(text, now_ns, erased=True))

    def _erased(self, order: int, delivery: Delivery, *, erased: bool) -> None:
        done = [item for item in self.state.erasing if item.order == order]
        self.state.erasing = [item for item in self.state.erasing if item.order != order]
        for item in done:
            delivery.offer(sentences.forgetting_done(item.text, self.state.now_ns, erased=erased))

    def _tick(self, tick: Tick, answering: Answering, delivery: Delivery, out: Outbox) -> None:
        state, now_ns = self.state, self.state.now_ns
        self._answer(answering.hear(tick), delivery)
        for item in [item for item in state.erasing if item.deadline_ns < now_ns]:
            self._erased(item.order, delivery, erased=False)
        for watch in [watch for watch in state.watches if watch.expires_ns is not None and watch.expires_ns <= now_ns]:
            self._remove(watch.id, delivery)
            out.emit(Show, deadline_ns=now_ns + _SHOW_NS, cue="WATCH_EXPIRED", text=f"I no longer watch for {watch.target.phrase}.")
        for candidate, veto in delivery.review():
            self._settle(candidate, veto, delivery)

    # ------------------------------------------------------------ what is worth saying unasked, or was asked for in advance

    def _notice(self, event: Event, seen: Remembered, delivery: Delivery) -> None:
        state, config, now_ns = self.state, self._config, self.state.now_ns
        for concept in seen.learned:
            delivery.offer(sentences.learned(concept.name, now_ns))
        for name in seen.unlearned:
            delivery.offer(sentences.unlearned(name, now_ns))
        look = watches.look_taken(event, seen)
        if look is not None:
            for watch in list(state.watches):
                self._observe(watch, look, delivery)
        for match in seen.unsure:
            if match.gazed:
                delivery.offer(sentences.confirm(match))
        reading.took(state.reading, seen)
        if isinstance(event, Eye):
            reading.held(state.reading, event.event, config)
        if isinstance(event, Eye | Tick) or look is not None:
            candidate = reading.candidate(state.reading, delivery.said, config, now_ns)
            if candidate is not None:
                self._settle(candidate, delivery.offer(candidate), delivery)

    def _observe(self, watch: watches.Watch, look: watches.LookTaken, delivery: Delivery) -> None:
        hit = watches.observe(watch, look, self._config)
        if watch.misses >= watches.REARM_LOOKS:
            delivery.settle(sentences.alert_key(watch.id))
        if hit is not None:
            candidate = sentences.alert(watch, hit, self._config)
            self._settle(candidate, delivery.offer(candidate), delivery)

    def _settle(self, candidate: Candidate, veto: str | None, delivery: Delivery) -> None:
        """Draw the consequences of a judgement: what has been told, or never will be, is not offered again."""
        told = veto is None or veto in _TOLD
        if candidate.intention.label == "read_aloud" and told:
            self.state.reading.done_ns = self.state.now_ns
        for watch in [watch for watch in self.state.watches if watch.id == candidate.intention.watch]:
            watch.spent = told
            if veto is None and watch.once:
                self.state.watches.remove(watch)
