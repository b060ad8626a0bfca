"""One tab of the page, and all that are open, without sockets: what comes in, what goes out and when, and which tab wears the glasses.

Used in the server's thread only. Nothing a page sends raises here, and nothing the glasses raise does.
"""

from __future__ import annotations

import struct
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from devices.page.clock import ClockMap, Pointer, Probe
from devices.page.glasses import Glasses
from devices.page.guard import MOST_TEXT_BYTES, S_NS, Careful, Measure
from devices.page.requests import DECODER, AnyRequest, CameraTrouble, Got, Key, LookedAt, Play, Seek, Wear
from devices.page.views import ENCODER, TabView, Told, Update

MOST_TABS = 4
MOST_PICTURES = 2
"""Waiting to be decoded."""
MOST_TOLD = 64
"""Answers waiting for a tab that does not acknowledge."""
PACE_NS = S_NS // 20
"""Between two updates."""
IDLE_NS = 2 * S_NS
"""After so long an update goes out even if nothing is new: its answer says that the tab is alive, and what its clock says."""
DEAD_NS = 10 * S_NS
"""A tab that leaves an update unacknowledged for so long is dead."""
GRACE_NS = S_NS // 2
"""Once that is noticed it may still answer: perhaps it was this program that had been stopped, and the answer waits to be read."""
PICTURE_LATE_NS = 2 * S_NS
"""A picture older than this shows what was."""
NOTICEABLE_NS = 1_000_000
"""A clock measurement is told on when it differs by this much."""

FAULT = "Something went wrong here; it is in the terminal."
_UNREADABLE = "This could not be read."
_ELSEWHERE = "Another tab wears the glasses."
_JPEG = b"\xff\xd8\xff"
_HEAD = struct.Struct("<d")


class _Keyed(msgspec.Struct):
    key: Key = 0


_KEYED = msgspec.json.Decoder(_Keyed)


@dataclass(frozen=True, slots=True)
class Farewell:
    """Why a tab is closed: a WebSocket code, and words for the person in front of it (at most 123 bytes)."""

    code: int
    words: str


TOO_MANY = Farewell(4001, f"The glasses are open in {MOST_TABS} tabs already; close one of them and load this one again.")
DEAD = Farewell(4002, "This tab did not answer for a while, so the glasses let go of it. Load it again.")
FLOOD = Farewell(4003, "This tab sent more than the glasses can take, so they let go of it. Load it again.")
OVER = Farewell(1001, "The program behind this page has ended.")


class Tabs:
    """All open tabs, oldest first. One of them wears the glasses: the first, until another asks for it or it goes.

    Args:
        glasses: Behind the page.
        now_ns: For pace and deadlines.
        dead_ns: How long an update may stay unacknowledged.
    """

    def __init__(self, glasses: Glasses, *, now_ns: Callable[[], int] = time.monotonic_ns, dead_ns: int = DEAD_NS) -> None:
        self.glasses = glasses
        self.careful = Careful(glasses)
        self.now_ns = now_ns
        self.dead_ns = dead_ns
        self.open_tabs: list[Tab] = []
        self.wearer: Tab | None = None

    def open(self) -> Tab | None:
        """A new tab; ``None`` if there are as many as may be."""
        if len(self.open_tabs) >= MOST_TABS:
            self.careful.count("tab", "most")
            return None
        tab = Tab(self)
        self.open_tabs.append(tab)
        self._settle(self.wearer or tab)
        return tab

    def close(self, tab: Tab) -> None:
        """A tab has gone, or has to; if it wore the glasses, the oldest one left wears them."""
        if tab in self.open_tabs:
            self.open_tabs.remove(tab)
            if tab.waiting:
                self.careful.count("picture", "closed", len(tab.waiting))
                tab.waiting.clear()
            oldest = self.open_tabs[0] if self.open_tabs else None
            self._settle(oldest if tab is self.wearer else self.wearer)

    def wear(self, tab: Tab) -> None:
        """From now on this one wears the glasses."""
        self._settle(tab)

    def judge(self, tab: Tab) -> Farewell | None:
        """Whether a tab has to go, and why; counted, and closed at once."""
        farewell = tab.overdue()
        if farewell is not None:
            self.careful.count("tab", "dead" if farewell is DEAD else "rate")
            self.close(tab)
        return farewell

    def _settle(self, wearer: Tab | None) -> None:
        before, self.wearer = self.wearer, wearer
        if before is not wearer:
            if before is not None:
                before.take_off()
            if wearer is not None:
                wearer.put_on()
        self.careful.call(lambda: self.glasses.tabs(len(self.open_tabs), wearing=wearer is not None))


