"""The thread that runs a camera: hands its pictures on, says what is wrong with it, and tries again for as long as the run lasts."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import Counter
from collections.abc import Callable
from types import TracebackType

from devices.cameras.camera import Camera, Shot, Wait
from edge_runtime.errors import CameraError, EdgeError
from edge_runtime.records import Dropped

_log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 10.0
"""Between two tries; each pause is twice as long as the one before."""
_END_S = 1.0


class Feed:
    """Runs a camera. A context manager: entering starts it, leaving lets the device go, within a second.

    Args:
        camera: What to run.
        take: Takes a shot, in the feed's thread. One that raises costs that shot: it is said, counted, and the feed goes on.
        on_trouble: Told in words, in the feed's thread, what is wrong; the same words once until pictures come again.
        wait: How to wait between two tries.

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
        self._halt = threading.Event()
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)

    def __enter__(self) -> Feed:
        """Start."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        """Stop; a shot that is being taken is waited for, though no longer than a second."""
        with self._changed:
            self._ended = True
            self._halt.set()
            self._changed.notify_all()
        self._thread.join(_END_S)
        if self._thread.is_alive():
            _log.warning("%s did not end in time and is left behind", self._camera.name)

    def pause(self) -> None:
        """Let the device go; returns at once, and a shot that is being handed on still is."""
        with self._changed:
            self._wanted = False
            self._halt.set()

    def resume(self) -> None:
        """Open the device again."""
        with self._changed:
            self._wanted = True
            self._changed.notify_all()

    def dropped(self) -> tuple[Dropped, ...]:
        """What the camera took and nobody got, with reasons: the camera's own, and those of this feed.

        ``shot:fault`` could not be taken in, ``camera:trouble`` counts how often the camera failed.
        """
        own = tuple(Dropped(what, reason, count) for (what, reason), count in sorted(dict(self._dropped).items()))
        return (*self._camera.dropped(), *own)

    # ------------------------------------------------------------ the feed's thread

    def _run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while (halt := self._next_turn()) is not None:
            before = self.shots
            try:
                self._follow(halt)
                if not halt.is_set():
                    raise CameraError(f"{self._camera.name} gives no more pictures", hint="plug it in again")
            except EdgeError as error:
                self._trouble(f"{error}: {error.hint}")
            except Exception as error:  # a fault in a camera of ours must not end the run's pictures for good
                _log.exception("the camera %s has a fault", self._camera.name)
                self._trouble(f"{self._camera.name} has a fault: {error}")
            if halt.is_set() or self.shots > before:
                pause_s = FIRST_PAUSE_S
            if not halt.is_set():
                self._wait(halt, pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _next_turn(self) -> threading.Event | None:
        """Wait until pictures are wanted; what ends this turn, or ``None`` at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._wanted or self._ended)
            if self._ended:
                return None
            self._halt = threading.Event()
            return self._halt

    def _follow(self, halt: threading.Event) -> None:
        # Closing is what lets the device go: at once, and not when it is collected.
        with contextlib.closing(self._camera.shots(halt)) as shots:
            for shot in shots:
                if halt.is_set():
                    return
                self._hand_on(shot)

    def _hand_on(self, shot: Shot) -> None:
        try:
            self._take(shot)
        except Exception as error:  # whatever is wrong with one picture, the next may be fine
            self._dropped["shot", "fault"] += 1
            _log.warning("a picture was not taken in", exc_info=True)
            self._say(f"A picture of {self._camera.name} was not taken in: {error}")
        else:
            self.shots += 1
            self._said = ""

    def _trouble(self, words: str) -> None:
        self._dropped["camera", "trouble"] += 1
        self._say(words)

    def _say(self, words: str) -> None:
        if words != self._said:
            self._said = words
            self._on_trouble(words)
