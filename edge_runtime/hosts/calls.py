"""What clients of a running daemon want, as events of the core; and what they are told.

A call is answered at once: that it was taken in, or why not. What it leads to is said later, by the core.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from edge_runtime.config import S
from edge_runtime.core import Core
from edge_runtime.protocol import Asked, Event, Feedback, Forget, Message, Muted, Say, Taught, WatchRemoved, WatchSet
from edge_runtime.records import Concept, Scope
from edge_runtime.remember.words import name_of
from edge_runtime.speak import sentences
from edge_runtime.transport.messages import (
    ForgetWish,
    Known,
    Mute,
    Question,
    Refused,
    RemoveWatch,
    SaidThen,
    SetWatch,
    Stands,
    Taken,
    Teach,
    Unmute,
    Verdict,
    WasSaid,
    Watched,
    WhatStands,
    WhatWasSaid,
)

FOR_GOOD_NS = 10 * 365 * 24 * 3600 * S
"""How long "until further notice" is."""
_MOST_SAID = 64
_ARTICLE = re.compile(r"^(?:my|our|your|the|an?)\s+", re.IGNORECASE)


def bare_name(name: str) -> str:
    """A name without its article: "my mug" is "mug"."""
    return name_of(_ARTICLE.sub("", name.strip(" \t\n.!?\"'")))


@dataclass
class Said:
    """What was said, the newest 64 of it."""

    items: deque[SaidThen] = field(default_factory=lambda: deque(maxlen=_MOST_SAID))

    def add(self, command: Say, t_ns: int) -> None:
        """Something is said. Its number is the command's: it goes on counting when the core's process is started again."""
        self.items.append(SaidThen(command.id, t_ns, command.response))

    def forget(self, t_from_ns: int, name: str = "") -> None:
        """Let go of what was said at or after a time, and of what names a thing."""
        named = name.casefold()
        kept = (item for item in self.items if item.t_ns < t_from_ns and not (named and named in item.response.text.casefold()))
        self.items = deque(kept, maxlen=_MOST_SAID)

    def since(self, number: int, t_ns: int) -> WasSaid:
        """What was said after the one with this number."""
        said = tuple(item for item in self.items if item.number > number)
        return WasSaid(t_ns=t_ns, last=max([number, *(item.number for item in said)]), said=said)


class Calls:
    """Turns calls into events. Used in the core's thread.

    Args:
        core: Whom they are for.
        tell: Takes the events.
        time_ns: Stream time.
        sees: Whether a frame came within the last two seconds.

    Attributes:
        said: What was said.
    """

    def __init__(self, core: Core, tell: Callable[[Event], None], time_ns: Callable[[], int], sees: Callable[[], bool]) -> None:
        self.said = Said()
        self._core = core
        self._tell = tell
        self._time_ns = time_ns
        self._sees = sees
        self._last_name = 0

    def take(self, call: Message) -> Message:
        """Take a call in; returns the reply."""
        match call:
            case Question():
                return self._question(call)
            case Teach():
                return self._teach(call)
            case SetWatch():
                return self._watch(call)
            case RemoveWatch():
                return self._remove_watch(call)
            case ForgetWish():
                return self._forget(call)
            case Mute():
                for_ns = FOR_GOOD_NS if call.for_ns is None else call.for_ns
                return self._told(Muted(t_ns=0, until_ns=self._time_ns() + for_ns))
            case Unmute():
                return self._told(Muted(t_ns=0, until_ns=None))
            case Verdict():
                return self._told(Feedback(t_ns=0, decision=call.decision, verdict=call.verdict))
            case WhatStands():
                return self._stands()
            case WhatWasSaid():
                return self.said.since(call.after, self._time_ns())
            case _:
                return Refused(f"{type(call).__name__} is not for the core", "ask for something else")

    # ------------------------------------------------------------ inside

    def _told(self, event: Event, name: str = "") -> Taken:
        self._tell(event)
        return Taken(name)

    def _name(self, kind: str) -> str:
        """A name that was never given before, also not by an earlier process of this run: stream time in tenths of a second."""
        self._last_name = max(self._last_name + 1, self._time_ns() * 10 // S)
        return f"{kind}-{self._last_name}"

    def _question(self, call: Question) -> Message:
        text = call.text.strip()
        if not text:
            return Refused("There was no question in it.", 'ask for example: edge-runtime ask "where is my mug?"')
        name = self._name("ask")
        return self._told(Asked(t_ns=0, question=name, text=text, options=call.options), name)

    def _teach(self, call: Teach) -> Message:
        name = bare_name(call.name)
        if not name:
            return Refused("It needs a name.", "say what it is called: edge-runtime concept mug")
        if not self._sees():
            return Refused("There is no camera picture, so there is nothing to teach.", "see: edge-runtime status")
        return self._told(Taught(t_ns=0, concept=Concept(name)), name)

    def _watch(self, call: SetWatch) -> Message:
        text = call.text.strip()
        if not text:
            return Refused("It does not say what to watch for.", "for example: tell me when I see my mug")
        name = self._name("watch")
        expires_ns = None if call.for_ns is None else self._time_ns() + call.for_ns
        return self._told(WatchSet(t_ns=0, watch=name, text=text, expires_ns=expires_ns, once=call.once), name)

    def _remove_watch(self, call: RemoveWatch) -> Message:
        if call.watch not in {watch.id for watch in self._core.speaker.state.watches}:
            return Refused(f"There is no watch {call.watch}.", "see: edge-runtime watch --list")
        return self._told(WatchRemoved(t_ns=0, watch=call.watch), call.watch)

    def _forget(self, call: ForgetWish) -> Message:
        name = bare_name(call.name)
        if call.kind == "thing" and not name:
            return Refused("It does not say what is to be forgotten.", "give its name")
        if call.kind == "last":
            scope = Scope("since", t_from_ns=max(0, self._time_ns() - call.last_ns))
        else:
            scope = Scope("thing", name=name) if call.kind == "thing" else Scope("all")
        return self._told(Forget(t_ns=0, scope=scope), name)

    def _stands(self) -> Stands:
        speaker, t_ns = self._core.speaker.state, self._time_ns()
        until_ns = speaker.delivery.circumstances.muted_until_ns
        return Stands(
            t_ns=t_ns,
            watches=tuple(Watched(watch.id, sentences.waits_for(watch), watch.expires_ns, watch.once) for watch in speaker.watches),
            concepts=tuple(Known(concept.name, len(concept.views)) for concept in self._core.memory.concepts.values() if concept.views),
            muted_until_ns=until_ns if until_ns is not None and until_ns > t_ns else None,
            quiet=speaker.delivery.circumstances.quiet or self._core.config.speak.quiet,
        )
