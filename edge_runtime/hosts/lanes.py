"""The lanes of a live run: threads that carry out commands, one for the models and one for the log.

The models have one lane. A generation is done piece by piece: a block of the prompt is read, or a token written. Whatever look waits is
done between two pieces, so that it never waits for more than one. Of looks only the newest few wait; one that is pushed out, or whose
deadline passed while it waited, is answered as failed. A generation that is given up is interrupted, also while a long prompt is read.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

from edge_runtime.errors import EdgeError
from edge_runtime.hosts.prompted import prompted
from edge_runtime.hosts.workers import LogWork, failed
from edge_runtime.models.generation import Generation, Language
from edge_runtime.models.language import Interrupted
from edge_runtime.protocol import Append, Done, Erase, Event, Failed, Generate, Look, Looked, Search, Token
from edge_runtime.records import Dropped

_log = logging.getLogger(__name__)
MOST_LOOKS = 3
_MOST_STORE = 64
Post = Callable[[Event], None]
"""Hands an answer to the core; any thread may call it."""


class Looks(Protocol):
    """Whoever carries out looks, as the lane needs it."""

    def look(self, command: Look, t_ns: int) -> Looked | Failed:
        """Look; whatever goes wrong is an answer."""
        ...


class ModelLane(threading.Thread):
    """Looks and generates, one thing at a time. A question ends a generation that nobody asked for.

    Args:
        looks: Carries out looks.
        language: Generates; ``None`` where no language model is loaded.
        post: Takes the answers.
        now_ns: Stream time.
        count: Takes what a model was offered and is not shown.
    """

    def __init__(
        self, looks: Looks, language: Language | None, post: Post, now_ns: Callable[[], int], count: Callable[[Dropped], None]
    ) -> None:
        super().__init__(name="models", daemon=True)
        self._looks_work = looks
        self._language = language
        self._post = post
        self._now_ns = now_ns
        self._count = count
        self._wake = threading.Condition()
        self._looks: deque[Look] = deque()
        self._asked: deque[Generate] = deque()
        self._cancelled: set[int] = set()
        self._under_way: int | None = None
        self._forgetting = False
        self._stopping = False

    def ask(self, command: Look | Generate) -> None:
        """Hand in work. A look pushes out the oldest that waits; a generation pushes out the one that waits."""
        with self._wake:
            waiting: deque[Look] | deque[Generate] = self._looks if isinstance(command, Look) else self._asked
            most = MOST_LOOKS if isinstance(command, Look) else 1
            if len(waiting) >= most:
                self._fail(waiting.popleft().id, "superseded")
            if isinstance(command, Look):
                self._looks.append(command)
            else:
                self._asked.append(command)
            self._wake.notify()

    def cancel(self, target: int) -> None:
        """Give up a command that waits, or the generation under way, which is interrupted."""
        with self._wake:
            self._looks = deque(look for look in self._looks if look.id != target)
            self._asked = deque(asked for asked in self._asked if asked.id != target)
            if self._under_way == target:
                self._cancelled.add(target)
                self._interrupt()

    def forget(self) -> None:
        """Let go of what prompts have left in the language model, before the next is read; what is under way shall be cancelled first."""
        with self._wake:
            self._forgetting = True
            self._wake.notify()

    def stop(self) -> None:
        """End after the look under way; a generation is interrupted."""
        with self._wake:
            self._stopping = True
            self._looks.clear()
            self._asked.clear()
            self._interrupt()
            self._wake.notify_all()

    def run(self) -> None:
        """Work until stopped."""
        while True:
            with self._wake:
                while not (self._looks or self._asked or self._forgetting or self._stopping):
                    self._wake.wait()
                if self._stopping:
                    return
                forgetting, self._forgetting = self._forgetting, False
                look = self._looks.popleft() if self._looks else None
                asked = self._asked.popleft() if look is None and self._asked else None
                self._under_way = asked.id if asked is not None else None
            if forgetting:
                self._let_go()
            if look is not None:
                self._look(look)
            elif asked is not None:
                self._generate(asked)

    def _let_go(self) -> None:
        try:
            if self._language is not None:
                self._language.forget()
        except Exception:
            _log.exception("a language model that cannot forget is not asked any more")
            self._language = None

    def _look(self, command: Look) -> None:
        if self._now_ns() > command.deadline_ns:
            self._fail(command.id, "deadline")
            return
        try:
            self._post(self._looks_work.look(command, self._now_ns()))
        except Exception as error:  # whatever breaks inside a network must cost one look, not the run
            if self._stopping:
                return  # nobody waits for it, and what it was fetching pixels from may have been closed
            _log.exception("a look failed")
            self._fail(command.id, "backend", repr(error))

    def _generate(self, command: Generate) -> None:
        if self._language is None:
            self._fail(command.id, "unsupported", "no language model is loaded")
            return
        try:
            with contextlib.closing(self._language.generate(command)) as generation:
                self._write(command, generation)
        except EdgeError as error:
            if not (isinstance(error, Interrupted) and self._unwanted(command)):
                self._post(failed(command.id, self._now_ns(), error))
        except Exception as error:
            _log.exception("a generation failed")
            self._fail(command.id, "backend", repr(error))
        finally:
            with self._wake:
                self._cancelled.discard(command.id)
                self._under_way = None

    def _write(self, command: Generate, generation: Generation) -> None:
        self._post(prompted(command, self._now_ns(), generation))
        for drop in generation.dropped:
            self._count(drop)
        posted = 0
        for piece in itertools.chain(("",), generation):  # the first chance is before anything is read
            if self._preempted(command):
                self._fail(command.id, "preempted")
                return
            if self._unwanted(command):
                return
            if piece:
                self._post(Token(t_ns=self._now_ns(), answers=command.id, text=piece))
                posted += 1
            for look in self._waiting_looks():
                self._look(look)
        self._post(Done(t_ns=self._now_ns(), answers=command.id, pieces=posted))

    def _interrupt(self) -> None:
        if self._under_way is not None and self._language is not None:
            self._language.interrupt()

    def _preempted(self, command: Generate) -> bool:
        with self._wake:
            return not command.question and any(asked.question for asked in self._asked)

    def _unwanted(self, command: Generate) -> bool:
        with self._wake:
            return self._stopping or command.id in self._cancelled or self._now_ns() > command.deadline_ns

    def _waiting_looks(self) -> list[Look]:
        with self._wake:
            looks = list(self._looks)
            self._looks.clear()
            return looks

    def _fail(self, command: int, reason: str, detail: str = "") -> None:
        self._post(Failed(t_ns=self._now_ns(), answers=command, reason=reason, detail=detail))


class StoreLane(threading.Thread):
    """Keeps the log, in the order in which it was asked to.

    Args:
        log: Carries out the work.
        post: Takes the answers.
        now_ns: Stream time.
    """

    def __init__(self, log: LogWork, post: Post, now_ns: Callable[[], int]) -> None:
        super().__init__(name="log", daemon=True)
        self._log = log
        self._post = post
        self._now_ns = now_ns
        # Unbounded itself, so that a stop always finds room; what is asked is bounded below.
        self._asked: queue.SimpleQueue[Append | Search | Erase | None] = queue.SimpleQueue()

    def ask(self, command: Append | Search | Erase) -> None:
        """Hand in work; what finds no room is answered as failed at once."""
        if self._asked.qsize() >= _MOST_STORE:
            self._post(Failed(t_ns=self._now_ns(), answers=command.id, reason="busy"))
        else:
            self._asked.put(command)

    def stop(self) -> None:
        """End after all that was asked before."""
        self._asked.put(None)

    def run(self) -> None:
        """Work until stopped."""
        while (command := self._asked.get()) is not None:
            try:
                self._post(self._carry_out(command))
            except Exception as error:  # the log must outlive one bad row
                _log.exception("the log failed")
                self._post(Failed(t_ns=self._now_ns(), answers=command.id, reason="backend", detail=repr(error)))

    def _carry_out(self, command: Append | Search | Erase) -> Event:
        match command:
            case Append():
                return self._log.append(command, self._now_ns())
            case Search():
                return self._log.search(command, self._now_ns())
            case Erase():
                return self._log.erase(command, self._now_ns())
