"""From a candidate to a voice: ask the governor, say it, keep it for a pause, or leave it - and record every decision."""

from __future__ import annotations

import msgspec

from edge_runtime.config import MS, S, SpeakConfig
from edge_runtime.outbox import Outbox
from edge_runtime.power import Power
from edge_runtime.protocol import Record, Say, Show, StopSpeech
from edge_runtime.records import Scope
from edge_runtime.speak import forgetting, governor
from edge_runtime.speak.governor import Candidate, Circumstances, Ledger
from edge_runtime.speech import Action, Decision, Response

_VOICE_NS = 30 * S
"""A sentence that has not ended after this long never will."""
_START_NS = 500 * MS
"""A voice that has not started after this long is not there."""
_STOP_NS = 100 * MS
_WRITE_NS = S
_QUEUE = 32
_VOICES = 8
_LOGGED = 64
_EPISODE_NS = 10 * S
"""A veto is logged again if the same thing comes up after not having come up for this long."""


class Utterance(msgspec.Struct):
    """A sentence on its way through our own voice."""

    say: int
    candidate: Candidate
    since_ns: int
    started: bool = False
    stopped: bool = False


class Logged(msgspec.Struct, frozen=True):
    """The veto last recorded for one thing, and when that thing last came up."""

    veto: str
    t_ns: int


class DeliveryState(msgspec.Struct):
    """All that delivery remembers. Bounded: 32 waiting sentences, 64 vetoes, the ledger."""

    ledger: Ledger = msgspec.field(default_factory=Ledger)
    circumstances: Circumstances = msgspec.field(default_factory=Circumstances)
    voices: list[Utterance] = []
    queue: list[Candidate] = []
    logged: dict[str, Logged] = {}
    next_decision: int = 1


