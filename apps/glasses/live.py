"""The live glasses behind a page: what a tab says becomes events of the run, what a camera gives becomes frames.

Threads. A page's server calls everything in its own thread, but for :meth:`LiveGlasses.see`, ``picture`` and ``thumb``, which any
thread may call. :meth:`LiveGlasses.on_second` is called by one thread, any one. A camera of this machine hands over its pictures in a
thread of its own (``take``, ``look_along``, ``trouble``). The core's thread calls nothing here: it writes the board, through the display.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import time

from apps.display import Display
from apps.glasses.intake import Intake, Source
from devices.page.board import Board, BoardReader
from devices.page.requests import (
    AnyRequest,
    Ask,
    CameraTrouble,
    ForgetWish,
    GazeFrom,
    Mute,
    Play,
    RemoveWatch,
    Seek,
    SetQuiet,
    SetWatch,
    SwitchCamera,
    Teach,
    Verdict,
)
from devices.page.views import Told
from edge_runtime import pixels
from edge_runtime.config import S
from edge_runtime.hosts.calls import FOR_GOOD_NS, bare_name
from edge_runtime.hosts.capture import FrameRing
from edge_runtime.hosts.live import LiveHost
from edge_runtime.pixels import Picture
from edge_runtime.protocol import Asked, Feedback, Forget, Muted, QuietHours, Taught, WatchRemoved, WatchSet
from edge_runtime.quiet_hours import within
from edge_runtime.records import Concept, Scope
from gaze.types import GazeSample

__all__ = ["LiveGlasses", "Source"]

_MINUTE_NS = 60 * S


class LiveGlasses:
    """Implements :class:`devices.page.glasses.Glasses` over a live run.

    Args:
        host: The run.
        display: Its observer; told what happens here.
        board: What tabs read.
        ring: The host's frames.
        camera: Where pictures come from; pictures of a page are taken only with ``browser``.
        own_gaze: Whether the source brings gaze of its own.
        switch: Switches a camera of this machine on or off; called in the server's thread, returns at once.
    """

    def __init__(
        self,
        host: LiveHost,
        display: Display,
        board: Board,
        ring: FrameRing,
        *,
        camera: Source = "browser",
        own_gaze: bool = False,
        switch: Callable[[bool], None] | None = None,
    ) -> None:
        self._host, self._display, self._board, self._ring = host, display, board, ring
        self._intake = Intake(host, display, board, ring, camera, own_gaze=own_gaze)
        self._switch = switch
        self._numbers = itertools.count(1)
        self._quiet: tuple[time, time] | None = None
        self._quiet_now = False

    # ------------------------------------------------------------ for a page's server

    def time_ns(self) -> int:
        """Stream time now."""
        return self._host.time_ns()

    def reader(self) -> BoardReader:
        """For a new tab."""
        return BoardReader(self._board)

    def look_at(self, samples: tuple[GazeSample, ...]) -> None:
        """Take the pointer, while it counts as the gaze."""
        self._intake.look(samples, "pointer")

    def see(self, jpeg: bytes, t_capture_ns: int) -> str:
        """Take a picture of the tab that wears; returns ``""``, or in words why it was not taken."""
        return self._intake.see(jpeg, t_capture_ns)

    def picture(self) -> tuple[int, bytes] | None:
        """The newest frame as ``(seq, jpeg)``, at most 960 px a side."""
        frame = self._ring.newest
        return None if frame is None else (frame.seq, pixels.jpeg_encode(frame.image, 75, 960))

    def thumb(self, thumb_id: str) -> bytes | None:
        """A picture that is shown, from memory; what only the log still holds is absent, for the log belongs to another thread."""
        return self._display.thumb(thumb_id)

    def measured_clock(self, offset_ns: int, error_ns: int) -> None:
        """Show how the page's clock stands to ours."""
        self._display.meters.clock(offset_ns, error_ns)

    def count(self, what: str, reason: str, count: int = 1) -> None:
        """Count something let go; any thread may call it."""
        self._display.meters.count(what, reason, count)

    def tabs(self, count: int, *, wearing: bool) -> None:
        """Take note whether a tab wears the glasses."""
        self._intake.wear(wears=wearing)

    def hear(self, request: AnyRequest) -> Told:
        """Take what the wearer wants; what it leads to is seen on the board. What belongs to one tab is its server's, and is let be."""
        match request:
            case Ask():
                objection = self._ask(request.text.strip())
            case Teach():
                return self._teach(request)
            case SetWatch():
                objection = self._watch(request)
            case RemoveWatch():
                objection = self._tell(WatchRemoved(t_ns=0, watch=request.watch))
            case ForgetWish():
                objection = self._forget(request)
            case Mute():
                objection = self._mute(request.minutes)
            case SetQuiet():
                objection = self._set_quiet(request.start, request.end)
            case Verdict():
                objection = self._tell(Feedback(t_ns=0, decision=request.decision, verdict=request.verdict))
            case SwitchCamera():
                return Told(request.key, True, self._switch_camera(on=request.on))
            case CameraTrouble():
                self._intake.trouble_in_page(request.name)
                objection = ""
            case GazeFrom():
                objection = "" if self._intake.choose_gaze(request.source) else "This camera brings no gaze of its own."
            case Seek() | Play():
                objection = "This is live: time runs by itself."
            case _:
                objection = ""
        return Told(request.key, not objection, objection)

    # ------------------------------------------------------------ for a camera of this machine, and the clock on the wall

    def take(self, image: Picture, t_capture_ns: int) -> str:
        """Take a picture: uint8 BGR [H, W, 3], captured at ``t_capture_ns`` of stream time; returns as :meth:`see`."""
        return self._intake.take(image, t_capture_ns)

    def look_along(self, samples: tuple[GazeSample, ...]) -> None:
        """Take gaze that a recording brings, in stream time, while it counts as the gaze."""
        self._intake.look(samples, "recording")

    def trouble(self, words: str, *, over: bool = False) -> None:
        """The camera fails, or its film is over, in words for a person; the next picture ends it."""
        self._intake.trouble(words, over=over)

    def on_second(self, local_time: time) -> None:
        """Once a second, with the time of day: begin and end quiet hours, notice a camera that went silent, say what is kept."""
        quiet = self._quiet is not None and within(local_time, *self._quiet)
        if quiet != self._quiet_now:
            self._quiet_now = quiet
            self._host.tell(QuietHours(t_ns=0, on=quiet))
        self._intake.on_second()

    # ------------------------------------------------------------ the wearer's wishes; each returns what stands against it, or ""

    def _tell(self, event: WatchRemoved | Feedback | Muted | Asked | Forget | WatchSet) -> str:
        self._host.tell(event)
        return ""

    def _number(self) -> str:
        return f"page-{next(self._numbers)}"

    def _ask(self, text: str) -> str:
        return self._tell(Asked(t_ns=0, question=self._number(), text=text)) if text else "There was no question in it."

    def _teach(self, request: Teach) -> Told:
        name = bare_name(request.name)
        if not name:
            return Told(request.key, False, "Say what it is called.")
        if not self._intake.on:
            return Told(request.key, False, "The camera is off, so there is nothing to teach. Switch it on first.")
        if not self._intake.sees:
            return Told(request.key, False, "There is no camera picture, so there is nothing to teach.")
        self._host.tell(Taught(t_ns=0, concept=Concept(name)))
        return Told(request.key, True, "" if self._intake.looked else f"Now look at it: rest the pointer on your {name}.")

    def _watch(self, request: SetWatch) -> str:
        text = request.text.strip()
        if not text:
            return "Say what to watch for, for example: tell me when I see my mug."
        expires_ns = None if request.minutes is None else self.time_ns() + round(request.minutes * _MINUTE_NS)
        return self._tell(WatchSet(t_ns=0, watch=self._number(), text=text, expires_ns=expires_ns, once=request.once))

    def _forget(self, wish: ForgetWish) -> str:
        name = bare_name(wish.name)
        if wish.kind == "thing" and not name:
            return "Say what is to be forgotten."
        if wish.kind == "last":
            scope = Scope("since", t_from_ns=max(0, self.time_ns() - round(wish.minutes * _MINUTE_NS)))
        else:
            scope = Scope("thing", name=name) if wish.kind == "thing" else Scope("all")
        self._intake.forget()
        return self._tell(Forget(t_ns=0, scope=scope))

    def _mute(self, minutes: float | None) -> str:
        for_ns = None if minutes is None else round(minutes * _MINUTE_NS) or FOR_GOOD_NS
        return self._tell(Muted(t_ns=0, until_ns=None if for_ns is None else self.time_ns() + for_ns))

    def _set_quiet(self, start: str, end: str) -> str:
        if bool(start) != bool(end):
            return "Quiet hours need a beginning and an end."
        if start and start == end:
            return "Quiet hours end at another time than they begin."
        self._quiet = (time.fromisoformat(start), time.fromisoformat(end)) if start else None
        self._display.quiet_hours(start, end)
        return ""

    def _switch_camera(self, *, on: bool) -> str:
        if not self._intake.switch(on=on):
            return ""
        if self._switch is not None:
            self._switch(on)
        return "" if on else "The camera is off, and the frames that were held are gone."
