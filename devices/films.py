"""Films on wish: what the wearer asked to keep is written to disk beside the sensors, and never holds them up.

A thread writes; what it has not come to yet is bounded in bytes, and what does not fit there is counted. All films together are bounded
too: a film that would pass the bound ends and says so, and no older one is removed for it.

Drops: ``film_frame`` and ``film_gaze`` with ``behind`` (the disk is too slow), ``film_bytes``, ``disk``, ``fault`` (the film had ended
for that reason), ``forgotten``; frames also with ``size`` (another one than the film's) and ``clock`` (no later than the one before).
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from devices.film import Film, Full
from devices.film_shelf import FilmShelf
from edge_runtime.config import MIB
from edge_runtime.hosts.capture import Frame
from edge_runtime.pixels import Picture
from edge_runtime.records import Dropped
from gaze.types import GazeSample

_log = logging.getLogger(__name__)

WAITING_BYTES = 32 * MIB
_SAMPLE_BYTES = 128
_EARLY_SAMPLES = 512
"""Gaze comes sooner than the picture of its time: so much of it waits for the first frame."""
_CLOSE_S = 1.5


@dataclass(eq=False)
class _Wish:
    """A film that was asked for: from when, until when, the newest that was taken for it, and why nothing more is written."""

    t_from_ns: int
    t_due_ns: int
    t_newest_ns: int | None = None
    over: str = ""
    film: Film | None = None
    early: deque[GazeSample] = field(default_factory=lambda: deque(maxlen=_EARLY_SAMPLES))
    dropped: Counter[tuple[str, str]] = field(default_factory=Counter)

    def shows(self, t_ns: int) -> bool:
        return self.t_from_ns <= t_ns < self.t_due_ns

    def lacks(self) -> dict[str, int]:
        return {f"{what}:{reason}": count for (what, reason), count in self.dropped.items()}


@dataclass(frozen=True)
class _Job:
    """Something for the thread: ``do`` says why it came to nothing, and then ``count`` of ``what`` are dropped."""

    do: Callable[[], str]
    wish: _Wish | None
    what: str = ""
    count: int = 0
    nbytes: int = 0


class Films:
    """Takes films into a folder. A context manager; any thread may call it, and none waits for the disk.

    Args:
        folder: Films of this run and of earlier ones, numbered; made with the first.
        film_bytes: Bound on all of them; 0 takes none.
        hfov_deg: Horizontal field of view of the camera.
        waiting_bytes: Bound on what waits to be written.

    Attributes:
        trouble: What is wrong, or why the last film ended before its time, in words; the next wish for a film clears it.

    Raises:
        DeviceError: The folder cannot be looked through.
    """

    def __init__(self, folder: Path, film_bytes: int, *, hfov_deg: float, waiting_bytes: int = WAITING_BYTES) -> None:
        self.trouble = ""
        self._shelf = FilmShelf(folder, film_bytes, hfov_deg=hfov_deg)
        self._film_bytes = film_bytes
        self._waiting_bytes = waiting_bytes
        self._changed = threading.Condition()
        self._jobs: deque[_Job] = deque()
        self._jobs_bytes = 0
        self._wish: _Wish | None = None
        self._closed = False
        self._dropped: Counter[tuple[str, str]] = Counter()
        self._thread = threading.Thread(target=self._run, name="films", daemon=True)
        self._thread.start()

    def __enter__(self) -> Films:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        """Close."""
        self.close()

    @property
    def filming(self) -> bool:
        """Whether a film is being taken."""
        return self._wish is not None

    @property
    def nbytes(self) -> int:
        """Bytes of all films on disk."""
        return self._shelf.nbytes

    def dropped(self) -> tuple[Dropped, ...]:
        """What films lack, and why."""
        with self._changed:
            counts = sorted(self._dropped.items())
        return tuple(Dropped(what, reason, count) for (what, reason), count in counts)

    # ------------------------------------------------------------ from beside the sensors

    def begin(self, for_ns: int, t_ns: int) -> None:
        """Keep what is captured from ``t_ns`` on, for so long; a film that is being taken goes on for at least that long."""
        t_due_ns = t_ns + for_ns
        with self._changed:
            if self._film_bytes == 0:
                self.trouble = "no film is taken: capture.film_bytes is 0"
            elif (wish := self._wish) is None:
                self.trouble = ""
                self._wish = _Wish(t_ns, t_due_ns)
            elif t_due_ns > wish.t_due_ns:
                wish.t_due_ns = t_due_ns
                self._put(_Job(lambda: self._extend(wish, t_due_ns), wish))

    def end(self) -> None:
        """End the film that is being taken, if any."""
        with self._changed:
            self._end("it was ended on wish")

    def tick(self, t_ns: int) -> None:
        """End a film whose time is up."""
        with self._changed:
            if self._wish is not None and t_ns >= self._wish.t_due_ns:
                self._end("its time was up")

    def take(self, frame: Frame, t_ns: int) -> None:
        """Put a frame, captured at ``t_ns``, into the film that is being taken, if any; its pixels must not change any more."""
        with self._changed:
            if (wish := self._wish) is not None and wish.shows(t_ns):
                wish.t_newest_ns = max(t_ns, wish.t_newest_ns or wish.t_from_ns)
                self._put(_Job(lambda: self._add(wish, frame.image, t_ns), wish, "film_frame", 1, frame.image.nbytes))

    def look(self, samples: Sequence[GazeSample]) -> None:
        """Put gaze into the film that is being taken, if any."""
        with self._changed:
            if (wish := self._wish) is not None and (inside := [sample for sample in samples if wish.shows(sample.t_ns)]):
                wish.t_newest_ns = max(wish.t_newest_ns or wish.t_from_ns, *(sample.t_ns for sample in inside))
                self._put(_Job(lambda: self._look(wish, inside), wish, "film_gaze", len(inside), _SAMPLE_BYTES * len(inside)))

    def forget(self, t_from_ns: int) -> None:
        """Remove every film that may show anything at or after a time, the one that is being taken too."""
        with self._changed:
            wish = self._wish
            if wish is not None and wish.t_newest_ns is not None and wish.t_newest_ns >= t_from_ns:
                wish.over = "forgotten"
                self._wish = None
            self._put(_Job(lambda: self._remove(t_from_ns, wish), None))

    def close(self) -> None:
        """End the film that is being taken, write what waits, and stop; for a disk that hangs it waits 1.5 seconds."""
        with self._changed:
            self._end("the run ended")
            self._closed = True
            self._changed.notify()
        self._thread.join(_CLOSE_S)
        if self._thread.is_alive():
            _log.warning("the disk is too slow: the last film may lack its end")

    def _put(self, job: _Job) -> None:
        if not self._closed and (not job.nbytes or self._jobs_bytes + job.nbytes <= self._waiting_bytes):
            self._jobs.append(job)
            self._jobs_bytes += job.nbytes
            self._changed.notify()
        else:
            self._count(job, "behind")

    def _end(self, why: str) -> None:
        wish, self._wish = self._wish, None
        if wish is not None:
            self._put(_Job(lambda: self._finish(wish, why), wish))

    def _count(self, job: _Job, reason: str) -> None:
        if job.count:
            self._dropped[job.what, reason] += job.count
            if job.wish is not None:
                job.wish.dropped[job.what, reason] += job.count

    # ------------------------------------------------------------ the thread that writes

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs or self._closed)
                if not self._jobs:
                    return
                job = self._jobs.popleft()
            lacking = self._done(job)
            with self._changed:
                self._jobs_bytes -= job.nbytes
                if lacking:
                    self._count(job, lacking)

    def _done(self, job: _Job) -> str:
        if job.wish is not None and job.wish.over:
            return job.wish.over
        try:
            return job.do()
        except Full as error:
            return self._stop(job.wish, "film_bytes", f"{error}: {error.hint}")
        except OSError as error:
            return self._stop(job.wish, "disk", f"the disk refuses a film: {error.strerror}")
        except Exception as error:  # a fault in here must not end films for good
            _log.exception("a film has a fault")
            return self._stop(job.wish, "fault", f"a film has a fault: {error}")

    def _stop(self, wish: _Wish | None, reason: str, words: str) -> str:
        with self._changed:
            self.trouble = words
            if wish is None:
                return reason
            wish.over = reason
            self._wish = None if self._wish is wish else self._wish
            dropped = wish.lacks()
        try:
            self._shelf.end(words, dropped)
        except OSError as error:
            _log.warning("a film lacks its end: %s", error.strerror)
        return reason

    def _add(self, wish: _Wish, image: Picture, t_ns: int) -> str:
        if wish.film is None:
            wish.film = self._shelf.open(image, t_first_ns=t_ns, t_due_ns=wish.t_due_ns)
            wish.film.look(wish.early, self._shelf.free_bytes)
            wish.early.clear()
        return wish.film.add(image, t_ns, self._shelf.free_bytes)

    def _look(self, wish: _Wish, samples: list[GazeSample]) -> str:
        if wish.film is None:
            wish.early.extend(samples)
        else:
            wish.film.look(samples, self._shelf.free_bytes)
        return ""

    def _extend(self, wish: _Wish, t_due_ns: int) -> str:
        if wish.film is not None:
            wish.film.extend(t_due_ns)
        return ""

    def _finish(self, wish: _Wish, why: str) -> str:
        if wish.film is None:
            self.trouble = "there is no film: no picture came"
        with self._changed:
            dropped = wish.lacks()
        self._shelf.end(why, dropped)
        return ""

    def _remove(self, t_from_ns: int, wish: _Wish | None) -> str:
        if wish is not None and wish.over:
            self._shelf.abandon()
        self._shelf.remove(t_from_ns)
        return ""
