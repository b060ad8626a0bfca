"""Eye events as tables: a code for every row of a recording, or a row for every event.

Codes are those of published gaze data: 1 fixation, 2 saccade, 4 pursuit, 5 blink or loss.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from devices.gaze_table import GazeTable
from gaze import EyeEvent, EyeEvents
from gaze.labels import EyeLabel
from gaze.scanpath import Entry, Scanpath
from gaze.types import Stage

if TYPE_CHECKING:
    from gaze.fast import CompiledEyeEvents

CODES = {"fixation": 1, "saccade": 2, "pursuit": 4, "blink": 5, "lost": 5}
NO_GAZE = 5
_S = 1_000_000_000
_AFTER_NS = _S
_BLOCK = 4096
# below this, reading the compiled detector takes longer than it saves
_COMPILED_FROM = 100_000
EVENT_COLUMNS = "start_s,end_s,label,t_emit_s,x_norm,y_norm,amplitude_deg,peak_dps"


@dataclass(frozen=True, slots=True)
class Watched:
    """What came of a recording.

    Attributes:
        reports: All reports of the detector, in order of ``t_emit_ns``.
        labels: Of every sample, provisional and final.
        entries: The finished movements among them.
        unfinished: What was under way when the recording ended, such as a loss from which gaze never came back; it ends there.
        dropped: Samples that the detector left out, by reason.
        compiled: Whether the compiled detector ran; the results are the same.
    """

    reports: list[EyeEvent]
    labels: list[EyeLabel]
    entries: list[Entry]
    unfinished: list[EyeEvent]
    dropped: dict[str, int]
    compiled: bool

    @property
    def events(self) -> list[EyeEvent]:
        """Every movement once."""
        return [entry.event for entry in self.entries] + self.unfinished


def watch(table: GazeTable) -> Watched:
    """Feed a recording to the detector as it would come, and wait for a second after its end."""
    # as many as there may be: the table is in memory already
    samples = table.kept
    compiled = len(samples) >= _COMPILED_FROM and importlib.util.find_spec("numba") is not None
    eyes = _compiled(table) if compiled else EyeEvents(table.hfov_deg, table.aspect, labels=True)
    path = Scanpath(table.hfov_deg, table.aspect, max_entries=2 * len(samples) + 16, max_bytes=1 << 40)
    reports: list[EyeEvent] = []
    labels: list[EyeLabel] = []
    entries: list[Entry] = []
    for k in range(0, len(samples), _BLOCK):
        block = samples[k : k + _BLOCK]
        told = eyes.feed(block, table.turns[k : k + _BLOCK] if table.turns is not None else None)
        entries += path.feed(told, block)
        reports += told
        labels += eyes.labels()
    last_ns = samples[-1].t_ns
    told = eyes.advance(last_ns + _AFTER_NS)
    reports += told
    labels += eyes.labels()
    entries += path.feed(told)
    done = {entry.event.id for entry in entries}
    under_way = {report.id: report for report in reports if report.id not in done and report.t_start_ns < last_ns}
    unfinished = [replace(event, t_end_ns=last_ns) for event in under_way.values()]
    dropped = {reason: count for reason, count in eyes.dropped.items() if count}
    return Watched(reports, labels, entries, unfinished, dropped, compiled)


def _compiled(table: GazeTable) -> CompiledEyeEvents:
    # needs the extra fast
    from gaze.fast import CompiledEyeEvents

    return CompiledEyeEvents(table.hfov_deg, table.aspect, labels=True)


def label_rows(table: GazeTable, watched: Watched, stage: Stage) -> Iterator[tuple[str, int, int]]:
    """Time as written, code and time of telling (ns) of every row; rows that were left out are 5."""
    labels = {label.t_ns: label for label in watched.labels if label.stage == stage}
    clock_ns = table.kept[0].t_ns
    for text, sample in zip(table.times, table.samples, strict=True):
        if sample is not None:
            clock_ns = sample.t_ns
        label = labels.get(sample.t_ns) if sample is not None else None
        yield (text, NO_GAZE, clock_ns) if label is None else (text, CODES[label.kind], label.t_emit_ns)


def event_rows(watched: Watched) -> Iterator[str]:
    """Movements in order of their beginning, one line each; dwells, which lie over them, are left out."""
    entries = watched.entries + [Entry(event) for event in watched.unfinished]
    told = [entry for entry in entries if entry.event.kind in CODES]
    for entry in sorted(told, key=lambda entry: (entry.event.t_start_ns, entry.event.t_end_ns)):
        event = entry.event
        place = (_cell(event.x_norm, 5), _cell(event.y_norm, 5), _cell(entry.amplitude_deg, 3), _cell(entry.peak_dps, 1))
        times = (seconds(event.t_start_ns), seconds(event.t_end_ns), str(CODES[event.kind]), seconds(event.t_emit_ns))
        yield ",".join((*times, *place))


def seconds(t_ns: int) -> str:
    """Nanoseconds as seconds, exact to the microsecond, without a float between."""
    micro = (t_ns + 500) // 1000
    sign, micro = ("-", -micro) if micro < 0 else ("", micro)
    return f"{sign}{micro // 1_000_000}.{micro % 1_000_000:06d}"


def _cell(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"
