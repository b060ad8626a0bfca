"""What comes in through the eyes of live glasses: pictures, gaze, and what is said of the camera. The part ``camera``.

Everything happens under one lock, from whichever thread it is called: a frame is offered only while the camera is on, one at a time,
and a camera that is switched off leaves no frame behind.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Literal

from apps.display import Display
from apps.report.pictures import jpeg_size
from apps.report.wording import size, span
from devices.page.board import Board
from devices.page.views import CameraView
from edge_runtime import pixels
from edge_runtime.config import MS, S
from edge_runtime.errors import InputError
from edge_runtime.hosts.capture import FrameRing
from edge_runtime.hosts.live import LiveHost
from edge_runtime.pixels import Picture
from gaze.types import GazeSample

Source = Literal["browser", "server", "video", "gallery"]
MOST_SIDE_PX, LEAST_SIDE_PX, MOST_LONG = 1920, 64, 3.0
"""What a picture may measure, and how many times longer than wide it may be."""
NO_PICTURE_NS = 3 * S
"""A camera that gave nothing for so long is waited for."""
RECENT_NS = 2 * S
"""What was seen or looked at this recently is there."""
_AHEAD_NS = 100 * MS
_BURST = 2.0
_MOST_TIMES = 4096

REFUSED = {
    "camera:off": "The camera is off.",
    "picture:unwanted": "The pictures come from elsewhere.",
    "picture:unreadable": "That was no readable JPEG.",
    "picture:size": f"A picture measures {LEAST_SIDE_PX} to {MOST_SIDE_PX} px a side and is at most three times longer than wide.",
    "picture:clock": "Its time is not after that of the picture before, or is still to come.",
    "picture:forgotten": "It was taken before you wanted to forget.",
    "picture:rate": "That is more pictures than are wanted in a second.",
}
"""Why a picture is not taken, by the code it is counted under."""

TROUBLE = {
    "NotAllowedError": "The camera is not allowed. Allow it for this page beside the address bar, then try again.",
    "NotFoundError": "The browser finds no camera. Plug one in and try again, or start with --camera gallery.",
    "NotReadableError": "The camera does not answer; another program may hold it. Close that one, then try again.",
    "OverconstrainedError": "The camera cannot give pictures of the size asked for. Try another camera.",
    "AbortError": "The camera stopped by itself. Is it still plugged in? Then try again.",
    "TrackEnded": "The camera was unplugged, or the browser took it away. Pictures come again when it is back.",
    "SecurityError": "The browser forbids cameras on this page. Look into its settings for this address.",
}
"""What a browser's error of getUserMedia means for a person, and what to do."""

_WAITING = {
    "browser": "Waiting for the first picture. The browser asks whether this page may use the camera.",
    "server": "Waiting for the camera of this machine.",
    "video": "Waiting for the film to begin.",
    "gallery": "Waiting for the gallery to be drawn.",
}