class Tab:
    """One tab.

    Attributes:
        waiting: Pictures to be decoded, oldest first: ``(jpeg, t_capture_ns)`` in stream time.
    """

    def __init__(self, tabs: Tabs) -> None:
        now_ns = tabs.now_ns()
        self._tabs = tabs
        self._glasses = tabs.glasses
        self._careful = tabs.careful
        self._reader = self._careful.call(self._glasses.reader)
        self._measure = Measure(now_ns)
        self._clock = ClockMap()
        self._pointer = Pointer(self._clock, tabs.careful.count)
        self._clock_told: Probe | None = None
        self.waiting: deque[tuple[bytes, int]] = deque()
        self._told: deque[Told] = deque()
        self._took = 0
        self._took_sent = 0
        self._trouble = ""
        self._view: TabView | None = None
        self._n = 0
        self._in_flight = False
        self._overdue_ns: int | None = None
        self._sent_ns = now_ns - IDLE_NS
        self._sent_stream_ns = 0

    @property
    def wears(self) -> bool:
        """Whether this tab's camera and pointer are the wearer's."""
        return self._tabs.wearer is self

    # ------------------------------------------------------------ what comes in

    def text(self, message: str) -> bool:
        """Take a text message, whatever it holds.

        Returns:
            Whether it came at a rate that can be taken; else it was dropped.
        """
        now_ns = self._tabs.now_ns()
        # A character takes up to four bytes; what is short in characters is not encoded just to be measured.
        nbytes = len(message) if len(message) < MOST_TEXT_BYTES // 4 else len(message.encode("utf-8", "replace"))
        if not self._measure.text(nbytes, now_ns):
            self._careful.count("page", "rate")
            return False
        if nbytes > MOST_TEXT_BYTES:
            self._careful.count("page", "unreadable")
            return True
        try:
            request = DECODER.decode(message)
        except (ValueError, RecursionError):
            self._careful.count("page", "unreadable")
            self._tell_unreadable(message)
            return True
        self._take(request)
        return True

    def picture(self, message: bytes) -> bool:
        """Take a binary message, whatever it holds. Each makes room for another, taken or not.

        Returns:
            Whether it came at a rate that can be taken; else it was dropped.
        """
        if not self._measure.picture(len(message), self._tabs.now_ns()):
            self._careful.count("page", "rate")
            self._took += 1
            return False
        t_ns = self._place(message)
        if isinstance(t_ns, str):
            self._careful.count("picture", t_ns)
            self._took += 1
            return True
        self.waiting.append((message[_HEAD.size :], t_ns))
        if len(self.waiting) > MOST_PICTURES:
            self.waiting.popleft()
            self._careful.count("picture", "behind")
            self._took += 1
        return True

    def next_picture(self) -> tuple[bytes, int] | None:
        """The next picture to be decoded, ``(jpeg, t_capture_ns)``; :meth:`decoded` is owed for it."""
        return self.waiting.popleft() if self.waiting else None

    def decoded(self, words: str) -> None:
        """A picture has been taken, or was not for a reason in words; the same reason is told once."""
        self._took += 1
        if words and words != self._trouble:
            self._tell(Told(0, False, words))
        self._trouble = words

    # ------------------------------------------------------------ what goes out

    def next_update(self) -> bytes | None:
        """The next update, if it is time for one and there is something to say.

        The board is read only now, so a tab that is slow gets what is newest, and all that waits for it is one message.
        """
        now_ns = self._tabs.now_ns()
        if self._in_flight or now_ns - self._sent_ns < PACE_NS:
            return None
        update = self._careful.call(self._reader.read) if self._reader is not None else None
        view = TabView(self.wears, len(self._tabs.open_tabs))
        if self._reader is not None:
            view = msgspec.structs.replace(view, playing=self._reader.playing, speed=self._reader.speed)
        is_idle = update is None and view == self._view and not self._told and self._took == self._took_sent
        if is_idle and now_ns - self._sent_ns < IDLE_NS:
            return None
        message = self._careful.call(self._written, update, view)
        if message is not None:
            self._view, self._took_sent = view, self._took
            self._told.clear()
            self._in_flight = True
            self._n += 1
        self._sent_ns, self._sent_stream_ns = now_ns, self._glasses.time_ns()
        return message

    def overdue(self) -> Farewell | None:
        """Why this tab has to go, if it has to."""
        now_ns = self._tabs.now_ns()
        if self._in_flight and now_ns - self._sent_ns >= self._tabs.dead_ns:
            if self._overdue_ns is None:
                self._overdue_ns = now_ns
            if now_ns - self._overdue_ns >= GRACE_NS:
                return DEAD
        return FLOOD if self._measure.is_flood(now_ns) else None

    # ------------------------------------------------------------ wearing

    def put_on(self) -> None:
        """This tab wears the glasses from now on."""
        self._clock_told = None
        self._tell_clock()

    def take_off(self) -> None:
        """Another one does, or none."""
        if self.waiting:
            self._careful.count("picture", "not_wearing", len(self.waiting))
            self._took += len(self.waiting)
            self.waiting.clear()

    # ------------------------------------------------------------ inside

    def _take(self, request: AnyRequest) -> None:
        match request:
            case Got():
                self._acknowledge(request)
            case LookedAt():
                self._look(request)
            case Wear():
                self._tabs.wear(self)
                self._tell(Told(request.key, True, ""))
            case CameraTrouble() if not self.wears:
                self._careful.count("camera_trouble", "not_wearing")
                self._tell(Told(request.key, False, _ELSEWHERE))
            case _:
                told = self._careful.call(self._glasses.hear, request) or Told(request.key, False, FAULT)
                if isinstance(request, Seek | Play) and self._reader is not None:
                    self._careful.call(self._reader.steer, request)
                self._tell(msgspec.structs.replace(told, key=request.key))

    def _acknowledge(self, got: Got) -> None:
        if not self._in_flight or got.n != self._n:
            self._careful.count("page", "unreadable")
            return
        self._in_flight, self._overdue_ns = False, None
        jumps = self._clock.jumps
        self._clock.feed(self._sent_stream_ns, got.page_ms, self._glasses.time_ns())
        if self._clock.jumps > jumps:
            self._careful.count("clock", "jump")
        if self.wears:
            self._tell_clock()

    def _tell_clock(self) -> None:
        best, told = self._clock.best, self._clock_told
        if best is None:
            return
        if told is None or max(abs(best.offset_ns - told.offset_ns), abs(best.error_ns - told.error_ns)) >= NOTICEABLE_NS:
            self._clock_told = best
            self._careful.call(self._glasses.measured_clock, best.offset_ns, best.error_ns)

    def _look(self, looked: LookedAt) -> None:
        if not self.wears:
            if looked.samples:
                self._careful.count("gaze_sample", "not_wearing", len(looked.samples))
            return
        samples = self._pointer.take(looked.samples, self._glasses.time_ns())
        if samples:
            self._careful.call(self._glasses.look_at, samples)

    def _place(self, message: bytes) -> int | str:
        """When a picture was taken, in stream time, or why it cannot be taken in."""
        if len(message) <= _HEAD.size or not message.startswith(_JPEG, _HEAD.size):
            return "unreadable"
        if not self.wears:
            return "not_wearing"
        return self._clock.place(_HEAD.unpack_from(message)[0], self._glasses.time_ns(), PICTURE_LATE_NS)

    def _tell(self, told: Told) -> None:
        self._told.append(told)
        if len(self._told) > MOST_TOLD:
            self._told.popleft()
            self._careful.count("told", "behind")

    def _tell_unreadable(self, message: str) -> None:
        try:
            key = _KEYED.decode(message).key
        except (ValueError, RecursionError):
            return
        if key:
            self._tell(Told(key, False, _UNREADABLE))

    def _written(self, update: Update | None, view: TabView) -> bytes:
        if update is None:
            shown_ns = self._reader.t_ns if self._reader is not None else None
            update = Update(n=0, t_ns=self._glasses.time_ns() if shown_ns is None else shown_ns)
        fresh = update.fresh or self._n == 0
        parts = dict(update.parts)
        if fresh or view != self._view:
            parts["tab"] = view
        return ENCODER.encode(
            msgspec.structs.replace(update, n=self._n + 1, parts=parts, fresh=fresh, took=self._took, told=tuple(self._told))
        )
