"""What the eyes do and what they rest on, as the page shows it: the parts ``frame``, ``eye`` and ``gazed``."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from apps.display import showing
from apps.display.measuring import Meters
from apps.report.wording import WHY, words
from devices.page.board import Board
from devices.page.views import EyeView, FrameView, GazedView
from edge_runtime.config import S
from edge_runtime.facts import Match, Remembered
from edge_runtime.protocol import Cancel, Command, Event, Eye, Failed, Forget, FrameSeen, Gaze, Look, Looked, Tick
from edge_runtime.records import Sighting
from edge_runtime.types import Box

EYE_EVERY_NS = S // 30
"""A gaze dot that moves more often than this looks no smoother."""
_MOST_LOOKS = 64
_NO_FRAME = FrameView(seq=-1, t_capture_ns=-1, light=0.0, blur=0.0, motion=0.0, glimpse=b"")
_NO_EYE = EyeView(t_ns=-1, x_norm=None, y_norm=None, source="", kind="", since_ns=-1)
_NOT_GAZED = GazedView(t_capture_ns=-1, boxes=(), why="", guesses=(), reading=())


@dataclass(frozen=True)
class _Glance:
    """What one look at the gaze found."""

    t_capture_ns: int
    boxes: tuple[Box, ...]
    matches: tuple[Match, ...]
    seen: dict[int, Sighting]


class Gazing:
    """Follows the eyes. What was captured before the last forgetting is not shown any more.

    Args:
        board: Where it is shown.
        meters: Counts the looks that are never carried out.
    """

    def __init__(self, board: Board, meters: Meters) -> None:
        self._board = board
        self._meters = meters
        self._forgotten_ns = -1
        self._eye, self._movement, self._shown_ns = _NO_EYE, -1, -S
        self._looks: dict[int, Look] = {}
        self._glances: dict[str, _Glance] = {}
        self._glance_eye: int | None = None
        self._gazed = _NOT_GAZED

    def sense(self, event: FrameSeen | Gaze | Eye) -> None:
        """Take in what came from the camera or the eyes."""
        before = self._eye.kind
        if isinstance(event, FrameSeen):
            self._frame(event)
        elif isinstance(event, Gaze):
            last = max(event.samples, key=lambda sample: sample.t_ns, default=None)
            if last is not None and last.t_ns > max(self._eye.t_ns, self._forgotten_ns):
                x_norm, y_norm = (last.x_norm, last.y_norm) if last.valid else (None, None)
                self._eye = msgspec.structs.replace(self._eye, t_ns=last.t_ns, x_norm=x_norm, y_norm=y_norm, source=last.source)
        elif event.event.kind != "dwell" and event.event.t_end_ns > self._forgotten_ns:
            movement = event.event
            if movement.stage == "provisional":
                self._movement = movement.id
                self._eye = msgspec.structs.replace(self._eye, kind=movement.kind, since_ns=movement.t_start_ns)
            elif movement.id >= self._movement:
                self._eye = msgspec.structs.replace(self._eye, kind="", since_ns=movement.t_end_ns)
        if self._eye.kind != before or event.t_ns - self._shown_ns >= EYE_EVERY_NS:
            self._show_eye(event.t_ns)

    def follow_looks(self, event: Event, commands: tuple[Command, ...]) -> None:
        """Remember why looks were asked for, and count those that will never be carried out."""
        if isinstance(event, Failed) and self._looks.pop(event.answers, None) is not None:
            self._meters.count("look", event.reason)
        for command in commands:
            if isinstance(command, Cancel) and self._looks.pop(command.target, None) is not None:
                self._meters.count("look", "forgotten" if isinstance(event, Forget) else "deadline")
            elif isinstance(command, Look):
                self._looks[command.id] = command
        while len(self._looks) > _MOST_LOOKS:
            del self._looks[next(iter(self._looks))]
        if isinstance(event, Tick):
            self._show_eye(event.t_ns)

    def look(self, event: Looked, new: Remembered) -> None:
        """Take in what a look found. Looks of one eye movement belong together: one recognises, another reads."""
        look = self._looks.pop(event.answers, None)
        gazed = [region for region in event.regions if region.kind in ("foveal", "text")]
        if not gazed:
            return
        if look is None or look.eye_id is None or look.eye_id != self._glance_eye:
            self._glances = {}
        self._glance_eye = look.eye_id if look is not None else None
        seen = {sighting.id: sighting for sighting in (*new.opened, *new.extended)}
        self._glances[gazed[0].kind] = _Glance(event.t_capture_ns, tuple(region.box for region in gazed), new.matches, seen)
        glances = tuple(self._glances.values())
        matches = [match for glance in glances for match in glance.matches]
        telling = [glance.t_capture_ns for glance in glances if glance.matches or glance.seen]
        why = look.why if look is not None else ""
        self._gazed = GazedView(
            # What is put together from several looks is as old as the oldest of them.
            t_capture_ns=min(telling, default=event.t_capture_ns),
            boxes=tuple(box for glance in glances for box in glance.boxes),
            why=WHY.get(why) or words(why),
            guesses=showing.guesses(matches, {number: sighting for glance in glances for number, sighting in glance.seen.items()}),
            reading=self._gazed.reading,
        )
        self._board.show("gazed", self._gazed)

    def read(self, new: Remembered) -> None:
        """Show what is being read; it ends without a look."""
        reading = tuple(line.text for line in new.reading)
        if reading != self._gazed.reading:
            self._gazed = msgspec.structs.replace(self._gazed, reading=reading)
            self._board.show("gazed", self._gazed)

    def forget(self, t_ns: int) -> None:
        """Let go of all of it."""
        self._forgotten_ns = t_ns
        self._looks, self._glances = {}, {}
        self._eye, self._movement, self._gazed = _NO_EYE, -1, _NOT_GAZED
        self._board.show("frame", _NO_FRAME)
        self._board.show("gazed", self._gazed)
        self._show_eye(t_ns)

    def _frame(self, event: FrameSeen) -> None:
        if event.t_capture_ns > self._forgotten_ns:
            signals = event.signals
            view = FrameView(event.seq, event.t_capture_ns, signals.light, signals.blur, signals.motion, signals.glimpse)
            self._board.show("frame", view)

    def _show_eye(self, t_ns: int) -> None:
        self._shown_ns = t_ns
        self._board.show("eye", self._eye)