class Intake:
    """Takes pictures and gaze in, or says why not. May be called from any thread.

    Args:
        host: Where they go.
        display: Counts what is refused.
        board: Where the camera is shown.
        ring: The host's frames.
        source: Where pictures come from; pictures of a page are taken only from the ``browser``.
        own_gaze: Whether the source brings gaze of its own; it counts then, until the pointer is chosen.
    """

    def __init__(self, host: LiveHost, display: Display, board: Board, ring: FrameRing, source: Source, *, own_gaze: bool) -> None:
        config = host.core.config
        self._host, self._display, self._board, self._ring = host, display, board, ring
        self._source: Source = source
        self._own_gaze = own_gaze
        self._record_pixels = config.journal.record_pixels
        self._hz = 1.1 * config.capture.offered_hz
        self._lock = threading.Lock()
        self._on = True
        self._state: Literal["waiting", "seeing", "off", "failed", "over"] = "waiting"
        self._words = _WAITING[source]
        self._wears = True
        self._gaze_from: Literal["pointer", "recording"] = "recording" if own_gaze else "pointer"
        self._gaze_ns = -RECENT_NS
        self._taken_ns: deque[int] = deque(maxlen=_MOST_TIMES)
        self._came_ns: int | None = None
        self._forgotten_ns = self._troubled_ns = -1
        self._room = _BURST
        self._show()

    # ------------------------------------------------------------ pictures

    def see(self, jpeg: bytes, t_capture_ns: int) -> str:
        """Take a picture of a page: read its size, then whether it is wanted, and only then decode it.

        Returns:
            ``""``, or in a person's words why it was not taken; it is counted then.
        """
        measured = jpeg_size(jpeg)
        if self._source != "browser":
            return self._refuse("picture:unwanted")
        if measured is None:
            return self._refuse("picture:unreadable")
        if not _fits(*measured):
            return self._refuse("picture:size")
        with self._lock:
            code = self._objection(t_capture_ns)
        if code:
            return self._refuse(code)
        try:
            image = pixels.jpeg_decode(jpeg)
        except InputError:
            return self._refuse("picture:unreadable")
        return self.take(image, t_capture_ns)

    def take(self, image: Picture, t_capture_ns: int) -> str:
        """Take a picture of any camera: uint8 BGR [H, W, 3], captured at ``t_capture_ns`` of stream time; returns as :meth:`see`."""
        if not _fits(image.shape[1], image.shape[0]):
            return self._refuse("picture:size")
        with self._lock:
            code = self._objection(t_capture_ns)
            if not code:
                self._room = self._room_at(t_capture_ns) - 1.0
                self._taken_ns.append(t_capture_ns)
                self._came_ns = self._host.time_ns()
                self._host.offer(image, t_capture_ns)
                # A picture that was still on its way when the camera failed does not mean that it sees again.
                if self._state != "seeing" and t_capture_ns > self._troubled_ns:
                    self._state, self._words = "seeing", "The camera sees."
                    self._show()
        return self._refuse(code) if code else ""

    def forget(self) -> None:
        """Take no picture any more that was taken before now; what is held the host lets go of."""
        with self._lock:
            self._forgotten_ns = self._host.time_ns()

    # ------------------------------------------------------------ gaze

    def look(self, samples: tuple[GazeSample, ...], source: Literal["pointer", "recording"]) -> None:
        """Take gaze in, if it is the one that counts."""
        with self._lock:
            counts = source == self._gaze_from
            if counts:
                self._gaze_ns = max([self._gaze_ns, *(sample.t_ns for sample in samples if sample.valid)])
        if counts:
            self._host.look_at(samples)
        else:
            self._display.meters.count("gaze_sample", "unwanted", len(samples))

    def choose_gaze(self, source: Literal["pointer", "recording"]) -> bool:
        """Say whose gaze counts; ``False`` if there is no such gaze."""
        with self._lock:
            if source == "recording" and not self._own_gaze:
                return False
            self._gaze_from = source
            self._show()
        return True

    # ------------------------------------------------------------ the camera

    @property
    def on(self) -> bool:
        """Whether pictures are wanted."""
        return self._on

    @property
    def sees(self) -> bool:
        """Whether a picture came within the last two seconds."""
        with self._lock:
            return self._came_ns is not None and self._host.time_ns() - self._came_ns <= RECENT_NS

    @property
    def looked(self) -> bool:
        """Whether gaze came within the last two seconds."""
        with self._lock:
            return self._host.time_ns() - self._gaze_ns <= RECENT_NS

    def switch(self, *, on: bool) -> bool:
        """Want pictures, or none, and then hold none; returns whether that is news."""
        with self._lock:
            if on == self._on:
                return False
            self._on, self._came_ns = on, None
            self._state, self._words = ("waiting", _WAITING[self._source]) if on else ("off", "The camera is off. Nothing is seen.")
            if not on:
                self._ring.forget(0)
            self._show()
        return True

    def trouble_in_page(self, name: str) -> None:
        """The webcam of the page cannot be had; ``name`` is what the browser calls it."""
        if self._source == "browser":
            self.trouble(TROUBLE.get(name) or f"The camera cannot be used; the browser calls it {name}.")

    def trouble(self, words: str, *, over: bool = False) -> None:
        """The camera fails, or its film is over, in words for a person; the next picture ends it."""
        state: Literal["failed", "over"] = "over" if over else "failed"
        with self._lock:
            news = self._on and self._state != state
            if self._on:
                self._state, self._words, self._troubled_ns = state, words, self._host.time_ns()
                self._show()
        if news:  # a camera that keeps failing is said once
            self._display.notice(words, trouble=not over)

    def wear(self, *, wears: bool) -> None:
        """Whether a tab wears the glasses."""
        with self._lock:
            self._wears = wears

    def on_second(self) -> None:
        """Once a second: notice a camera that went silent, and say what is kept."""
        with self._lock:
            silent_ns = 0 if self._came_ns is None else self._host.time_ns() - self._came_ns
            if self._state in ("seeing", "waiting") and silent_ns >= NO_PICTURE_NS:
                self._state, self._words = "waiting", f"No picture for {_seconds(silent_ns)}. {self._hint()}"
            self._show()

    # ------------------------------------------------------------ inside, under the lock

    def _objection(self, t_capture_ns: int) -> str:
        """Why a picture of that moment is not wanted, as a code; ``""`` if it is."""
        if not self._on:
            return "camera:off"
        if t_capture_ns <= self._forgotten_ns:
            return "picture:forgotten"
        if (self._taken_ns and t_capture_ns <= self._taken_ns[-1]) or t_capture_ns > self._host.time_ns() + _AHEAD_NS:
            return "picture:clock"
        return "" if self._room_at(t_capture_ns) >= 1.0 else "picture:rate"

    def _room_at(self, t_capture_ns: int) -> float:
        """How many pictures are wanted by then; little is saved up in a pause."""
        if not self._taken_ns:
            return _BURST
        return min(_BURST, self._room + (t_capture_ns - self._taken_ns[-1]) * self._hz / S)

    def _hint(self) -> str:
        if self._source == "browser":
            return "Is the page still open, and the camera allowed?" if self._wears else "No page wears the glasses."
        return "Is the camera still plugged in?" if self._source == "server" else "The film may be slow to read."

    def _show(self) -> None:
        journal = " and in the journal" if self._record_pixels else ""
        kept = f"Small pictures of what was looked at stay in the log{journal} on this machine."
        held = self._ring.nbytes
        view = CameraView(
            on=self._on,
            state=self._state,
            words=self._words,
            keeping=held > 0 or self._record_pixels,
            keeping_words=f"{self._held(held)} {kept}",
            gaze_from=self._gaze_from,
        )
        self._board.show("camera", view)

    def _held(self, held: int) -> str:
        newest = self._ring.newest
        if newest is None or not held:
            return "No frame is held."
        times = [t_ns for t_ns in self._taken_ns if t_ns <= newest.t_capture_ns] or [newest.t_capture_ns]
        oldest_ns = times[-max(1, min(len(times), held // newest.image.nbytes))]
        last = f"about {_seconds(max(S, newest.t_capture_ns - oldest_ns))}"
        return f"Frames of the last {last} ({size(held)}) are held in memory, on no disk."

    def _refuse(self, code: str) -> str:
        what, _, reason = code.partition(":")
        self._display.meters.count(what, reason)
        return REFUSED[code]


def _fits(width_px: int, height_px: int) -> bool:
    short, long = sorted((width_px, height_px))
    return short >= LEAST_SIDE_PX and long <= MOST_SIDE_PX and long <= MOST_LONG * short


def _seconds(span_ns: int) -> str:
    """A length of time in words, without tenths."""
    return span((span_ns + S // 2) // S * S).replace(".0 ", " ")
