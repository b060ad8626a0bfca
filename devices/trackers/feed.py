"""The thread that runs a tracker: hands its gaze on, says what is wrong with it, and tries again for as long as the run lasts."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import Counter
from collections.abc import Callable
from types import TracebackType

from devices.cameras.camera import Wait
from devices.cameras.feed import FIRST_PAUSE_S, LONGEST_PAUSE_S
from devices.trackers.tracker import Tracker
from edge_runtime.errors import DeviceError, EdgeError
from edge_runtime.records import Dropped
from gaze.types import GazeSample

_log = logging.getLogger(__name__)

_END_S = 1.0


class GazeFeed:
    """Runs a tracker. A context manager: entering starts it, leaving lets the device go, within a second.

    Args:
        tracker: What to run.
        take: Takes samples, in the feed's thread. If it raises, these are lost: it is said, counted, and the feed goes on.
        on_trouble: Told in words, in the feed's thread, what is wrong; the same words once until gaze comes again.
        wait: How to wait between two tries.

    Attributes:
        samples: Samples handed on so far.
    """

    def __init__(
        self,
        tracker: Tracker,
        take: Callable[[tuple[GazeSample, ...]], None],
        *,
        on_trouble: Callable[[str], None],
        wait: Wait = threading.Event.wait,
    ) -> None:
        self._tracker = tracker
        self._take = take
        self._on_trouble = on_trouble
        self._wait = wait
        self.samples = 0
        self._dropped: Counter[tuple[str, str]] = Counter()
        self._said = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tracker", daemon=True)

    def __enter__(self) -> GazeFeed:
        """Start."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        """Stop; samples that are being taken are waited for, though no longer than a second."""
        self._stopping.set()
        self._thread.join(_END_S)
        if self._thread.is_alive():
            _log.warning("%s did not end in time and is left behind", self._tracker.name)

    def dropped(self) -> tuple[Dropped, ...]:
        """What the tracker had and nobody got, with reasons: the tracker's own, and those of this feed.

        ``gaze_sample:fault`` could not be taken in, ``tracker:trouble`` counts how often the tracker failed.
        """
        own = tuple(Dropped(what, reason, count) for (what, reason), count in sorted(dict(self._dropped).items()))
        return (*self._tracker.dropped(), *own)

    # ------------------------------------------------------------ the feed's thread

    def _run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._stopping.is_set():
            before = self.samples
            try:
                self._follow()
                if not self._stopping.is_set():
                    raise DeviceError(f"{self._tracker.name} gives no more gaze", hint="switch it on again")
            except EdgeError as error:
                self._trouble(f"{error}: {error.hint}")
            except Exception as error:  # a fault in a tracker of ours must not end the run's gaze for good
                _log.exception("the tracker %s has a fault", self._tracker.name)
                self._trouble(f"{self._tracker.name} has a fault: {error}")
            if self._stopping.is_set():
                return
            if self.samples > before:
                pause_s = FIRST_PAUSE_S
            self._wait(self._stopping, pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _follow(self) -> None:
        # Closing is what lets the device go: at once, and not when it is collected.
        with contextlib.closing(self._tracker.samples(self._stopping)) as batches:
            for batch in batches:
                if self._stopping.is_set():
                    return
                self._hand_on(batch)

    def _hand_on(self, batch: tuple[GazeSample, ...]) -> None:
        try:
            self._take(batch)
        except Exception as error:  # whatever is wrong with these, the next may be fine
            self._dropped["gaze_sample", "fault"] += len(batch)
            _log.warning("gaze was not taken in", exc_info=True)
            self._say(f"Gaze of {self._tracker.name} was not taken in: {error}")
        else:
            self.samples += len(batch)
            self._said = ""

    def _trouble(self, words: str) -> None:
        self._dropped["tracker", "trouble"] += 1
        self._say(words)

    def _say(self, words: str) -> None:
        if words != self._said:
            self._said = words
            self._on_trouble(words)
