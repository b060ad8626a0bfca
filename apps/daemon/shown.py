"""What the core shows to those who look on: a display and its board, in the core's process, which exist only while somebody asks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from apps.display import Display
from apps.display.measuring import Meters
from devices.page.board import Board
from devices.page.views import ENCODER, Changes, SessionView, Update
from edge_runtime import __version__
from edge_runtime.config import Config, S
from edge_runtime.core import Core
from edge_runtime.protocol import Command, Event, Message, Tick
from edge_runtime.transport.messages import Picture, PictureOf, Refused, Shown, ViewsSince
from edge_runtime.transport.routes import KIB, SHOWN
from edge_runtime.types import Session

ALONE_NS = 10 * S
"""After so long without a question nobody looks on any more."""
_REST_NS = 10 * S
"""After a fault nothing is shown for so long: the core has better things to do than to fail again."""
_MOST_BYTES = SHOWN.max_bytes - KIB
_FAULT = Refused("What the daemon shows has failed, its log says how", "it is tried again in some seconds")
_GAZES = {"saliency": "no eyes: guessed from the picture", "prior": "no eyes: the middle is assumed", "none": "no gaze"}

_log = logging.getLogger(__name__)


class Onlookers:
    """Shows a core to whoever asks. An observer of its host, and used in the core's thread only.

    A fault in here is logged, and ends the showing and nothing else.

    Args:
        core: What is shown.
        session: What does not change.
        attach: Tells new meters where figures are to be had.
        time_ns: Stream time.
    """

    def __init__(self, core: Core, session: SessionView, attach: Callable[[Meters], None], time_ns: Callable[[], int]) -> None:
        self._core, self._session, self._attach, self._time_ns = core, session, attach, time_ns
        self._display: Display | None = None
        self._board = Board()
        self._number = 0
        self._asked_ns = 0
        self._failed_ns = -_REST_NS

    @property
    def answers(self) -> Mapping[type[Message], Callable[[Message], Message]]:
        """How each question of a page is answered."""
        return {ViewsSince: self._views, PictureOf: self._picture}

    @property
    def are_there(self) -> bool:
        """Whether anybody looks on."""
        return self._display is not None

    def __call__(self, event: Event, commands: tuple[Command, ...], core: Core) -> None:
        """Take one step in."""
        if self._display is None:
            return
        if isinstance(event, Tick) and event.t_ns - self._asked_ns >= ALONE_NS:
            self.look_away()
            return
        try:
            self._display(event, commands, core)
        except Exception:
            self._fail()

    def look_away(self) -> None:
        """Nobody looks on any more, until somebody asks again."""
        self._display = None

    # ------------------------------------------------------------ questions

    def _views(self, message: Message) -> Message:
        self._asked_ns = t_ns = self._time_ns()
        if self._display is None and t_ns - self._failed_ns < _REST_NS:
            return _FAULT
        try:
            return self._shown(message, t_ns)
        except Exception:
            self._fail()
            return _FAULT

    def _shown(self, message: Message, t_ns: int) -> Shown:
        display = self._display or self._begin(t_ns)
        speak = self._core.config.speak
        display.quiet_hours(speak.quiet_from, speak.quiet_to)
        known = message.revision if isinstance(message, ViewsSince) and message.board == self._number else 0
        revision, update = self._board.since(known)
        return Shown(t_ns, revision, self._number, b"" if update is None else self._written(update, display))

    def _picture(self, message: Message) -> Message:
        """A small picture: of those shown lately, or what the memory holds."""
        wanted = message.thumb_id if isinstance(message, PictureOf) else ""
        jpeg = None if self._display is None else self._display.thumb(wanted)
        if jpeg is None:
            thumb = self._core.memory.thumb(wanted)
            jpeg = None if thumb is None else thumb.data
        if jpeg is None or len(jpeg) > _MOST_BYTES:
            return Refused("This picture is not kept any more.", "the log may still have it: edge-runtime memory")
        return Picture(jpeg)

    # ------------------------------------------------------------ inside

    def _begin(self, t_ns: int) -> Display:
        """Somebody looks on: a new board, with a number that no other had, of an earlier process of this run either."""
        self._number = max(t_ns, self._number + 1)
        self._board = Board()
        self._board.pass_time(t_ns)
        self._board.show("session", self._session)
        self._display = Display(self._board)
        self._attach(self._display.meters)
        return self._display

    def _written(self, update: Update, display: Display) -> bytes:
        """As JSON, within the bound: of what is too much the older half of every roll is left out, again and again, and counted."""
        written = ENCODER.encode(update)
        while len(written) > _MOST_BYTES:
            fewer = {name: Changes(roll.items[(len(roll.items) + 1) // 2 :], roll.whole) for name, roll in update.rolls.items()}
            left_out = sum(len(roll.items) for roll in update.rolls.values()) - sum(len(roll.items) for roll in fewer.values())
            if not left_out:
                raise ValueError(f"the parts alone take {len(written)} bytes")
            display.meters.count("view", "size", left_out)
            update = msgspec.structs.replace(update, rolls=fewer)
            written = ENCODER.encode(update)
        return written

    def _fail(self) -> None:
        _log.exception("what is shown has failed; nobody looks on for %d s", _REST_NS // S)
        self._display, self._failed_ns = None, self._time_ns()


def session_view(config: Config, session: Session, folder: Path, camera_note: str) -> SessionView:
    """What a page is told of the daemon's run.

    Args:
        config: All settings, as the core has them.
        session: What its models can, and whether there is gaze.
        folder: Where it is kept.
        camera_note: What the capture process says of its camera.
    """
    can = session.capabilities
    return SessionView(
        mode="live",
        camera="daemon",
        camera_note=camera_note,
        own_gaze=False,
        hfov_deg=config.attend.hfov_deg,
        perifovea_deg=config.attend.perifovea_deg,
        bundle=can.bundle,
        capabilities=tuple(name for name in ("vector", "labels", "text", "language") if getattr(can, name)),
        version=__version__,
        folder=str(folder),
        gaze_note=gaze_note(config.capture.gaze, has_gaze=session.has_gaze),
        keeps_pixels=config.journal.record_pixels,
    )


def gaze_note(gaze: str, *, has_gaze: bool) -> str:
    """Whose gaze counts, by the setting ``capture.gaze``; ``""`` where it is the pointer of a page."""
    if gaze == "pointer":
        return ""
    if not has_gaze:
        return _GAZES["none"]
    return _GAZES.get(gaze) or ("the camera's own gaze" if gaze == "own" else f"gaze of the tracker {gaze.partition(':')[0]}")
