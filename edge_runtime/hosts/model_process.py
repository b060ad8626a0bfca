"""The model's process: looks and generates, and is the only one that opens the models.

Its first thread takes what is asked and gives what was answered; the models have a thread of their own (:class:`ModelLane`), which
fetches the pixels of a look from the capture process when it begins with it.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable

import msgspec

from edge_runtime.config import S
from edge_runtime.hosts.lanes import ModelLane
from edge_runtime.hosts.metering import Meter
from edge_runtime.hosts.remote_frames import RemoteFrames
from edge_runtime.hosts.workers import LookWork
from edge_runtime.models.generation import Language
from edge_runtime.models.looker import Looker
from edge_runtime.protocol import Done, Event, Failed, Generate, Look, Looked, Prompted, Token
from edge_runtime.records import Dropped, ShownTokens
from edge_runtime.transport.messages import Stop, Taken
from edge_runtime.transport.post import Call, MessageAnswerer, Post
from edge_runtime.transport.routes import ENDINGS, FORGETS, FORGOT, LOOKED, LOOKS, ORDERS, PROMPTS, STATUS, WORDS
from edge_runtime.transport.statuses import Status

_MOST_CHARS = 1000
"""Of an answer that are repeated at its end."""


class ModelProcess:
    """Carries out looks and generations of the core's process.

    Args:
        post: Of the model's process.
        looker: Carries out looks.
        language: Generates; ``None`` where no language model is loaded.
        time_ns: Stream time, the same in all processes.
        trouble: What is wrong from the beginning, such as models that are not prepared.
        stuck_ns: A look that takes longer has got stuck: the process says nothing any more, and is started again.
    """

    def __init__(
        self,
        post: Post,
        looker: Looker,
        language: Language | None,
        *,
        time_ns: Callable[[], int],
        stuck_ns: int,
        trouble: str = "",
    ) -> None:
        self._post, self._looker, self._trouble, self._time_ns, self._stuck_ns = post, looker, trouble, time_ns, stuck_ns
        self._meter = Meter()
        self._looks, self._prompts = post.answerer(LOOKS, LOOKED), post.answerer(PROMPTS, ENDINGS)
        self._forgets, self._orders = post.answerer(FORGETS, FORGOT), post.receiver(ORDERS)
        self._words, self._status = post.sender(WORDS), post.sender(STATUS["model"])
        frames = RemoteFrames(post, time_ns, lambda age_ns: self._meter.age("crop", age_ns))
        self._lane = ModelLane(LookWork(frames, looker), language, self._put, time_ns, self._count)
        self._calls: dict[int, tuple[MessageAnswerer, Call, int]] = {}
        self._done: deque[Event] = deque()
        self._said, self._shown = "", tuple[ShownTokens, ...]()
        self._stopping = threading.Event()
        self._newest_ns: int | None = None

    def run(self) -> None:
        """Work until told to stop; the look or the token under way is not waited for."""
        self._lane.start()
        told_ns = -S
        while not self._stopping.is_set():
            if self._time_ns() - told_ns >= S:
                told_ns = self._time_ns()
                if not self._stuck():
                    self._status.send(self._own_status())
            self._post.wait([self._looks, self._prompts, self._forgets, self._orders], 0.25)
            self._arrive()
            self._give()
        self._lane.stop()

    def stop(self) -> None:
        """End soon. Any thread may call it."""
        self._stopping.set()
        self._post.bus.wake()

    def _arrive(self) -> None:
        while (order := self._orders.take()) is not None:
            if isinstance(order, Stop):
                self._stopping.set()
        for answerer in (self._looks, self._prompts):
            while (call := answerer.take()) is not None:
                if isinstance(call.message, Look | Generate):
                    self._calls[call.message.id] = (answerer, call, self._time_ns())
                    self._lane.ask(call.message)
        while (call := self._forgets.take()) is not None:
            self._lane.forget()
            self._forgets.answer(call, Taken())
        for number, (answerer, call, _) in list(self._calls.items()):
            if not answerer.wants(call):
                # Its outcome is nobody's: a look under way is done to its end, and its answer is dropped by the bus.
                self._lane.cancel(number)
                if isinstance(call.message, Generate):
                    del self._calls[number]

    def _put(self, event: Event) -> None:
        """Called in the lane's thread."""
        self._done.append(event)
        self._post.bus.wake()

    def _count(self, drop: Dropped) -> None:
        """Called in the lane's thread."""
        self._post.count([drop])

    def _give(self) -> None:
        while self._done:
            event = self._done.popleft()
            if isinstance(event, Prompted | Token):
                self._remember(event)
                self._words.send(event)
                continue
            if not isinstance(event, Looked | Done | Failed):
                continue
            answerer, call, _ = self._calls.pop(event.answers, (None, None, 0))
            if answerer is None or call is None:
                self._post.count([Dropped("result", "late")])
                continue
            if isinstance(event, Done):
                self._meter.count("generations")
                event = msgspec.structs.replace(event, text=self._said, shown=self._shown)
            if isinstance(event, Looked):
                self._meter.count("looks")
                self._meter.age("look", self._time_ns() - event.t_capture_ns)
                self._newest_ns = max(event.t_capture_ns, self._newest_ns or 0)
            answerer.answer(call, event)

    def _remember(self, event: Prompted | Token) -> None:
        """Keep what is said and shown of the generation under way, for its end; there is only one."""
        if isinstance(event, Prompted):
            self._said, self._shown = "", event.shown
        else:
            self._said = (self._said + event.text)[:_MOST_CHARS]

    def _stuck(self) -> bool:
        """Whether a look has been under way for longer than anybody waits for it."""
        return any(
            self._time_ns() - begun_ns > self._stuck_ns for _, call, begun_ns in self._calls.values() if isinstance(call.message, Look)
        )

    def _own_status(self) -> Status:
        return Status(
            role="model",
            t_ns=self._time_ns(),
            phase="ailing" if self._trouble else "ready",
            trouble=self._trouble,
            pid=os.getpid(),
            t_newest_ns=self._newest_ns,
            dropped=self._post.dropped,
            tallies=self._meter.tallies(),
            ages=self._meter.ages(),
            capabilities=self._looker.capabilities,
        )
