"""The glasses behind a page that looks on at a running daemon: it shows what the daemon shows, and hands on what the wearer wants.

Threads. A page's server calls everything in its own thread, but for ``picture`` and ``thumb``. One thread of this module asks the core
what has changed, twenty times a second while a tab is open, and keeps a board here in step with the core's, so that tabs read as always.
"""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from types import TracebackType

import msgspec

from apps.daemon.heard import Heard
from apps.glasses import daemon_views
from apps.glasses.line import Line
from devices.page.board import Board, BoardReader
from devices.page.mirror import read_update
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
from devices.page.views import DropsView, GaugesView, Part, SessionView, Told, Update, View
from edge_runtime.config import MS, S
from edge_runtime.errors import EdgeError, InputError, NotRunning
from edge_runtime.protocol import Message
from edge_runtime.transport import messages as m
from gaze.types import GazeSample

LOOKED_ON_S, ALONE_S = 0.05, 1.0
"""How often the core is asked what has changed: while a tab is open, and otherwise."""
_SILENT_NS = 2 * S
"""After so long without an answer the page says so."""
_AGAIN_S = 1.0
"""How often a daemon that has ended is looked for."""
_PICTURE_PX = 960
_MINUTE_NS = 60 * S

NOT_FROM_HERE = {
    SwitchCamera: "The daemon's camera is on as long as the daemon runs. To end it: edge-runtime stop.",
    SetQuiet: "Quiet hours are the daemon's settings speak.quiet_from and speak.quiet_to. Change them in its settings file, then say: "
    "edge-runtime reload.",
    GazeFrom: "Whose gaze counts is the daemon's setting capture.gaze; to look with the pointer, start it with --gaze pointer.",
    Seek: "This is live: time runs by itself.",
    Play: "This is live: time runs by itself.",
}
"""What a page can do with glasses of its own, and not with those of a daemon."""