class Delivery:
    """Says what may be said.

    Args:
        config: When it may speak.
        state: Changed in place.
        out: Takes the commands of this step.
        now_ns: The present.
    """

    def __init__(self, config: SpeakConfig, state: DeliveryState, out: Outbox, now_ns: int) -> None:
        """Serve one step."""
        self._config = config
        self.state = state
        self._out = out
        self._now_ns = now_ns

    def offer(self, candidate: Candidate) -> str | None:
        """Say it, keep it or leave it.

        Returns:
            The code of the rule that objects, or ``None``: it is being said.
        """
        self._hear()
        state = self.state
        veto = governor.judge(candidate, state.ledger, state.circumstances, self._config, self._now_ns)
        waiting = any(other.key == candidate.key for other in state.queue)
        if veto in governor.WAITING:
            if waiting:
                state.queue = [candidate if other.key == candidate.key else other for other in state.queue]
            else:
                self._wait(candidate)
            self._veto("QUEUE", candidate, veto)
            return veto
        if waiting:
            state.queue = [other for other in state.queue if other.key != candidate.key]
        if veto is None:
            self._say(candidate)
        else:
            self._veto("SILENT", candidate, veto)
            if candidate.intention.asked and candidate.intention.label in ("answer", "refuse") and veto in ("MUTE", "QUIET_HOURS"):
                self._out.emit(Show, deadline_ns=self._now_ns + _WRITE_NS, cue="ANSWER", text=candidate.intention.text)
        return veto

    def review(self) -> list[tuple[Candidate, str | None]]:
        """Judge what waits again, the most urgent first, then what expires first; what has expired is let go.

        Returns:
            What left the queue, with the veto that removed it or ``None`` if it is being said.
        """
        left: list[tuple[Candidate, str | None]] = []
        for candidate in sorted(self.state.queue, key=_precedence):
            if candidate.intention.valid_until_ns < self._now_ns:
                self.withdraw(candidate, "EXPIRED")
                left.append((candidate, "EXPIRED"))
                continue
            veto = self.offer(candidate)
            if veto not in governor.WAITING:
                left.append((candidate, veto))
        return left

    def withdraw(self, candidate: Candidate, reason: str) -> None:
        """Take a waiting sentence back."""
        self.state.queue = [other for other in self.state.queue if other.key != candidate.key]
        self._veto("SILENT", candidate, reason)

    def drop(self, key: str, reason: str) -> None:
        """Take back whatever waits under a key."""
        for candidate in [candidate for candidate in self.state.queue if candidate.key == key]:
            self.withdraw(candidate, reason)

    def user(self, *, speaking: bool) -> None:
        """Hear the wearer start or stop talking; our own voice gives way at once."""
        silent_ns = None if speaking else self._now_ns
        self._now(user_speaking=speaking, user_silent_ns=silent_ns)
        if speaking:
            self._give_way()

    def mute(self, until_ns: int | None) -> None:
        """Be silent until then, or no longer."""
        self._now(muted_until_ns=until_ns)
        if until_ns is not None:
            self._give_way()

    def quiet(self, *, on: bool) -> None:
        """Take note of a quiet hour that begins or ends."""
        self._now(quiet=on)

    def power(self, power: Power) -> None:
        """Take note of what the board has to give."""
        self._now(power=power)

    def forget(self, scope: Scope) -> None:
        """Let go of every sentence about what is forgotten, said, being said or waiting."""
        state = self.state
        state.logged = {}
        for candidate in [candidate for candidate in state.queue if forgetting.touches(candidate, scope)]:
            self.withdraw(candidate, "PRIVACY")
        if any(forgetting.touches(voice.candidate, scope) for voice in state.voices):
            self._give_way()
            state.voices = [voice for voice in state.voices if not forgetting.touches(voice.candidate, scope)]
        state.logged = {}
        state.ledger = forgetting.ledger_kept(state.ledger, scope, self._now_ns)

    @property
    def said(self) -> tuple[str, ...]:
        """The contents said within the time in which nothing is repeated."""
        return tuple(self.state.ledger.contents)

    def started(self, say: int) -> None:
        """Our voice has begun a sentence."""
        for voice in self.state.voices:
            if voice.say == say:
                voice.started = True

    def ended(self, say: int, spoken_chars: int | None) -> None:
        """Our voice is through with a sentence, or has given up on it (``None``)."""
        for voice in [voice for voice in self.state.voices if voice.say == say]:
            self.state.voices.remove(voice)
            text = voice.candidate.intention.text
            if voice.stopped and spoken_chars is not None and spoken_chars < len(text):
                self.state.ledger = governor.unbooked(voice.candidate, self.state.ledger)
                if voice.candidate.intention.asked:
                    self._wait(voice.candidate)
                    self._veto("QUEUE", voice.candidate, "INTERRUPTED")
                else:
                    self._veto("SILENT", voice.candidate, "INTERRUPTED")
        self._hear()

    def settle(self, key: str) -> None:
        """Note that a thing is over: when it comes up again, its veto is news."""
        self.state.logged.pop(key, None)

    # ------------------------------------------------------------ inside

    def _say(self, candidate: Candidate) -> None:
        state, intention, now_ns = self.state, candidate.intention, self._now_ns
        if state.circumstances.voice is not None:
            self._stop()
        trace = [("captured", governor.newest_ns(intention.evidence))] if intention.evidence else []
        response = Response(
            text=intention.text,
            modality="speech",
            urgency=intention.urgency,
            confidence=intention.confidence,
            evidence=intention.evidence,
            trace=(*trace, ("decided", now_ns)),
            question=candidate.question,
            choice=candidate.choice,
            watch=intention.watch,
        )
        say = self._out.emit(Say, deadline_ns=now_ns + _VOICE_NS, response=response)
        state.voices = [*state.voices, Utterance(say, candidate, now_ns)][-_VOICES:]
        state.ledger = governor.booked(candidate, state.ledger, self._config, now_ns)
        state.logged.pop(candidate.key, None)
        self._record("SPEAK", candidate, ())
        self._hear()

    def _give_way(self) -> None:
        self._hear()
        if self.state.circumstances.voice is not None:
            self._stop()

    def _now(self, **changes: object) -> None:
        self.state.circumstances = msgspec.structs.replace(self.state.circumstances, **changes)

    def _stop(self) -> None:
        self._out.emit(StopSpeech, deadline_ns=self._now_ns + _STOP_NS)
        for voice in self.state.voices:
            voice.stopped = True
        self._hear()

    def _wait(self, candidate: Candidate) -> None:
        state = self.state
        if len(state.queue) >= _QUEUE:
            self.withdraw(min(state.queue, key=lambda c: (c.intention.asked, c.intention.urgency)), "OVERFLOW")
        state.queue.append(candidate)

    def _veto(self, action: Action, candidate: Candidate, veto: str) -> None:
        """Record a veto: when it is new, not every time it is found again."""
        state, now_ns = self.state, self._now_ns
        before = state.logged.pop(candidate.key, None)
        state.logged[candidate.key] = Logged(veto, now_ns)
        while len(state.logged) > _LOGGED:
            state.logged.pop(next(iter(state.logged)))
        if before is None or before.veto != veto or now_ns - before.t_ns > _EPISODE_NS:
            self._record(action, candidate, (veto,))

    def _record(self, action: Action, candidate: Candidate, vetoes: tuple[str, ...]) -> None:
        intention = candidate.intention
        hidden = "PRIVACY" in vetoes  # what was forgotten is not written down again
        decision = Decision(
            id=self.state.next_decision,
            t_ns=self._now_ns,
            action=action,
            watch=intention.watch,
            reasons=intention.reasons,
            vetoes=vetoes,
            evidence=() if hidden else intention.evidence,
            score=intention.confidence,
            valid_until_ns=intention.valid_until_ns,
            text="" if hidden else intention.text,
        )
        self.state.next_decision += 1
        self._out.emit(Record, deadline_ns=self._now_ns + _WRITE_NS, decision=decision)

    def _hear(self) -> None:
        """Find out whether our own voice can be heard, and with what urgency."""
        state, now_ns = self.state, self._now_ns
        state.voices = [v for v in state.voices if now_ns - v.since_ns < _VOICE_NS]
        audible = [v for v in state.voices if not v.stopped and (v.started or now_ns - v.since_ns < _START_NS)]
        urgency = max((v.candidate.intention.urgency for v in audible), default=None)
        self._now(voice=urgency)


def _precedence(candidate: Candidate) -> tuple[bool, int, int]:
    intention = candidate.intention
    return not intention.asked, -intention.urgency, intention.valid_until_ns
