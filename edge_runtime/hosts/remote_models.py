"""The model process as the core's process sees it: at most one look and one generation under way, of looks the newest few wait.

Everything here happens in the core's thread. A model process that was started again has lost what it was asked: its outcome would only
come with the deadline, so it is given up at once.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable

from edge_runtime.config import MS, S
from edge_runtime.hosts.lanes import MOST_LOOKS
from edge_runtime.protocol import Event, Failed, Generate, Look, Message
from edge_runtime.transport.messages import ForgetPrompts
from edge_runtime.transport.post import MessageAsker, Outcome, Post
from edge_runtime.transport.routes import ENDINGS, FORGETS, FORGOT, LOOKED, LOOKS, PROMPTS, WORDS
from edge_runtime.transport.wire import WireError

_PATIENCE_NS = 2 * S
_AGAIN_NS = 200 * MS


class RemoteModels:
    """Hands looks and generations to the model process.

    Args:
        post: Of the core's process.
        put: Takes the answers.
        time_ns: Stream time.

    Attributes:
        ends: What to wait on.
    """

    def __init__(self, post: Post, put: Callable[[Event], None], time_ns: Callable[[], int]) -> None:
        self._looks = post.asker(LOOKS, LOOKED)
        self._prompts = post.asker(PROMPTS, ENDINGS)
        self._words = post.receiver(WORDS)
        self._forgets = post.asker(FORGETS, FORGOT)
        self.ends = (self._looks, self._prompts, self._words, self._forgets)
        self._put = put
        self._time_ns = time_ns
        self._waiting: deque[Look] = deque()
        self._asked: deque[Generate] = deque()
        self._looking: Look | None = None
        self._talking: Generate | None = None
        self._numbers = itertools.count(1)
        self._to_forget = False
        self._forget_again_ns = 0

    def ask(self, command: Look | Generate) -> None:
        """Hand in work. A look pushes out the oldest that waits. A question goes before a generation that nobody asked for."""
        if isinstance(command, Look):
            if len(self._waiting) >= MOST_LOOKS:
                self._fail(self._waiting.popleft().id, "superseded")
            self._waiting.append(command)
        else:
            if self._asked:
                self._fail(self._asked.popleft().id, "superseded")
            if command.question and self._talking is not None and not self._talking.question:
                self._give_up_talking("preempted")
            self._asked.append(command)
        self._begin()

    def cancel(self, target: int) -> None:
        """Give up a command, wherever it is."""
        self._waiting = deque(look for look in self._waiting if look.id != target)
        self._asked = deque(asked for asked in self._asked if asked.id != target)
        if self._looking is not None and self._looking.id == target and self._looks.cancel(target):
            self._looking = None
        if self._talking is not None and self._talking.id == target and self._prompts.cancel(target):
            self._talking = None
        self._begin()

    def forget(self) -> None:
        """Have what prompts have left there let go; asked for until it is acknowledged, or the process that held it is gone."""
        self._to_forget = True
        self._have_forgotten()

    def arrive(self) -> None:
        """Take what has come, and hand it on."""
        if (forgot := self._forgets.take()) is not None and forgot.message is None:
            self._to_forget, self._forget_again_ns = True, self._time_ns() + _AGAIN_NS
        self._have_forgotten()
        while (outcome := self._looks.take()) is not None:
            self._looking = None
            self._settle(outcome)
        endings = []
        while (outcome := self._prompts.take()) is not None:
            self._talking = None
            endings.append(outcome)
        # Words and endings come by different ways: taken in this order, hardly ever does an ending overtake its words, and it repeats them.
        while (word := self._words.take()) is not None:
            self._put_event(word)
        for ending in endings:
            self._settle(ending)
        self._begin()

    def restarted(self) -> None:
        """The model process was started again: what it was asked before it has never heard of, and nothing is left in it."""
        self._to_forget = False
        if self._looking is not None and self._looks.cancel(self._looking.id):
            self._fail(self._looking.id, "restart")
            self._looking = None
        if self._talking is not None:
            self._give_up_talking("restart")
        self._begin()

    # ------------------------------------------------------------ inside

    def _have_forgotten(self) -> None:
        now_ns = self._time_ns()
        if self._to_forget and now_ns >= self._forget_again_ns:
            missing = self._forgets.ask(next(self._numbers), now_ns + _PATIENCE_NS, ForgetPrompts())
            self._to_forget, self._forget_again_ns = missing is not None, now_ns + _AGAIN_NS

    def _begin(self) -> None:
        while self._looking is None and self._waiting:
            look = self._waiting.popleft()
            if self._under_way(self._looks, look):
                self._looking = look
        while self._talking is None and self._asked:
            asked = self._asked.popleft()
            if self._under_way(self._prompts, asked):
                self._talking = asked

    def _under_way(self, asker: MessageAsker, command: Look | Generate) -> bool:
        if self._time_ns() > command.deadline_ns:
            self._fail(command.id, "deadline")
            return False
        try:
            missing = asker.ask(command.id, command.deadline_ns, command)
        except WireError as error:
            self._fail(command.id, error.reason, str(error))
            return False
        if missing is not None:
            self._fail(command.id, missing)
        return missing is None

    def _give_up_talking(self, reason: str) -> None:
        if self._talking is not None and self._prompts.cancel(self._talking.id):
            self._fail(self._talking.id, reason)
            self._talking = None

    def _settle(self, outcome: Outcome) -> None:
        if outcome.message is None:
            self._fail(outcome.answers, outcome.missing)
        else:
            self._put_event(outcome.message)

    def _put_event(self, message: Message) -> None:
        # By these routes nothing else comes.
        self._put(message)  # type: ignore[arg-type]

    def _fail(self, command: int, reason: str, detail: str = "") -> None:
        self._put(Failed(t_ns=self._time_ns(), answers=command, reason=reason, detail=detail))
