"""The thread that runs a camera: hands its pictures on, says what is wrong with it, and tries again for as long as the run lasts."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType

from devices.cameras.camera import Camera, Shot, Wait
from devices.cameras.watchdog import Watchdog
from edge_runtime.errors import CameraError, EdgeError
from edge_runtime.records import Dropped

_log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 10.0
"""Between two tries; each pause is twice as long as the one before."""
SILENT_S = 5.0
"""A slow camera needs two seconds to wake up."""
_END_S = 1.0


class _Turn:
    """The camera, opened once: from opening it to letting it go.

    Attributes:
        halted: Set once nobody wants pictures any more.
        stopping: Set once the camera is to end, for this or because it is silent.
        stuck: Whether it has been said that it does not end.
    """

    def __init__(self) -> None:
        self.halted, self.stopping = threading.Event(), threading.Event()
        self.stuck = False

    def halt(self) -> None:
        """Nobody wants pictures any more."""
        self.halted.set()
        self.stopping.set()


class Feed:
    """Runs a camera. A context manager: entering starts it, leaving lets the device go, within a second.

    A live camera that gives nothing for too long is closed and opened again, even if it hangs inside a driver: never a second time
    before the first has come back.

    Args:
        camera: What to run.
        take: Takes a shot, in the feed's thread. One that raises costs that shot: it is said, counted, and the feed goes on.
        on_trouble: Told in words, in a thread of the feed's, what is wrong; the same words once until pictures come again.
        wait: How to wait between two tries.
        silent_s: How long a live camera may give nothing.
        now_ns: The clock that this is measured on.
        watch: How to wait between two looks at it.

    Attributes:
        shots: Shots handed on so far.
    """

    def __init__(
        self,
        camera: Camera,
        take: Callable[[Shot], None],
        *,
        on_trouble: Callable[[str], None],
        wait: Wait = threading.Event.wait,
        silent_s: float = SILENT_S,
        now_ns: Callable[[], int] = time.monotonic_ns,
        watch: Wait = threading.Event.wait,
    ) -> None:
        self._camera = camera
        self._take = take
        self._on_trouble = on_trouble
        self._wait = wait
        self.shots = 0
        self._dropped: Counter[tuple[str, str]] = Counter()
        self._said = ""
        self._changed = threading.Condition()
        self._wanted = True
        self._ended = False
        self._turn = _Turn()
        self._silent_s = silent_s
        self._watchdog = Watchdog(silent_s, self._on_silence, now_ns=now_ns, wait=watch)
        self._saying = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)

    def __enter__(self) -> Feed:
        """Start."""
        self._watchdog.start()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        """Stop; a shot that is being taken is waited for, though no longer than a second."""
        with self._changed:
            self._ended = True
            self._turn.halt()
            self._changed.notify_all()
        self._thread.join(_END_S)
        self._watchdog.end()
        if self._thread.is_alive():
            _log.warning("%s did not end in time and is left behind", self._camera.name)

    def pause(self) -> None:
        """Let the device go; returns at once, and a shot that is being handed on still is."""
        with self._changed:
            self._wanted = False
            self._turn.halt()

    def resume(self) -> None:
        """Open the device again."""
        with self._changed:
            self._wanted = True
            self._changed.notify_all()

    def dropped(self) -> tuple[Dropped, ...]:
        """What the camera took and nobody got, with reasons: the camera's own, and those of this feed.

        ``shot:fault`` could not be taken in; ``camera:trouble`` counts how often the camera failed, ``camera:silent`` how often it gave
        nothing for too long, ``camera:stuck`` how often it did not let go of its device either.
        """
        own = tuple(Dropped(what, reason, count) for (what, reason), count in sorted(dict(self._dropped).items()))
        return (*self._camera.dropped(), *own)

    # ------------------------------------------------------------ the feed's thread

    def _run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while (turn := self._next_turn()) is not None:
            before = self.shots
            try:
                self._follow(turn)
                if not turn.stopping.is_set():
                    raise CameraError(f"{self._camera.name} gives no more pictures", hint="plug it in again")
            except EdgeError as error:
                self._trouble(f"{error}: {error.hint}")
            except Exception as error:  # a fault in a camera of ours must not end the run's pictures for good
                _log.exception("the camera %s has a fault", self._camera.name)
                self._trouble(f"{self._camera.name} has a fault: {error}")
            finally:
                self._watchdog.rest()
            if turn.halted.is_set() or self.shots > before:
                pause_s = FIRST_PAUSE_S
            if not turn.halted.is_set():
                self._wait(turn.halted, pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _next_turn(self) -> _Turn | None:
        """Wait until pictures are wanted; the turn that begins, or ``None`` at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._wanted or self._ended)
            if self._ended:
                return None
            self._turn = _Turn()
            return self._turn

    def _follow(self, turn: _Turn) -> None:
        self._expect()
        # Closing is what lets the device go: at once, and not when it is collected.
        with contextlib.closing(self._camera.shots(turn.stopping)) as shots:
            for shot in shots:
                if turn.stopping.is_set():
                    return
                self._watchdog.rest()  # who takes the shot may take his time
                self._hand_on(shot)
                self._expect()

    def _expect(self) -> None:
        if self._camera.live:
            self._watchdog.expect()

    def _hand_on(self, shot: Shot) -> None:
        try:
            self._take(shot)
        except Exception as error:  # whatever is wrong with one picture, the next may be fine
            self._dropped["shot", "fault"] += 1
            _log.warning("a picture was not taken in", exc_info=True)
            self._say(f"A picture of {self._camera.name} was not taken in: {error}")
        else:
            self.shots += 1
            with self._saying:
                self._said = ""

    def _trouble(self, words: str) -> None:
        self._dropped["camera", "trouble"] += 1
        self._say(words)

    def _say(self, words: str) -> None:
        with self._saying:
            if words == self._said:
                return
            self._said = words
        self._on_trouble(words)

    # ------------------------------------------------------------ the watchdog's thread

    def _on_silence(self) -> None:
        turn = self._turn
        if not turn.stopping.is_set():
            self._dropped["camera", "silent"] += 1
            turn.stopping.set()
            self._say(f"{self._camera.name} has given no picture for {self._silent_s:g} s: it is closed and opened again")
        elif not turn.stuck:
            turn.stuck = True
            self._dropped["camera", "stuck"] += 1
            self._say(f"{self._camera.name} hangs, and does not let go of its device: it is opened again once it has")
