"""The capture process as the core's process sees it: what it must let go of, and what it shall keep.

Forgetting is asked for until it is acknowledged: a capture process that is just being started again holds no frames, but it has films.
Everything here happens in the core's thread.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

from edge_runtime.config import MS, S
from edge_runtime.transport.messages import EndFilm, Film, ForgetFrames
from edge_runtime.transport.post import Post
from edge_runtime.transport.routes import KEEPING, KEPT

_PATIENCE_NS = 2 * S
_AGAIN_NS = 200 * MS


class RemoteCapture:
    """Hands wishes to the capture process, one at a time.

    Args:
        post: Of the core's process.
        time_ns: Stream time.

    Attributes:
        end: What to wait on.
    """

    def __init__(self, post: Post, time_ns: Callable[[], int]) -> None:
        self.end = post.asker(KEEPING, KEPT)
        self._time_ns = time_ns
        self._numbers = itertools.count(1)
        self._forget: ForgetFrames | None = None
        self._film: tuple[Film | EndFilm, int] | None = None
        self._asked: ForgetFrames | Film | EndFilm | None = None
        self._again_ns = 0

    @property
    def settled(self) -> bool:
        """Whether all that was to be forgotten is gone there."""
        return self._forget is None

    def wish(self, wish: ForgetFrames | Film | EndFilm) -> None:
        """Ask for something. Of two times to forget from the earlier counts; of two wishes for a film the later."""
        if not isinstance(wish, ForgetFrames):
            self._film = (wish, self._time_ns() + _PATIENCE_NS)
        elif self._forget is None or wish.t_from_ns < self._forget.t_from_ns:
            self._forget = wish
        self.arrive()

    def arrive(self) -> None:
        """Take word of what was done; ask for what is still to be done."""
        if (outcome := self.end.take()) is not None:
            if outcome.message is not None and self._asked is self._forget:
                self._forget = None
            elif outcome.message is None:
                self._again_ns = self._time_ns() + _AGAIN_NS
            self._asked = None
        now_ns = self._time_ns()
        if self._film is not None and now_ns > self._film[1]:
            self._film = None  # a film begins now or not at all
        if self._asked is None and now_ns >= self._again_ns:
            self._ask(now_ns)

    def _ask(self, now_ns: int) -> None:
        wish = self._forget if self._forget is not None else self._film[0] if self._film is not None else None
        if wish is None:
            return
        if self.end.ask(next(self._numbers), now_ns + _PATIENCE_NS, wish) is not None:
            self._again_ns = now_ns + _AGAIN_NS
            return
        self._asked = wish
        if not isinstance(wish, ForgetFrames):
            self._film = None
