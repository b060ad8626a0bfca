"""Bytes, rates and drops of a run, as its page shows them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from apps.display import showing
from devices.page.views import DropsView, GaugesView, Store
from edge_runtime.config import MS, S
from edge_runtime.core import Core
from edge_runtime.hosts.capture import FrameRing
from edge_runtime.hosts.host import Cost
from edge_runtime.journal import Journal
from edge_runtime.protocol import Event, FrameSeen, Gaze, Looked
from edge_runtime.records import Dropped
from edge_runtime.store import LOG_NAME

WINDOW_NS = 5 * S
"""Rates are taken over so long."""


class Rate:
    """How often something happens, over the last seconds; bounded, so that a flood reads as a lower rate and not as more memory."""

    def __init__(self) -> None:
        self._seen: deque[tuple[int, int]] = deque(maxlen=2048)

    def add(self, t_ns: int, count: int = 1) -> None:
        """It happened so often, then."""
        self._seen.append((t_ns, count))

    def per_s(self, t_ns: int, since_ns: int) -> float:
        """The rate at a time, of a run that began at ``since_ns``."""
        while self._seen and self._seen[0][0] <= t_ns - WINDOW_NS:
            self._seen.popleft()
        return sum(count for _, count in self._seen) * S / min(WINDOW_NS, max(S, t_ns - since_ns))


class Meters:
    """What is measured of a run. Where nothing is attached (a journal) there is the memory alone.

    Fed and read in the core's thread; :meth:`count` and :meth:`clock` may be called from any.
    """

    def __init__(self) -> None:
        self._ring: FrameRing | None = None
        self._journal: Journal | None = None
        self._log: Path | None = None
        self._dropped: list[Callable[[], Iterable[Dropped]]] = []
        self._lock = threading.Lock()
        self._counted: dict[str, int] = {}
        self._clock_ns: tuple[int, int] | None = None
        self._frames, self._looks, self._gaze = Rate(), Rate(), Rate()
        self._look_ns: int | None = None
        self._since_ns: int | None = None

    def attach(self, ring: FrameRing | None, journal: Journal, log: Path, cost: Cost) -> None:
        """Say where a live run's figures are to be had, before the first is wanted.

        Args:
            ring: Its frames; ``None`` where another process holds them.
            journal: Its journal.
            log: The folder of its log.
            cost: What its host lets go.
        """
        self._ring, self._journal, self._log = ring, journal, log
        self.include(lambda: tuple(cost.dropped))

    def include(self, dropped: Callable[[], Iterable[Dropped]]) -> None:
        """Have somebody's totals shown too: a camera's, or the eye events'. Asked in the core's thread. Before the run starts."""
        self._dropped.append(dropped)

    def count(self, what: str, reason: str, count: int = 1) -> None:
        """Count something let go outside the core."""
        with self._lock:
            code = f"{what}:{reason}"
            self._counted[code] = self._counted.get(code, 0) + count

    def clock(self, offset_ns: int, error_ns: int) -> None:
        """The page's clock minus ours, give or take."""
        self._clock_ns = (offset_ns, error_ns)

    def feed(self, event: Event, core: Core) -> None:
        """Take one step in; a result that came too late is no look carried out."""
        self._since_ns = event.t_ns if self._since_ns is None else self._since_ns
        if isinstance(event, FrameSeen):
            self._frames.add(event.t_ns)
        elif isinstance(event, Gaze):
            self._gaze.add(event.t_ns, len(event.samples))
        elif isinstance(event, Looked) and core.facts:
            self._looks.add(event.t_ns)
            self._look_ns = event.t_ns - event.t_capture_ns

    def gauges(self, t_ns: int, core: Core, shown: Store) -> GaugesView:
        """Everything measured; ``shown`` is what the page's own pictures take."""
        since_ns = t_ns if self._since_ns is None else self._since_ns
        offset_ns, error_ns = self._clock_ns or (None, None)
        return GaugesView(
            t_ns=t_ns,
            stores=(*self._stores(core), shown),
            tiers=core.memory.tiers(),
            frames_per_s=round(self._frames.per_s(t_ns, since_ns), 1),
            looks_per_s=round(self._looks.per_s(t_ns, since_ns), 1),
            look_ms=_ms(self._look_ns),
            gaze_per_s=round(self._gaze.per_s(t_ns, since_ns), 1),
            clock_offset_ms=_ms(offset_ns),
            clock_error_ms=_ms(error_ns),
        )

    def drops(self, core: Core) -> DropsView:
        """Everything let go so far, by the core, the host and whoever else counts."""
        totals = dict(core.dropped)
        with self._lock:
            others = list(self._counted.items())
        others += [(f"{drop.what}:{drop.reason}", drop.count) for dropped in self._dropped for drop in dropped()]
        for code, count in others:
            if count:
                totals[code] = totals.get(code, 0) + count
        return DropsView(tuple(showing.drop(code, count) for code, count in sorted(totals.items())))

    def _stores(self, core: Core) -> Iterator[Store]:
        config = core.config
        yield Store(
            "memory",
            core.nbytes(),
            config.remember.ram_bytes,
            "facts, pictures, vectors, tokens, the search matrix; what is old is merged or goes",
        )
        if self._log is not None:
            note = "on disk: facts with small pictures; the oldest are merged, then go"
            yield Store("log", _size(self._log / LOG_NAME), config.store.log_bytes, note)
        if self._journal is not None:
            pixels = "with small pictures" if config.journal.record_pixels else "without pictures"
            yield Store("journal", self._journal.nbytes, config.journal.journal_bytes, f"on disk: every step, {pixels}")
        if self._ring is not None:
            yield Store("frames", self._ring.nbytes, config.capture.ring_bytes, "in memory only, for looks; the oldest go first")


def _size(file: Path) -> int:
    """Bytes of the log with what is still to be merged into it; read from outside, because the log belongs to another thread."""
    return sum(path.stat().st_size for path in (file, file.with_name(f"{file.name}-wal")) if path.exists())


def _ms(t_ns: int | None) -> float | None:
    return None if t_ns is None else round(t_ns / MS, 1)
