"""A journal behind the page: replayed once, what the page would have shown kept moment by moment, and any moment shown again.

The replay is exact and needs no models, but it only runs forward. So the board is watched while it runs (:mod:`apps.glasses.reel`); a tab
reads from that at a time of its own, which it can seek, step and let run.
"""

from __future__ import annotations

import bisect
import time
from array import array
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from apps.display import Display
from apps.glasses.reel import CHUNK, REEL_BYTES, Moment, Reel, named
from apps.report.wording import clock, many, size, span, wish
from devices.page.board import BOUNDS, Board
from devices.page.requests import AnyRequest, Play, Seek
from devices.page.views import CameraView, Changes, Film, Mark, SessionView, Told, Update, View
from edge_runtime import codec
from edge_runtime.config import MS, S
from edge_runtime.core import Core, Snapshot
from edge_runtime.decisions import DecisionLog
from edge_runtime.hosts.host import Observer
from edge_runtime.hosts.journal_replay import replay_journal
from edge_runtime.journal import Head, Hole, JournalReader
from edge_runtime.protocol import Asked, Command, Erase, Event, Forget, FrameSeen, Record, Taught, Tick, WatchSet
from edge_runtime.records import Scope
from gaze.types import GazeSample

MOST_MARKS = 1000
_IDLE_NS = 1 * S
"""Where nothing else happens the board is looked at so often."""
_CREEP_NS = 100 * MS
"""While time runs over nothing, the page is told so often how far it is."""

_RECORDING = "This is a recording: it can be looked at, moment by moment. Nothing can be asked of it, taught to it or forgotten here."
_NO_PICTURES = CameraView(
    on=False,
    state="off",
    words="This is a recording. A journal holds no frames: of each it keeps a glimpse of 8 by 4 points.",
    keeping=False,
    keeping_words="Nothing is recorded here.",
    gaze_from="recording",
)


class FilmReader:
    """One tab's place in a film: it stands at the beginning until it is played, or sought."""

    def __init__(self, reel: Reel, session: SessionView, frames_ns: Sequence[int], now_ns: Callable[[], int]) -> None:
        film = session.film
        assert film is not None  # noqa: S101  a film's session has one
        self._reel, self._session, self._frames_ns, self._now_ns = reel, session, frames_ns, now_ns
        self._from_ns, self._to_ns = film.t_from_ns, film.t_to_ns
        self._marks_ns = [mark.t_ns for mark in film.marks]
        self.t_ns = self._told_ns = self._from_ns
        self._at_ns = now_ns()
        self._moment: Moment | None = None
        self._end = 0
        self.playing = False
        self.speed = 1.0

    def read(self) -> Update | None:
        """What is new since the last call; everything after a seek."""
        self._pass_time()
        end = self._reel.until(self.t_ns)
        if self._moment is None or end < self._end or end - self._end > CHUNK:
            self._moment = self._reel.moment(end)
            self._end = end
            return self._update(self._all(self._moment), self._moment.all(), fresh=True)
        if end > self._end:
            return self._go_on(self._moment, end)
        if abs(self.t_ns - self._told_ns) >= _CREEP_NS or (self.t_ns == self._to_ns != self._told_ns):
            return self._update({}, {})
        return None

    def steer(self, request: AnyRequest) -> None:
        """Go somewhere, let time run, or stop it. Whoever plays a film that is over sees it from the beginning."""
        self._pass_time()
        if isinstance(request, Play):
            if request.on and not self.playing and self.t_ns >= self._to_ns:
                self._go_to(self._from_ns)
            self.playing, self.speed = request.on, request.speed
        elif isinstance(request, Seek):
            if request.step:
                self._go_to(_stepped(self._marks_ns if request.marks else self._frames_ns, self.t_ns, request.step))
            else:
                self._go_to(request.t_ns)

    def _go_to(self, t_ns: int) -> None:
        self.t_ns = min(max(t_ns, self._from_ns), self._to_ns)
        self._moment = None

    def _pass_time(self) -> None:
        now_ns = self._now_ns()
        if self.playing:
            self.t_ns = min(self.t_ns + round((now_ns - self._at_ns) * self.speed), self._to_ns)
            self.playing = self.t_ns < self._to_ns
        self._at_ns = now_ns

    def _go_on(self, moment: Moment, end: int) -> Update:
        parts: set[str] = set()
        keys: dict[str, dict[int | str, None]] = {roll: {} for roll in BOUNDS}
        whole: set[str] = set()
        fresh = False
        for entry in self._reel.between(self._end, end):
            moment.apply(entry)
            fresh |= entry.fresh
            parts.update(named(entry.parts))
            whole.update(entry.gone)
            for roll, items in named(entry.rolls).items():
                keys[roll].update((item.key, None) for item in items)
        self._end = end
        if fresh:
            return self._update(self._all(moment), moment.all(), fresh=True)
        rolls = {roll: Changes(tuple(moment.rolls[roll][key] for key in new)) for roll, new in keys.items() if new and roll not in whole}
        rolls |= {roll: changes for roll, changes in moment.all().items() if roll in whole}
        return self._update({name: moment.parts[name] for name in parts}, rolls)

    def _all(self, moment: Moment) -> dict[str, View]:
        return {"session": self._session, "camera": _NO_PICTURES, **moment.parts}

    def _update(self, parts: dict[str, View], rolls: dict[str, Changes], *, fresh: bool = False) -> Update:
        self._told_ns = self.t_ns
        return Update(n=0, t_ns=self.t_ns, parts=parts, rolls=rolls, fresh=fresh)


