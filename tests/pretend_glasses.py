"""Glasses that a page can be tried on: a real board, and a note of everything the page wanted."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from devices.page.board import Board, BoardReader
from devices.page.requests import AnyRequest, Ask, Play, Seek
from devices.page.views import FrameView, Told, Update
from gaze.types import GazeSample

PATIENCE_S = 20.0
"""How long a test waits for something that must come; none waits this long when it passes."""
JPEG = b"\xff\xd8\xff\xe0 not a whole picture, and nobody here opens it"


class HandClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.t_ns = 5_000_000_000

    def __call__(self) -> int:
        return self.t_ns

    def pass_ms(self, ms: float) -> None:
        self.t_ns += round(ms * 1e6)


class SteeredReader(BoardReader):
    """A place on the board that remembers how it was steered."""

    def __init__(self, board: Board) -> None:
        super().__init__(board)
        self.steered: list[object] = []

    def steer(self, request: object) -> None:
        self.steered.append(request)


class PretendGlasses:
    """Implements ``Glasses``. ``breaks`` names methods that raise; ``may_see`` holds pictures back while it is not set;
    ``refusal`` is what is said of pictures."""

    def __init__(self, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self.time_ns = now_ns
        self.board = Board()
        self.breaks: set[str] = set()
        self.may_see = threading.Event()
        self.may_see.set()
        self.refusal = ""
        self.newest: tuple[int, bytes] | None = None
        self.thumbs: dict[str, bytes] = {}
        self.readers: list[SteeredReader] = []
        self.heard: list[AnyRequest] = []
        self.gaze: list[GazeSample] = []
        self.seen: list[tuple[bytes, int]] = []
        self.clocks: list[tuple[int, int]] = []
        self.told_tabs: list[tuple[int, bool]] = []
        self.counts: Counter[str] = Counter()
        self.threads: dict[str, set[str]] = {}
        self._more = threading.Condition()

    def reader(self) -> SteeredReader:
        self._note("reader")
        self.readers.append(SteeredReader(self.board))
        return self.readers[-1]

    def hear(self, request: AnyRequest) -> Told:
        self._note("hear")
        self.heard.append(request)
        if isinstance(request, Ask):
            return Told(request.key, True, f"You asked: {request.text}")
        return Told(request.key, not isinstance(request, Seek | Play), "")

    def look_at(self, samples: tuple[GazeSample, ...]) -> None:
        self._note("look_at")
        self.gaze.extend(samples)

    def see(self, jpeg: bytes, t_capture_ns: int) -> str:
        assert self.may_see.wait(PATIENCE_S)
        self._note("see")
        self.seen.append((jpeg, t_capture_ns))
        return self.refusal

    def picture(self) -> tuple[int, bytes] | None:
        self._note("picture")
        return self.newest

    def thumb(self, thumb_id: str) -> bytes | None:
        self._note("thumb")
        return self.thumbs.get(thumb_id)

    def measured_clock(self, offset_ns: int, error_ns: int) -> None:
        self._note("measured_clock")
        self.clocks.append((offset_ns, error_ns))

    def count(self, what: str, reason: str, count: int = 1) -> None:
        with self._more:
            self.counts[f"{what}:{reason}"] += count
            self._more.notify_all()

    def tabs(self, count: int, *, wearing: bool) -> None:
        self._note("tabs")
        self.told_tabs.append((count, wearing))

    def wait_for(self, wanted: Callable[[], object]) -> None:
        """Wait until something is so; looked at again whenever something is counted, and now and then."""
        until_s = time.monotonic() + PATIENCE_S
        while not wanted():
            assert time.monotonic() < until_s, f"it never came; counted {dict(self.counts)}, tabs {self.told_tabs[-3:]}"
            with self._more:
                self._more.wait(0.02)

    def _note(self, method: str) -> None:
        self.threads.setdefault(method, set()).add(threading.current_thread().name)
        if method in self.breaks:
            raise RuntimeError(f"{method} is broken")


def frame(seq: int) -> FrameView:
    """A part of the board that is easy to tell from another."""
    return FrameView(seq, seq * 1000, 0.5, 0.1, 0.0, bytes(32))


class Shown:
    """What a page knows, put together from updates as a page does it: parts, and items by key in their order."""

    def __init__(self) -> None:
        self.parts: dict[str, Any] = {}
        self.rolls: dict[str, dict[Any, Any]] = {}

    def take(self, update: Update | bytes | str) -> dict[str, Any]:
        """Fold an update in, and give it as JSON has it."""
        data: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(update) if isinstance(update, Update) else update)
        if data.get("fresh"):
            self.parts, self.rolls = {}, {}
        self.parts |= data.get("parts", {})
        for roll, changes in data.get("rolls", {}).items():
            known = self.rolls.setdefault(roll, {})
            if changes.get("whole"):
                known.clear()
            known |= {item["key"]: item for item in changes.get("items", ())}
        return data