class AttachedGlasses:
    """Implements :class:`devices.page.glasses.Glasses` over a running daemon. A context manager: entering starts its thread.

    A wish is handed on while the page's server waits, half a second at most; a core that is known to be silent is not waited for.

    Args:
        folder: The runtime folder; this user's by default.

    Raises:
        NotRunning: No daemon runs.
        WireError: The one that runs is of another major version.
        DeviceError: It has no sockets yet, or the folder cannot be used.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._counted: dict[str, int] = {}
        self._clock_ms: tuple[float, float] | None = None
        self._line: Line | None = Line(folder, self.count)
        self._board = Board()
        self._revision = self._number = 0
        self._session: SessionView | None = None
        self._camera = daemon_views.NOT_HEARD
        self._origin_ns = time.monotonic_ns()
        self._answered_ns = time.monotonic_ns()
        self._gauges: GaugesView | None = None
        self._drops: DropsView | None = None
        self._lack = ""
        self._tabs = 0
        self._peeking = threading.Lock()
        self._peeked: tuple[int, bytes] | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="attached", daemon=True)
        self._board.show("camera", self._camera)

    def __enter__(self) -> AttachedGlasses:
        """Begin to look on."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        """Look on no more; the daemon goes on."""
        self._stopping.set()
        self._thread.join()

    # ------------------------------------------------------------ for a page's server

    def time_ns(self) -> int:
        """Stream time of the daemon now, too early by what an answer takes to arrive."""
        return time.monotonic_ns() - self._origin_ns

    def reader(self) -> BoardReader:
        """For a new tab."""
        return BoardReader(self._board)

    def look_at(self, samples: tuple[GazeSample, ...]) -> None:
        """Take the pointer, where it is the gaze that counts."""
        line = self._line
        if line is None or self._session is None or self._session.gaze_note:
            self.count("gaze_sample", "unwanted", len(samples))
        else:
            line.pointer.look(samples)

    def see(self, jpeg: bytes, t_capture_ns: int) -> str:
        """A page's picture is not wanted; says so."""
        self.count("picture", "unwanted")
        return "The pictures come from the daemon's camera."

    def picture(self) -> tuple[int, bytes] | None:
        """The newest frame that the capture process holds as ``(seq, jpeg)``, at most 960 px a side."""
        line = self._line
        if line is None:
            return None
        with self._peeking:
            known = self._peeked
            answer = line.peeks.ask(m.Peek(-1 if known is None else known[0], _PICTURE_PX))
            if not isinstance(answer, m.Peeked):
                self._peeked = None  # none is held, or nobody knows: what is forgotten must not stay here
            elif answer.jpeg:
                self._peeked = (answer.seq, answer.jpeg)
            return self._peeked

    def thumb(self, thumb_id: str) -> bytes | None:
        """A picture that is shown, or that the daemon's memory holds."""
        line = self._line
        answer = None if line is None else line.pictures.ask(m.PictureOf(thumb_id))
        return answer.jpeg if isinstance(answer, m.Picture) else None

    def measured_clock(self, offset_ns: int, error_ns: int) -> None:
        """Show how the page's clock stands to the daemon's."""
        self._clock_ms = (round(offset_ns / MS, 1), round(error_ns / MS, 1))

    def count(self, what: str, reason: str, count: int = 1) -> None:
        """Count something let go; any thread may call it."""
        with self._lock:
            code = f"{what}:{reason}"
            self._counted[code] = self._counted.get(code, 0) + count

    def tabs(self, count: int, *, wearing: bool) -> None:
        """Take note how many look on."""
        self._tabs = count

    def hear(self, request: AnyRequest) -> Told:
        """Hand on what the wearer wants; what it leads to is seen on the board."""
        if isinstance(request, CameraTrouble):
            return Told(request.key, True, "")
        words = NOT_FROM_HERE.get(type(request))
        if words is not None:
            return Told(request.key, False, words)
        call = call_for(request)
        if call is None:
            return Told(request.key, True, "")
        line = self._line
        if line is None or self._silent_ns >= _SILENT_NS:
            return Told(request.key, False, self._camera.words)
        answer = line.calls.ask(call)
        if isinstance(answer, m.Refused):
            return Told(request.key, False, answer.reason)
        if answer is None:
            return Told(request.key, False, "The daemon does not answer. Whether it has heard this is not known.")
        taught = isinstance(call, m.Teach) and isinstance(answer, m.Taken)
        return Told(request.key, True, f"Now look at your {answer.name}." if taught and isinstance(answer, m.Taken) else "")

    # ------------------------------------------------------------ the thread that looks on

    def _run(self) -> None:
        shown_ns = 0
        while not self._stopping.is_set():
            line = self._line
            if line is None:
                self._line = self._find()
                self._stopping.wait(0.0 if self._line else _AGAIN_S)
                continue
            self._look(line)
            line.pointer.look()
            heard = line.client.listen(LOOKED_ON_S if self._tabs else ALONE_S)
            if time.monotonic_ns() - shown_ns >= S:
                shown_ns = time.monotonic_ns()
                self._show_fellows(heard)
                self._part_from_ended(line)
        if self._line is not None:
            self._line.close()

    def _look(self, line: Line) -> None:
        """Ask what has changed, and show it."""
        shown = line.views.ask(m.ViewsSince(self._revision, self._number))
        self._lack = shown.reason if isinstance(shown, m.Refused) else ""
        if not isinstance(shown, m.Shown):
            return
        came_ns = time.monotonic_ns()
        anew = shown.board != self._number
        origin_ns = came_ns - shown.t_ns
        self._origin_ns = origin_ns if anew else min(self._origin_ns, origin_ns)
        self._answered_ns, self._revision, self._number = came_ns, shown.revision, shown.board
        if shown.update:
            try:
                update = read_update(shown.update)
            except InputError:
                self.count("view", "unreadable")
                self._number = 0  # all of it once more
            else:
                self._board.follow(self._completed(update, line.client.heard))

    def _completed(self, update: Update, heard: Heard) -> Update:
        """With what the core does not know: how its fellows are, and this page."""
        if update.fresh:
            self._gauges = self._drops = None
        session, gauges, drops = (update.parts.get(part) for part in ("session", "gauges", "drops"))
        self._session = session if isinstance(session, SessionView) else self._session
        self._gauges = gauges if isinstance(gauges, GaugesView) else self._gauges
        self._drops = drops if isinstance(drops, DropsView) else self._drops
        own = self._own_parts(heard)
        return msgspec.structs.replace(update, parts=update.parts | own)

    def _own_parts(self, heard: Heard) -> dict[Part, View]:
        """What is not the core's alone: the camera, what is kept, and what was let go."""
        parts: dict[Part, View] = {"camera": self._camera}
        if self._gauges is not None:
            parts["gauges"] = daemon_views.gauges(self._gauges, heard, self._clock_ms)
        if self._drops is not None:
            with self._lock:
                counted = dict(self._counted)
            parts["drops"] = daemon_views.drops(self._drops, heard, counted)
        return parts

    def _show_fellows(self, heard: Heard) -> None:
        """Once a second: how the other processes are, and what changes though the core says nothing new."""
        known = daemon_views.camera(heard, self._session, self._camera)
        silent_ns = self._silent_ns
        self._camera = known if silent_ns < _SILENT_NS else daemon_views.unanswered(known, silent_ns, self._lack)
        self._show(self._own_parts(heard))

    def _show(self, parts: dict[Part, View]) -> None:
        # Ages are counted from the time of what is shown; this was made now.
        self._board.pass_time(self.time_ns())
        for part, view in parts.items():
            self._board.show(part, view)

    @property
    def _silent_ns(self) -> int:
        return time.monotonic_ns() - self._answered_ns

    # ------------------------------------------------------------ a daemon that ends, and another that begins

    def _part_from_ended(self, line: Line) -> None:
        try:
            line.client.require_same()
        except NotRunning:
            self._line = None
            line.close()
            with self._peeking:
                self._peeked = None

    def _find(self) -> Line | None:
        with contextlib.suppress(EdgeError):  # it is looked for again, and meanwhile the page says that there is none
            return Line(self._folder, self.count)
        self._camera = daemon_views.ended(self._camera, self._silent_ns)
        self._show({"camera": self._camera})
        return None


def call_for(request: AnyRequest) -> Message | None:
    """The call of the daemon's core that a request of a page comes to; ``None`` for what is not the core's."""
    match request:
        case Ask():
            return m.Question(request.text)
        case Teach():
            return m.Teach(request.name)
        case SetWatch():
            return m.SetWatch(request.text, None if request.minutes is None else round(request.minutes * _MINUTE_NS), request.once)
        case RemoveWatch():
            return m.RemoveWatch(request.watch)
        case ForgetWish():
            return m.ForgetWish(request.kind, round(request.minutes * _MINUTE_NS), request.name)
        case Mute():
            return m.Unmute() if request.minutes is None else m.Mute(round(request.minutes * _MINUTE_NS) or None)
        case Verdict():
            return m.Verdict(request.decision, request.verdict)
        case _:
            return None