def _stepped(times_ns: Sequence[int], t_ns: int, step: int) -> int:
    """The time so many steps on, or back; where there are not so many the last, or the first, and never the other way."""
    if not times_ns:
        return t_ns
    if step > 0:
        return max(t_ns, times_ns[min(bisect.bisect_right(times_ns, t_ns) + step - 1, len(times_ns) - 1)])
    return min(t_ns, times_ns[max(bisect.bisect_left(times_ns, t_ns) + step, 0)])


class RecordedGlasses:
    """A journal as the glasses behind a page. It is replayed when this is made, which takes its time.

    Args:
        folder: Of the journal, or of the run that holds it.
        decisions: Takes the decisions of the replay.
        observers: Others who want to see the replay.
        limit_bytes: Bound on what is kept for the page; the beginning is let go first, and it is said.
        now_ns: The clock by which the film runs.

    Attributes:
        session: What it is a recording of, with its length and its marks.
        core: As the journal left it.
        torn_bytes: Bytes of the journal that were not whole records.
        dropped: What the server let go, by ``what:reason``.

    Raises:
        JournalError: No journal there, or it does not replay as written.
    """

    def __init__(
        self,
        folder: Path,
        decisions: DecisionLog,
        *,
        observers: Sequence[Observer] = (),
        limit_bytes: int = REEL_BYTES,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        reader = JournalReader(folder)
        self._now_ns, self._origin_ns = now_ns, now_ns()
        self._board = Board()
        self._display = Display(self._board)
        self._reel = Reel(limit_bytes)
        self._cursor = 0
        self._holes = deque(sorted((*_holes(reader.heads), *_torn(reader.holes)), key=lambda hole: hole.t_to_ns))
        self._frames_ns = array("q")
        self._marks: deque[Mark] = deque(maxlen=MOST_MARKS)
        self._marks_made = 0
        self._first_ns: int | None = None
        self._last_ns = self._shown_ns = 0
        self._due_ns: int | None = None
        self.dropped: Counter[str] = Counter()
        self._torn_holes = reader.holes
        self.core = replay_journal(folder, decisions, observers=(self._observe, *observers))
        self.torn_bytes = reader.torn_bytes
        self._end()
        self.session = self._describe(reader)

    # ------------------------------------------------------------ the replay

    def _observe(self, event: Event, commands: tuple[Command, ...], core: Core) -> None:
        t_ns = event.t_ns
        if self._due_ns is not None and t_ns > self._due_ns:
            self._keep(self._due_ns)
        self._first_ns = t_ns if self._first_ns is None else self._first_ns
        self._last_ns = t_ns
        passed = []
        while self._holes and self._holes[0].t_to_ns <= t_ns:
            passed.append(self._holes.popleft())
        # The step that forgot is gone; what it did to the board is done here, and what it still said is said.
        commands = (*(command for hole in passed for command in hole.commands), *commands)
        self._display(event, commands, core)
        for hole in passed:
            self._display.notice(hole.words)
        marks = [Mark(t_ns, "forgot", hole.forgot) for hole in passed if hole.forgot]
        marks += _marks(event, commands)
        self._marks.extend(marks)
        self._marks_made += len(marks)
        if isinstance(event, FrameSeen):
            self._frames_ns.append(t_ns)
        if isinstance(event, FrameSeen) or marks or passed or t_ns - self._shown_ns >= _IDLE_NS:
            # Kept once the moment is over: an answer may come in the same one.
            self._due_ns = t_ns

    def _end(self) -> None:
        """What comes after the last step."""
        if self._holes:
            self._observe(Tick(t_ns=max(self._last_ns, self._holes[-1].t_to_ns)), (), self.core)
        ends = [hole for hole in self._torn_holes if hole.t_to_ns is None]
        if ends:
            self._display.notice(f"The journal is torn: {size(sum(hole.nbytes for hole in ends))} at its end cannot be read.", trouble=True)
        self._keep(self._last_ns)

    def _keep(self, t_ns: int) -> None:
        self._due_ns, self._shown_ns = None, t_ns
        self._cursor, update = self._board.since(self._cursor)
        if update is not None:
            self._reel.add(t_ns, update)

    def _describe(self, reader: JournalReader) -> SessionView:
        head = reader.heads[0]
        can = head.session.capabilities
        first_ns = self._first_ns or 0
        from_ns = self._reel.t_from_ns if self._reel.first else first_ns
        marks = tuple(mark for mark in self._marks if mark.t_ns >= from_ns)
        del self._frames_ns[: bisect.bisect_left(self._frames_ns, from_ns)]
        notes = [head.note, f"A journal written by edge_runtime {head.version}."]
        if self._reel.first:
            notes.append(f"Its first {span(from_ns - first_ns)} are not shown: the page keeps {size(self._reel.limit_bytes)} of it.")
        if self._marks_made > MOST_MARKS:
            notes.append(f"Of {many(self._marks_made, 'mark')} the last {MOST_MARKS:,} are shown.")
        return SessionView(
            mode="journal",
            camera="journal",
            camera_note="\n\n".join(note for note in notes if note),
            own_gaze=False,
            hfov_deg=head.config.attend.hfov_deg,
            perifovea_deg=head.config.attend.perifovea_deg,
            bundle=can.bundle,
            capabilities=tuple(name for name in ("vector", "labels", "text", "language") if getattr(can, name)),
            version=head.version,
            folder=str(reader.folder),
            film=Film(from_ns, max(from_ns, self._last_ns), marks),
        )

    # ------------------------------------------------------------ for the page

    def time_ns(self) -> int:
        """Time since this was opened: every tab is at a moment of its own, and their clocks are measured against this."""
        return self._now_ns() - self._origin_ns

    def reader(self) -> FilmReader:
        """For a new tab."""
        return FilmReader(self._reel, self.session, self._frames_ns, self._now_ns)

    def hear(self, request: AnyRequest) -> Told:
        """Nothing can be changed in a recording; to seek and to play is for the tab's reader."""
        steers = isinstance(request, Seek | Play)
        return Told(request.key, steers, "" if steers else _RECORDING)

    def look_at(self, samples: tuple[GazeSample, ...]) -> None:
        """Nobody looks through a recording."""
        self.count("gaze_sample", "recording", len(samples))

    def see(self, jpeg: bytes, t_capture_ns: int) -> str:
        """A recording takes no pictures."""
        self.count("picture", "recording")
        return _RECORDING

    def picture(self) -> tuple[int, bytes] | None:
        """A journal holds no frames."""
        return None

    def thumb(self, thumb_id: str) -> bytes | None:
        """A small picture, if the run recorded them in its journal; the newest of them only, as bounded by the display."""
        return self._display.thumb(thumb_id)

    def measured_clock(self, offset_ns: int, error_ns: int) -> None:
        """A page's clock does not matter here: nothing of it is taken in."""

    def count(self, what: str, reason: str, count: int = 1) -> None:
        """Count something that the server let go; the page shows what the recorded run let go, so these stay here."""
        self.dropped[f"{what}:{reason}"] += count

    def tabs(self, count: int, *, wearing: bool) -> None:
        """Any number may look on."""


# ---------------------------------------------------------------- what a journal says


@dataclass(frozen=True)
class _Hole:
    """A span up to ``t_to_ns`` that the journal does not hold. If it was forgotten: what is left of that step, and a mark's words."""

    t_to_ns: int
    words: str
    commands: tuple[Command, ...] = ()
    forgot: str = ""


def _holes(heads: Sequence[Head]) -> Iterator[_Hole]:
    expected = 0
    for head in heads:
        gap = head.gap
        if gap is not None:
            words = f"From {clock(gap.t_from_ns)} to {clock(gap.t_to_ns)} nothing is left: it was forgotten."
            erase = Erase(id=0, deadline_ns=0, scope=Scope("since", gap.t_from_ns), t_first_ns=gap.t_from_ns)
            yield _Hole(gap.t_to_ns, words, (erase, *head.commands), f"{span(gap.t_to_ns - gap.t_from_ns)} forgotten")
        elif head.segment != expected:
            t_ns = codec.decode(head.snapshot, Snapshot).core.t_ns
            before = f"Up to {clock(t_ns)} " if expected == 0 else "Here "
            yield _Hole(t_ns, before + "the journal is missing: it made room for what came later, or was removed.")
        expected = head.segment + 1


def _marks(event: Event, commands: tuple[Command, ...]) -> Iterator[Mark]:
    match event:
        case Asked():
            yield Mark(event.t_ns, "asked", event.text)
        case Taught():
            yield Mark(event.t_ns, "taught", f"This is my {event.concept.name}.")
        case WatchSet():
            yield Mark(event.t_ns, "watch", event.text)
        case Forget():
            yield Mark(event.t_ns, "forgot", wish(event.scope))
        case _:
            pass
    made = [command.decision for command in commands if isinstance(command, Record)]
    for decision in made:
        if decision.action == "SPEAK":
            yield Mark(event.t_ns, "spoke", decision.text)
        elif decision.action == "SILENT":
            yield Mark(event.t_ns, "vetoed", decision.text)


def _torn(holes: Sequence[Hole]) -> Iterator[_Hole]:
    """Damage that the journal goes on after; what is torn at its end is told when it is over."""
    for hole in holes:
        if hole.t_to_ns is not None:
            since = "" if hole.t_from_ns is None else f"From {clock(hole.t_from_ns)} to {clock(hole.t_to_ns)} "
            yield _Hole(hole.t_to_ns, f"{since or 'Before this '}the journal is damaged: {size(hole.nbytes)} of it cannot be read.")
